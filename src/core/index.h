/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hash index of ids: places in an array that the owner keeps, from 1 on. Open addressing with linear probing, no tombstones.
 * An id never needs more bits than the index has, and the rest of its word holds how far it is from its home, and bits of the
 * hash: a look-up reads the owner's array, which is mostly not in the cache, almost only for the key that it looks for, and a
 * removal does not ask it for the keys of the neighbours.
 *
 * Several ids may have the same key: they are met in the order in which they were added, or after growth in that of the ids,
 * and never in one that depends on the hash.
 *
 * Keys may be a stranger's: cookies of a recording, addresses of JSON lines. The hash is keyed, so that nobody can choose keys
 * that share a place.
 */
#pragma once

#include "siphash.h"

#include <stdint.h>

/* An id's key; 0: nobody uses this id. Of what does not fit into 64 bits it is index_digest(). */
typedef uint64_t (*index_key_fn)(const void *owner, uint32_t id);

#define INDEX_FAR_BITS 4
#define INDEX_FAR ((1u << INDEX_FAR_BITS) - 1) /* a distance of so much or more */

/* The hash takes longer than the rest of a look-up, and the same key is often found and then added or removed. */
struct index_hashed {
	uint64_t key, hash;
};

struct index {
	struct index_hashed *last;
	uint32_t *places; /* an id in the lower `bits`, INDEX_FAR_BITS of its distance, bits of its key's hash above; 0: free */
	unsigned int bits;
	uint32_t len;
	index_key_fn key;
	const void *owner;
	struct hash_key hash_key;
};

/* Room for 2^bits ids at first. 0 or -ENOMEM. */
int index_init(struct index *index, unsigned int bits, index_key_fn key, const void *owner, const struct hash_key *hash_key);
void index_free(struct index *index);
uint64_t index_memory(const struct index *index);

/* `id` has its key already. `used` is one more than the highest id in use; ids are used in their order. 0 or -ENOMEM. */
int index_add(struct index *index, uint32_t id, uint32_t used);
/* Makes room for the number of `id`, which has no key yet, if ids before it are left out. 0 or -ENOMEM. */
int index_reserve(struct index *index, uint32_t id, uint32_t used);
void index_remove(struct index *index, uint32_t id); /* before its key changes */
void index_clear(struct index *index);

/* The key of several words, never 0: if two of them are the same, it is by chance. */
static inline uint64_t index_digest(const struct index *index, const uint64_t *words, size_t len)
{
	return siphash13(&index->hash_key, words, len) | 1;
}

/*
 * The same in every run, and so for what the output depends on: names, and tables with one place per hash. Anybody can make two
 * that are the same. One more word of a long key; the first one is hashed into 0. Never 0.
 */
static inline uint64_t index_hash(uint64_t hash, uint64_t word)
{
	hash ^= word;
	return ((hash ^ hash >> 31) * 0x9e3779b97f4a7c15ULL) | 1;
}

static inline uint32_t index_mask(const struct index *index)
{
	return (1u << index->bits) - 1;
}

static inline uint64_t index_hash_key(const struct index *index, uint64_t key)
{
	if (index->last->key != key)
		*index->last = (struct index_hashed){key, siphash13_word(&index->hash_key, key)};
	return index->last->hash;
}

static inline uint32_t index_home(const struct index *index, uint64_t hash)
{
	return (uint32_t)(hash >> (64 - index->bits));
}

/* The bits that a place has for the hash. */
static inline uint32_t index_tag_mask(const struct index *index)
{
	return ~((1u << (index->bits + INDEX_FAR_BITS)) - 1);
}

/* Where a look-up stands. */
struct index_walk {
	uint32_t at, tag;
};

static inline struct index_walk index_walk(const struct index *index, uint64_t key)
{
	uint64_t hash = index_hash_key(index, key);

	return (struct index_walk){index_home(index, hash), (uint32_t)hash & index_tag_mask(index)};
}

/* The next id that may have the key; 0: there is none. */
static inline uint32_t index_next(const struct index *index, struct index_walk *walk)
{
	uint32_t place;

	while ((place = index->places[walk->at]) != 0) {
		walk->at = (walk->at + 1) & index_mask(index);
		if ((place & index_tag_mask(index)) == walk->tag)
			return place & index_mask(index);
	}
	return 0;
}

/* Each `id` that may have this key; the owner compares. */
#define index_for_each(id, index, key)                                                                                         \
	for (struct index_walk walk_ = index_walk(index, key); ((id) = index_next(index, &walk_)) != 0;)
