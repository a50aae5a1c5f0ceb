// SPDX-License-Identifier: GPL-2.0-only
/* CLOSE_WAIT now: one scan, or one every --watch, shown in groups or as JSON lines. Nothing is attached to the kernel. */
#include "commands.h"
#include "run.h"
#include "src/core/leak_group.h"
#include "src/format/format.h"
#include "src/format/leak_text.h"
#include "src/host/clock.h"
#include "src/host/owner.h"
#include "src/host/self.h"
#include "src/io/recording.h"
#include "src/kernel/checks.h"
#include "src/kernel/collector.h"
#include "src/kernel/leak_scan.h"
#include "src/pipeline/pipeline.h"
#include "src/pipeline/select.h"
#include "src/symbols/stack_table.h"
#include "src/symbols/symbolizer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS_MAX (1u << 24)
#define GROUPS_SHOWN 20
#define MIRRORS_SHOWN 5
#define STACKS_COUNTED 64 /* different ones of a group; what comes later is not shown */
#define STACKS_SHOWN 3
#define MINUTE_NS 60000000000ll

struct leaks {
	const struct options *options;
	FILE *out;
	int write_err; /* the first errno of a write; 0: none */
	struct recording_header header;
	struct record_context context;
	struct leak_scan *scan;
	struct leak_set set;
	struct leak_groups groups, mirror, queue;
	struct owner *owner;
	struct symbolizer *stacks; /* NULL: not asked for */
	struct stack_table stack_table;
	uint64_t seq, scanned_ns, before_ns; /* before_ns: of the scan before; 0: there is none */
	char instance[INSTANCE_LEN];
	char line[4 * FORMAT_LINE_MAX];
};

/* An event_fn. */
static void take_owner(void *ctx, const struct wire_hdr *ev)
{
	owner_feed(((struct leaks *)ctx)->owner, ev);
}

/* Reads the paths of a tuple's process and cgroup when they are first needed. */
static void describe(struct leaks *l, const struct conn_tuple *t, struct record_owner *ret_owner)
{
	if (t->from != CONN_FROM_NONE) {
		owner_resolve_process(l->owner, &t->process, 0, take_owner, l);
		owner_resolve_cgroup(l->owner, t->exec.cgroup_id, 0, take_owner, l);
	}
	if (t->id_known)
		owner_resolve_cgroup(l->owner, t->id.cgroup_id, 0, take_owner, l);
	owner_describe(l->owner, t, ret_owner);
	ret_owner->stack = stack_table_find(&l->stack_table, t->cookie);
}

/* A leak_wanted_fn: a process is selected if it is one of the holders. */
static bool wanted(void *ctx, const struct leak_socket *socket)
{
	struct leaks *l = ctx;
	const struct selection *select = &l->options->select;
	struct record_owner owner = {0};
	const struct leak_holder *holder;
	struct conn_tuple t = socket->t;

	if (select->cgroup)
		describe(l, &t, &owner);
	if (selection_matches_tuple(select, &t, &owner))
		return true;
	leak_for_each_holder (holder, l->set.holders, socket) {
		t.task = holder->task;
		if (selection_matches_tuple(select, &t, &owner))
			return true;
	}
	return false;
}

/* An event_fn. */
static void take_opening(void *ctx, const struct wire_hdr *ev)
{
	stack_table_feed(&((struct leaks *)ctx)->stack_table, ev);
}

/* An event_fn. */
static void take_in(void *ctx, const struct wire_hdr *ev)
{
	struct leaks *l = ctx;

	leak_set_feed(&l->set, ev);
	if (ev->kind == WIRE_LEAK_END)
		l->scanned_ns = ev->ts;
}

static int scan(struct leaks *l, struct leak_totals *ret_totals)
{
	uint64_t threshold_ns = l->options->threshold_ns;
	const struct leak_choice close_wait = {1u << WIRE_CLOSE_WAIT, false, false, threshold_ns, wanted, l};
	const struct leak_choice fin_wait2 = {1u << WIRE_FIN_WAIT2, true, false, threshold_ns, wanted, l};
	const struct leak_choice queue = {UINT32_MAX, true, true, threshold_ns, wanted, l};
	int err;

	l->before_ns = l->scanned_ns;
	if (l->stacks)
		symbolizer_drain(l->stacks, clock_now_ns(), false, take_opening, l);
	err = leak_scan_run(l->scan, take_in, l);
	if (err)
		warn("not all sockets could be scanned: %s", strerror(-err));
	if (leak_scan_missed(l->scan))
		warn("%llu of the network namespaces could not be entered: what no process holds in them is not shown",
		     (unsigned long long)leak_scan_missed(l->scan));
	if (l->set.lost)
		warn("%llu sockets or descriptors were left out: there was no room for them", (unsigned long long)l->set.lost);
	*ret_totals = leak_set_totals(&l->set, threshold_ns, wanted, l);
	err = leak_groups_fill(&l->groups, &l->set, &close_wait) ?: leak_groups_fill(&l->mirror, &l->set, &fin_wait2)
		?: leak_groups_fill(&l->queue, &l->set, &queue);
	return err ? fail(EXIT_RUNTIME, "out of memory") : EXIT_OK;
}

