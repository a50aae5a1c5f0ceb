// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines go to a file so that its readers see whole ones only, whoever else writes to it: O_APPEND, and a write() that ends with
 * a line. Where a write was cut short (ENOSPC), the part of a line is removed if it still is the file's end, else it is ended.
 *
 * Who writes to a file without rotating it has a shared lock on it, and who rotates it an exclusive one.
 */
#include "file.h"
#include "rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PIECE (256 * 1024) /* per write to what never blocks for long */
#define GROUP_MODE 0640
#define LOCK_TRIES 20 /* of 5 ms: another run's look at the end of the file is over */

struct file {
	struct destination destination; /* first: file_write() */
	const char *path;               /* NULL: a descriptor without a name that we know */
	int own_fd;                     /* -1: the descriptor is the caller's */
	bool lines;                     /* it is a file, and what is written are lines */
	bool unended;                   /* a newline must come before the next line */
	bool wrote;                     /* to this file */
	struct file_settings settings;
	char *head;                /* NULL: none */
	struct rotation *rotation; /* NULL: never rotated */
	uint64_t rotate_at;        /* bytes: after a failure, more than what was asked for */
	bool said;                 /* that it cannot be rotated */
};

/* The file's last byte; -1: it cannot be read. An empty file needs no newline either. */
static int last_byte(int fd)
{
	char path[32], byte = '\n';
	struct stat st;
	int in, result = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* which is open for writing only */
	in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (in < 0)
		return -1;
	if (!fstat(in, &st) && (!st.st_size || pread(in, &byte, 1, st.st_size - 1) == 1))
		result = (unsigned char)byte;
	close(in);
	return result;
}

/* Another writer's line may have the newline that was missing. 0 or -errno. */
static int end_line(struct destination *d, int fd, bool is_file)
{
	if (is_file && last_byte(fd) == '\n')
		return 0;
	if (write(fd, "\n", 1) != 1)
		return -errno;
	d->torn++;
	return 0;
}

/* Removes the last `torn` bytes. False if they are not the file's end: another writer's lines may follow. */
static bool cut(const struct file *file, size_t torn)
{
	int fd = file->destination.fd;
	off_t end = lseek(fd, 0, SEEK_CUR); /* of our last write, with O_APPEND too */
	struct stat st;

	return end >= (off_t)torn && !fstat(fd, &st) && st.st_size == end && !ftruncate(fd, end - (off_t)torn) &&
	       lseek(fd, end - (off_t)torn, SEEK_SET) >= 0;
}

/* As many bytes as belong to whole lines; all if there is no whole one. */
static size_t whole(const char *data, size_t len)
{
	const char *last = memrchr(data, '\n', len);

	return last ? (size_t)(last + 1 - data) : len;
}

