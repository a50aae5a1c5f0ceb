/* SPDX-License-Identifier: GPL-2.0-only */
/* What the hooks and scans tell of minisockets: TIME_WAIT, and FIN_WAIT2 without a socket. */
#ifndef CORE_MINISOCK_H
#define CORE_MINISOCK_H

#include "table.h"

void minisock_event(struct conn_table *t, const struct wire_minisock *ev);

/* True if a minisocket follows this ->CLOSE of `c`, or was refused: then `c` is dealt with. `c->end` is judged. */
bool minisock_close(struct conn_table *t, struct conn *c, const struct wire_state *close);

/* The same for a close that was held, and no reset came: on the scan tier that is a minisocket, too. */
bool minisock_unheld(struct conn_table *t, struct conn *c, const struct wire_state *close, const struct wire_stats *stats);

/* `ev` stopped the timer of `c`, and nothing followed. */
void minisock_died(struct conn_table *t, struct conn *c, const struct wire_minisock *ev);

/* A scan that covered minisockets is over. */
void minisock_scanned(struct conn_table *t);

/* Time has passed: ends that must have been lost. */
void minisock_tick(struct conn_table *t, uint64_t now);

#endif