/* A full buffer is written here, and no later fflush() knows that it failed. */
static void write_out(struct leaks *l, const char *text, size_t len)
{
	if (fwrite(text, 1, len, l->out) != len && !l->write_err)
		l->write_err = errno;
}

static void put_line(struct leaks *l, const struct record *rec, const struct record_owner *owner)
{
	const struct format_input in = {.context = &l->context, .rec = rec, .owner = owner, .seq = l->seq};
	size_t len = format_json.format(&in, l->line, sizeof(l->line));

	l->seq++;
	write_out(l, l->line, len);
}

static void write_leak(struct leaks *l, const struct leak_socket *socket)
{
	const struct leak_group *group = leak_groups_of(&l->groups, socket);
	uint64_t watch_ns = l->scanned_ns - l->before_ns;
	struct leak_record leak = {
		.socket = socket,
		.holders = l->set.holders,
		.threshold_ns = l->options->threshold_ns,
		.alert.id = socket->t.cookie,
		.count = 1,
		.group_open = group->count,
		.growth_known = l->before_ns != 0,
	};
	struct record_owner owner;

	if (leak.growth_known)
		leak.growth_per_min =
			(int64_t)(group->count - group->before) * (MINUTE_NS / 1000) / (int64_t)(watch_ns / 1000 + 1);
	describe(l, &socket->t, &owner);
	put_line(l, &(struct record){.kind = RECORD_CLOSE_WAIT_LEAK, .ts = l->scanned_ns, .leak = &leak}, &owner);
}

static void write_json(struct leaks *l, const struct leak_totals *totals)
{
	const struct conn_summary_record summary = {
		.close_wait_any = totals->close_wait,
		.close_wait_oldest_us = totals->oldest_ns / 1000,
		.leaks = totals,
	};
	const struct leak_socket *socket;

	leak_set_for_each (socket, &l->set) {
		if (socket->state == WIRE_CLOSE_WAIT && wanted(l, socket))
			write_leak(l, socket);
	}
	put_line(l, &(struct record){.kind = RECORD_SUMMARY, .ts = l->scanned_ns, .summary = &summary}, NULL);
}

static void flush_buf(struct leaks *l, struct buf *b)
{
	write_out(l, b->start, (size_t)(b->p - b->start));
	buf_init(b, l->line, sizeof(l->line));
}

/* The commonest places where the group's sockets were opened. */
static void print_stacks(struct leaks *l, struct buf *b, const struct leak_group *group)
{
	struct leak_stack_count counts[STACKS_COUNTED] = {0};
	const struct leak_socket *socket;

	leak_set_for_each (socket, &l->set) {
		if (socket->state == WIRE_CLOSE_WAIT && socket->verdict.cause != LEAK_NEVER_ACCEPTED &&
		    leak_groups_of(&l->groups, socket) == group && wanted(l, socket))
			leak_stack_add(counts, STACKS_COUNTED, stack_table_find(&l->stack_table, socket->t.cookie));
	}
	for (size_t shown = 0; shown < STACKS_SHOWN && leak_text_stack(b, counts, STACKS_COUNTED); shown++)
		flush_buf(l, b);
}

static void print_groups(struct leaks *l, struct buf *b, const struct leak_view *view)
{
	size_t len = l->groups.len, max = l->options->wide ? len : GROUPS_SHOWN, i;
	const struct leak_group *group;
	struct record_owner owner;
	uint64_t rest = 0;

	for (i = 0; i < len && i < max; i++) {
		group = l->groups.order[i];
		describe(l, &group->oldest->t, &owner);
		leak_text_group(b, view, group, &owner);
		flush_buf(l, b);
		if (l->stacks)
			print_stacks(l, b, group);
	}
	for (; i < len; i++)
		rest += l->groups.order[i]->count;
	if (rest)
		leak_text_more(b, len - GROUPS_SHOWN, rest);
}