/* What of a line could not be written is cut off, and written again later. */
static ssize_t write_lines(struct file *file, const char *data, size_t len)
{
	size_t done = 0, torn;
	ssize_t n = 1;

	while (done < len && n > 0) {
		n = write(file->destination.fd, data + done, len - done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (done == len)
		return (ssize_t)len;
	int error = n < 0 ? errno : ENOSPC;
	const char *last = memrchr(data, '\n', done);
	torn = last ? (size_t)(data + done - (last + 1)) : done;
	if (torn && !cut(file, torn))
		file->unended = true;
	return done > torn ? (ssize_t)(done - torn) : -error;
}

/* Whoever made the file new: a rotation, SIGHUP, copytruncate of logrotate. A run begins with the same line by itself. */
static int write_head(struct file *file, const char *data, size_t len)
{
	size_t head_len = file->head ? strlen(file->head) : 0;
	struct stat st;
	ssize_t written;

	if (!file->lines || fstat(file->destination.fd, &st) || st.st_size)
		return 0;
	if (file->wrote)
		file->destination.renewed++;
	file->wrote = false;
	if (!head_len || (len >= head_len && !memcmp(data, file->head, head_len)))
		return 0;
	written = write_lines(file, file->head, head_len);
	return written < 0 ? (int)written : 0;
}

static int file_reopen(struct destination *destination);

static void refuse_rotation(struct file *file, uint64_t size, int error)
{
	file->rotate_at = size + file->settings.rotate_bytes;
	if (!file->said)
		file_say(&file->settings, "cannot rotate %s, which grows meanwhile: %s", file->path, output_error(error));
	file->said = true;
}

static void own(struct file *file, int fd)
{
	if (file->own_fd >= 0)
		close(file->own_fd);
	file->own_fd = file->destination.fd = fd;
}

/* Between two lines. Whatever goes wrong, there is a file to write to. */
static void rotate_if_due(struct file *file)
{
	struct stat st;
	int state, fd;

	if (!file->rotation || fstat(file->destination.fd, &st) || (uint64_t)st.st_size < file->rotate_at)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	fd = rotation_turn(file->rotation, file->destination.fd);
	if (fd >= 0) {
		own(file, fd);
		file->destination.offset = 0;
		file->rotate_at = file->settings.rotate_bytes;
		file->said = false;
	} else if (fd == -ESTALE) { /* somebody else has moved it */
		fd = file_reopen(&file->destination);
	}
	if (fd < 0 && fd != -EBUSY)
		refuse_rotation(file, (uint64_t)st.st_size, -fd);
	pthread_setcancelstate(state, NULL);
}

static ssize_t file_write(struct destination *destination, const void *data, size_t len)
{
	struct file *file = (struct file *)destination;
	ssize_t written;
	int err;

	rotate_if_due(file);
	err = file->unended ? end_line(destination, destination->fd, file->lines) : 0;
	if (err)
		return err;
	file->unended = false;
	err = write_head(file, data, len);
	if (err)
		return err;
	if (!file->lines) {
		written = write(destination->fd, data, len);
		return written < 0 ? -errno : written;
	}
	written = write_lines(file, data, whole(data, len));
	file->wrote |= written > 0;
	return written;
}

static int file_restore(struct destination *destination, size_t torn)
{
	struct file *file = (struct file *)destination;
	struct pollfd pipe = {.fd = destination->fd, .events = POLLOUT};

	if (poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLERR))
		return -EPIPE; /* nobody reads the FIFO */
	if (torn && !(file->lines && cut(file, torn)))
		file->unended = true;
	return 0; /* whether it can be written is seen by writing */
}

static void file_close(struct destination *destination)
{
	struct file *file = (struct file *)destination;

	rotation_close(file->rotation);
	if (file->own_fd >= 0)
		close(file->own_fd);
	free(file->head);
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

/* The descriptor becomes the destination's; `owned`: its own, too. */
static void take_fd(struct file *file, int fd, bool owned, const struct stat *st)
{
	int pipe_fd = S_ISFIFO(st->st_mode) ? reopen_pipe(fd) : -1;
	bool large = S_ISREG(st->st_mode) || S_ISBLK(st->st_mode) || pipe_fd >= 0;
	struct destination *d = &file->destination;
	size_t piece = large ? FILE_PIECE : PIPE_BUF;

	if (pipe_fd >= 0 && owned)
		close(fd);
	if (pipe_fd >= 0 || owned)
		own(file, pipe_fd >= 0 ? pipe_fd : fd);
	d->fd = pipe_fd >= 0 ? pipe_fd : fd;
	d->piece = d->piece && d->piece < piece ? d->piece : piece; /* room was made for the first one */
	d->offset = S_ISREG(st->st_mode) ? (size_t)st->st_size : 0; /* a file is appended to, or empty */
}

/* A shared lock, or with rotation an exclusive one. `ret_alone`: no other run writes to the file at this moment. */
static int lock(int fd, bool rotate, bool *ret_alone)
{
	*ret_alone = !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK; /* not all file systems have locks */
	if (*ret_alone)
		return 0;
	for (int i = 0; i < LOCK_TRIES && !rotate; i++) {
		if (!flock(fd, LOCK_SH | LOCK_NB))
			return 0;
		usleep(5000);
	}
	return -OUTPUT_LOCKED;
}

/* Makes the file what the settings ask for, and its last line whole. */
static int prepare(struct file *file, int fd, const struct output_place *place, const struct stat *st)
{
	const struct file_settings *settings = &file->settings;
	bool alone;
	int err = lock(fd, settings->rotate_bytes, &alone);

	if (err)
		return err;
	if (settings->group != GROUP_NONE && ((st->st_gid != settings->group && fchown(fd, (uid_t)-1, settings->group)) ||
					      (place->is_new && fchmod(fd, GROUP_MODE))))
		return errno == EPERM ? -OUTPUT_GROUP : -errno;
	file->destination.shared = !alone;
	file->unended = alone && last_byte(fd) >= 0 && end_line(&file->destination, fd, true);
	if (alone && !settings->rotate_bytes)
		(void)flock(fd, LOCK_SH | LOCK_NB);
	return 0;
}

/* `fd` was opened by its name, and is the file's, or closed. */
static int take_named(struct file *file, int fd, struct output_place *place)
{
	bool rotate = file->settings.rotate_bytes;
	struct stat st;
	int err = fstat(fd, &st) ? -errno : 0;

	if (!err && S_ISREG(st.st_mode))
		err = prepare(file, fd, place, &st);
	if (!err && rotate)
		err = !S_ISREG(st.st_mode) || place->dir < 0 ? -OUTPUT_NOT_A_FILE
		      : file->rotation                       ? rotation_move(file->rotation, place)
							     : rotation_open(&file->rotation, &file->settings, place);
	if (err) {
		close(fd);
		return err;
	}
	take_fd(file, fd, true, &st);
	file->lines = S_ISREG(st.st_mode);
	file->rotate_at = file->settings.rotate_bytes;
	file->said = false;
	return 0;
}

static int file_reopen(struct destination *destination)
{
	struct file *file = (struct file *)destination;
	struct output_place place;
	struct stat now, before;
	int fd = output_open_now(file->path, &place), err;

	if (fd < 0)
		return fd;
	if (!fstat(fd, &now) && !fstat(destination->fd, &before) && now.st_ino == before.st_ino &&
	    now.st_dev == before.st_dev) {
		close(fd);
		err = 0;
	} else {
		bool unended = file->unended;

		err = take_named(file, fd, &place);
		file->unended = err ? unended : file->unended;
	}
	if (place.dir >= 0)
		close(place.dir);
	return err;
}

static struct file *file_new(const char *name, const struct file_settings *settings)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->own_fd = -1;
	file->settings = settings ? *settings : (struct file_settings){.group = GROUP_NONE};
	file->head = file->settings.head ? strdup(file->settings.head) : NULL;
	if (file->settings.head && !file->head) {
		free(file);
		return NULL;
	}
	file->destination = (struct destination){.name = name, .fd = -1, .write = file_write, .close = file_close};
	return file;
}

static int open_of_fd(struct destination **out, int fd, bool owned, const char *name)
{
	struct file *file;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	file = file_new(name, NULL);
	if (!file)
		return -ENOMEM;
	take_fd(file, fd, owned, &st);
	*out = &file->destination;
	return 0;
}

int file_of_fd(struct destination **out, int fd, const char *name)
{
	return open_of_fd(out, fd, false, name);
}

/* A pipe whose reader has left and a terminal that hung up stay so; a disk can have room again. */
static int open_stdout(struct destination **out)
{
	int err = file_of_fd(out, STDOUT_FILENO, "standard output");
	struct stat st;

	if (err || fstat(STDOUT_FILENO, &st))
		return err;
	((struct file *)*out)->lines = S_ISREG(st.st_mode);
	if (S_ISREG(st.st_mode) && (fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND))
		((struct file *)*out)->unended = last_byte(STDOUT_FILENO) >= 0 && end_line(*out, STDOUT_FILENO, true);
	if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) && !isatty(STDOUT_FILENO))
		(*out)->restore = file_restore;
	return 0;
}

