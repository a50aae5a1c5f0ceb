// SPDX-License-Identifier: GPL-2.0-only
#include "timeline.h"

#define AT_MAX_US ((1ULL << 48) - 1)

void timeline_enter(struct conn *c, uint64_t ts, unsigned int state, enum conn_by by, enum conn_ev ev)
{
	uint64_t at_us = conn_us_at(c, ts);

	c->facts &= ~CONN_SCAN_JUMP;
	if (c->spans_len == CONN_SPANS) {
		c->facts |= CONN_TRUNCATED;
		conn_last_entry(c)->us_unknown = true;
		return;
	}
	if (at_us > AT_MAX_US)
		at_us = AT_MAX_US;
	if (c->spans_len && at_us < conn_last_entry(c)->at_us) /* only a broken stream goes back in time */
		at_us = conn_last_entry(c)->at_us;
	c->spans[c->spans_len++] = (struct conn_entry){.at_us = at_us, .state = state, .by = by, .ev = ev};
}

void timeline_gap(struct conn_table *t, struct conn *c)
{
	t->resyncs++;
	conn_count_gap(c);
}
