// SPDX-License-Identifier: GPL-2.0-only
/* A table of chunks, twice as long as needed, so that a ring's end never meets its begin in one chunk. */
#include "chunk_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (128 * 1024) /* less than half of a second level cache */

int chunk_ring_open(struct chunk_ring *c, size_t ring)
{
	size_t size = ring < CHUNK ? ring : CHUNK, entries = 2 * (ring / size);

	*c = (struct chunk_ring){.table = calloc(entries, sizeof(*c->table)), .size = size, .mask = entries - 1};
	return c->table ? 0 : -ENOMEM;
}

void chunk_ring_free_spares(struct chunk_ring *c)
{
	for (size_t i = 0; i < CHUNK_SPARES; i++)
		free(atomic_exchange(&c->spare[i], NULL));
}

void chunk_ring_close(struct chunk_ring *c)
{
	for (size_t i = 0; c->table && i <= c->mask; i++)
		free(c->table[i]);
	free(c->table);
	chunk_ring_free_spares(c);
}

/* The first one is the one that was given back last, mostly, and may still be in the cache. */
static char *take_spare(struct chunk_ring *c)
{
	char *chunk = NULL;

	for (size_t i = 0; !chunk && i < CHUNK_SPARES; i++) {
		if (atomic_load_explicit(&c->spare[i], memory_order_relaxed))
			chunk = atomic_exchange(&c->spare[i], NULL);
	}
	return chunk;
}

static void keep_spare(struct chunk_ring *c, char *chunk)
{
	for (size_t i = 0; chunk && i < CHUNK_SPARES; i++)
		chunk = atomic_exchange(&c->spare[i], chunk);
	free(chunk);
}

static char **chunk_of(const struct chunk_ring *c, size_t pos)
{
	return &c->table[pos / c->size & c->mask];
}

bool chunk_ring_take(struct chunk_ring *c, size_t from, size_t to)
{
	size_t begin = (from + c->size - 1) & ~(c->size - 1);

	for (size_t pos = begin; pos < to; pos += c->size) {
		char **chunk = chunk_of(c, pos);

		if (!*chunk)
			*chunk = take_spare(c) ?: malloc(c->size);
		if (!*chunk)
			return false;
	}
	return true;
}

void chunk_ring_give_back(struct chunk_ring *c, size_t from, size_t to)
{
	for (size_t pos = from & ~(c->size - 1); pos + c->size <= to; pos += c->size) {
		char **chunk = chunk_of(c, pos);

		keep_spare(c, *chunk);
		*chunk = NULL;
	}
}

/* How much of `len` bytes lies in the chunk of `pos`, which *ret_at is the place of. */
static size_t chunk_part(const struct chunk_ring *c, size_t pos, size_t len, char **ret_at)
{
	size_t offset = pos & (c->size - 1), left = c->size - offset;

	*ret_at = *chunk_of(c, pos) + offset;
	return len < left ? len : left;
}

void chunk_ring_write(struct chunk_ring *c, size_t pos, const void *data, size_t len)
{
	const char *from = data;
	char *to;

	for (size_t part; len; pos += part, from += part, len -= part) {
		part = chunk_part(c, pos, len, &to);
		memcpy(to, from, part);
	}
}

void chunk_ring_read(const struct chunk_ring *c, size_t pos, void *data, size_t len)
{
	char *to = data, *from;

	for (size_t part; len; pos += part, to += part, len -= part) {
		part = chunk_part(c, pos, len, &from);
		memcpy(to, from, part);
	}
}
