// SPDX-License-Identifier: GPL-2.0-only
#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int index_init(struct index *index, unsigned int bits, index_key_fn key, const void *owner, const struct hash_key *hash_key)
{
	*index = (struct index){.last = malloc(sizeof(*index->last)),
				.places = calloc(1UL << bits, sizeof(*index->places)),
				.bits = bits,
				.key = key,
				.owner = owner,
				.hash_key = *hash_key};
	if (!index->places || !index->last)
		return -ENOMEM;
	*index->last = (struct index_hashed){0, siphash13_word(hash_key, 0)};
	return 0;
}

void index_free(struct index *index)
{
	free(index->last);
	index->last = NULL;
	free(index->places);
	index->places = NULL;
}

uint64_t index_memory(const struct index *index)
{
	return sizeof(*index->places) << index->bits;
}

void index_clear(struct index *index)
{
	memset(index->places, 0, index_memory(index));
	index->len = 0;
}

static uint32_t far_bits(const struct index *index, uint32_t distance)
{
	return (distance < INDEX_FAR ? distance : INDEX_FAR) << index->bits;
}

static void put(struct index *index, uint32_t id, uint64_t key)
{
	uint64_t hash = index_hash_key(index, key);
	uint32_t home = index_home(index, hash), at = home;

	while (index->places[at])
		at = (at + 1) & index_mask(index);
	index->places[at] = ((uint32_t)hash & index_tag_mask(index)) | far_bits(index, (at - home) & index_mask(index)) | id;
	index->len++;
}

/* Puts the ids in their own order: the owner's array is read in sequence, some 15 ms for a million. */
static int grow(struct index *index, uint32_t used)
{
	uint32_t *places = calloc(2UL << index->bits, sizeof(*places));
	uint64_t key;

	if (!places)
		return -ENOMEM;
	free(index->places);
	index->places = places;
	index->bits++;
	index->len = 0;
	for (uint32_t id = 1; id < used; id++) {
		key = index->key(index->owner, id);
		if (key)
			put(index, id, key);
	}
	return 0;
}

int index_reserve(struct index *index, uint32_t id, uint32_t used)
{
	int err = 0;

	while (!err && id > index_mask(index))
		err = grow(index, used);
	return err;
}

int index_add(struct index *index, uint32_t id, uint32_t used)
{
	if (index->len >= (3ULL << index->bits) / 4)
		return grow(index, used); /* which puts `id` too */
	put(index, id, index->key(index->owner, id));
	return 0;
}

static uint32_t home_of(const struct index *index, uint32_t id)
{
	return index_home(index, index_hash_key(index, index->key(index->owner, id)));
}

/* How far what is in this place is from its home. */
static uint32_t distance_at(const struct index *index, uint32_t at)
{
	uint32_t place = index->places[at], distance = place >> index->bits & INDEX_FAR;

	return distance < INDEX_FAR ? distance : (at - home_of(index, place & index_mask(index))) & index_mask(index);
}

/* Closes the hole at once by moving back what had to probe past it. */
void index_remove(struct index *index, uint32_t id)
{
	uint32_t mask = index_mask(index), hole = home_of(index, id), at, gap, distance;

	while ((index->places[hole] & mask) != id)
		hole = (hole + 1) & mask;
	for (at = (hole + 1) & mask; index->places[at]; at = (at + 1) & mask) {
		gap = (at - hole) & mask;
		distance = distance_at(index, at);
		if (distance >= gap) {
			index->places[hole] =
				(index->places[at] & ~(INDEX_FAR << index->bits)) | far_bits(index, distance - gap);
			hole = at;
		}
	}
	index->places[hole] = 0;
	index->len--;
}
