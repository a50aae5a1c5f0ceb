// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scan of existing sockets. Programs are attached first, so that no connection is missed between the scan and the stream.
 * What the iterators find is merged with other events by the time at which each socket was read.
 */
#include "collector.h"
#include "internal.h"
#include "ringbuf.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"

#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/scan.skel.h"
#include "bpf/trace.skel.h"

struct scan {
	struct collector *collector;
	event_fn fn;
	void *ctx;
	enum wire_scan_cause cause;
};

/* The hook `at` behind those of the stream: 0 is scan_files, 1 scan_tcp. */
static void scan_attach(struct collector *c, size_t at, struct bpf_program *program)
{
	struct hook_state *state = &c->hooks[c->trace_n + at];
	int err;

	if (!state->available || bpf_program__fd(program) < 0)
		return;
	err = attach_iterator(program, &c->links[c->trace_n + at]);
	state->used = !err;
	if (err)
		hook_set_why(state, "attaching failed: %s", strerror(-err));
}

/* Without the iterators the tool still runs: failing here fails a hook, not the collector. */
int scan_open(struct collector *c)
{
	c->scan = scan_bpf__open();
	if (!c->scan)
		return -errno;
	bpf_program__set_autoload(c->scan->progs.scan_files, c->hooks[c->trace_n].available);
	bpf_program__set_autoload(c->scan->progs.scan_tcp, c->hooks[c->trace_n + 1].available);
	c->scan->rodata->tick_ns = clock_tick_ns();
	if (scan_bpf__load(c->scan)) {
		for (size_t i = c->trace_n; i < c->hooks_n; i++)
			hook_set_why(&c->hooks[i], "the kernel refused it; run with -v for its reasons");
		return 0;
	}
	scan_attach(c, 0, c->scan->progs.scan_files);
	scan_attach(c, 1, c->scan->progs.scan_tcp);
	return 0;
}

/* From now on the end of a process with a listener is an event; while the scan runs that of each process is. */
static void watch_holder(struct collector *c, const struct wire_hdr *ev)
{
	const struct wire_task *task = ev->kind == WIRE_SCAN && ev->old_state == WIRE_LISTEN ? wire_task(ev) : NULL;

	if (task)
		c->trace->bss->listens[task->tgid & (LISTENS - 1)] = 1;
}

int scan_held(const struct collector *c)
{
	return bpf_map__fd(c->scan->maps.namespaces);
}

static void scan_event(void *scan, const struct wire_hdr *ev)
{
	struct scan *s = scan;

	watch_holder(s->collector, ev);
	rings_drain(s->collector->rings, ev->ts, s->fn, s->ctx);
	s->fn(s->ctx, ev);
}

static void scan_mark(struct scan *s, enum wire_kind kind, int64_t value)
{
	const struct wire_mark mark = wire_make_mark(kind, clock_now_ns(), value);

	scan_event(s, &mark.hdr);
}

/* An iterate_enter_fn. */
static void scan_enter(void *scan, uint32_t netns)
{
	const struct scan *s = scan;

	(void)netns;
	if (s->collector->tier != WIRE_TIER_OFF && (s->cause == WIRE_SCAN_STARTUP || s->cause == WIRE_SCAN_RESYNC))
		netns_name_minisocks();
}

static int scan_descriptors(struct scan *s)
{
	struct collector *c = s->collector;

	netns_forget_held(scan_held(c));
	c->scan->bss->namespace_before = 0;
	c->scan->bss->namespaces_left_out = 0;
	return iterate(c->links[c->trace_n], scan_event, s);
}

uint64_t collector_missed(const struct collector *collector)
{
	return collector->namespaces_missed;
}

int collector_scan(struct collector *collector, enum wire_scan_cause cause, event_fn fn, void *ctx)
{
	struct scan s = {.collector = collector, .fn = fn, .ctx = ctx, .cause = cause};
	struct bpf_link *const *links = collector->links + collector->trace_n;
	const struct iterate_visit visit = {
		.link = links[1], .held = scan_held(collector), .enter = scan_enter, .fn = scan_event, .ctx = &s};
	struct iterate_reach reach = {0};
	int err = 0;

	if (cause == WIRE_SCAN_LISTENERS && !links[0])
		return 0;
	collector->trace->bss->report_deaths = true;
	collector->scan->bss->minisocks_only = cause == WIRE_SCAN_MINISOCKS;
	collector->scan->bss->listeners_only = cause == WIRE_SCAN_LISTENERS;
	scan_mark(&s, WIRE_SCAN_BEGIN, cause);
	if (cause != WIRE_SCAN_MINISOCKS)
		err = scan_descriptors(&s);
	if (!err && visit.link && cause != WIRE_SCAN_LISTENERS)
		err = iterate_namespaces(&visit, &reach);
	scan_mark(&s, WIRE_SCAN_END, reach.entered);
	if (cause != WIRE_SCAN_LISTENERS)
		collector->namespaces_missed = reach.missed + collector->scan->bss->namespaces_left_out;
	collector->trace->bss->report_deaths = false;
	return err;
}
