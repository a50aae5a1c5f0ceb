// SPDX-License-Identifier: GPL-2.0-only
#include "open_conns.h"

#include "emit.h"
#include "tw_conn.h"

/* What is closed only waits for its record. */
static bool is_open(const struct conn *c)
{
	return c->spans_len && c->state != WIRE_CLOSE && !(c->facts & CONN_HELD);
}

void open_conns_each(const struct conn_table *t, open_conn_fn fn, void *ctx)
{
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		const struct conn_entry *last = &c->spans[c->spans_len ? c->spans_len - 1 : 0];
		struct open_conn conn = {
			.state = c->state,
			.entered_known = last->ev != CONN_EV_SCAN && !last->us_unknown,
		};

		if (!is_open(c))
			continue;
		conn.entered_ns = conn_entered_ns(c);
		emit_tuple(t, c, &conn.t);
		fn(ctx, &conn);
	}
}

bool open_conns_record(const struct conn_table *t, uint64_t cookie, uint64_t now, struct conn_record *ret)
{
	const struct conn *c = table_find(t, cookie);

	if (!c || !is_open(c))
		return false;
	if (c->facts & CONN_MINISOCK)
		tw_conn_fill(t, c, now, ret);
	else
		emit_fill(t, c, CONN_END_UNKNOWN, &(struct conn_last){.at_ns = now}, ret);
	ret->final = false;
	return true;
}
