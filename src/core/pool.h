/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items of one size in one growing array, found by a key. An id is a place in the array, from 1 on, and stays the same while
 * the item is in use.
 */
#pragma once

#include "index.h"

#include <stddef.h>

/* An item's key, as index_key_fn; 0 for an item that is zero but for its first 4 bytes: it is free. */
typedef uint64_t (*pool_key_fn)(const void *item);

#define POOL_RECENT 256
#define POOL_IDLE 256

struct pool {
	char *items;
	size_t size;
	uint32_t used; /* one more than the highest id that was ever in use */
	uint32_t room, max, free_head;
	uint32_t recent[POOL_RECENT], idle[POOL_IDLE], idle_next; /* intern.c */
	pool_key_fn key;
	struct index index;
};

/* At most `max` items of `size` bytes. The pool must not move. 0 or -ENOMEM. */
int pool_init(struct pool *pool, size_t size, uint32_t max, pool_key_fn key, const struct hash_key *hash_key);
void pool_free(struct pool *pool);
uint64_t pool_memory(const struct pool *pool); /* what it allocated, in bytes */

/* Valid until the next pool_add(). Item 0 is all zero and nobody's. Of a free item all but the first 4 bytes is zero. */
static inline void *pool_at(const struct pool *pool, uint32_t id)
{
	return pool->items + id * pool->size;
}

static inline uint32_t pool_count(const struct pool *pool)
{
	return pool->index.len;
}

/* Copies the item in; its id, or 0: there is no room for it. */
uint32_t pool_add(struct pool *pool, const void *item);
void pool_remove(struct pool *pool, uint32_t id);
void pool_clear(struct pool *pool);

/* The item with this key, if keys are no digests; 0: there is none. */
uint32_t pool_find(const struct pool *pool, uint64_t key);

/* Each `id` that may have this key; the caller compares. */
#define pool_for_each(id, pool, key) index_for_each (id, &(pool)->index, key)
