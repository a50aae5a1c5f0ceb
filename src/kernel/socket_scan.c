// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scan of existing sockets. Programs are attached first, so that no connection falls between the snapshot and the stream;
 * what the iterators find is merged with what happens meanwhile by the time at which each socket was read.
 */
#include "collector.h"
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/scan.skel.h"
#include "bpf/trace.skel.h"
#include "src/host/clock.h"

struct scan {
	struct collector *collector;
	event_fn fn;
	void *ctx;
	enum wire_scan_cause cause;
};

static void scan_attach(struct collector *c, enum hook_row row, struct bpf_program *program)
{
	struct collector_hook *hook = &c->hooks[row];
	int err;

	if (!hook->available || bpf_program__fd(program) < 0)
		return;
	c->links[row] = bpf_program__attach_iter(program, NULL);
	err = libbpf_get_error(c->links[row]);
	hook->used = !err;
	if (err) {
		c->links[row] = NULL;
		snprintf(hook->why, sizeof(hook->why), "attaching failed: %s", strerror(-err));
	}
}

/* Without the iterators the tool still runs: failing here fails a hook, not the collector. */
int scan_open(struct collector *c)
{
	c->scan = scan_bpf__open();
	if (!c->scan)
		return -errno;
	bpf_program__set_autoload(c->scan->progs.scan_files, c->hooks[HOOK_SCAN_FILES].available);
	c->scan->rodata->tick_ns = clock_tick_ns();
	bpf_program__set_autoload(c->scan->progs.scan_tcp, c->hooks[HOOK_SCAN_TCP].available);
	if (scan_bpf__load(c->scan)) {
		unsigned int row;

		for (row = HOOK_SCAN_FILES; row <= HOOK_SCAN_TCP; row++)
			snprintf(c->hooks[row].why, sizeof(c->hooks[row].why),
				 "the kernel refused it; run with -v for its reasons");
		return 0;
	}
	scan_attach(c, HOOK_SCAN_FILES, c->scan->progs.scan_files);
	scan_attach(c, HOOK_SCAN_TCP, c->scan->progs.scan_tcp);
	return 0;
}

static void scan_event(void *scan, const struct wire_hdr *ev)
{
	struct scan *s = scan;

	collector_drain(s->collector, ev->ts, s->fn, s->ctx);
	s->fn(s->ctx, ev);
}

static void scan_mark(struct scan *s, enum wire_kind kind, int64_t value)
{
	struct wire_mark mark = {
		.hdr = {.ts = clock_now_ns(), .len = sizeof(mark), .kind = kind},
		.value = value,
	};

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

int collector_scan(struct collector *collector, enum wire_scan_cause cause, event_fn fn, void *ctx)
{
	struct scan s = {.collector = collector, .fn = fn, .ctx = ctx, .cause = cause};
	uint64_t namespaces = 0;
	int err = 0;

	collector->trace->bss->report_deaths = true;
	collector->scan->bss->minisocks_only = cause == WIRE_SCAN_MINISOCKS;
	scan_mark(&s, WIRE_SCAN_BEGIN, cause);
	if (cause != WIRE_SCAN_MINISOCKS)
		err = iterate(collector->links[HOOK_SCAN_FILES], scan_event, &s);
	if (!err && collector->links[HOOK_SCAN_TCP])
		err = iterate_namespaces(collector->links[HOOK_SCAN_TCP], scan_enter, scan_event, &s, &namespaces);
	scan_mark(&s, WIRE_SCAN_END, namespaces);
	collector->trace->bss->report_deaths = false;
	return err;
}
