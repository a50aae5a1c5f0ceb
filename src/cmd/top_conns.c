// SPDX-License-Identifier: GPL-2.0-only
/* The connections of one process, and the ladder of one connection with the other end, if that is on this host too. */
#include "src/core/conn.h"
#include "src/host/self.h"
#include "src/pipeline/ladder_end.h"
#include "src/pipeline/live.h"
#include "src/pipeline/pair.h"
#include "top_run.h"

#include <stdlib.h>
#include <string.h>

#define ENDS_BITS 2 /* two ends, and room */

static const struct conn_table *table_of(const struct top_run *t)
{
	return pipeline_table(live_pipeline(t->run.live));
}

/* An open_conn_fn. */
static void keep(void *ctx, const struct open_conn *conn)
{
	struct top_run *t = ctx;

	if (!top_same(&t->process, &conn->t) || !top_selects(t, conn))
		return;
	if (t->conns_len == TOP_CONNS_MAX)
		t->conns_left_out++;
	else
		t->conns[t->conns_len++] = *conn;
}

/* For qsort(): those that are in their state longest first. */
static int by_age(const void *one, const void *other)
{
	const struct open_conn *a = one, *b = other;

	if (a->entered_ns != b->entered_ns)
		return a->entered_ns > b->entered_ns ? 1 : -1;
	return (a->t.cookie > b->t.cookie) - (a->t.cookie < b->t.cookie);
}

void top_conns_fill(struct top_run *t)
{
	t->conns_len = 0;
	t->conns_left_out = 0;
	if (!t->conns)
		t->conns = reallocarray(NULL, TOP_CONNS_MAX, sizeof(*t->conns));
	t->failed |= !t->conns;
	if (!t->conns)
		return;
	open_conns_each(table_of(t), keep, t);
	qsort(t->conns, t->conns_len, sizeof(*t->conns), by_age);
}

/* Who may be the other end: the addresses are the same, in the other order. */
struct search {
	const struct wire_ident *id;
	uint64_t cookie; /* 0: none is found */
	uint64_t own;
	bool found_near; /* in the same namespace: no other is better */
};

/* An open_conn_fn. */
static void find_other(void *ctx, const struct open_conn *conn)
{
	const struct wire_ident *id = &conn->t.id;
	struct search *s = ctx;

	if (s->found_near || !conn->t.id_known || conn->t.cookie == s->own)
		return;
	if (id->local_port == s->id->peer_port && id->peer_port == s->id->local_port &&
	    !memcmp(id->local_addr, s->id->peer_addr, sizeof(id->local_addr)) &&
	    !memcmp(id->peer_addr, s->id->local_addr, sizeof(id->peer_addr))) {
		s->cookie = conn->t.cookie;
		s->found_near = id->netns == s->id->netns;
	}
}

/* As wide as the screen, as far as a ladder can be. */
static unsigned int ladder_width_of(const struct top_run *t)
{
	if (t->width < LADDER_WIDTH_MIN)
		return LADDER_WIDTH_MIN;
	return t->width < LADDER_WIDTH_MAX ? (unsigned int)t->width : LADDER_WIDTH_MAX;
}

/* A pair_fn. The two may be ends of different connections, of namespaces with the same addresses: then each comes alone. */
static void draw(void *ctx, const struct ladder_end *a, const struct ladder_end *b)
{
	struct top_run *t = ctx;
	bool swap = b && b->rec.t.role == CONN_CLIENT && a->rec.t.role != CONN_CLIENT;
	const struct ladder ladder = {
		.left = swap ? b : a, .right = swap ? a : b, .ascii = t->ascii, .width = ladder_width_of(t)};

	if (a->selected || (b && b->selected))
		t->ladder_len = ladder_draw(&ladder, t->ladder, sizeof(t->ladder));
}

static void put_end(struct top_run *t, struct pairs *pairs, const struct conn_record *conn, uint64_t now)
{
	struct ladder_end end;

	ladder_end_fill(t->context, &(struct record){.ts = now, .conn = conn}, &end);
	end.selected = conn->t.cookie == t->cookie;
	pairs_put(pairs, &end);
}

void top_ladder_fill(struct top_run *t, uint64_t now)
{
	struct pairs pairs = {.fn = draw, .ctx = t};
	struct conn_record conn;
	struct search search;

	t->ladder_over = !open_conns_record(table_of(t), t->cookie, now, &conn);
	if (t->ladder_over)
		return;
	self_hash_key(&pairs.hash_key);
	if (pairs_init(&pairs, ENDS_BITS)) {
		t->failed = true;
		pairs_free(&pairs);
		return;
	}
	pairs.wait_ns = 1;
	put_end(t, &pairs, &conn, now);
	search = (struct search){.id = &conn.t.id, .own = t->cookie};
	if (conn.t.id_known)
		open_conns_each(table_of(t), find_other, &search);
	if (search.cookie && open_conns_record(table_of(t), search.cookie, now, &conn))
		put_end(t, &pairs, &conn, now);
	pairs_tick(&pairs, UINT64_MAX);
	pairs_free(&pairs);
}
