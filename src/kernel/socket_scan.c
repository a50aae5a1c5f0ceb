// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scan of existing sockets. Programs are attached first, so that no connection is missed between the scan and the stream.
 * What the iterators find is merged with other events by the time at which each socket was read, and as late as these are
 * (COLLECTOR_HOLD_NS): else the scan would overtake an event that is still being written, and find a socket ahead of it.
 */
#include "collector.h"
#include "bpf/shared.h"
#include "btf_excerpt.h"
#include "internal.h"
#include "ringbuf.h"
#include "scan_reader.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"
#include "src/host/self.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/scan.skel.h"
#include "bpf/trace.skel.h"

struct scan {
	struct collector *collector;
	event_fn fn;
	void *ctx;
	enum wire_scan_cause cause;
	struct scan_reader *reader; /* while the iterators are read */
	struct iterate_reach reach;
	uint64_t paused_ns;
};

#define PAUSE_NS 1000000ull /* between two readings of the rings */

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
		hook_set_why(state, "attaching failed: %s", self_error(err));
}

/* For the sockets that there are, of all namespaces. Sockets that come later have events, and later scans are not in a hurry.
 */
static int size_seen(struct scan_bpf *scan)
{
	unsigned long sockets = netns_all_sockets();
	uint32_t places = SEEN_MIN;

	while (places < sockets && places < SEEN_MAX)
		places *= 2;
	scan->rodata->seen_mask = places - 1;
	return bpf_map__set_max_entries(scan->maps.seen, places);
}

struct loading {
	struct collector *collector;
	struct bpf_program *files; /* the one that reads descriptors */
};

/* A cookies_load_fn. */
static int scan_load(void *loading, const struct btf_excerpt *types, bool casts)
{
	struct loading *l = loading;
	struct collector *c = l->collector;
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = types->path);
	int err;

	scan_bpf__destroy(c->scan);
	c->scan = scan_bpf__open_opts(&opts);
	if (!c->scan)
		return -errno;
	l->files = cookies_choose(c->scan->obj, c->scan->progs.scan_files, casts);
	if (!l->files)
		return -ENOTSUP;
	bpf_program__set_autoload(l->files, c->hooks[c->trace_n].available);
	bpf_program__set_autoload(c->scan->progs.scan_tcp, c->hooks[c->trace_n + 1].available);
	c->scan->rodata->casts = casts;
	c->scan->rodata->tcp_sock_type = cookies_cast_type(c->types);
	c->scan->rodata->tick_ns = clock_tick_ns();
	err = btf_excerpt_fill(types, bpf_object__btf(c->scan->obj));
	return err ?: size_seen(c->scan) ?: scan_bpf__load(c->scan);
}

/* Without the iterators the tool still runs: failing here fails a hook, not the collector. */
int scan_open(struct collector *c)
{
	struct loading loading = {.collector = c};
	int err = cookies_load(c->types, scan_load, &loading);

	if (!c->scan || self_no_descriptor(err))
		return err;
	if (err) {
		for (size_t i = c->trace_n; i < c->hooks_n; i++)
			hook_set_why(&c->hooks[i], "the kernel refused it; run with -v for its reasons");
		return 0;
	}
	c->cookies = (struct cookies){&c->scan->bss->cookies_only, &c->scan->bss->nameless, !c->scan->rodata->casts};
	scan_attach(c, 0, loading.files);
	scan_attach(c, 1, c->scan->progs.scan_tcp);
	return 0;
}

/* From now on the end of a process with a listener is an event; while the scan runs that of each process is. */
static void watch_holder(struct collector *c, const struct wire_hdr *ev)
{
	const struct wire_task *task = ev->kind == WIRE_SCAN && ev->old_state == WIRE_LISTEN ? wire_task(ev) : NULL;
	const uint8_t one = 1;

	if (task && bpf_map_update_elem(bpf_map__fd(c->trace->maps.listens), &task->tgid, &one, BPF_ANY))
		c->trace->bss->listens_full = true;
}

int scan_held(const struct collector *c)
{
	return bpf_map__fd(c->scan->maps.namespaces);
}

/* Losses first, as in the loop of a live run: a loss from now on is of events that stay in the rings. */
static void scan_merge(struct scan *s, uint64_t now, uint64_t until_ns)
{
	s->paused_ns = now;
	s->collector->lost_in_scan += losses_read(s->collector, now, s->fn, s->ctx);
	scan_queue_merge(&s->collector->found, s->collector->rings, until_ns, s->fn, s->ctx);
}

/* scan_reading.pause. What the iterators have found after `found_ns` is not here yet. */
static void scan_pause(void *scan, uint64_t found_ns)
{
	struct scan *s = scan;
	uint64_t now = clock_now_ns(), until = now - COLLECTOR_HOLD_NS;

	if (now - s->paused_ns >= PAUSE_NS)
		scan_merge(s, now, found_ns < until ? found_ns : until);
}

