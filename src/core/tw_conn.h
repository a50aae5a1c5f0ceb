/* SPDX-License-Identifier: GPL-2.0-only */
/* Closed connections whose minisocket lives: kept small until it ends, then emitted whole. */
#pragma once

#include "table.h"

#define TW_CONN_2MSL_NS 60000000000ULL /* TCP_TIMEWAIT_LEN, a constant of every kernel */

int tw_conn_init(struct conn_table *t); /* 0 or -errno */

/*
 * `c` is closed, and has a minisocket in `state`, FIN_WAIT2 or TIME_WAIT, since last->at_ns. `flags`: MINI_FOUND or
 * MINI_INFERRED. With CONN_TW_SPLIT the connection is emitted in TIME_WAIT, or when it has waited for that in FIN_WAIT2.
 */
void tw_conn_enter(struct conn_table *t, struct conn *c, unsigned int state, const struct conn_last *last, uint8_t flags);

/* It was REFUSED: a minisocket that there never was. */
void tw_conn_refused(struct conn_table *t, struct conn *c, unsigned int state, const struct conn_last *last, enum conn_ev ev);

/* The timer of `c` is due at `due_ns`; `expires` is wire_minisock's. */
void tw_conn_set_due(struct conn_table *t, struct conn *c, int64_t due_ns, uint16_t expires);
int64_t tw_conn_due_ns(const struct conn *c);

/* When the minisocket began, which is in FIN_WAIT2. */
int64_t tw_conn_fin_wait2_ns(const struct conn *c);

/* When TIME_WAIT began. */
struct tw_begin {
	int64_t at_ns;
	bool at_is_upper_bound, restarts_unsure; /* conn_minisock's */
};

/* The peer's FIN came to a minisocket in FIN_WAIT2. */
void tw_conn_fin(struct conn_table *t, struct conn *c, const struct tw_begin *begin, uint32_t rcv_nxt);

void tw_conn_restart(struct conn *c);

/* Its record as it would be at `now`, while it goes on. */
void tw_conn_fill(const struct conn_table *t, const struct conn *c, uint64_t now, struct conn_record *ret);

/* False: a socket with this tuple is in another life, in which it is connected elsewhere. */
bool tw_conn_has_tuple(const struct conn_table *t, const struct conn *c, const struct wire_ident *ident);

/* It is over: emits and forgets it. */
void tw_conn_end(struct conn_table *t, struct conn *c, uint64_t at_ns, enum wire_minisock_cause cause);

/* The same if nobody knows when it ends or ended; `why` is the connection's end if the peer's FIN has not come. */
void tw_conn_cut(struct conn_table *t, struct conn *c, uint64_t now, enum conn_end why);

/* The same for one that has to give way: counted as early. */
void tw_conn_early(struct conn_table *t, struct conn *c);

/* A newcomer needs the place of the one whose timer was set first. */
void tw_conn_make_room(struct conn_table *t);

/* With CONN_TW_SPLIT: emits the connections that have waited for the peer's FIN long enough by `now`. */
void tw_conn_expire(struct conn_table *t, uint64_t now);

/* Some wait: a scan of minisockets would show whether their FIN came. */
bool tw_conn_any_waits(const struct conn_table *t);
