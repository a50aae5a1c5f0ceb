/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values of INTERN_SIZE bytes that many connections share, kept once: a process, a local address with its namespace. An id is
 * 4 bytes. There are at most POOL_IDLE values more than connections that use them.
 */
#pragma once

#include "pool.h"

#define INTERN_SIZE 48
#define INTERN_NONE 0u /* no value has this id; intern_value() gives zeros for it */

int intern_init(struct pool *pool, const struct hash_key *hash_key); /* 0 or -ENOMEM; pool_free() ends it */

/* The id of `value`, for one more user; INTERN_NONE without memory. */
uint32_t intern_get(struct pool *pool, const void *value);
void intern_put(struct pool *pool, uint32_t id); /* one user less; INTERN_NONE is fine */

/* Valid until the next intern_get(). */
static inline const void *intern_value(const struct pool *pool, uint32_t id)
{
	return pool_at(pool, id);
}
