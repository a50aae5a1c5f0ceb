// SPDX-License-Identifier: GPL-2.0-only
#include "collector.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>

#define KEPT_BYTES (32 << 20) /* at the most, says mallopt(3) */
#define RESERVED_BYTES (24 << 20)
#define PAGE 4096

/*
 * The kernel's types take 11 MB each time that they are read: once by us, and once by libbpf for each object of programs. The C
 * library would give that back each time, and page faults cost five times what reading costs: so it keeps the memory, in huge
 * pages if the host has them.
 */
void collector_keep_memory(bool keep)
{
#ifdef __GLIBC__
	char *space;

	mallopt(M_MMAP_THRESHOLD, keep ? KEPT_BYTES : 128 << 10);
	mallopt(M_TRIM_THRESHOLD, keep ? 2 * KEPT_BYTES : 128 << 10);
	if (!keep) {
		malloc_trim(0);
		return;
	}
	space = malloc(RESERVED_BYTES);
	if (space)
		madvise(space + PAGE - (uintptr_t)space % PAGE, RESERVED_BYTES - PAGE, MADV_HUGEPAGE);
	free(space); /* the heap's end now */
#else
	(void)keep;
#endif
}
