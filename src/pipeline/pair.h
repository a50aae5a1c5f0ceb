/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Brings the records of a connection's two ends together, if both are on this host. A record waits for that of the other end
 * for a bounded time of the stream, in a bounded queue; then it goes on alone. The order of records stays.
 */
#pragma once

#include "src/format/ladder_steps.h"

struct pairs;

/* `b` is NULL for an end that stayed alone. Neither lives longer than the call. */
typedef void (*pair_fn)(void *ctx, const struct ladder_end *a, const struct ladder_end *b);

/* 2^bits ends wait at the most. 0 or -ENOMEM. */
int pairs_new(struct pairs **out, unsigned int bits, uint64_t wait_ns, pair_fn fn, void *ctx);
void pairs_free(struct pairs *pairs); /* NULL is fine; what waits is dropped */

void pairs_put(struct pairs *pairs, const struct ladder_end *end);
void pairs_tick(struct pairs *pairs, uint64_t now); /* UINT64_MAX: nothing more comes */

/* Selected ends that went on before their time, for want of room. */
uint64_t pairs_hurried(const struct pairs *pairs);
