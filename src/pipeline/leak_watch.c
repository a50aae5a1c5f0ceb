// SPDX-License-Identifier: GPL-2.0-only
#include "leak_watch.h"

#include "src/core/conn.h"
#include "src/host/clock.h"
#include "src/kernel/collector.h"

#include <string.h>

#define PAUSE_NS 1000000000ull /* between two scans, and */
#define PAUSE_TIMES 50         /* so many times as long as the last one took: 2 % of a CPU at the most */

/* An event_fn: what happened before the socket was read comes first. */
static void merge(void *ctx, const struct wire_hdr *ev)
{
	struct leak_watch *watch = ctx;

	collector_drain(watch->collector, ev->ts, pipeline_feed, watch->pipeline);
	pipeline_feed(watch->pipeline, ev);
}

static bool ready(struct leak_watch *watch)
{
	struct collector_failure failure;

	if (!watch->scan && !watch->failed && leak_scan_open(&watch->scan, watch->verbose, &failure)) {
		watch->failed = true; /* alerts then need a stream that has scans */
		watch->warn("CLOSE_WAIT alerts are off: %s", failure.text);
	}
	return watch->scan;
}

bool leak_watch_run(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline)
{
	uint64_t begin = clock_now_ns(), cpu, pause;
	int err;

	if (begin < watch->next_ns || !conn_table_wants_leak_scan(pipeline_table(pipeline), begin) || !ready(watch))
		return false;
	cpu = clock_cpu_ns();
	watch->collector = collector;
	watch->pipeline = pipeline;
	err = leak_scan_run(watch->scan, merge, watch);
	if (err)
		watch->warn("not all sockets could be scanned for leaks: %s", strerror(-err));
	pause = (clock_cpu_ns() - cpu) * PAUSE_TIMES;
	watch->next_ns = clock_now_ns() + (pause > PAUSE_NS ? pause : PAUSE_NS);
	return true;
}
