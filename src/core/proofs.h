/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's stamps and counters prove of single segments: enum conn_proven. For facts.c. */
#pragma once

#include "state.h"

/* SYN_SENT ends: when our SYN left. */
void proofs_syn(struct conn *c, const struct wire_state *ev);

/* Any transition, of which facts.c knows all else already. Without a proof part nothing is proven. */
void proofs_add(struct conn *c, const struct wire_state *ev);
