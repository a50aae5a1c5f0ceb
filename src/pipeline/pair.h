/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Brings the records of a connection's two ends together, if both are on this host. A record waits for that of the other end
 * for a bounded time of the stream, in a bounded queue; then it goes on alone. The order of records stays.
 *
 * A stream that can be read twice is announced first: then nothing waits for an end that is not in it, an end that is over
 * waits for one that is still open when the run stops, and what no selection concerns takes no room.
 */
#pragma once

#include "src/core/index.h"
#include "src/format/ladder_steps.h"

/* `b` is NULL for an end that stayed alone. Neither lives longer than the call. */
typedef void (*pair_fn)(void *ctx, const struct ladder_end *a, const struct ladder_end *b);

struct pairs {
	pair_fn fn;
	void *ctx;
	uint64_t wait_ns;
	struct hash_key hash_key; /* random in each run */
	uint64_t hurried;         /* selected ends that went on before their time, for want of room */
	struct delay *delay;      /* of those that wait */
	uint32_t size;
	struct index by_addresses; /* of places modulo size, from 1 on */
	struct pairs_address *announced;
	uint32_t announced_len, announced_size;
	struct index by_announced; /* of `announced`, from 1 on */
};

/* 2^bits ends wait at the most. `pairs` has fn, ctx, wait_ns and hash_key, and must not move. 0 or -ENOMEM. */
int pairs_init(struct pairs *pairs, unsigned int bits);
void pairs_free(struct pairs *pairs); /* what waits is dropped */

/* All ends of the stream, before the first is put. 0 or -ENOMEM. */
int pairs_announce(struct pairs *pairs, const struct ladder_end *end);

void pairs_put(struct pairs *pairs, const struct ladder_end *end);
void pairs_tick(struct pairs *pairs, uint64_t now); /* UINT64_MAX: nothing more comes */
