// SPDX-License-Identifier: GPL-2.0-only
#include "replace_file.h"

#include "output_open.h"
#include "write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_KEPT 200 /* so that the other name is not longer than names may be */

static int open_beside(const struct output_place *place, const char *name)
{
	int fd;

	(void)unlinkat(place->dir, name, 0); /* of a run that was killed */
	fd = openat(place->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* A new file of this name, with the mode of `old`. */
static int write_beside(const struct output_place *place, const char *name, int old, const struct replace_data *data)
{
	int fd, err;
	struct stat st;

	if (fstat(old, &st))
		return -errno;
	fd = open_beside(place, name);
	if (fd < 0)
		return fd;
	err = write_all(fd, data->text, data->len);
	if (!err && (fchmod(fd, st.st_mode & 0777) || fsync(fd)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static void name_beside(const struct output_place *place, char name[NAME_MAX + 1])
{
	snprintf(name, NAME_MAX + 1, "%.*s.%d.part", NAME_KEPT, place->name, (int)getpid());
}

static int replace(const struct output_place *place, int old, const struct replace_data *data)
{
	char name[NAME_MAX + 1];
	int err;

	name_beside(place, name);
	err = write_beside(place, name, old, data);
	if (!err && renameat(place->dir, name, place->dir, place->name))
		err = -errno;
	if (err)
		(void)unlinkat(place->dir, name, 0);
	if (err && place->is_new)
		(void)unlinkat(place->dir, place->name, 0);
	return err;
}

int replace_try(const char *path)
{
	char name[NAME_MAX + 1];
	struct output_place place;
	int fd = output_open_now(path, &place), part;

	if (fd < 0)
		return fd;
	close(fd);
	if (place.dir < 0)
		return 0;
	name_beside(&place, name);
	part = open_beside(&place, name);
	if (part >= 0) {
		close(part);
		(void)unlinkat(place.dir, name, 0);
	}
	if (place.is_new)
		(void)unlinkat(place.dir, place.name, 0);
	close(place.dir);
	return part < 0 ? part : 0;
}

int replace_file(const char *path, const struct replace_data *data)
{
	struct output_place place;
	int fd = output_open_now(path, &place), err;

	if (fd < 0)
		return fd;
	err = place.dir < 0 ? write_all(fd, data->text, data->len) : replace(&place, fd, data);
	if (place.dir >= 0)
		close(place.dir);
	if (close(fd) && !err)
		err = -errno;
	return err;
}
