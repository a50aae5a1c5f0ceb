// SPDX-License-Identifier: GPL-2.0-only
#include "open_conns.h"

#include "emit.h"
#include "listener.h"
#include "tw_conn.h"

/* What is closed only waits for its record. */
static bool is_open(const struct conn *c)
{
	return c->spans_len && c->state != WIRE_CLOSE && !(c->facts & CONN_HELD);
}

static struct open_conn open_conn(const struct conn_table *t, const struct conn *c)
{
	const struct conn_entry *last = &c->spans[c->spans_len - 1];
	struct open_conn conn = {
		.state = c->state,
		.entered_known = last->ev != CONN_EV_SCAN && !last->us_unknown,
		.entered_ns = conn_entered_ns(c),
	};

	emit_tuple(t, c, &conn.t);
	return conn;
}

void open_conns_each(const struct conn_table *t, open_conn_fn fn, void *ctx)
{
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		struct open_conn conn;

		if (!is_open(c))
			continue;
		conn = open_conn(t, c);
		fn(ctx, &conn);
	}
}

void open_listeners_each(const struct conn_table *t, open_conn_fn fn, void *ctx)
{
	for (uint32_t id = 1; id < listeners_end(&t->listeners); id++) {
		struct open_conn conn = {.state = WIRE_LISTEN};

		if (listeners_tuple(&t->listeners, id, &conn.t))
			fn(ctx, &conn);
	}
}

/* The table may have a million of them, and whose they are is asked for the newest only. */
unsigned int open_conns_newest(const struct conn_table *t, struct open_conn ret[OPEN_CONNS_NEWEST])
{
	const struct conn *newest[OPEN_CONNS_NEWEST];
	uint64_t entered_ns[OPEN_CONNS_NEWEST];
	unsigned int len = 0, at;

	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		uint64_t ns = is_open(c) ? conn_entered_ns(c) : 0;

		if (!ns || (len == OPEN_CONNS_NEWEST && entered_ns[len - 1] >= ns))
			continue;
		at = len < OPEN_CONNS_NEWEST ? len++ : len - 1;
		for (; at && entered_ns[at - 1] < ns; at--) {
			entered_ns[at] = entered_ns[at - 1];
			newest[at] = newest[at - 1];
		}
		entered_ns[at] = ns;
		newest[at] = c;
	}
	for (at = 0; at < len; at++)
		ret[at] = open_conn(t, newest[at]);
	return len;
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
