/* SPDX-License-Identifier: GPL-2.0-only */
/* Which process a connection belongs to. */
#pragma once

#include "table.h"

/* The process that `ev` names, if any, did to `c` what `from` says. */
void conn_owner_saw(struct conn_table *t, struct conn *c, const struct wire_hdr *ev, enum conn_from from);

/* A WIRE_TOUCH; `c` is NULL if it is not in the table yet. */
void conn_owner_touched(struct conn_table *t, struct conn *c, const struct wire_hdr *ev);

/* What a transition or a scan says of `c`, besides the process that it may name. */
void conn_owner_state(struct conn_table *t, struct conn *c, const struct wire_hdr *h);

/* What is known of the owner now: the evidence, else for a server connection who listens. */
void conn_owner_fill(const struct conn_table *t, const struct conn *c, struct conn_tuple *tuple);
