// SPDX-License-Identifier: GPL-2.0-only
/*
 * TIME_WAIT exhausts ports: a connection from one address to one (address, port) takes a local port of its own until TIME_WAIT
 * is over. Only pairs that use more than half of their range are worth telling, and there are few of them: a first reading
 * counts in buckets, a second counts exactly, but only what fell into a bucket that is full enough.
 *
 * The ranges are told anew before each summary: namespaces come, and ranges are changed.
 *
 * Bounds: RANGES namespaces, of which the one told longest ago gives way; PAIRS pairs, a range of a few ports may have more:
 * not told.
 */
#include "ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RANGES 256u
#define BUCKET_BITS 16
#define PAIRS 1024u

struct range {
	uint32_t netns; /* 0: free */
	uint16_t first, last;
	uint64_t emitted_ns;
};

struct ports {
	struct range ranges[RANGES];
};

/* Of one summary. */
struct count {
	uint32_t buckets[1u << BUCKET_BITS];
	uint32_t pairs_len;
	struct conn_ports_row pairs[PAIRS];
};

int ports_new(struct ports **out)
{
	struct ports *ports = calloc(1, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	*out = ports;
	return 0;
}

void ports_free(struct ports *ports)
{
	free(ports);
}

uint64_t ports_memory(const struct ports *ports)
{
	return sizeof(*ports);
}

static const struct range *range_of(const struct ports *ports, uint32_t netns)
{
	for (uint32_t i = 0; i < RANGES && ports->ranges[i].netns; i++) {
		if (ports->ranges[i].netns == netns)
			return &ports->ranges[i];
	}
	return NULL;
}

void ports_range(struct ports *ports, const struct wire_port_range *ev)
{
	struct range *range = ports->ranges, *end = range + RANGES, *oldest = range;

	if (!ev->netns || ev->first > ev->last)
		return;
	for (; range < end && range->netns && range->netns != ev->netns; range++) {
		if (range->emitted_ns < oldest->emitted_ns)
			oldest = range;
	}
	if (range == end)
		range = oldest;
	*range = (struct range){ev->netns, ev->first, ev->last, ev->hdr.ts};
}

/* The range that `c` took its port from; NULL if it took none. */
static const struct range *taken_from(const struct conn_table *t, const struct conn *c)
{
	const struct range *range;

	if (!conn_is_active(c) || !(c->facts & CONN_ID_KNOWN) || (c->facts & CONN_HELD))
		return NULL;
	range = range_of(t->ports, table_place(t, c)->netns);
	return range && c->local_port >= range->first && c->local_port <= range->last ? range : NULL;
}

static uint32_t bucket_of(const struct conn_table *t, const struct conn *c)
{
	const struct conn_place *place = table_place(t, c);
	uint64_t local[2], peer[2], hash;

	memcpy(local, place->local_addr, sizeof(local));
	memcpy(peer, c->peer_addr, sizeof(peer));
	hash = (local[0] ^ local[1] << 7 ^ place->netns) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ hash >> 31 ^ peer[0] ^ peer[1] << 9 ^ c->peer_port) * 0x9e3779b97f4a7c15ULL;
	return hash >> (64 - BUCKET_BITS);
}

static uint32_t size_of(const struct range *range)
{
	return range->last - range->first + 1u;
}

static void count_pair(struct count *count, const struct conn_table *t, const struct conn *c, const struct range *range)
{
	const struct conn_place *place = table_place(t, c);
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

/* Keeps the rows in order; what falls out is not told. */
static void put_row(struct conn_summary_record *sum, const struct conn_ports_row *row)
{
	unsigned int at = sum->ports_len;

	if (at == CONN_SUMMARY_ROWS) {
		if (row->in_use <= sum->ports[--at].in_use)
			return;
	} else {
		sum->ports_len++;
	}
	for (; at > 0 && sum->ports[at - 1].in_use < row->in_use; at--)
		sum->ports[at] = sum->ports[at - 1];
	sum->ports[at] = *row;
}

void ports_fill(const struct conn_table *t, struct conn_summary_record *sum)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct range *range;
	struct count *count;

	if (!t->ports->ranges[0].netns)
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
	for (uint32_t i = 0; i < count->pairs_len; i++) {
		struct conn_ports_row *row = &count->pairs[i];

		row->ipv4 = !memcmp(row->local_addr, mapped, sizeof(mapped)) && !memcmp(row->peer_addr, mapped, sizeof(mapped));
		if (row->in_use > row->range / 2)
			put_row(sum, row);
	}
	free(count);
}
