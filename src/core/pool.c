// SPDX-License-Identifier: GPL-2.0-only
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 6

/* An index_key_fn. */
static uint64_t key_of(const void *pool, uint32_t id)
{
	const struct pool *p = pool;

	return p->key(pool_at(p, id));
}

int pool_init(struct pool *pool, size_t size, uint32_t max, pool_key_fn key, const struct hash_key *hash_key)
{
	*pool = (struct pool){.size = size, .used = 1, .room = 1 << FIRST_BITS, .max = max, .key = key};
	pool->items = calloc(pool->room, size);
	return pool->items ? index_init(&pool->index, FIRST_BITS, key_of, pool, hash_key) : -ENOMEM;
}

void pool_free(struct pool *pool)
{
	free(pool->items);
	index_free(&pool->index);
	pool->items = NULL;
}

uint64_t pool_memory(const struct pool *pool)
{
	return pool->room * pool->size + index_memory(&pool->index);
}

/* A free id; 0: there is none. */
static uint32_t take(struct pool *pool)
{
	uint32_t id = pool->free_head;
	char *items;

	if (id) {
		memcpy(&pool->free_head, pool_at(pool, id), sizeof(pool->free_head));
		return id;
	}
	if (pool->used > pool->max)
		return 0;
	if (pool->used == pool->room) {
		items = reallocarray(pool->items, pool->room, 2 * pool->size);
		if (!items)
			return 0;
		pool->items = items;
		pool->room *= 2;
	}
	return pool->used++;
}

static void give(struct pool *pool, uint32_t id)
{
	memset(pool_at(pool, id), 0, pool->size);
	memcpy(pool_at(pool, id), &pool->free_head, sizeof(pool->free_head));
	pool->free_head = id;
}

uint32_t pool_add(struct pool *pool, const void *item)
{
	uint32_t id = take(pool);

	if (!id)
		return 0;
	memcpy(pool_at(pool, id), item, pool->size);
	if (!index_add(&pool->index, id, pool->used))
		return id;
	give(pool, id);
	return 0;
}

uint32_t pool_find(const struct pool *pool, uint64_t key)
{
	uint32_t id;

	pool_for_each (id, pool, key) {
		if (pool->key(pool_at(pool, id)) == key)
			break;
	}
	return id;
}

void pool_remove(struct pool *pool, uint32_t id)
{
	index_remove(&pool->index, id);
	give(pool, id);
}

void pool_clear(struct pool *pool)
{
	pool->used = 1;
	pool->free_head = 0;
	index_clear(&pool->index);
}
