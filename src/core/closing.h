/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections that are closed but have no record yet: a reset that belongs to them may still come. */
#pragma once

#include "table.h"

int closing_init(struct conn_table *t); /* 0 or -errno */

/* `c` is closed, judged in c->end, and has no minisocket: emits and forgets it, or keeps it for a while. */
void closing_begin(struct conn_table *t, struct conn *c, const struct conn_last *last, enum conn_by by);

/* A record of a reset of `c` follows: says first what waits to be said, its begin or its ->CLOSE. */
void closing_say(struct conn_table *t, struct conn *c);

/* A reset was seen on `c`, which is kept: judges again, emits and forgets it. */
void closing_reset(struct conn_table *t, struct conn *c, const struct wire_reset *reset);

/* table_find() for an event that shows that the socket lives: what is kept of it is emitted first. */
struct conn *closing_find(struct conn_table *t, uint64_t cookie);

/* A scan found a minisocket: no reset follows the close that left it. */
void closing_minisock(struct conn_table *t, const struct wire_minisock *ev);

/* The run ends: what still waits for a reset is not complete. */
void closing_stop(struct conn_table *t);

/* Emits those that have waited long enough by `now`. */
void closing_expire(struct conn_table *t, uint64_t now);
