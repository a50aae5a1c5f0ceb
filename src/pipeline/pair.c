// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring of waiting ends, oldest first, and chains over it by the address pair, which is the same whichever end one looks from.
 * Only the oldest leaves the ring, so it is also the first of its chain.
 */
#include "pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLACK_NS 1000000000ULL

struct place {
	struct ladder_end end;
	uint64_t until;
	uint32_t next;  /* in its chain */
	uint32_t other; /* NONE: still alone */
	bool taken;     /* the other end stands before it and brings it along */
};

struct chain {
	uint32_t first, last;
};

struct pairs {
	pair_fn fn;
	void *ctx;
	uint64_t wait_ns, hurried;
	uint32_t head, len;
	uint32_t size;
	struct chain *chains; /* as many as places */
	struct place *places; /* touched only as far as ends wait at a time */
};

#define NONE UINT32_MAX

int pairs_new(struct pairs **out, uint32_t size, uint64_t wait_ns, pair_fn fn, void *ctx)
{
	struct pairs *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->size = size;
	c->chains = malloc(size * sizeof(*c->chains));
	c->places = malloc(size * sizeof(*c->places));
	if (!c->chains || !c->places) {
		pairs_free(c);
		return -ENOMEM;
	}
	c->wait_ns = wait_ns;
	c->fn = fn;
	c->ctx = ctx;
	memset(c->chains, 0xff, size * sizeof(*c->chains)); /* NONE */
	*out = c;
	return 0;
}

void pairs_free(struct pairs *c)
{
	if (!c)
		return;
	free(c->chains);
	free(c->places);
	free(c);
}

uint64_t pairs_hurried(const struct pairs *c)
{
	return c->hurried;
}

static uint32_t hash_end(const uint8_t addr[16], uint16_t port)
{
	uint32_t hash = 2166136261u ^ port;

	for (int i = 0; i < 16; i++)
		hash = (hash ^ addr[i]) * 16777619u;
	return hash ^ hash >> 15;
}

static struct chain *chain_of(struct pairs *c, const struct wire_ident *id)
{
	return &c->chains[(hash_end(id->local_addr, id->local_port) + hash_end(id->peer_addr, id->peer_port)) % c->size];
}

static bool isn_agrees(bool a_known, uint32_t a, bool b_known, uint32_t b)
{
	return !a_known || !b_known || a == b;
}

static bool are_ends_of_one(const struct ladder_end *a, const struct ladder_end *b)
{
	const struct conn_record *ra = &a->rec, *rb = &b->rec;
	const struct wire_ident *ia = &ra->t.id, *ib = &rb->t.id;

	return ia->local_port == ib->peer_port && ia->peer_port == ib->local_port && ra->final == rb->final &&
	       !memcmp(ia->local_addr, ib->peer_addr, sizeof(ia->local_addr)) &&
	       !memcmp(ia->peer_addr, ib->local_addr, sizeof(ia->peer_addr)) && !strcmp(a->boot, b->boot) &&
	       ra->t.cookie != rb->t.cookie &&
	       isn_agrees(ra->isn_local_known, ra->isn_local, rb->isn_peer_known, rb->isn_peer) &&
	       isn_agrees(ra->isn_peer_known, ra->isn_peer, rb->isn_local_known, rb->isn_local) &&
	       ra->start_ns <= rb->end_ns + SLACK_NS && rb->start_ns <= ra->end_ns + SLACK_NS;
}

static uint32_t find_other(struct pairs *c, const struct chain *chain, const struct ladder_end *end)
{
	for (uint32_t i = chain->first; i != NONE; i = c->places[i].next) {
		struct place *place = &c->places[i];
		if (place->other == NONE && !place->taken && are_ends_of_one(&place->end, end))
			return i;
	}
	return NONE;
}

/* The oldest leaves, with the other end if it has come. */
static void pop(struct pairs *c)
{
	struct place *place = &c->places[c->head];
	struct chain *chain = place->end.rec.t.id_known ? chain_of(c, &place->end.rec.t.id) : NULL;

	if (!place->taken)
		c->fn(c->ctx, &place->end, place->other == NONE ? NULL : &c->places[place->other].end);
	if (chain) {
		chain->first = place->next;
		if (chain->first == NONE)
			chain->last = NONE;
	}
	c->head = (c->head + 1) % c->size;
	c->len--;
}

static bool is_ready(const struct place *place, uint64_t now)
{
	return place->taken || place->other != NONE || place->until <= now;
}

void pairs_tick(struct pairs *c, uint64_t now)
{
	while (c->len && is_ready(&c->places[c->head], now))
		pop(c);
}

static void link_place(struct pairs *c, uint32_t number)
{
	struct place *place = &c->places[number];
	struct chain *chain = chain_of(c, &place->end.rec.t.id);
	uint32_t other = find_other(c, chain, &place->end);

	if (other != NONE) {
		c->places[other].other = number;
		place->taken = true;
	}
	if (chain->last == NONE)
		chain->first = number;
	else
		c->places[chain->last].next = number;
	chain->last = number;
}

void pairs_put(struct pairs *c, const struct ladder_end *end)
{
	uint32_t number;
	struct place *place;

	pairs_tick(c, end->ts);
	if (c->len == c->size) {
		const struct place *oldest = &c->places[c->head];
		c->hurried += !is_ready(oldest, end->ts) && oldest->end.selected;
		pop(c);
	}
	number = (c->head + c->len++) % c->size;
	place = &c->places[number];
	*place = (struct place){.end = *end, .until = end->ts + c->wait_ns, .next = NONE, .other = NONE};
	if (end->rec.t.id_known)
		link_place(c, number);
	pairs_tick(c, end->ts);
}
