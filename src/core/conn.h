/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connection table: takes in wire events, hands out records. Pure: no I/O, no clock (time is what the events say), no
 * global. Its events must come in time order; it never sorts.
 */
#pragma once

#include "conn_config.h"
#include "finding.h"
#include "record_types.h"
#include "wire_read.h"

struct conn_table;

/* 0 or -ENOMEM/-EINVAL. The table calls `emit` from within conn_table_feed() and conn_table_stop() only. */
int conn_table_new(struct conn_table **out, const struct conn_config *config, conn_emit_fn emit, void *ctx);
void conn_table_free(struct conn_table *table); /* NULL is fine; emits nothing */

/* `ev` must be wire_valid(). Kinds that are not the core's business are ignored. */
void conn_table_feed(struct conn_table *table, const struct wire_hdr *ev);

/*
 * The stream ends at `now`: emits what waits only for a late event, then a progress record (end daemon_stop) for each open
 * connection, then a summary of the interval that is not over.
 */
void conn_table_stop(struct conn_table *table, uint64_t now);

/* Records wait for what a scan of minisockets would show (CONN_TW_SPLIT, where hooks may miss it). */
bool conn_table_wants_minisocks(const struct conn_table *table);

/* True if a socket has been in CLOSE_WAIT for so long that the stream should have a leak scan (WIRE_LEAK_BEGIN) soon, or if
 * findings are wanted. */
bool conn_table_wants_leak_scan(const struct conn_table *table, uint64_t now);

/*
 * Before WIRE_LEAK_END: the processes that others have inherited sockets from. Of one that has ended the stream should have a
 * WIRE_EXIT.
 */
void conn_table_openers(const struct conn_table *table, opener_fn fn, void *ctx);

/* True if a listener's process has ended, or may not be the right one: the stream should have a scan of listeners. */
bool conn_table_wants_listeners(const struct conn_table *table, uint64_t now);

/* True if a tick at `now` makes a summary, or looks for findings: the stream should have a survey before it. UINT64_MAX: if
 * the stop does. */
bool conn_table_wants_survey(const struct conn_table *table, uint64_t now);

struct conn_table_stats {
	uint64_t events_in;
	uint64_t tracked;      /* now, listeners not counted */
	uint64_t resyncs;      /* impossible transitions: an event was lost */
	uint64_t memory_bytes; /* all that the table holds */
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t time_wait_early;       /* TIME_WAITs emitted before their end: max_connections, or the socket connects again */
	uint64_t leaks_open;            /* at the stop: alerts of CLOSE_WAIT without an end */
	uint64_t finding_scans;         /* leak scans that were searched for findings */
	uint64_t findings_left_out;     /* sockets, services and findings, for lack of room */
	uint64_t generations_forgotten; /* sockets whose next connect() will count from 0 again */
};
void conn_table_stats(const struct conn_table *table, struct conn_table_stats *ret_stats);

/* For metrics, at any time. */
struct metrics_table;
void conn_table_metrics(const struct conn_table *table, uint64_t now, struct metrics_table *ret);

/*
 * What the next run should know, as events that a later conn_table_feed() takes behind a WIRE_BEFORE: those of open alerts,
 * since when sockets are in CLOSE_WAIT, and findings that are up. `at_stop`: conn_table_stop() follows, which emits what waits.
 */
void conn_table_keep(const struct conn_table *table, bool at_stop, event_fn fn, void *ctx);
/* Each finding that is up, of the run before or of this one. */
void conn_table_findings(const struct conn_table *table, finding_fn fn, void *ctx);

uint64_t conn_table_kept_changes(const struct conn_table *table); /* another number: alerts or findings have changed */
