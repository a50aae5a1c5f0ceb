// SPDX-License-Identifier: GPL-2.0-only
/*
 * TIME_WAIT exhausts ports: each connection from one address to one (address, port) has a local port of its own until TIME_WAIT
 * is over. Pairs that use more than half of their range are reported. They are few: a first pass counts in buckets, a second
 * counts exactly what is in a bucket that is full enough.
 *
 * The hash is keyed, so that nobody can choose addresses that share a bucket. But a namespace may have a range of two ports,
 * and then half of it is one connection. Pairs with such ranges have half of the room, so that they hide no others. For those
 * it is enough: a table of a million connections has at most 1,953 buckets of more than 512, each with some 15 other pairs.
 *
 * Where connect() takes ports in TIME_WAIT again, they are in use for REUSE_NS only: tcp_tw_reuse, by default within the host.
 * The kernel leaves out those whose peer sent no timestamps, which is not known here.
 *
 * The ranges of at most TABLE_NAMESPACES namespaces are known, those read last. They are read before each summary.
 */
#include "ports.h"

#include "pool.h"
#include "wire_read.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_BITS 16
#define PAIRS 65536u
#define NARROW 1024u /* a range of fewer ports */
#define OWNERS 64
#define REUSE_NS 1000000000ull

struct ports_pair {
	struct conn_ports_row row;
	uint64_t digest;
};

/* Of one summary. */
struct count {
	const struct conn_table *t;
	uint32_t buckets[1u << BUCKET_BITS];
	struct pool pairs; /* of struct ports_pair */
	uint32_t narrow;   /* pairs with a narrow range */
};

/* A pool_key_fn. */
static uint64_t pair_key(const void *item)
{
	return ((const struct ports_pair *)item)->digest;
}

static const struct table_port_range *range_of(const struct conn_table *t, uint32_t netns)
{
	for (uint32_t i = 0; i < TABLE_NAMESPACES && t->port_ranges[i].netns; i++) {
		if (t->port_ranges[i].netns == netns)
			return &t->port_ranges[i];
	}
	return NULL;
}

void ports_set_range(struct conn_table *t, const struct wire_port_range *ev)
{
	struct table_port_range *range = t->port_ranges, *end = range + TABLE_NAMESPACES, *oldest = range;
	const struct wire_port_reuse *reuse = wire_tail(&ev->hdr, sizeof(*reuse));

	if (!ev->netns || ev->first > ev->last)
		return;
	for (; range < end && range->netns && range->netns != ev->netns; range++) {
		if (range->read_ns < oldest->read_ns)
			oldest = range;
	}
	if (range == end)
		range = oldest;
	*range = (struct table_port_range){ev->netns, ev->first, ev->last, reuse ? reuse->where : WIRE_REUSE_OFF, ev->hdr.ts};
}

static bool is_loopback(const uint8_t addr[16])
{
	static const uint8_t mapped[13] = {[10] = 0xff, 0xff, 127}, ipv6[16] = {[15] = 1};

	return !memcmp(addr, mapped, sizeof(mapped)) || !memcmp(addr, ipv6, sizeof(ipv6));
}

/* connect() may take its port again, although it is in TIME_WAIT. */
static bool is_free_again(const struct conn_table *t, const struct conn *c, const struct table_port_range *range)
{
	if (c->state != WIRE_TIME_WAIT || t->now <= conn_entered_ns(c) + REUSE_NS)
		return false;
	return range->reuse == WIRE_REUSE_ALL || (range->reuse == WIRE_REUSE_LOOPBACK &&
						  (is_loopback(c->peer_addr) || is_loopback(conn_place(t, c)->local_addr)));
}

/* The range that `c` took its port from; NULL if it took none, or if that is free again. */
static const struct table_port_range *taken_from(const struct conn_table *t, const struct conn *c)
{
	const struct table_port_range *range;

	if (!conn_is_active(c) || !(c->facts & CONN_ID_KNOWN) || (c->facts & CONN_HELD))
		return NULL;
	range = range_of(t, conn_place(t, c)->netns);
	if (!range || c->local_port < range->first || c->local_port > range->last)
		return NULL;
	return is_free_again(t, c, range) ? NULL : range;
}

static uint64_t digest_of(const struct count *count, const struct conn *c)
{
	const struct conn_place *place = conn_place(count->t, c);
	uint64_t words[5];

	memcpy(words, place->local_addr, sizeof(place->local_addr));
	memcpy(words + 2, c->peer_addr, sizeof(c->peer_addr));
	words[4] = (uint64_t)place->netns << 16 | c->peer_port;
	return index_digest(&count->pairs.index, words, 5);
}

static uint32_t *bucket_of(struct count *count, uint64_t digest)
{
	return &count->buckets[digest >> (64 - BUCKET_BITS)];
}

static uint32_t size_of(const struct table_port_range *range)
{
	return range->last - range->first + 1u;
}

