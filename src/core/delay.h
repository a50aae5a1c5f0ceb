/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded queue of items with deadlines, in the order of these. It returns what is due, and the caller acts. No item is taken
 * out of the middle: the owner marks an item that is no longer needed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct delay {
	uint64_t due_ns;            /* of the oldest; UINT64_MAX: there is none */
	uint32_t head, tail, slots; /* head and tail run free, used modulo slots */
	size_t size;                /* of a slot: its deadline, then the item */
	_Alignas(8) char space[];
};

/* `slots`: a power of two; `size` of an item in bytes. 0 or -ENOMEM. */
int delay_new(struct delay **out, uint32_t slots, size_t size);
void delay_free(struct delay *delay);
uint64_t delay_memory(const struct delay *delay);

/* True if the oldest has to be taken before another is pushed. */
bool delay_full(const struct delay *delay);

/* The same for one that may grow up to `max` slots, a power of two: items move, their places stay. */
bool delay_full_at(struct delay **delay, uint32_t max);

/* Room for an item that is due at `due_ns`, not before the one pushed last; delay_at(*ret_place) finds it until it is taken. */
void *delay_push(struct delay *delay, uint64_t due_ns, uint32_t *ret_place);
void *delay_at(const struct delay *delay, uint32_t place);

/* True if there may be one that is due by `now`. */
static inline bool delay_is_due(const struct delay *delay, uint64_t now)
{
	return delay->due_ns <= now;
}

/* Takes the oldest item if it is due by `now` (UINT64_MAX: in any case), else NULL. Valid until the next push. */
void *delay_take(struct delay *delay, uint64_t now);

/* The items from the oldest to the youngest: `place` from delay_first() up to, not including, delay_end(). */
uint32_t delay_first(const struct delay *delay);
uint32_t delay_end(const struct delay *delay);