/* Waits until all that was found is old enough. */
static void scan_hand_over(struct scan *s)
{
	const struct timespec hold = {.tv_nsec = COLLECTOR_HOLD_NS};
	uint64_t now;

	while (scan_queue_head(&s->collector->found)) {
		nanosleep(&hold, NULL);
		now = clock_now_ns();
		scan_merge(s, now, now - COLLECTOR_HOLD_NS);
	}
}

/* An event_fn. */
static void scan_event(void *scan, const struct wire_hdr *ev)
{
	struct scan *s = scan;

	watch_holder(s->collector, ev);
	if (scan_queue_put(&s->collector->found, ev))
		return;
	scan_hand_over(s);
	scan_queue_put(&s->collector->found, ev);
}

static void scan_mark(struct scan *s, enum wire_kind kind, int64_t value, bool failed)
{
	struct wire_mark mark = wire_make_mark(kind, clock_now_ns(), value);

	mark.hdr.new_state = failed;
	scan_event(s, &mark.hdr);
}

/* An event_fn and an iterate_pause_fn of the reader's thread, as all below until scan_read(). */
static void scan_found(void *scan, const struct wire_hdr *ev)
{
	scan_reader_put(((struct scan *)scan)->reader, ev);
}

static void scan_breathe(void *scan)
{
	scan_reader_pause(((struct scan *)scan)->reader);
}

static bool scan_names_minisocks(const struct scan *s)
{
	return s->collector->tier != WIRE_TIER_OFF && (s->cause == WIRE_SCAN_STARTUP || s->cause == WIRE_SCAN_RESYNC);
}

/* An iterate_enter_fn. */
static bool scan_enter(void *scan, uint32_t netns, struct netns_files *files)
{
	struct scan *s = scan;
	const struct netns_sockets sockets = netns_sockets(files);

	(void)netns;
	if (sockets.minisocks && scan_names_minisocks(s))
		netns_name_minisocks(files, scan_reader_pause, s->reader);
	return s->cause == WIRE_SCAN_MINISOCKS ? sockets.minisocks : sockets.any;
}

static int scan_descriptors(struct scan *s, const struct iterate_visit *visit)
{
	struct collector *c = s->collector;
	const struct bpf_link *files = c->links[c->trace_n];
	int err;

	netns_forget_held(scan_held(c));
	c->scan->bss->namespace_before = 0;
	err = cookies_give(&c->cookies, files, visit);
	c->scan->bss->namespaces_left_out = 0;
	c->scan->bss->seen_scan++;
	return err ?: iterate(files, scan_found, scan_breathe, s);
}

/* scan_reading.work */
static int scan_read(void *scan, struct scan_reader *reader)
{
	struct scan *s = scan;
	const struct iterate_visit visit = {.link = s->collector->links[s->collector->trace_n + 1],
					    .held = scan_held(s->collector),
					    .admin = s->collector->admin,
					    .files = NETNS_SOCKETS_FILES | (scan_names_minisocks(s) ? 1u << NETNS_DIAG : 0),
					    .enter = scan_enter,
					    .fn = scan_found,
					    .pause = scan_breathe,
					    .ctx = s};
	int err = 0;

	s->reader = reader;
	if (s->cause != WIRE_SCAN_MINISOCKS)
		err = scan_descriptors(s, &visit);
	if (!err && visit.link && s->cause != WIRE_SCAN_LISTENERS)
		err = iterate_namespaces(&visit, &s->reach);
	cookies_check(&s->collector->cookies, &s->reach);
	return err;
}

void collector_warn_missed(const struct collector *collector, warn_fn warn)
{
	iterate_warn(&collector->reach, warn);
}

uint64_t collector_missed(const struct collector *collector)
{
	return collector->reach.missed;
}

int collector_scan(struct collector *collector, enum wire_scan_cause cause, event_fn fn, void *ctx)
{
	struct scan s = {.collector = collector, .fn = fn, .ctx = ctx, .cause = cause};
	const struct scan_reading reading = {.work = scan_read, .fn = scan_event, .pause = scan_pause, .ctx = &s};
	int err;

	if (cause == WIRE_SCAN_LISTENERS && !collector->links[collector->trace_n])
		return 0;
	err = scan_queue_open(&collector->found);
	if (err)
		return err;
	collector->trace->bss->report_deaths = true;
	collector->scan->bss->minisocks_only = cause == WIRE_SCAN_MINISOCKS;
	collector->scan->bss->listeners_only = cause == WIRE_SCAN_LISTENERS;
	scan_mark(&s, WIRE_SCAN_BEGIN, cause, false);
	err = scan_reader_run(&reading);
	s.reach.missed += collector->scan->bss->namespaces_left_out;
	scan_mark(&s, WIRE_SCAN_END, s.reach.entered, err || (cause != WIRE_SCAN_LISTENERS && !iterate_met_all(&s.reach)));
	scan_hand_over(&s);
	scan_queue_close(&collector->found);
	if (cause != WIRE_SCAN_LISTENERS)
		collector->reach = s.reach;
	collector->trace->bss->report_deaths = false;
	return err;
}
