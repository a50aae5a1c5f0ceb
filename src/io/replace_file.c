// SPDX-License-Identifier: GPL-2.0-only
#include "replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) && errno != EINVAL && errno != EROFS ? -errno : 0;
}

/* As a new file has it, or as the one that it replaces. */
static mode_t mode_of(const char *path)
{
	struct stat st;
	mode_t mask;

	if (!stat(path, &st))
		return st.st_mode & 0777;
	mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int replace(const char *path, const char *data, size_t len)
{
	char *beside = NULL;
	int fd, err;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		free(beside);
		return err;
	}
	err = write_all(fd, data, len);
	if (!err && fchmod(fd, mode_of(path)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		unlink(beside);
	free(beside);
	return err;
}

int replace_file(const char *path, const char *data, size_t len)
{
	char *target = realpath(path, NULL); /* a link stays, and what it leads to is replaced */
	int err = replace(target ? target : path, data, len);

	free(target);
	return err;
}
