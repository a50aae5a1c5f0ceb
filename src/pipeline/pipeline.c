// SPDX-License-Identifier: GPL-2.0-only
/*
 * Glue and nothing else: each kind of event goes to who knows it, each record to the sink if it is selected. A line's sequence
 * number is used up only when the output took the line: a gap seen downstream is the pipeline's loss, a `lost` record is ours.
 */
#include "pipeline.h"

#include "select.h"
#include "bpf/wire.h"
#include "src/cli/options.h"
#include "src/core/conn.h"
#include "src/core/wire_read.h"
#include "src/core/wire_text.h"
#include "src/format/format.h"
#include "src/host/owner.h"
#include "src/host/self.h"
#include "src/io/recording.h"
#include "src/symbols/stack_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOOKS_MAX 32
#define HOOK_TEXT 192
#define REASONS_MAX 64
#define REASON_LEN 48
/* What needs leak scans. */
#define LEAK_EVENTS (1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED | 1u << RECORD_SUMMARY)

struct pipeline {
	struct pipeline_config config;
	struct conn_table *table;
	struct owner *owner;
	struct stack_table *stack_table;
	const struct format *sink;
	struct format_options format_options;
	struct record_context context;
	uint64_t seq;
	struct pipeline_stats stats;
	char instance[INSTANCE_LEN];
	char reasons[REASONS_MAX][REASON_LEN];
	struct record_hook hooks[HOOKS_MAX];
	char hook_text[HOOKS_MAX][HOOK_TEXT];
	size_t hooks_n;
	char line[4 * FORMAT_LINE_MAX];
};

static const char *reason_name(void *ctx, uint32_t reason)
{
	const struct pipeline *p = ctx;

	return reason < REASONS_MAX && p->reasons[reason][0] ? p->reasons[reason] : NULL;
}

static const struct conn_tuple *tuple_of(const struct record *rec)
{
	switch (rec->kind) {
	case RECORD_CONNECTION:
	case RECORD_PROGRESS:
		return &rec->conn->t;
	case RECORD_STATE:
		return rec->state->t;
	case RECORD_RETRANSMIT:
		return rec->retransmit->t;
	case RECORD_RESET:
		return rec->reset->t;
	case RECORD_CLOSE_WAIT_LEAK:
		return &rec->leak->socket->t;
	case RECORD_CLOSE_WAIT_RESOLVED:
		return rec->leak_resolved->t;
	case RECORD_TIME_WAIT:
		return rec->time_wait->t;
	default:
		return NULL;
	}
}

static bool is_alert(enum record_kind kind)
{
	return kind == RECORD_CLOSE_WAIT_LEAK || kind == RECORD_CLOSE_WAIT_RESOLVED;
}

/* A conn_emit_fn. */
static void on_record(void *ctx, const struct record *rec)
{
	struct pipeline *p = ctx;
	const struct conn_tuple *tuple = tuple_of(rec);
	struct record_owner owner;
	line_fn put;
	size_t len;

	if (!(p->config.options->events & (1u << rec->kind)))
		return;
	if (tuple)
		owner_describe(p->owner, tuple, &owner);
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK)
		owner.stack = stack_table_find(p->stack_table, tuple->cookie);
	if (p->config.record_consumer) {
		p->config.record_consumer->take(p->config.record_consumer->ctx, &p->context, rec, tuple ? &owner : NULL);
		return;
	}
	if (!selection_matches(&p->config.options->select, rec, tuple ? &owner : NULL))
		return;
	len = p->sink->format(&p->context, &p->format_options, rec, tuple ? &owner : NULL, p->seq, p->line, sizeof(p->line));
	if (!len)
		return;
	put = p->config.alert && is_alert(rec->kind) ? p->config.alert : p->config.line;
	if (put(p->config.line_ctx, p->line, len)) {
		p->seq++;
		p->stats.records++;
	} else {
		p->stats.refused++;
	}
}

static void set_context(struct pipeline *p, const struct recording_header *h)
{
	self_instance(p->instance);
	recording_context(h, p->instance, &p->context);
	p->context.reason_name = reason_name;
	p->context.ctx = p;
}

