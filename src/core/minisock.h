/* SPDX-License-Identifier: GPL-2.0-only */
/* What the hooks and scans show of minisockets: TIME_WAIT, and FIN_WAIT2 without a socket. */
#pragma once

#include "table.h"

void minisock_event(struct conn_table *t, const struct wire_minisock *ev);

/* True if a minisocket follows this ->CLOSE of `c`, or was refused: then `c` is dealt with. `c->end` is judged. */
bool minisock_close(struct conn_table *t, struct conn *c, const struct conn_last *last);

/* A ->CLOSE of which minisock_close() knows nothing may have left FIN_WAIT2 without a socket. */
bool minisock_may_follow(const struct conn_table *t, const struct conn *c, const struct conn_last *last);

/* minisock_close() for one after which no reset came: on the scan tier that is a minisocket, too. */
bool minisock_after_closing(struct conn_table *t, struct conn *c, const struct conn_last *last);

/* A scan that covered minisockets is over. */
void minisock_scanned(struct conn_table *t);

/* Time has passed: ends that must have been lost. */
void minisock_tick(struct conn_table *t, uint64_t now);

/* The run ends: the minisocket of `c` has ended before, if its timer was stopped and would have fired by now. */
void minisock_stop(struct conn_table *t, struct conn *c, uint64_t now);
