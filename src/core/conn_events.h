/* SPDX-License-Identifier: GPL-2.0-only */
/* What each event changes in its connection. */
#pragma once

#include "table.h"

void conn_events_state(struct conn_table *t, const struct wire_state *ev);
void conn_events_destroy(struct conn_table *t, const struct wire_hdr *ev);
void conn_events_retransmit(struct conn_table *t, const struct wire_retransmit *ev);
void conn_events_reset(struct conn_table *t, const struct wire_reset *ev);
void conn_events_touch(struct conn_table *t, const struct wire_hdr *ev);

/* The end of `c` was not seen; it is gone by `now`. */
void conn_events_lost_end(struct conn_table *t, struct conn *c, uint64_t now);
