/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections that are closed but not told yet: a reset that belongs to them may still come. */
#ifndef CORE_DELAY_H
#define CORE_DELAY_H

#include "table.h"

int hold_new(struct hold **out);
void hold_free(struct hold *hold);
uint64_t hold_memory(const struct hold *hold);

/* A reset may follow the ->CLOSE `close` of `c`, for which the preliminary verdict is c->end. */
bool hold_wanted(const struct conn *c, const struct wire_state *close);

/* Keeps `c`, whose ->CLOSE is `close`; a preliminary verdict stands in c->end. */
void hold_push(struct conn_table *t, struct conn *c, const struct wire_state *close);

/* A reset was seen on held `c`: judges again and tells it. */
void hold_reset(struct conn_table *t, struct conn *c, const struct wire_reset *reset);

/* Tells held `c` as it stands. */
void hold_release(struct conn_table *t, struct conn *c);

/* Tells all that have waited long enough by t->now, or all that there are. */
void hold_expire(struct conn_table *t);
void hold_drain(struct conn_table *t);

#endif
