/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a long ring, in chunks that exist while something is in them. A ring that is drained as fast as it is filled
 * uses two or three chunks, which stay in the processor's cache. Some that were given back wait for the next burst: the C
 * library would return each to the kernel, and page faults cost more than all else that is done with a line.
 *
 * Positions only grow. One thread takes and writes, another reads and gives back; the caller stores and loads the positions
 * atomically.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define CHUNK_SPARES 32 /* 4 MiB: twice what comes in 20 ms at 25,000 connections a second */

struct chunk_ring {
	char **table;
	size_t size; /* of a chunk, a power of two */
	size_t mask; /* of the table */
	_Atomic(char *) spare[CHUNK_SPARES];
};

/* `ring`: so many bytes are in use at the most, a power of two. 0 or -ENOMEM. */
int chunk_ring_open(struct chunk_ring *c, size_t ring);
void chunk_ring_close(struct chunk_ring *c);

/* Memory for the positions from `from`, up to which there is some already, to `to`. False: there is no memory. */
bool chunk_ring_take(struct chunk_ring *c, size_t from, size_t to);

/* What lies below `to` is done with; below `from` it was before. */
void chunk_ring_give_back(struct chunk_ring *c, size_t from, size_t to);

/* Frees the chunks that wait. For the thread that gives back. */
void chunk_ring_free_spares(struct chunk_ring *c);

void chunk_ring_write(struct chunk_ring *c, size_t pos, const void *data, size_t len);
void chunk_ring_read(const struct chunk_ring *c, size_t pos, void *data, size_t len);
