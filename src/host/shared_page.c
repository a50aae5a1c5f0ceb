// SPDX-License-Identifier: GPL-2.0-only
#include "shared_page.h"

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

int shared_page_new(const char *name, size_t size, void **ret_page)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), err;
	void *page = NULL;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size) && !fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK))
		page = map(fd, size, PROT_READ | PROT_WRITE);
	if (!page) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_page = page;
	return fd;
}

int shared_page_protect(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) ? -errno : 0;
}

void *shared_page_map(int fd, size_t size, int writable)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) || st.st_size < (off_t)size)
		return NULL;
	return map(fd, size, writable ? PROT_READ | PROT_WRITE : PROT_READ);
}
