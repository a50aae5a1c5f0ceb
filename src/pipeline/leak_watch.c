// SPDX-License-Identifier: GPL-2.0-only
#include "leak_watch.h"

#include "src/core/conn.h"
#include "src/host/clock.h"
#include "src/host/procfs.h"
#include "src/host/self.h"
#include "src/kernel/collector.h"

#include <stdio.h>

#define PAUSE_NS 1000000000ull /* between two scans, and */
#define RETRY_NS 5000000000ull /* after one that failed: what it lacks is rarely there at once */
#define PAUSE_TIMES 50         /* so many times as long as the last one took: 2 % of a CPU at the most */

/* An opener_fn: processes that opened what others hold are in the stream if they have ended, so that a replay knows it, too. */
static void look_for(void *ctx, const struct wire_task *opener)
{
	struct leak_watch *watch = ctx;
	const struct wire_exit ev = {.hdr = {.ts = clock_now_ns(), .len = sizeof(ev), .kind = WIRE_EXIT},
				     .tgid = opener->tgid,
				     .start_ns = opener->start_ns};

	if (procfs_ended(opener->tgid, opener->start_ns))
		pipeline_feed(watch->pipeline, &ev.hdr);
}

/* An event_fn: what happened before the socket was read comes first. */
static void merge(void *ctx, const struct wire_hdr *ev)
{
	struct leak_watch *watch = ctx;
	uint64_t begin = clock_cpu_ns();

	collector_drain(watch->collector, ev->ts, pipeline_feed, watch->pipeline);
	watch->drain_ns += clock_cpu_ns() - begin; /* a flood must not make the scan look dear, and alerts late */
	if (ev->kind == WIRE_LEAK_END && !watch->foreign_pids)
		conn_table_openers(pipeline_table(watch->pipeline), look_for, watch);
	pipeline_feed(watch->pipeline, ev);
}

void leak_watch_prepare(struct leak_watch *watch)
{
	if (leak_scan_open(&watch->scan, watch->verbose, &watch->failure))
		watch->warn("CLOSE_WAIT alerts are off: %s", watch->failure.text);
	else
		leak_scan_use(watch->scan, watch->admin);
	if (watch->scan && watch->wide)
		leak_scan_widen(watch->scan);
}

/* Once for failures on end; that the scan works again is said, too. */
static void note_result(struct leak_watch *watch, int err)
{
	if (err)
		snprintf(watch->failure.text, sizeof(watch->failure.text), "%s", self_error(err));
	if (err && !watch->failing)
		watch->warn("not all sockets could be scanned for leaks, so what was found before stands: %s",
			    watch->failure.text);
	else if (!err && watch->failing)
		watch->warn("all sockets could be scanned for leaks again");
	watch->failing = err;
}

static void run(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline)
{
	uint64_t cpu = clock_cpu_ns(), pause, least;

	watch->collector = collector;
	watch->pipeline = pipeline;
	watch->drain_ns = 0;
	note_result(watch, leak_scan_run(watch->scan, merge, watch));
	pause = (clock_cpu_ns() - cpu - watch->drain_ns) * PAUSE_TIMES;
	least = watch->failing ? RETRY_NS : PAUSE_NS;
	watch->ended_ns = clock_now_ns();
	watch->next_ns = watch->ended_ns + (pause > least ? pause : least);
}

bool leak_watch_run(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline)
{
	uint64_t now = clock_now_ns();

	if (!watch->scan || now < watch->next_ns || !conn_table_wants_leak_scan(pipeline_table(pipeline), now))
		return false;
	run(watch, collector, pipeline);
	return true;
}

void leak_watch_run_last(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline)
{
	if (watch->scan && clock_now_ns() >= watch->ended_ns + PAUSE_NS)
		run(watch, collector, pipeline);
}
