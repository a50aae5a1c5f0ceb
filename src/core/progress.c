// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection is due once per period of its life. Only a scan shows the counters of a living socket, so a live run scans a few
 * times per period. A connection that is due has its record when the scan finds it, or without counters at the scan's end. In a
 * recording without such scans it has it at a tick.
 */
#include "progress.h"

#include "emit.h"
#include "wire_read.h"

#define SWEEP_NS 1000000000ULL /* a sweep reads every connection */

static uint64_t periods(uint64_t from_ns, uint64_t to_ns, uint64_t period_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / period_ns : 0;
}

static bool is_due(const struct conn_table *t, const struct conn *c, uint64_t now)
{
	uint64_t period = t->config.progress_ns;

	return !(c->facts & (CONN_HELD | CONN_MINISOCK)) &&
	       periods(c->start_ns, now, period) > periods(c->start_ns, t->progress_swept_ns, period);
}

static bool is_wanted(const struct conn_table *t)
{
	return t->config.progress_ns && emit_wanted(t, RECORD_PROGRESS);
}

void progress_tick(struct conn_table *t, uint64_t now)
{
	if (!is_wanted(t) || t->progress_scans || now < t->progress_swept_ns + SWEEP_NS)
		return;
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		if (is_due(t, c, now))
			emit_progress(t, c, CONN_END_UNKNOWN, &(struct conn_last){.at_ns = now});
	}
	t->progress_swept_ns = now;
}

void progress_found(struct conn_table *t, struct conn *c, const struct wire_state *found)
{
	const struct conn_numbers numbers = conn_numbers(found);
	const struct conn_last last = {.at_ns = found->hdr.ts, .numbers = &numbers, .stats = wire_stats(&found->hdr)};

	if (!is_wanted(t))
		return;
	if (t->scan.cause == WIRE_SCAN_STOP)
		emit_progress(t, c, CONN_END_DAEMON_STOP, &last);
	else if (t->scan.cause == WIRE_SCAN_PROGRESS && is_due(t, c, t->scan.begin_ns))
		emit_progress(t, c, CONN_END_UNKNOWN, &last);
}

void progress_scanned(struct conn_table *t)
{
	uint64_t now = t->scan.begin_ns;

	if (!is_wanted(t) || t->scan.cause != WIRE_SCAN_PROGRESS)
		return;
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		if (c->scan_epoch != t->scan.epoch && is_due(t, c, now))
			emit_progress(t, c, CONN_END_UNKNOWN, &(struct conn_last){.at_ns = now});
	}
	t->progress_swept_ns = now;
	t->progress_scans = true;
}

void progress_stop(struct conn_table *t, const struct conn *c, uint64_t now)
{
	if (emit_wanted(t, RECORD_PROGRESS) && (t->scan.cause != WIRE_SCAN_STOP || c->scan_epoch != t->scan.epoch))
		emit_progress(t, c, CONN_END_DAEMON_STOP, &(struct conn_last){.at_ns = now});
}
