// SPDX-License-Identifier: GPL-2.0-only
#include "screen_out.h"

#include "memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAGS (O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define CHUNK 4096

/* /dev/tty is open to those, too, who may not open their terminal's own file: after `su`, for example. */
static int open_controlling(int fd)
{
	int tty = open("/dev/tty", FLAGS), err = tty < 0 ? -errno : 0;
	unsigned int device;
	struct stat st;

	if (!err && (ioctl(tty, TIOCGDEV, &device) || fstat(fd, &st)))
		err = -errno;
	if (!err && st.st_rdev != device)
		err = -EACCES;
	if (err && tty >= 0)
		close(tty);
	return err ?: tty;
}

int screen_out_open(struct screen_out *out, int fd)
{
	char path[32];
	int err;

	*out = (struct screen_out){0};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	out->tty = open(path, FLAGS);
	if (out->tty < 0)
		out->tty = open_controlling(fd);
	if (out->tty < 0)
		return out->tty;
	out->memory = memory_file("screen", 0);
	if (out->memory >= 0)
		return 0;
	err = -errno;
	close(out->tty);
	return err;
}

void screen_out_close(struct screen_out *out)
{
	close(out->memory);
	close(out->tty);
}

int screen_out_divert(struct screen_out *out, int fd)
{
	return dup3(out->memory, fd, O_CLOEXEC) < 0 ? -errno : 0;
}

/* What comes next is written from the begin on. */
bool screen_out_drop(struct screen_out *out)
{
	out->sent = 0;
	return !ftruncate(out->memory, 0) && !lseek(out->memory, 0, SEEK_SET);
}

bool screen_out_flush(struct screen_out *out)
{
	char chunk[CHUNK];
	ssize_t len, written;

	while ((len = pread(out->memory, chunk, sizeof(chunk), out->sent)) > 0) {
		written = write(out->tty, chunk, (size_t)len);
		if (written < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		out->sent += written < 0 ? len : written; /* a terminal that is gone takes nothing any more */
	}
	return !out->sent || screen_out_drop(out);
}
