/* SPDX-License-Identifier: GPL-2.0-only */
/* The only writer of a connection's timeline. */
#pragma once

#include "state.h"

void timeline_enter(struct conn *c, uint64_t ts, unsigned int state, enum conn_by by, enum conn_ev ev);

/* Something of `c` was lost. */
void timeline_gap(struct conn_table *t, struct conn *c);