int pipeline_new(struct pipeline **out, const struct pipeline_config *config)
{
	const struct options *o = config->options;
	const struct conn_config conn_config = {
		.max_connections = config->header->max_connections,
		.progress_ns = o->progress_ns,
		/* A recording has what summaries and alerts need, whatever is shown while it is made. */
		.summary_ns = o->events & (1u << RECORD_SUMMARY) || config->recorder ? o->summary_ns : 0,
		.time_wait = o->time_wait,
		.leak_threshold_ns = o->events & LEAK_EVENTS || config->recorder ? o->threshold_ns : 0,
		.wanted = o->events,
	};
	struct pipeline *p = calloc(1, sizeof(*p));
	size_t len;
	int err;

	if (!p)
		return -ENOMEM;
	p->config = *config;
	p->sink = o->json ? &format_json : &format_text;
	p->format_options = (struct format_options){.wide = o->wide, .full_time = o->full_time};
	set_context(p, config->header);
	err = owner_new(&p->owner);
	if (!err)
		err = stack_table_new(&p->stack_table);
	if (!err)
		err = conn_table_new(&p->table, &conn_config, on_record, p);
	if (err) {
		pipeline_free(p);
		return err;
	}
	if (config->record_consumer) {
		config->record_consumer->line = config->line;
		config->record_consumer->line_ctx = config->line_ctx;
	} else if (p->sink->begin && !o->no_header) {
		len = p->sink->begin(&p->format_options, p->line, sizeof(p->line));
		p->config.line(p->config.line_ctx, p->line, len);
	}
	*out = p;
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	conn_table_free(p->table);
	stack_table_free(p->stack_table);
	owner_free(p->owner);
	free(p);
}

static void feed_reason(struct pipeline *p, const struct wire_text *text)
{
	if (text->key < REASONS_MAX)
		snprintf(p->reasons[text->key], REASON_LEN, "%s", text->text);
}

/* The text is name NUL type NUL why NUL; each is cut at the end of our copy. */
static void feed_hook(struct pipeline *p, const struct wire_text *text)
{
	size_t len = text->hdr.len - sizeof(*text);
	const char *fields[3];
	char *copy;
	size_t i, pos = 0;

	if (p->hooks_n == HOOKS_MAX)
		return;
	copy = p->hook_text[p->hooks_n];
	memset(copy, 0, HOOK_TEXT);
	memcpy(copy, text->text, len < HOOK_TEXT - 1 ? len : HOOK_TEXT - 1);
	for (i = 0; i < 3; i++) {
		fields[i] = copy + pos;
		pos += strlen(fields[i]);
		if (pos < HOOK_TEXT - 1)
			pos++;
	}
	p->hooks[p->hooks_n++] = (struct record_hook){
		.name = fields[0], .type = fields[1], .why = fields[2], .ok = text->key == 1, .not_needed = text->key == 2};
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

static void feed_own(struct pipeline *p, const struct wire_hdr *ev)
{
	switch (ev->kind) {
	case WIRE_CLOCK:
		p->context.clock_offset_ns = ((const struct wire_mark *)ev)->value;
		break;
	case WIRE_EXE:
	case WIRE_CGROUP:
		owner_feed(p->owner, ev);
		break;
	case WIRE_STACK:
	case WIRE_OPENED:
		stack_table_feed(p->stack_table, ev);
		break;
	case WIRE_RST_REASON:
		feed_reason(p, (const void *)ev);
		break;
	case WIRE_HOOK:
		feed_hook(p, (const void *)ev);
		break;
	case WIRE_META:
		feed_meta(p, (const void *)ev);
		break;
	default:
		conn_table_feed(p->table, ev);
	}
}

void pipeline_feed(void *pipeline, const struct wire_hdr *ev)
{
	struct pipeline *p = pipeline;

	if (p->config.live)
		pipeline_resolve(p, ev);
	if (p->config.recorder)
		recorder_put(p->config.recorder, ev);
	if (wire_from_kernel(ev->kind))
		p->stats.events++;
	feed_own(p, ev);
	if (ev->kind == WIRE_TICK && p->config.record_consumer)
		p->config.record_consumer->tick(p->config.record_consumer->ctx, ev->ts);
}

void pipeline_resolve(void *pipeline, const struct wire_hdr *ev)
{
	struct pipeline *p = pipeline;

	if (ev->parts)
		owner_resolve(p->owner, ev, pipeline_feed, p);
}

void pipeline_feed_text(struct pipeline *p, uint64_t ts, unsigned int kind, uint64_t key, const char *text, size_t len)
{
	union wire_text_buf buf;

	pipeline_feed(p, wire_text_fill(&buf, kind, ts, key, 0, text, len));
}

void pipeline_stop(struct pipeline *p, uint64_t now)
{
	conn_table_stop(p->table, now, p->config.options->events & (1u << RECORD_PROGRESS));
	if (p->config.record_consumer)
		p->config.record_consumer->tick(p->config.record_consumer->ctx, UINT64_MAX);
}

bool pipeline_wants_minisocks(const struct pipeline *p)
{
	return conn_table_wants_minisocks(p->table);
}

bool pipeline_wants_leak_scan(const struct pipeline *p, uint64_t now)
{
	return conn_table_wants_leak_scan(p->table, now);
}

bool pipeline_wants_port_ranges(const struct pipeline *p, uint64_t now)
{
	return conn_table_wants_port_ranges(p->table, now);
}

void pipeline_stats(const struct pipeline *p, struct pipeline_stats *ret_stats)
{
	struct conn_table_stats table;

	conn_table_stats(p->table, &table);
	*ret_stats = p->stats;
	memcpy(ret_stats->lost, table.lost, sizeof(ret_stats->lost));
}
