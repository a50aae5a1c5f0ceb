// SPDX-License-Identifier: GPL-2.0-only
#include "compress.h"

#include "src/host/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define PIECE (64 * 1024)
#define NICE 10

struct compressor {
	struct file_settings settings;
	struct output_place place;
	pthread_t thread;
	bool started, said; /* that a compression failed: once */
	atomic_bool busy, stop;
};

/* -ECANCELED: the run ends. */
static int copy(struct compressor *c, int in, gzFile out)
{
	char piece[PIECE];
	ssize_t len;

	while ((len = read(in, piece, sizeof(piece))) > 0) {
		if (atomic_load(&c->stop))
			return -ECANCELED;
		errno = 0;
		if (gzwrite(out, piece, (unsigned int)len) != len)
			return errno ? -errno : -ENOMEM;
	}
	return len < 0 ? -errno : 0;
}

/* What is in the file is on the disk before the original goes. */
static int write_out(struct compressor *c, int in, int out, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int dup_fd = fcntl(out, F_DUPFD_CLOEXEC, 0), err;
	gzFile gz = dup_fd >= 0 ? gzdopen(dup_fd, "wb") : NULL;

	if (!gz) {
		err = dup_fd < 0 ? -errno : -ENOMEM;
		if (dup_fd >= 0)
			close(dup_fd);
		return err;
	}
	err = copy(c, in, gz);
	errno = 0;
	if (gzclose(gz) != Z_OK && !err)
		err = errno ? -errno : -EIO;
	if (!err &&
	    (fchown(out, st->st_uid, st->st_gid) || fchmod(out, st->st_mode & 07777) || futimens(out, times) || fsync(out)))
		err = -errno;
	return err;
}

/* By way of FILE.gz.part. */
static int compress_file(struct compressor *c, int in, const struct stat *st, const char *name)
{
	int dir = c->place.dir, out, err;
	char part[NAME_MAX + 1], done[NAME_MAX + 1];

	snprintf(part, sizeof(part), "%.*s%s", NAME_MAX - 16, c->place.name, COMPRESS_PART);
	snprintf(done, sizeof(done), "%.*s.gz", NAME_MAX - 4, name);
	out = openat(dir, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	err = write_out(c, in, out, st);
	close(out);
	if (!err && renameat(dir, part, dir, done))
		err = -errno;
	if (unlinkat(dir, err ? part : name, 0) && !err)
		err = -errno;
	return err;
}

static int compress_name(struct compressor *c, const char *name)
{
	int in = openat(c->place.dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat st, dir;

	if (in < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(in, &st) || fstat(c->place.dir, &dir))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || output_is_foreign(&dir, &st))
		err = -OUTPUT_FOREIGN_FILE;
	else
		err = compress_file(c, in, &st, name);
	close(in);
	return err;
}

static void *compress_all(void *compressor)
{
	struct compressor *c = compressor;
	char name[NAME_MAX + 1];
	int err = 0;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* the thread's */
	for (unsigned int n = 1; n <= c->settings.rotate_keep && !err; n++) {
		snprintf(name, sizeof(name), "%.*s.%u", NAME_MAX - 16, c->place.name, n);
		err = compress_name(c, name);
	}
	if (err && err != -ECANCELED && !c->said)
		file_say(&c->settings, "cannot compress %s, which stays as it is: %s", name, output_error(-err));
	c->said = err && err != -ECANCELED;
	atomic_store(&c->busy, false);
	return NULL;
}

int compressor_open(struct compressor **out, const struct file_settings *settings)
{
	struct compressor *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->settings = *settings;
	c->place.dir = -1;
	*out = c;
	return 0;
}

static void join(struct compressor *c)
{
	if (c->started)
		pthread_join(c->thread, NULL);
	c->started = false;
	if (c->place.dir >= 0)
		close(c->place.dir);
	c->place.dir = -1;
}

int compressor_start(struct compressor *c, const struct output_place *place)
{
	int err;

	join(c);
	c->place = *place;
	c->place.dir = fcntl(place->dir, F_DUPFD_CLOEXEC, 0);
	if (c->place.dir < 0)
		return -errno;
	atomic_store(&c->busy, true);
	err = thread_start(&c->thread, compress_all, c);
	c->started = !err;
	if (err)
		atomic_store(&c->busy, false); /* else the thread does so, which may have ended by now */
	return err;
}

bool compressor_busy(const struct compressor *c)
{
	return c && atomic_load(&c->busy);
}

void compressor_close(struct compressor *c)
{
	if (!c)
		return;
	atomic_store(&c->stop, true);
	if (c->started && !thread_join_within(c->thread, 1)) {
		pthread_detach(c->thread); /* a disk that hangs does not hold up the end of the run */
		return;
	}
	c->started = false;
	join(c);
	free(c);
}
