/* SPDX-License-Identifier: GPL-2.0-only */
/* From what the table knows to records: builds those that are wanted and hands them out. */
#pragma once

#include "table.h"

static inline bool emit_wanted(const struct conn_table *t, enum record_kind kind)
{
	return t->config.wanted & 1u << kind;
}
void emit_record(const struct conn_table *t, const struct record *rec); /* if it is wanted */

/* Who `c` is. `tuple` must be zero. */
void emit_tuple(const struct conn_table *t, const struct conn *c, struct conn_tuple *tuple);

/* The record of `c` as it is at last->at_ns; the caller sets `final`. */
void emit_fill(const struct conn_table *t, const struct conn *c, enum conn_end end, const struct conn_last *last,
	       struct conn_record *rec);

/* The life of `c` is over: its record, by c->end. */
void emit_connection(struct conn_table *t, struct conn *c, const struct conn_last *last);

/* The same, and forgets it. */
void emit_finish(struct conn_table *t, struct conn *c, const struct conn_last *last);

/* `c` goes on. `end` says why now: CONN_END_UNKNOWN or CONN_END_DAEMON_STOP. last->numbers: what a scan just saw. */
void emit_progress(const struct conn_table *t, const struct conn *c, enum conn_end end, const struct conn_last *last);

/* The minisocket of `c`, which has a record already, ended at `ts`. */
void emit_time_wait(const struct conn_table *t, const struct conn *c, uint64_t ts, const struct conn_time_wait *tw);

/* A transition of `c`, before the table has it. The first of a client waits for the tuple: the port may not be chosen yet. */
void emit_wanted_state(struct conn_table *t, struct conn *c, const struct wire_hdr *ev, enum conn_by by, enum conn_ev how);
static inline void emit_state(struct conn_table *t, struct conn *c, const struct wire_hdr *ev, enum conn_by by,
			      enum conn_ev how)
{
	if (emit_wanted(t, RECORD_STATE))
		emit_wanted_state(t, c, ev, by, how);
}

/* The same of what no WIRE_STATE shows: `c` leaves its state. */
struct emit_step {
	uint64_t ts;
	uint8_t to; /* enum wire_tcp_state */
	enum conn_by by;
	enum conn_ev ev;
};
void emit_step(struct conn_table *t, struct conn *c, const struct emit_step *step);

/* The first transition of `c`, if it still waits. */
void emit_due_state(struct conn_table *t, struct conn *c);
static inline void emit_first_state(struct conn_table *t, struct conn *c)
{
	if (c->facts & CONN_STATE_DUE)
		emit_due_state(t, c);
}

/* `c` is NULL for a connection that is not tracked. */
void emit_retransmit(const struct conn_table *t, const struct conn *c, const struct wire_retransmit *ev);
void emit_reset(const struct conn_table *t, const struct conn *c, const struct wire_reset *ev);
void emit_aggregate(const struct conn_table *t, const struct wire_aggregate *ev);
