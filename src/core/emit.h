/* SPDX-License-Identifier: GPL-2.0-only */
/* Turns what the table knows into records and hands them out, those that are wanted. */
#ifndef CORE_EMIT_H
#define CORE_EMIT_H

#include "table.h"

bool emit_wanted(const struct conn_table *t, enum record_kind kind);
void emit_record(const struct conn_table *t, const struct record *rec);

/* Who `c` is. `tuple` must be zero. */
void emit_tuple(const struct conn_table *t, const struct conn *c, struct conn_tuple *tuple);

/* The life of `c` is over: tells it and forgets it. `close` and `stats` are NULL if its ->CLOSE was not seen. */
void emit_finish(struct conn_table *t, struct conn *c, uint64_t end_ns, const struct wire_state *close,
		 const struct wire_stats *stats, const struct conn_time_wait *tw);

/* The same without forgetting it. `tw`: of its minisocket; NULL if there was none, or nobody looks. */
void emit_connection(struct conn_table *t, struct conn *c, uint64_t end_ns, const struct wire_state *close,
		     const struct wire_stats *stats, const struct conn_time_wait *tw);

/* The minisocket of `c`, which was told before, ended at `ts`. */
void emit_time_wait(const struct conn_table *t, const struct conn *c, uint64_t ts, const struct conn_time_wait *tw);

/* The kernel counted repeats of which no event came. */
bool emit_repeats_unseen(const struct conn *c, const struct wire_stats *stats);

/* `c` as it stands; end says why now: CONN_END_UNKNOWN or CONN_END_DAEMON_STOP. */
/* `found`: what a scan just saw of the socket, with its counters; may be NULL. */
void emit_progress(const struct conn_table *t, const struct conn *c, uint64_t now, enum conn_end end,
		   const struct wire_state *found);

/* A transition of `c`, before the table takes it over. The first of a client waits for the tuple. */
void emit_state(struct conn_table *t, struct conn *c, const struct wire_hdr *ev, enum conn_by by, enum conn_ev how);

/* The first transition of `c`, if it still waits and the tuple is known by now. */
void emit_first_state(struct conn_table *t, struct conn *c);

/* `c` is NULL for a connection that is not tracked. */
void emit_retransmit(const struct conn_table *t, const struct conn *c, const struct wire_retransmit *ev);
void emit_reset(const struct conn_table *t, const struct conn *c, const struct wire_reset *ev);
void emit_aggregate(const struct conn_table *t, const struct wire_aggregate *ev);

#endif