static void print_mirrors(struct leaks *l, struct buf *b, const struct leak_view *view, const struct leak_groups *groups)
{
	for (size_t i = 0; i < groups->len && (i < MIRRORS_SHOWN || l->options->wide); i++) {
		leak_text_mirror(b, view, groups->order[i]);
		flush_buf(l, b);
	}
}

static void write_text(struct leaks *l, const struct leak_totals *totals)
{
	const struct leak_view view = {
		.by = l->options->leak_by,
		.foreign_pids = l->context.foreign_pids,
		.threshold_ns = l->options->threshold_ns,
		.watch_ns = l->before_ns ? l->scanned_ns - l->before_ns : 0,
		.wall_ns = l->options->full_time ? (int64_t)l->scanned_ns + l->context.clock_offset_ns : 0,
		.no_header = l->options->no_header,
	};
	struct buf b;

	buf_init(&b, l->line, sizeof(l->line));
	if (l->options->watch_ns)
		buf_str(&b, isatty(fileno(l->out)) ? "\033[H\033[2J" : l->before_ns ? "\n" : "");
	leak_text_head(&b, &view, totals);
	flush_buf(l, &b);
	print_groups(l, &b, &view);
	if (totals->not_accepted_over) {
		leak_text_queue_head(&b, &view, totals);
		print_mirrors(l, &b, &view, &l->queue);
	}
	if (totals->fin_wait2_over) {
		leak_text_mirror_head(&b, &view, totals);
		print_mirrors(l, &b, &view, &l->mirror);
	}
	flush_buf(l, &b);
}

/* True when it is time for the next scan, false when --duration or the user ends it. */
static bool wait_for_next(uint64_t ns, uint64_t end_ns)
{
	uint64_t now = clock_now_ns();
	bool last = end_ns && end_ns < now + ns;
	struct timespec time;
	sigset_t set;

	if (last)
		ns = end_ns > now ? end_ns - now : 0;
	time = (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return sigtimedwait(&set, NULL, &time) < 0 && errno == EAGAIN && !last;
}

static int run(struct leaks *l)
{
	const struct options *o = l->options;
	uint64_t end_ns = o->duration_ns ? clock_now_ns() + o->duration_ns : 0;
	struct leak_totals totals;
	int exit_code;

	do {
		exit_code = scan(l, &totals);
		if (exit_code)
			return exit_code;
		if (o->json)
			write_json(l, &totals);
		else
			write_text(l, &totals);
		if (fflush(l->out) && !l->write_err)
			l->write_err = errno;
		if (l->write_err)
			return fail_output(o->output, l->write_err);
	} while (o->watch_ns && wait_for_next(o->watch_ns, end_ns));
	return !o->watch_ns && totals.close_wait_over > o->leaks_max ? EXIT_LEAKS : EXIT_OK;
}

/* Names of processes are not for all users of the host. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	return fd < 0 ? NULL : fdopen(fd, "a");
}

static int open_leaks(struct leaks *l)
{
	const struct options *o = l->options;
	struct collector_failure failure = {0};

	collector_keep_memory(true);
	if (collector_check(&failure) || leak_scan_open(&l->scan, o->verbose, &failure))
		return fail_collector(&failure);
	if (run_check_selection(&o->select))
		return EXIT_RUNTIME;
	l->out = o->output && strcmp(o->output, "-") ? open_file(o->output) : stdout;
	if (!l->out)
		return fail_output(o->output, errno);
	run_header(o, &l->header);
	self_instance(l->instance);
	warn_foreign_pids(&l->header);
	pipeline_context(&l->header, l->instance, &l->context);
	if (leak_set_init(&l->set, SOCKETS_MAX) || leak_groups_init(&l->groups, o->leak_by) ||
	    leak_groups_init(&l->mirror, LEAK_BY_PEER) || leak_groups_init(&l->queue, LEAK_BY_PROCESS) || owner_new(&l->owner))
		return fail(EXIT_RUNTIME, "out of memory");
	if (o->stacks && symbolizer_open(&l->stacks, o->verbose, warn, &failure))
		return fail_collector(&failure);
	collector_keep_memory(false);
	return EXIT_OK;
}

int command_leaks(const struct options *options)
{
	struct leaks l = {.options = options};
	int exit_code;

	exit_code = open_leaks(&l);
	if (!exit_code)
		exit_code = run(&l);
	symbolizer_close(l.stacks);
	stack_table_free(&l.stack_table);
	owner_free(l.owner);
	leak_groups_free(&l.queue);
	leak_groups_free(&l.mirror);
	leak_groups_free(&l.groups);
	leak_set_free(&l.set);
	leak_scan_close(l.scan);
	if (l.out && l.out != stdout)
		fclose(l.out);
	return exit_code;
}
