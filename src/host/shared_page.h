/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that the tracer shares with a helper, so that it outlives the helper. What a helper can write is a stranger's input to
 * the tracer: it copies, then checks.
 */
#pragma once

#include <stddef.h>

/* Who may write to the page: the tracer alone, by the mapping that it gets here, or each helper that maps it, too. */
enum shared_page_writers { SHARED_PAGE_OURS, SHARED_PAGE_ALL };

/*
 * The descriptor, or -errno. The page keeps its size, so that nobody's access faults, and its seals, so that a helper takes it
 * from no other.
 */
int shared_page_new(const char *name, size_t size, enum shared_page_writers writers, void **ret_page);

/* In the child: NULL if `fd` is no such page. */
void *shared_page_map(int fd, size_t size, int writable);
