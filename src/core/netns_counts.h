/* SPDX-License-Identifier: GPL-2.0-only */
/* What network namespaces count of attempts to connect: SYN cookies, full queues. */
#pragma once

#include "pool.h"
#include "record_types.h"

struct netns_counts {
	struct pool by_netns;
	uint64_t survey_ns; /* the last one: all of its events have one time */
	uint64_t refused;   /* namespaces without room, since the last summary */
};

int netns_counts_init(struct netns_counts *nc, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void netns_counts_free(struct netns_counts *nc);
uint64_t netns_counts_memory(const struct netns_counts *nc);

void netns_counts_read(struct netns_counts *nc, const struct wire_netns *ev);

/* Those that counted something since the last summary, and were read since `since_ns`. Begins the next interval. */
void netns_counts_take(struct netns_counts *nc, uint64_t since_ns, struct conn_summary_record *sum);

/* Segments of each namespace that repeated some since the call before. */
typedef void (*netns_segments_fn)(void *ctx, uint32_t netns, const struct wire_netns_segments *segments);
void netns_counts_take_segments(struct netns_counts *nc, netns_segments_fn fn, void *ctx);
