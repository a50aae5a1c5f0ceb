/* SPDX-License-Identifier: GPL-2.0-only */
/* Closed connections whose minisocket lives: kept small until it ends, then told whole. */
#ifndef CORE_TW_CONN_H
#define CORE_TW_CONN_H

#include "table.h"

#define TW_CONN_2MSL_NS 60000000000ULL /* TCP_TIMEWAIT_LEN, a constant of every kernel */

/*
 * `c` becomes pending in `state`, FIN_WAIT2 or TIME_WAIT, at `at_ns`. `close` and `stats` may be NULL: not seen. `flags`:
 * MINI_FOUND or MINI_INFERRED. With CONN_TW_SPLIT the connection is told in TIME_WAIT, or when it has waited for that in
 * FIN_WAIT2 (awaited.c).
 */
void tw_conn_enter(struct conn_table *t, struct conn *c, unsigned int state, uint64_t at_ns, const struct wire_state *close,
		   const struct wire_stats *stats, uint8_t flags);

/* With CONN_TW_SPLIT: tells the connection, which was not told, as it stands. */
void tw_conn_emit(struct conn_table *t, struct conn *c, uint64_t now);

/* The timer of `c` is due at `due_ns`. */
void tw_conn_set_due(struct conn_table *t, struct conn *c, int64_t due_ns);
int64_t tw_conn_due_ns(const struct conn *c);

/* The peer's FIN came to a minisocket in FIN_WAIT2; `begin_is_upper_bound`: it may have come before, and be known of by a
 * repeat. */
void tw_conn_fin(struct conn_table *t, struct conn *c, int64_t at_ns, uint32_t rcv_nxt, bool begin_is_upper_bound);

void tw_conn_restart(struct conn *c);

/* It is over: tells and forgets it. */
void tw_conn_end(struct conn_table *t, struct conn *c, uint64_t at_ns, enum wire_minisock_cause cause);

/* The same if nobody knows when it ends or ended; `why` is the connection's end if the peer's FIN has not come. */
void tw_conn_cut(struct conn_table *t, struct conn *c, uint64_t now, enum conn_end why);

/* A newcomer needs the place of the one whose timer was set first: told early, and counted. */
void tw_conn_make_room(struct conn_table *t);
void tw_conn_early(struct conn_table *t, struct conn *c);

/* It was REFUSED: a minisocket that there never was. */
void tw_conn_refused(struct conn_table *t, struct conn *c, unsigned int state, const struct wire_state *close,
		     const struct wire_stats *stats, enum conn_ev ev);

#endif
