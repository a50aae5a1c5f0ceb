// SPDX-License-Identifier: GPL-2.0-only
/* Each kind of event goes to the file that handles it, each record to the consumers that want it. */
#include "pipeline.h"

#include "select.h"
#include "src/core/conn.h"
#include "src/core/record_clock.h"
#include "src/host/self.h"
#include "src/io/recording.h"
#include "src/symbols/stack_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META_HOOKS_MAX 32
#define REASONS_MAX 64
#define REASON_LEN 48
#define ALERTS (1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED)
/* What needs leak scans. */
#define LEAK_EVENTS (ALERTS | 1u << RECORD_SUMMARY | 1u << RECORD_FINDING)

struct pipeline {
	struct pipeline_config config;
	uint32_t wanted; /* 1 << enum record_kind: by any consumer */
	struct conn_table *table;
	struct owner *owner;
	struct stack_table stack_table;
	struct record_context context;
	uint64_t events, leaks_open; /* of what is selected */
	char instance[INSTANCE_LEN];
	char reasons[REASONS_MAX][REASON_LEN];
	struct record_hook hooks[META_HOOKS_MAX];
	size_t hooks_n;
};

static const char *reason_name(void *ctx, uint32_t reason)
{
	const struct pipeline *p = ctx;

	return reason < REASONS_MAX && p->reasons[reason][0] ? p->reasons[reason] : NULL;
}

/* What is still open at the stop, as the alerts that are shown add up. */
static void count_alert(struct pipeline *p, const struct record *rec)
{
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK)
		p->leaks_open += rec->leak->count;
	else if (rec->leak_resolved->after_wall_ns || rec->leak_resolved->from_before) /* before the start */
		return;
	else if (p->leaks_open > rec->leak_resolved->count)
		p->leaks_open -= rec->leak_resolved->count;
	else
		p->leaks_open = 0;
}

/* A conn_emit_fn. */
static void on_record(void *ctx, const struct record *rec)
{
	struct pipeline *p = ctx;
	const struct conn_tuple *tuple = record_tuple(rec);
	struct record_owner owner, *known = tuple ? &owner : NULL;
	bool alert = ALERTS & 1u << rec->kind, selected = false;

	if (!(p->wanted & 1u << rec->kind) && !alert)
		return;
	if (tuple)
		owner_describe(p->owner, tuple, &owner);
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK)
		owner.stack = stack_table_find(&p->stack_table, tuple->cookie);
	if (rec->kind == RECORD_SUMMARY)
		p->context.paths_dropped = owner_take_forgotten(p->owner);
	for (size_t i = 0; i < p->config.consumers_len; i++) {
		const struct record_consumer *c = &p->config.consumers[i];
		bool wanted = c->events & 1u << rec->kind;

		if ((!wanted && !alert) || (c->select && !selection_matches(c->select, rec, known)))
			continue;
		selected |= c->select != NULL; /* metrics count all, and who waits for ticks takes none */
		if (wanted)
			c->take(c->ctx, &p->context, rec, known);
	}
	if (alert && selected)
		count_alert(p, rec);
}

static void tick_consumers(const struct pipeline *p, uint64_t now)
{
	for (size_t i = 0; i < p->config.consumers_len; i++) {
		if (p->config.consumers[i].tick)
			p->config.consumers[i].tick(p->config.consumers[i].ctx, &p->context, now);
	}
}

void pipeline_context(const struct recording_header *h, const char *instance, struct record_context *ret_context)
{
	*ret_context = (struct record_context){
		.instance = instance,
		.hostname = h->hostname,
		.boot_id = h->boot_id,
		.version = h->tool,
		.kernel = h->kernel,
		.arch = h->arch,
		.libbpf = h->libbpf,
		.foreign_pids = h->foreign_pids,
		.clock_offset_ns = h->clock_offset_ns,
		.boot_offset_ns = h->boot_offset_ns,
	};
}

