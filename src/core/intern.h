/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values of INTERN_SIZE bytes that many connections share, kept once: a process, a local address with its namespace. An id is
 * 4 bytes. There are never more values than connections that use them.
 */
#ifndef CORE_INTERN_H
#define CORE_INTERN_H

#include <stdint.h>

#define INTERN_SIZE 32
#define INTERN_NONE 0u /* no value has this id */

struct intern;

int intern_new(struct intern **out);
void intern_free(struct intern *in);
uint64_t intern_memory(const struct intern *in);

/* The id of `value`, for one more user; INTERN_NONE without memory. */
uint32_t intern_get(struct intern *in, const void *value);
void intern_put(struct intern *in, uint32_t id); /* one user less; INTERN_NONE is fine */

/* Valid until the next intern_get(). */
const void *intern_value(const struct intern *in, uint32_t id);

#endif
