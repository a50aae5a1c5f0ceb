// SPDX-License-Identifier: GPL-2.0-only
#include "intern.h"

#include <string.h>

struct item {
	_Alignas(8) uint8_t value[INTERN_SIZE]; /* first: intern_value() */
	uint32_t users;                         /* 0: free */
};

static uint64_t hash_of(const void *value)
{
	uint64_t words[INTERN_SIZE / 8], hash = 0;

	memcpy(words, value, sizeof(words));
	for (unsigned int i = 0; i < INTERN_SIZE / 8; i++)
		hash = index_hash(hash, words[i]);
	return hash;
}

/* A pool_key_fn. */
static uint64_t key_of(const void *item)
{
	const struct item *i = item;

	return i->users ? hash_of(i->value) : 0;
}

int intern_init(struct pool *pool)
{
	return pool_init(pool, sizeof(struct item), UINT32_MAX - 1, key_of);
}

uint32_t intern_get(struct pool *pool, const void *value)
{
	struct item *known, item = {.users = 1};
	uint32_t id;

	pool_for_each (id, pool, hash_of(value)) {
		known = pool_at(pool, id);
		if (!memcmp(known->value, value, INTERN_SIZE)) {
			known->users++;
			return id;
		}
	}
	memcpy(item.value, value, INTERN_SIZE);
	return pool_add(pool, &item);
}

void intern_put(struct pool *pool, uint32_t id)
{
	struct item *item = pool_at(pool, id);

	if (id == INTERN_NONE)
		return;
	if (item->users > 1)
		item->users--;
	else
		pool_remove(pool, id);
}
