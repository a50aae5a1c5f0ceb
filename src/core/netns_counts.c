// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel counts from the making of a namespace on, so that a difference of two readings is an interval's. A namespace that
 * is met for the first time while the tool runs has no earlier reading: it shows all that it has counted. Numbers of namespaces
 * are used again; the cookie distinguishes them.
 *
 * NAMESPACES_MAX are kept. One that a survey does not meet any more is forgotten, and one for which there is no room is counted
 * in the rest: those that were there before stay.
 */
#include "netns_counts.h"

#include "rows.h"
#include "wire_read.h"

#include <stdlib.h>
#include <string.h>

#define NAMESPACES_MAX 4096u

struct space {
	uint32_t netns; /* 0: free */
	uint16_t known;
	bool is_new; /* since_ns is not that of a reading: `counts` are since it was made */
	uint64_t cookie, begun_ns;
	uint64_t since_ns, read_ns;
	uint64_t at[WIRE_NETNS_COUNTS];     /* as it was read last */
	uint64_t counts[WIRE_NETNS_COUNTS]; /* since the last summary */
	bool segments_known;
	struct wire_netns_segments segments_at; /* as they were read last */
	struct wire_netns_segments segments;    /* since netns_counts_take_segments() */
};

/* A pool_key_fn. */
static uint64_t netns_of(const void *space)
{
	return ((const struct space *)space)->begun_ns ? ((const struct space *)space)->netns : 0;
}

int netns_counts_init(struct netns_counts *nc, const struct hash_key *hash_key)
{
	return pool_init(&nc->by_netns, sizeof(struct space), NAMESPACES_MAX, netns_of, hash_key);
}

void netns_counts_free(struct netns_counts *nc)
{
	pool_free(&nc->by_netns);
}

uint64_t netns_counts_memory(const struct netns_counts *nc)
{
	return pool_memory(&nc->by_netns);
}

/* A first reading is one since the namespace was made, or since before the tool: then only what follows it counts. */
static void read_segments(struct space *s, const struct wire_netns *ev)
{
	const struct wire_netns_segments *now = wire_tail(&ev->hdr, sizeof(*now));

	if (!now)
		return;
	if (s->segments_known && now->out >= s->segments_at.out && now->retrans >= s->segments_at.retrans) {
		s->segments.out += now->out - s->segments_at.out;
		s->segments.retrans += now->retrans - s->segments_at.retrans;
	}
	s->segments_known = true;
	s->segments_at = *now;
}

void netns_counts_take_segments(struct netns_counts *nc, netns_segments_fn fn, void *ctx)
{
	for (uint32_t id = 1; id < nc->by_netns.used; id++) {
		struct space *s = pool_at(&nc->by_netns, id);

		if (!netns_of(s))
			continue;
		if (s->segments.retrans)
			fn(ctx, s->netns, &s->segments);
		s->segments = (struct wire_netns_segments){0};
	}
}

static bool is_another(const struct space *s, const struct wire_netns *ev)
{
	if (s->cookie != ev->cookie)
		return true;
	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++) {
		if (s->known & ev->known & 1u << i && ev->counts[i] < s->at[i])
			return true;
	}
	return false;
}

static void begin(struct space *s, const struct wire_netns *ev)
{
	*s = (struct space){.netns = ev->netns,
			    .known = ev->known,
			    .is_new = !ev->first,
			    .cookie = ev->cookie,
			    .begun_ns = ev->hdr.ts ? ev->hdr.ts : 1,
			    .since_ns = ev->hdr.ts};
	if (ev->first)
		memcpy(s->at, ev->counts, sizeof(s->at));
}

void netns_counts_read(struct netns_counts *nc, const struct wire_netns *ev)
{
	struct space fresh, *s;
	uint32_t id = ev->netns ? pool_find(&nc->by_netns, ev->netns) : 0;

	if (!ev->netns)
		return;
	nc->survey_ns = ev->hdr.ts;
	begin(&fresh, ev);
	if (!id)
		id = pool_add(&nc->by_netns, &fresh);
	else if (is_another(pool_at(&nc->by_netns, id), ev))
		*(struct space *)pool_at(&nc->by_netns, id) = fresh;
	if (!id) {
		nc->refused++;
		return;
	}
	s = pool_at(&nc->by_netns, id);
	s->known &= ev->known;
	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++)
		s->counts[i] += ev->counts[i] - s->at[i];
	memcpy(s->at, ev->counts, sizeof(s->at));
	read_segments(s, ev);
	s->read_ns = ev->hdr.ts;
}

static uint64_t size_of(const struct space *s)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++)
		sum += s->known & 1u << i ? s->counts[i] : 0;
	return sum;
}

static void fill_row(const struct space *s, struct conn_netns_row *row)
{
	*row = (struct conn_netns_row){
		.netns = s->netns, .known = s->known, .interval_us = s->is_new ? 0 : (s->read_ns - s->since_ns) / 1000};
	memcpy(row->counts, s->counts, sizeof(row->counts));
}

static void begin_interval(struct netns_counts *nc)
{
	for (uint32_t id = 1; id < nc->by_netns.used; id++) {
		struct space *s = pool_at(&nc->by_netns, id);

		if (!netns_of(s))
			continue;
		if (s->read_ns < nc->survey_ns) {
			pool_remove(&nc->by_netns, id);
			continue;
		}
		memset(s->counts, 0, sizeof(s->counts));
		s->since_ns = s->read_ns;
		s->is_new = false;
	}
}

void netns_counts_take(struct netns_counts *nc, uint64_t since_ns, struct conn_summary_record *sum)
{
	struct row *rows = calloc(nc->by_netns.used, sizeof(*rows));
	struct conn_netns_row row;
	const struct space *s;
	size_t len = 0;

	for (uint32_t id = 1; rows && id < nc->by_netns.used; id++) {
		s = pool_at(&nc->by_netns, id);
		if (netns_of(s) && s->read_ns >= since_ns && size_of(s))
			rows[len++] = (struct row){.count = size_of(s), .since = s->begun_ns, .group = s->netns, .id = id};
	}
	sum->namespaces_rest.count = nc->refused;
	sum->namespaces_len = rows ? rows_choose(rows, len, CONN_SUMMARY_ROWS) : 0;
	for (size_t i = 0; i < len; i++) {
		fill_row(pool_at(&nc->by_netns, rows[i].id), &row);
		if (i < sum->namespaces_len)
			sum->namespaces[i] = row;
		else
			conn_netns_rest_add(&sum->namespaces_rest, &row);
	}
	free(rows);
	nc->refused = 0;
	begin_interval(nc);
}
