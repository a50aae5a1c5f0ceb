/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Brings the records of a connection's two ends together, when both are on this host. A record waits for the other end's for a
 * bounded time of the stream and in a bounded place; then it goes on alone. What goes on does so in the order in which it came.
 */
#ifndef PIPELINE_PAIR_H
#define PIPELINE_PAIR_H

#include "src/core/conn.h"

#include <stdbool.h>
#include <stdint.h>

struct couples;

#define COUPLE_BOOT_LEN 8
#define COUPLE_REASON_MAX 64

struct couple_end {
	struct conn_record rec;
	int64_t start_us; /* time of day of rec.start_ns */
	uint64_t ts;      /* the record's own, in the clock of couples_tick() */
	char boot[COUPLE_BOOT_LEN + 1];
	char reset_reason[COUPLE_REASON_MAX + 1]; /* "": not known */
	bool selected;
};

/* `b` is NULL for an end that stayed alone. Neither lives longer than the call. */
typedef void (*couple_fn)(void *ctx, const struct couple_end *a, const struct couple_end *b);

/* `size` ends wait at the most. 0 or -ENOMEM. */
int couples_new(struct couples **out, uint32_t size, uint64_t wait_ns, couple_fn fn, void *ctx);
void couples_free(struct couples *couples); /* NULL is fine; what waits is dropped */

void couples_put(struct couples *couples, const struct couple_end *end);
void couples_tick(struct couples *couples, uint64_t now); /* UINT64_MAX: nothing more comes */

/* Selected ends that went on before their time, for want of room. */
uint64_t couples_hurried(const struct couples *couples);

#endif
