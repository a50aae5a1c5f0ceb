/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include "state.h"

/* Of an event out of SYN_RECV, or of a scan that met a socket there. */
enum conn_role child_role(const struct wire_state *ev);

/* A child that was not met before begins with its event. */
void child_begin(const struct conn_table *t, struct conn *c, const struct wire_state *ev);

/* `c`, of whichever begin, leaves SYN_RECV: that may show more of who opened than was known. */
void child_leaves(struct conn *c, const struct wire_state *ev);
