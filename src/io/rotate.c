// SPDX-License-Identifier: GPL-2.0-only
/*
 * The new file is made as FILE.rotate, locked, and exchanged with FILE in one step: nobody else ever finds no FILE, or one
 * without a lock. Then FILE.rotate, which is the old one now, becomes FILE.1. All names are changed in the folder's descriptor,
 * and none is a link that is followed.
 */
#include "rotate.h"
#include "compress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX_MAX 16 /* ".999.gz", ".gz.part" */
#define SPARE ".rotate"

struct rotation {
	struct file_settings settings;
	struct output_place place;
	struct compressor *compressor; /* NULL: rotated files stay as they are */
};

struct name {
	char text[NAME_MAX + 1];
};

static struct name with(const struct rotation *r, const char *suffix)
{
	struct name name;

	snprintf(name.text, sizeof(name.text), "%.*s%s", NAME_MAX - SUFFIX_MAX, r->place.name, suffix);
	return name;
}

/* FILE.N, or compressed, FILE.N.gz. */
static struct name numbered(const struct rotation *r, unsigned int n, bool compressed)
{
	char suffix[SUFFIX_MAX];

	snprintf(suffix, sizeof(suffix), ".%u%s", n, compressed ? ".gz" : "");
	return with(r, suffix);
}

/* 1: there is a file that may be renamed; 0: there is none; -errno or -output_refusal. */
static int check(const struct rotation *r, struct name name, struct stat *ret_st)
{
	struct stat dir;

	if (fstat(r->place.dir, &dir))
		return -errno;
	if (fstatat(r->place.dir, name.text, ret_st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (output_is_foreign(&dir, ret_st))
		return -OUTPUT_FOREIGN_FILE;
	return S_ISREG(ret_st->st_mode) ? 1 : -EEXIST;
}

static int remove_name(const struct rotation *r, struct name name)
{
	return unlinkat(r->place.dir, name.text, 0) && errno != ENOENT ? -errno : 0;
}

static int rename_to(const struct rotation *r, struct name from, struct name to)
{
	return renameat(r->place.dir, from.text, r->place.dir, to.text) && errno != ENOENT ? -errno : 0;
}

/* FILE.N is `from`, compressed or not, and nothing else. */
static int shift(const struct rotation *r, unsigned int n)
{
	int err = 0;

	for (int compressed = 0; compressed < 2 && !err; compressed++) {
		err = remove_name(r, numbered(r, n, compressed));
		if (!err && n > 1)
			err = rename_to(r, numbered(r, n - 1, compressed), numbered(r, n, compressed));
	}
	return err;
}

/* The first number that no file has, at most the last one that is kept. All below are files that may be renamed. */
static int first_free(const struct rotation *r, unsigned int *ret_n)
{
	unsigned int n = 0;
	struct stat st;
	int used = 1;

	while (used && n < r->settings.rotate_keep) {
		used = 0;
		n++;
		for (int compressed = 0; compressed < 2; compressed++) {
			int found = check(r, numbered(r, n, compressed), &st);

			if (found < 0)
				return found;
			used |= found;
		}
	}
	*ret_n = n;
	return 0;
}

/* FILE.rotate becomes FILE.1, and each FILE.N the next one. */
static int keep_spare(const struct rotation *r)
{
	unsigned int n;
	int err = first_free(r, &n);

	if (err || !r->settings.rotate_keep)
		return err ?: remove_name(r, with(r, SPARE));
	for (; n > 0 && !err; n--)
		err = shift(r, n);
	return err ?: rename_to(r, with(r, SPARE), numbered(r, 1, false));
}

/* What a crash has left. */
static int put_in_order(const struct rotation *r)
{
	struct name part = with(r, COMPRESS_PART), spare = with(r, SPARE);
	struct stat st;
	int found = check(r, part, &st);

	if (found > 0)
		found = remove_name(r, part);
	if (found < 0)
		return found;
	found = check(r, spare, &st);
	if (found <= 0)
		return found;
	return st.st_size ? keep_spare(r) : remove_name(r, spare); /* empty: it was to be the new file */
}

static void compress(struct rotation *r)
{
	int err = r->compressor ? compressor_start(r->compressor, &r->place) : 0;

	if (err)
		file_say(&r->settings, "cannot compress what %s was: %s", r->place.name, output_error(-err));
}

int rotation_move(struct rotation *r, const struct output_place *place)
{
	struct rotation moved = *r;
	int err;

	if (strlen(place->name) > NAME_MAX - SUFFIX_MAX)
		return -ENAMETOOLONG;
	moved.place = *place;
	moved.place.dir = fcntl(place->dir, F_DUPFD_CLOEXEC, 0);
	if (moved.place.dir < 0)
		return -errno;
	err = compressor_busy(r->compressor) ? 0 : put_in_order(&moved);
	if (err) {
		close(moved.place.dir);
		return err;
	}
	if (r->place.dir >= 0)
		close(r->place.dir);
	r->place = moved.place;
	if (!compressor_busy(r->compressor))
		compress(r);
	return 0;
}

int rotation_open(struct rotation **out, const struct file_settings *settings, const struct output_place *place)
{
	struct rotation *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->settings = *settings;
	r->place.dir = -1;
	err = settings->rotate_compress ? compressor_open(&r->compressor, &r->settings) : 0;
	err = err ?: rotation_move(r, place);
	if (err)
		rotation_close(r);
	else
		*out = r;
	return err;
}

/* Like the file, and with this run's lock on it. */
static int open_spare(const struct rotation *r, const struct stat *like)
{
	int fd = openat(r->place.dir, with(r, SPARE).text, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) ||
	    ((st.st_uid != like->st_uid || st.st_gid != like->st_gid) && fchown(fd, like->st_uid, like->st_gid)) ||
	    fchmod(fd, like->st_mode & 07777) || (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	(void)remove_name(r, with(r, SPARE));
	return err;
}

static int exchange(const struct rotation *r)
{
	int dir = r->place.dir;

	if (!renameat2(dir, with(r, SPARE).text, dir, r->place.name, RENAME_EXCHANGE))
		return 0;
	return errno == EINVAL ? -EOPNOTSUPP : -errno; /* NFS and a few others */
}

static bool leads_to(const struct rotation *r, const char *name, const struct stat *st)
{
	struct stat named;

	return !fstatat(r->place.dir, name, &named, AT_SYMLINK_NOFOLLOW) && st->st_ino == named.st_ino &&
	       st->st_dev == named.st_dev;
}

int rotation_turn(struct rotation *r, int fd)
{
	struct stat st;
	int new_fd, err;

	if (compressor_busy(r->compressor))
		return -EBUSY;
	if (fstat(fd, &st))
		return -errno;
	if (!leads_to(r, r->place.name, &st))
		return -ESTALE;
	new_fd = open_spare(r, &st);
	if (new_fd < 0)
		return new_fd;
	err = exchange(r);
	if (!err) {
		err = leads_to(r, with(r, SPARE).text, &st) ? keep_spare(r) : -ESTALE;
		if (err && exchange(r))
			err = 0; /* the new file it is; the old one is FILE.rotate until the next start */
		if (!err) {
			compress(r);
			return new_fd;
		}
	}
	close(new_fd);
	(void)remove_name(r, with(r, SPARE));
	return err;
}

void rotation_close(struct rotation *r)
{
	if (!r)
		return;
	compressor_close(r->compressor);
	if (r->place.dir >= 0)
		close(r->place.dir);
	free(r);
}