static int open_table(struct pipeline *p)
{
	struct conn_config conn = p->config.conn;

	conn.max_connections = p->config.header->max_connections;
	conn.wanted = p->wanted | ALERTS; /* count_alert() */
	self_hash_key(&conn.hash_key);
	/* A recording has what summaries and alerts need, whatever is shown while it is made. */
	if (!p->config.recorder && !(p->wanted & 1u << RECORD_SUMMARY))
		conn.summary_ns = 0;
	if (!p->config.recorder && !(p->wanted & LEAK_EVENTS))
		conn.leak_threshold_ns = 0;
	return conn_table_new(&p->table, &conn, on_record, p);
}

int pipeline_new(struct pipeline **out, const struct pipeline_config *config)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->config = *config;
	for (size_t i = 0; i < config->consumers_len; i++)
		p->wanted |= config->consumers[i].events;
	self_instance(p->instance);
	pipeline_context(config->header, p->instance, &p->context);
	p->context.reason_name = reason_name;
	p->context.ctx = p;
	err = owner_new(&p->owner) ?: open_table(p);
	if (err) {
		pipeline_free(p);
		return err;
	}
	owner_ask(p->owner, config->exec_fn, config->exec_ctx);
	owner_use_admin(p->owner, config->admin);
	*out = p;
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->hooks_n; i++)
		free((char *)p->hooks[i].name);
	conn_table_free(p->table);
	stack_table_free(&p->stack_table);
	owner_free(p->owner);
	free(p);
}

/* The text is name NUL type NUL why NUL. */
static void feed_hook(struct pipeline *p, const struct wire_text *text)
{
	size_t len = text->hdr.len - sizeof(*text);
	char *name = p->hooks_n < META_HOOKS_MAX ? malloc(len) : NULL, *type;

	if (!name)
		return;
	memcpy(name, text->text, len);
	type = name + strlen(name) + 1;
	p->hooks[p->hooks_n++] = (struct record_hook){
		.name = name, .type = type, .why = type + strlen(type) + 1, .ok = text->key == 1, .not_needed = text->key == 2};
}

static void feed_meta(struct pipeline *p, const struct wire_text *text)
{
	const struct record_meta meta = {
		.what = text->text,
		.hooks = p->hooks,
		.hooks_len = p->hooks_n,
		.limits = {.max_connections = p->config.header->max_connections, .ring_bytes = p->config.header->ring_bytes},
	};
	const struct record rec = {.kind = RECORD_META, .ts = text->hdr.ts, .meta = &meta};

	if (!strcmp(meta.what, "stop"))
		pipeline_stop(p, text->hdr.ts);
	on_record(p, &rec);
}

/* An older recording does not say what became of CLOCK_BOOTTIME: nothing. */
static void set_clock(struct pipeline *p, const struct wire_mark *mark)
{
	const struct wire_clock_boot *boot = wire_tail(&mark->hdr, sizeof(*boot));
	const struct record_clock_step step = {
		.from_ns = mark->hdr.ts,
		.offset_ns = mark->value,
		.boot_offset_ns = boot ? boot->offset_ns : record_clock_boot_offset(&p->context),
	};

	record_clock_set(&p->context, step);
}

/* What the run before knew is of the time before it ended, and the clock may have been set since. */
static void know_clock_before(struct pipeline *p, const struct wire_before *before)
{
	const struct record_clock_step since = {before->written_ns + 1, p->context.clock_offset_ns, p->context.boot_offset_ns};
	int64_t offset;

	if (before->flags & WIRE_BEFORE_OTHER_BOOT || p->context.clock.len || before->written_ns >= INT64_MAX ||
	    __builtin_sub_overflow(before->written_wall_ns, (int64_t)before->written_ns, &offset) ||
	    !record_clock_moved(offset, p->context.clock_offset_ns))
		return;
	record_clock_set(&p->context, since);
	p->context.clock_offset_ns = offset;
}

