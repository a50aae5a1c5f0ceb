/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hash index of ids: places in an array that the owner keeps, from 1 on. Open addressing with linear probing, no tombstones.
 * Several ids may have the same key.
 */
#pragma once

#include <stdint.h>

/* An id's key; 0: nobody uses this id. What does not fit into 64 bits is hashed by index_hash(). */
typedef uint64_t (*index_key_fn)(const void *owner, uint32_t id);

struct index {
	uint32_t *ids; /* 0: free */
	unsigned int bits;
	uint32_t len;
	index_key_fn key;
	const void *owner;
};

/* Room for 2^bits ids at first. 0 or -ENOMEM. */
int index_init(struct index *index, unsigned int bits, index_key_fn key, const void *owner);
void index_free(struct index *index);
uint64_t index_memory(const struct index *index);

/* `id` has its key already, and `used` is one more than the highest id in use. 0 or -ENOMEM. */
int index_add(struct index *index, uint32_t id, uint32_t used);
void index_remove(struct index *index, uint32_t id); /* before its key changes */
void index_clear(struct index *index);

/* One more word of a long key; the first one is hashed into 0. Never 0. */
static inline uint64_t index_hash(uint64_t hash, uint64_t word)
{
	hash ^= word;
	return ((hash ^ hash >> 31) * 0x9e3779b97f4a7c15ULL) | 1;
}

static inline uint32_t index_mask(const struct index *index)
{
	return (1u << index->bits) - 1;
}

static inline uint32_t index_home(const struct index *index, uint64_t key)
{
	return index_hash(0, key) >> (64 - index->bits);
}

/* Each `id` that may have this key; the owner compares. */
#define index_for_each(id, index, key)                                                                                         \
	for (uint32_t at_ = index_home(index, key); ((id) = (index)->ids[at_]) != 0; at_ = (at_ + 1) & index_mask(index))
