// SPDX-License-Identifier: GPL-2.0-only
/*
 * TIME_WAIT exhausts ports: each connection from one address to one (address, port) has a local port of its own until TIME_WAIT
 * is over. Pairs that use more than half of their range are reported. They are few: a first pass counts in buckets, a second
 * counts exactly what is in a bucket that is full enough. At most PAIRS pairs are counted.
 *
 * Where connect() takes ports in TIME_WAIT again, they are in use for REUSE_NS only: tcp_tw_reuse, by default within the host.
 * The kernel leaves out those whose peer sent no timestamps, which is not known here.
 *
 * The ranges of at most TABLE_NAMESPACES namespaces are known, those read last. They are read before each summary.
 */
#include "ports.h"

#include "wire_read.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_BITS 16
#define PAIRS 1024u
#define OWNERS 64
#define REUSE_NS 1000000000ull

/* Of one summary. */
struct count {
	uint32_t buckets[1u << BUCKET_BITS];
	uint32_t pairs_len;
	struct conn_ports_row pairs[PAIRS];
};

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

static uint32_t bucket_of(const struct conn_table *t, const struct conn *c)
{
	const struct conn_place *place = conn_place(t, c);
	uint64_t local[2], peer[2], hash;

	memcpy(local, place->local_addr, sizeof(local));
	memcpy(peer, c->peer_addr, sizeof(peer));
	hash = (local[0] ^ local[1] << 7 ^ place->netns) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ hash >> 31 ^ peer[0] ^ peer[1] << 9 ^ c->peer_port) * 0x9e3779b97f4a7c15ULL;
	return hash >> (64 - BUCKET_BITS);
}

static uint32_t size_of(const struct table_port_range *range)
{
	return range->last - range->first + 1u;
}

static void count_pair(struct count *count, const struct conn_table *t, const struct conn *c,
		       const struct table_port_range *range)
{
	const struct conn_place *place = conn_place(t, c);
	struct conn_ports_row *row = count->pairs, *end = row + count->pairs_len;

	while (row < end && (row->netns != place->netns || row->peer_port != c->peer_port ||
			     memcmp(row->peer_addr, c->peer_addr, sizeof(row->peer_addr)) != 0 ||
			     memcmp(row->local_addr, place->local_addr, sizeof(row->local_addr)) != 0))
		row++;
	if (row == end) {
		if (count->pairs_len == PAIRS)
			return;
		count->pairs_len++;
		*row = (struct conn_ports_row){.netns = place->netns, .peer_port = c->peer_port, .range = size_of(range)};
		memcpy(row->peer_addr, c->peer_addr, sizeof(row->peer_addr));
		memcpy(row->local_addr, place->local_addr, sizeof(row->local_addr));
	}
	row->in_use++;
}

/* The most first, for qsort(). */
static int by_use(const void *one, const void *other)
{
	const struct conn_ports_row *a = one, *b = other;

	if (a->in_use != b->in_use)
		return a->in_use > b->in_use ? -1 : 1;
	if (a->peer_port != b->peer_port)
		return a->peer_port - b->peer_port;
	return memcmp(a->peer_addr, b->peer_addr, sizeof(a->peer_addr))
		?: memcmp(a->local_addr, b->local_addr, sizeof(a->local_addr))
		?: (a->netns > b->netns) - (a->netns < b->netns);
}

void ports_fill(const struct conn_table *t, struct conn_summary_record *sum)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct table_port_range *range;
	struct count *count;

	if (!t->port_ranges[0].netns)
		return;
	count = calloc(1, sizeof(*count));
	if (!count)
		return;
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		if (taken_from(t, c))
			count->buckets[bucket_of(t, c)]++;
	}
	for (const struct conn *c = table_next(t, NULL); c; c = table_next(t, c)) {
		range = taken_from(t, c);
		if (range && count->buckets[bucket_of(t, c)] > size_of(range) / 2)
			count_pair(count, t, c, range);
	}
	qsort(count->pairs, count->pairs_len, sizeof(count->pairs[0]), by_use);
	for (uint32_t i = 0; i < count->pairs_len && sum->ports_len < CONN_SUMMARY_ROWS; i++) {
		struct conn_ports_row *row = &count->pairs[i];

		row->ipv4 = !memcmp(row->local_addr, mapped, sizeof(mapped)) && !memcmp(row->peer_addr, mapped, sizeof(mapped));
		if (row->in_use > row->range / 2)
			sum->ports[sum->ports_len++] = *row;
	}
	free(count);
}

static bool is_of(const struct conn_table *t, const struct conn *c, const struct conn_ports_row *row)
{
	const struct conn_place *place = conn_place(t, c);

	return taken_from(t, c) && place->netns == row->netns && c->peer_port == row->peer_port &&
	       !memcmp(c->peer_addr, row->peer_addr, sizeof(row->peer_addr)) &&
	       !memcmp(place->local_addr, row->local_addr, sizeof(row->local_addr));
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
		if (!is_of(t, c, row))
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