static bool is_of(const struct conn_table *t, const struct conn *c, const struct conn_ports_row *row)
{
	const struct conn_place *place = conn_place(t, c);

	return place->netns == row->netns && c->peer_port == row->peer_port &&
	       !memcmp(c->peer_addr, row->peer_addr, sizeof(row->peer_addr)) &&
	       !memcmp(place->local_addr, row->local_addr, sizeof(row->local_addr));
}

/* 0: there is no room for it. */
static uint32_t add_pair(struct count *count, const struct conn *c, uint64_t digest, uint32_t range)
{
	const struct conn_place *place = conn_place(count->t, c);
	struct ports_pair pair = {.digest = digest, .row = {.netns = place->netns, .peer_port = c->peer_port, .range = range}};

	if (range < NARROW && count->narrow == PAIRS / 2)
		return 0;
	count->narrow += range < NARROW;
	memcpy(pair.row.peer_addr, c->peer_addr, sizeof(pair.row.peer_addr));
	memcpy(pair.row.local_addr, place->local_addr, sizeof(pair.row.local_addr));
	return pool_add(&count->pairs, &pair);
}

static void count_pair(struct count *count, const struct conn *c, uint64_t digest, uint32_t range)
{
	struct ports_pair *pair;
	uint32_t id;

	pool_for_each (id, &count->pairs, digest) {
		pair = pool_at(&count->pairs, id);
		if (pair->digest == digest && is_of(count->t, c, &pair->row))
			break;
	}
	if (!id)
		id = add_pair(count, c, digest, range);
	if (id)
		((struct ports_pair *)pool_at(&count->pairs, id))->row.in_use++;
}

/* The most first, for qsort(). */
static int by_use(const void *one, const void *other)
{
	const struct conn_ports_row *a = &((const struct ports_pair *)one)->row, *b = &((const struct ports_pair *)other)->row;

	if (a->in_use != b->in_use)
		return a->in_use > b->in_use ? -1 : 1;
	if (a->peer_port != b->peer_port)
		return a->peer_port - b->peer_port;
	return memcmp(a->peer_addr, b->peer_addr, sizeof(a->peer_addr))
		?: memcmp(a->local_addr, b->local_addr, sizeof(a->local_addr))
		?: (a->netns > b->netns) - (a->netns < b->netns);
}

static void count_all(struct count *count)
{
	const struct table_port_range *range;
	const struct conn_table *t = count->t;
	uint64_t digest;

	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		if (taken_from(t, c))
			++*bucket_of(count, digest_of(count, c));
	}
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		range = taken_from(t, c);
		if (!range)
			continue;
		digest = digest_of(count, c);
		if (*bucket_of(count, digest) > size_of(range) / 2)
			count_pair(count, c, digest, size_of(range));
	}
}

/* The fullest in their order, of all that use more than half. Sorts the pool's items: it is of no use then. */
static void fill_rows(struct count *count, struct conn_summary_record *sum)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct ports_pair *pair = pool_at(&count->pairs, 1), *end = pair + count->pairs.used - 1;

	qsort(pair, end - pair, sizeof(*pair), by_use);
	for (; pair < end && sum->ports_len < CONN_SUMMARY_ROWS; pair++) {
		struct conn_ports_row *row = &pair->row;

		row->ipv4 = !memcmp(row->local_addr, mapped, sizeof(mapped)) && !memcmp(row->peer_addr, mapped, sizeof(mapped));
		if (row->in_use > row->range / 2)
			sum->ports[sum->ports_len++] = *row;
	}
}

void ports_fill(const struct conn_table *t, struct conn_summary_record *sum)
{
	struct count *count;

	if (!t->port_ranges[0].netns)
		return;
	count = calloc(1, sizeof(*count));
	if (!count)
		return;
	count->t = t;
	if (!pool_init(&count->pairs, sizeof(struct ports_pair), PAIRS, pair_key, &t->config.hash_key)) {
		count_all(count);
		fill_rows(count, sum);
	}
	pool_free(&count->pairs);
	free(count);
}

/* Of OWNERS processes: the commonest are among the first ones that are met, or there is none that stands out. */
void ports_owner(const struct conn_table *t, const struct conn_ports_row *row, struct ports_owner *ret_owner)
{
	struct {
		uint32_t process, count;
	} owners[OWNERS] = {0};
	uint32_t i, most = 0;

	*ret_owner = (struct ports_owner){0};
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		if (!taken_from(t, c) || !is_of(t, c, row))
			continue;
		ret_owner->example = c;
		if (c->from == CONN_FROM_NONE)
			continue;
		for (i = 0; i < OWNERS && owners[i].count && owners[i].process != c->process; i++)
			;
		if (i == OWNERS)
			continue;
		owners[i].process = c->process;
		if (++owners[i].count > most) {
			most = owners[i].count;
			ret_owner->example_of_owner = c;
		}
	}
	ret_owner->count = most;
}