/* Few: inlined, its parts would cost each event of the kernel. */
static __attribute__((noinline)) void feed_other(struct pipeline *p, const struct wire_hdr *ev)
{
	const struct wire_text *text = (const void *)ev;

	switch (ev->kind) {
	case WIRE_CLOCK:
		set_clock(p, (const struct wire_mark *)ev);
		break;
	case WIRE_EXE:
	case WIRE_CGROUP:
		owner_feed(p->owner, ev);
		break;
	case WIRE_STACK:
	case WIRE_OPENED:
		stack_table_feed(&p->stack_table, ev);
		break;
	case WIRE_RST_REASON:
		if (text->key < REASONS_MAX)
			snprintf(p->reasons[text->key], REASON_LEN, "%s", text->text);
		break;
	case WIRE_HOOK:
		feed_hook(p, text);
		break;
	case WIRE_META:
		feed_meta(p, text);
		break;
	case WIRE_BEFORE:
		know_clock_before(p, (const struct wire_before *)ev);
		conn_table_feed(p->table, ev);
		break;
	default:
		conn_table_feed(p->table, ev);
	}
	if (ev->kind != WIRE_TICK)
		return;
	tick_consumers(p, ev->ts);
	if (p->config.recorder)
		recorder_flush(p->config.recorder);
}

/* Of live runs: inlined, it would cost each event of a replay. */
static __attribute__((noinline)) void prepare(struct pipeline *p, const struct wire_hdr *ev)
{
	if (p->config.live)
		pipeline_resolve(p, ev);
	if (p->config.recorder)
		recorder_put(p->config.recorder, ev);
}

void pipeline_feed(void *pipeline, const struct wire_hdr *ev)
{
	struct pipeline *p = pipeline;

	if (p->config.live || p->config.recorder)
		prepare(p, ev);
	if (!wire_from_kernel(ev->kind)) {
		feed_other(p, ev);
		return;
	}
	p->events++;
	conn_table_feed(p->table, ev);
}

void pipeline_resolve(void *pipeline, const struct wire_hdr *ev)
{
	struct pipeline *p = pipeline;
	const struct wire_ident *ident = wire_ident(ev);
	struct process process;

	if (wire_task(ev)) {
		process = wire_process(ev);
		owner_resolve_process(p->owner, &process, ev->ts, pipeline_feed, p);
		owner_resolve_cgroup(p->owner, process.cgroup_id, ev->ts, pipeline_feed, p);
	}
	if (ident)
		owner_resolve_cgroup(p->owner, ident->cgroup_id, ev->ts, pipeline_feed, p);
}

/* What it read of a program is believed of one that has ended. */
void pipeline_recall(void *pipeline, const struct wire_hdr *ev)
{
	struct pipeline *p = pipeline;

	if (ev->kind != WIRE_EXE || !owner_read_again(p->owner, (const struct wire_text *)ev, pipeline_feed, p))
		pipeline_feed(p, ev);
}

void pipeline_keep_program(const struct pipeline *p, const struct wire_hdr *ev, event_fn fn, void *ctx)
{
	const struct process process = wire_process(ev);

	if (process.task.tgid)
		owner_keep_program(p->owner, &process, ev->ts, fn, ctx);
}

void pipeline_stop(struct pipeline *p, uint64_t now)
{
	conn_table_stop(p->table, now);
	tick_consumers(p, UINT64_MAX);
}

void pipeline_describe(const struct pipeline *p, const struct conn_tuple *tuple, struct record_owner *ret_owner)
{
	owner_describe(p->owner, tuple, ret_owner);
}

bool pipeline_wants(const struct pipeline *p, enum record_kind kind)
{
	return p->wanted & 1u << kind;
}

const struct record_context *pipeline_record_context(const struct pipeline *p)
{
	return &p->context;
}

const struct conn_table *pipeline_table(const struct pipeline *p)
{
	return p->table;
}

void pipeline_stats(const struct pipeline *p, struct pipeline_stats *ret_stats)
{
	struct conn_table_stats table;

	conn_table_stats(p->table, &table);
	ret_stats->events = p->events;
	ret_stats->leaks_open = p->leaks_open;
	ret_stats->finding_scans = table.finding_scans;
	ret_stats->findings_left_out = table.findings_left_out;
	memcpy(ret_stats->lost, table.lost, sizeof(ret_stats->lost));
}
