/* SPDX-License-Identifier: GPL-2.0-only */
/* With CONN_TW_SPLIT: connections whose socket is closed and whose peer's FIN is still to come, which mostly is soon. */
#ifndef CORE_AWAITED_H
#define CORE_AWAITED_H

#include "table.h"

struct awaited;

int awaited_new(struct awaited **out);
void awaited_free(struct awaited *awaited);
uint64_t awaited_memory(const struct awaited *awaited);

/* Pending `c` is not told yet: it is by tw_conn_emit(), at its FIN, at its end, or when it has waited long enough. */
void awaited_push(struct conn_table *t, const struct conn *c);

/* Tells those that have waited long enough by t->now. */
void awaited_expire(struct conn_table *t);

/* Some wait: a scan of minisockets would tell whether their FIN came. */
bool awaited_any(const struct conn_table *t);

#endif
