// SPDX-License-Identifier: GPL-2.0-only
#include "shared_page.h"

#include "memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 on */
#endif

static void *map(int fd, size_t size, int protection)
{
	void *page = mmap(NULL, size, protection, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

/*
 * F_SEAL_SEAL is among them always: each process that may write to the page may add seals, and one that forbids writing would
 * keep the next helper from it.
 */
static int seal(int fd, enum shared_page_writers writers)
{
	int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

	return fcntl(fd, F_ADD_SEALS, writers == SHARED_PAGE_OURS ? seals | F_SEAL_FUTURE_WRITE : seals);
}

int shared_page_new(const char *name, size_t size, enum shared_page_writers writers, void **ret_page)
{
	int fd = memory_file(name, MFD_ALLOW_SEALING), err;
	void *page;

	if (fd < 0)
		return -errno;
	page = ftruncate(fd, (off_t)size) ? NULL : map(fd, size, PROT_READ | PROT_WRITE);
	if (page && !seal(fd, writers)) {
		*ret_page = page;
		return fd;
	}
	err = -errno;
	if (page)
		munmap(page, size);
	close(fd);
	return err;
}

void *shared_page_map(int fd, size_t size, int writable)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) || st.st_size < (off_t)size)
		return NULL;
	return map(fd, size, writable ? PROT_READ | PROT_WRITE : PROT_READ);
}
