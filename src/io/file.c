// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PIECE (64 * 1024) /* per write to what never blocks for long */

struct file {
	struct destination destination; /* first: file_write() */
	int own_fd;                     /* -1: the descriptor is the caller's */
};

static ssize_t file_write(struct destination *destination, const void *data, size_t len)
{
	ssize_t written = write(destination->fd, data, len);

	return written < 0 ? -errno : written;
}

static void file_close(struct destination *destination)
{
	struct file *file = (struct file *)destination;

	if (file->own_fd >= 0)
		close(file->own_fd);
	free(file);
}

/*
 * O_NONBLOCK of a descriptor that other processes share must stay as it is. A pipe that is opened again has an O_NONBLOCK of
 * its own: then writes may be as large as those to a file, which a pipe to jq or gzip needs. -1 if that is not possible.
 */
static int reopen_pipe(int fd)
{
	char path[32];

	(void)fcntl(fd, F_SETPIPE_SZ, 1 << 20);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static int file_new(struct destination **out, int fd, int own_fd, const char *name)
{
	struct file *file;
	struct stat st;
	int pipe_fd;

	if (fstat(fd, &st))
		return -errno;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	pipe_fd = S_ISFIFO(st.st_mode) ? reopen_pipe(fd) : -1;
	if (pipe_fd >= 0 && own_fd >= 0)
		close(own_fd);
	if (pipe_fd >= 0)
		own_fd = pipe_fd;
	file->own_fd = own_fd;
	file->destination = (struct destination){
		.name = name,
		.fd = own_fd >= 0 ? own_fd : fd,
		.piece = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || pipe_fd >= 0 ? FILE_PIECE : PIPE_BUF,
		.offset = S_ISREG(st.st_mode) ? (size_t)st.st_size : 0, /* a file is appended to, or empty */
		.write = file_write,
		.close = file_close,
	};
	*out = &file->destination;
	return 0;
}

int file_of_fd(struct destination **out, int fd, const char *name)
{
	return file_new(out, fd, -1, name);
}

int file_open(struct destination **out, const char *path, bool fresh)
{
	int fd, err;

	if (!path || !strcmp(path, "-"))
		return file_of_fd(out, STDOUT_FILENO, "standard output");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (fresh ? O_TRUNC : O_APPEND), 0640);
	if (fd < 0)
		return -errno;
	err = file_new(out, fd, fd, path);
	if (err)
		close(fd);
	return err;
}
