// SPDX-License-Identifier: GPL-2.0-only
#include "intern.h"

#include <stdbool.h>
#include <string.h>

struct item {
	_Alignas(8) uint8_t value[INTERN_SIZE]; /* first: intern_value() */
	uint32_t users : 31, idle : 1;          /* idle: it stands in pool.idle, whether it has users again or not */
	uint32_t digest;                        /* 0: free */
};

static struct item *item_at(const struct pool *pool, uint32_t id)
{
	return pool_at(pool, id);
}

/* 32 bits of it are enough to distinguish values, and have room in the item. */
static uint32_t digest_of(const struct pool *pool, const void *value)
{
	uint64_t words[INTERN_SIZE / 8];

	memcpy(words, value, sizeof(words));
	return (uint32_t)index_digest(&pool->index, words, INTERN_SIZE / 8);
}

/* Where those that were found last are remembered: the same in every run, cheap, and nothing else depends on it. */
static uint32_t *recent_of(struct pool *pool, const void *value)
{
	uint64_t hash = 0, word;

	for (size_t at = 0; at < INTERN_SIZE; at += sizeof(word)) {
		memcpy(&word, (const char *)value + at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	}
	return &pool->recent[(hash >> 32) * POOL_RECENT >> 32];
}

/* A pool_key_fn. */
static uint64_t key_of(const void *item)
{
	return ((const struct item *)item)->digest;
}

int intern_init(struct pool *pool, const struct hash_key *hash_key)
{
	return pool_init(pool, sizeof(struct item), UINT32_MAX - 1, key_of, hash_key);
}

/* Seldom, and apart: inlined, it would slow down intern_get(). */
static __attribute__((noinline)) uint32_t find_or_add(struct pool *pool, const void *value)
{
	struct item item = {.users = 1, .digest = digest_of(pool, value)}, *known;
	uint32_t id;

	pool_for_each (id, pool, item.digest) {
		known = item_at(pool, id);
		if (memcmp(known->value, value, INTERN_SIZE))
			continue;
		known->users++;
		return id;
	}
	memcpy(item.value, value, INTERN_SIZE);
	return pool_add(pool, &item);
}

uint32_t intern_get(struct pool *pool, const void *value)
{
	uint32_t *recent = recent_of(pool, value);
	struct item *known = item_at(pool, *recent);

	if (known->digest && !memcmp(known->value, value, INTERN_SIZE))
		known->users++;
	else
		*recent = find_or_add(pool, value);
	return *recent;
}

/*
 * A value without users stays for a while, since it is likely to come again: until so many others have had none. What matters
 * is how it is when its turn comes.
 */
void intern_put(struct pool *pool, uint32_t id)
{
	struct item *item = item_at(pool, id), *oldest;
	uint32_t *place, oldest_id;

	if (id == INTERN_NONE || --item->users || item->idle)
		return;
	item->idle = true;
	place = &pool->idle[pool->idle_next++ % POOL_IDLE];
	oldest_id = *place;
	*place = id;
	oldest = item_at(pool, oldest_id);
	oldest->idle = false;
	if (oldest->digest && !oldest->users)
		pool_remove(pool, oldest_id);
}
