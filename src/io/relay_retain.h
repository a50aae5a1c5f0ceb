/* SPDX-License-Identifier: GPL-2.0-only */
/* The lines that were written to a pipe and that its reader's end would lose: a ring of bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct retain {
	char *buf;
	size_t size, head, tail; /* head and tail only grow */
	uint64_t first;          /* number of the line at head */
};

int retain_open(struct retain *retain, size_t size); /* a power of two; 0 or -ENOMEM */
void retain_close(struct retain *retain);

size_t retain_room(const struct retain *retain);
void retain_add(struct retain *retain, const char *data, size_t len); /* no more than there is room */

void retain_cut(struct retain *retain, size_t len); /* the last bytes */

/* Lines up to this number need not be kept. */
void retain_drop(struct retain *retain, uint64_t upto);

/* The bytes from `offset` on, counted from head, as far as they lie in one piece: their number. */
size_t retain_at(const struct retain *retain, size_t offset, const char **ret_data);