/* A recording: a part of it that is missing cannot be left out. */
static int open_fresh(struct destination **out, const char *path, reader_wait_fn wait, void *ctx)
{
	bool is_stdout = !strcmp(path, "-");
	int fd = is_stdout ? STDOUT_FILENO : output_open(path, true, wait, ctx), err;

	if (fd < 0)
		return fd;
	err = open_of_fd(out, fd, !is_stdout, is_stdout ? "standard output" : path);
	if (err && !is_stdout)
		close(fd);
	return err;
}

int file_open_lines(struct destination **out, const char *path, const struct file_settings *settings, reader_wait_fn wait,
		    void *ctx)
{
	struct output_place place;
	struct file *file;
	int fd, err;

	if (!path || !strcmp(path, "-"))
		return settings && settings->rotate_bytes ? -OUTPUT_NOT_A_FILE : open_stdout(out);
	fd = output_open_now(path, &place);
	if (fd == -ENXIO)
		fd = output_open(path, false, wait, ctx);
	if (fd < 0)
		return fd;
	file = file_new(path, settings);
	if (file)
		file->path = path;
	else
		close(fd);
	err = file ? take_named(file, fd, &place) : -ENOMEM;
	if (place.dir >= 0)
		close(place.dir);
	if (err && file)
		file_close(&file->destination);
	if (err)
		return err;
	file->destination.reopen = file_reopen;
	file->destination.restore = isatty(file->destination.fd) ? NULL : file_restore;
	*out = &file->destination;
	return 0;
}

int file_open(struct destination **out, const char *path, bool fresh, reader_wait_fn wait, void *ctx)
{
	return fresh && path ? open_fresh(out, path, wait, ctx) : file_open_lines(out, path, NULL, wait, ctx);
}
