/* SPDX-License-Identifier: GPL-2.0-only */
/* What events prove about a connection, written into its facts and counts. */
#pragma once

#include "state.h"

/* To be in a state proves what must have happened before, seen or not. */
void facts_state(struct conn_table *t, struct conn *c, unsigned int state);

/* Who opened a connection that is older than us, if the numbers of a socket at rest show it. */
void facts_role(struct conn *c, const struct wire_state *found);

void facts_take_ident(struct conn_table *t, struct conn *c, const struct wire_ident *ident);

/* `ident` may be NULL here and below. Inline, since most events have none. */
static inline void facts_ident(struct conn_table *t, struct conn *c, const struct wire_ident *ident)
{
	if (ident)
		facts_take_ident(t, c, ident);
}

/* Our SYN's number, from wherever it shows. */
void facts_isn(struct conn *c, uint32_t isn_local);

/* At the end of a child's handshake: how often its SYN-ACK was repeated, which no hook shows of a connection. */
void facts_synacks(struct conn *c, const struct wire_ident *ident);

/* The sequence numbers at a transition. */
void facts_numbers(struct conn *c, const struct wire_state *ev);

/* Counts of handshake segments and resets have few bits: they stop at `max`. */
static inline uint32_t facts_capped(uint32_t value, uint32_t max)
{
	return value < max ? value : max;
}
