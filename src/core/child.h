/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include "state.h"

/* Of an event out of SYN_RECV, or of a scan that met a socket there. */
enum conn_role child_role(const struct wire_state *ev);

/* A child of which something else is seen first; NULL if `h` shows none. Start, role and tuple are not known yet. */
struct conn *child_early(struct conn_table *t, const struct wire_hdr *h);
bool child_is_early(const struct conn *c);

/* A child begins with its event, unless it was met early. */
void child_begin(const struct conn_table *t, struct conn *c, const struct wire_state *ev);

/* `c`, of whichever begin, leaves SYN_RECV: that may show more of who opened than was known. */
void child_leaves(struct conn *c, const struct wire_state *ev);
