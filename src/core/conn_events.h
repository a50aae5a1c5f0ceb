/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of connections: what each event changes in them. */
#ifndef CORE_CONN_EVENTS_H
#define CORE_CONN_EVENTS_H

#include "table.h"

void conn_events_state(struct conn_table *t, const struct wire_state *ev);
void conn_events_destroy(struct conn_table *t, const struct wire_hdr *ev);
void conn_events_retransmit(struct conn_table *t, const struct wire_retransmit *ev);
void conn_events_reset(struct conn_table *t, const struct wire_reset *ev);
void conn_events_touch(struct conn_table *t, const struct wire_hdr *ev);

/* The parts of a change, for scans too. */
void timeline_enter(struct conn *c, uint64_t ts, unsigned int state, enum conn_by by, enum conn_ev ev);
void timeline_gap(struct conn_table *t, struct conn *c);

/* The end of `c` was not seen; it is told as gone by `now`. */
void conn_events_lost_end(struct conn_table *t, struct conn *c, uint64_t now);

#endif
