/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that the tracer shares with a helper, so that it outlives the helper. What a helper can write is a stranger's input to
 * the tracer: it copies, then checks.
 */
#pragma once

#include <stddef.h>

/* Sealed against growing and shrinking, so that nobody's access faults. The descriptor, or -errno. */
int shared_page_new(const char *name, size_t size, void **ret_page);

/* No mapping that is made from now on can be written. 0 or -errno. */
int shared_page_protect(int fd);

/* In the child: NULL if `fd` is no such page. */
void *shared_page_map(int fd, size_t size, int writable);
