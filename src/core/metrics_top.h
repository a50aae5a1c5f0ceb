/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters by a key of which there may be any number, such as a process's name: the commonest keys have series of their own,
 * and what all other keys count is one more. No series ever goes back: a key that gets its own starts at 0 and leaves what it
 * has counted before in the others; a key that loses its own disappears, and counts there from then on. What it has counted is
 * not added to the others: they would jump, and a rate would show that as traffic. So sums over all keys may fall; sums of
 * rates do not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_TOP_KEYS 512 /* are watched */
#define METRICS_TOP_VALUES 8
#define METRICS_TOP_OTHER "other" /* what all others are called: a key of this name is one of them */
#define METRICS_TOP_KEY_MAX 200   /* bytes; keys that are longer and begin alike are one */

struct metrics_top_row {
	char key[METRICS_TOP_KEY_MAX];
	uint8_t len;
	bool shown;        /* it has series of its own */
	uint64_t activity; /* of the last minutes */
	uint64_t values[METRICS_TOP_VALUES];
};

struct metrics_top {
	uint32_t most; /* keys with series of their own */
	uint32_t len, shown;
	uint64_t hashes[METRICS_TOP_KEYS];
	struct metrics_top_row rows[METRICS_TOP_KEYS];
	uint64_t others[METRICS_TOP_VALUES];
};

/* Where to add what this key counts now: METRICS_TOP_VALUES numbers. */
uint64_t *metrics_top_find(struct metrics_top *top, const void *key, size_t len);

/* Once a minute: who is much commoner than one with series of its own gets them. */
void metrics_top_rank(struct metrics_top *top);
