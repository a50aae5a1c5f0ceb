/* SPDX-License-Identifier: GPL-2.0-only */
/* Minisockets whose timer was stopped: dead, unless it is set again or fires at once. */
#ifndef CORE_STOPPED_H
#define CORE_STOPPED_H

#include "table.h"

struct stopped;

int stopped_new(struct stopped **out);
void stopped_free(struct stopped *stopped);
uint64_t stopped_memory(const struct stopped *stopped);

/* Keeps pending `c`, whose timer `ev` stopped. */
void stopped_push(struct conn_table *t, struct conn *c, const struct wire_minisock *ev);

/* What stopped `c`, which is kept no more; NULL if nothing did. Valid until the next push. */
const struct wire_minisock *stopped_take(struct conn_table *t, struct conn *c);

/* Ends those that have waited long enough by t->now, or all that there are. */
void stopped_expire(struct conn_table *t);
void stopped_drain(struct conn_table *t);

#endif
