// SPDX-License-Identifier: GPL-2.0-only
#include "whole_file.h"

#include "output_open.h"
#include "write_all.h"
#include "src/host/confine.h"
#include "src/host/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_KEPT 200 /* so that the other name is not longer than names may be */
#define END_S 2       /* for a file system that hangs */

struct whole_file {
	char *path;
	mode_t mode;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	char *data; /* what waits; NULL: nothing */
	size_t len;
	int error;
	bool end, remove;
};

/* Its folder, which may be another one than at the last write. What has the name is replaced: by the rules of output_open.h. */
struct place {
	int folder;
	char name[NAME_MAX + 1], beside[NAME_MAX + 1]; /* it is written under the second one */
};

static int find_place(const struct whole_file *f, struct place *ret)
{
	struct stat folder, st;
	int err = 0;

	ret->folder = output_open_folder(f->path, ret->name);
	if (ret->folder < 0)
		return ret->folder;
	snprintf(ret->beside, sizeof(ret->beside), "%.*s.%d.new", NAME_KEPT, ret->name, (int)getpid());
	if (fstat(ret->folder, &folder))
		err = -errno;
	else if (!fstatat(ret->folder, ret->name, &st, AT_SYMLINK_NOFOLLOW))
		err = output_is_foreign(&folder, &st) ? -OUTPUT_FOREIGN_FILE : S_ISDIR(st.st_mode) ? -EISDIR : 0;
	else if (errno != ENOENT)
		err = -errno;
	if (err)
		close(ret->folder);
	return err;
}

/* A new file of the name beside; whatever had the name is removed, never written to. */
static int open_beside(const struct whole_file *f, const struct place *place)
{
	int fd;

	(void)unlinkat(place->folder, place->beside, 0);
	fd = openat(place->folder, place->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f->mode);
	if (fd >= 0 && !fchmod(fd, f->mode)) /* whatever the umask */
		return fd;
	if (fd < 0)
		return -errno;
	close(fd);
	return -EPERM;
}

/* Without fsync(): after a crash of the host hardly anything in it holds any more. */
static int write_there(const struct whole_file *f, const struct place *place, const char *data, size_t len)
{
	int fd = open_beside(f, place), err;

	if (fd < 0)
		return fd;
	err = write_all(fd, data, len);
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(place->folder, place->beside, place->folder, place->name))
		err = -errno;
	if (err)
		unlinkat(place->folder, place->beside, 0);
	return err;
}

static int replace(const struct whole_file *f, const char *data, size_t len)
{
	struct place place;
	int err = find_place(f, &place);

	if (err)
		return err;
	err = write_there(f, &place, data, len);
	close(place.folder);
	return err;
}

static void remove_it(const struct whole_file *f)
{
	struct place place;

	if (find_place(f, &place))
		return;
	unlinkat(place.folder, place.name, 0);
	close(place.folder);
}

static void *run(void *file)
{
	static const unsigned int capabilities[] = {CAP_DAC_OVERRIDE}; /* as root, to write to another user's folder */
	struct whole_file *f = file;

	confine_thread(capabilities, sizeof(capabilities) / sizeof(capabilities[0]));
	pthread_mutex_lock(&f->lock);
	while ((f->data && !f->remove) || !f->end) {
		char *data = f->data;
		size_t len = f->len;
		int err;

		if (!data) {
			pthread_cond_wait(&f->wake, &f->lock);
			continue;
		}
		f->data = NULL;
		pthread_mutex_unlock(&f->lock);
		err = replace(f, data, len);
		free(data);
		pthread_mutex_lock(&f->lock);
		f->error = -err;
	}
	pthread_mutex_unlock(&f->lock);
	if (f->remove)
		remove_it(f);
	return NULL;
}

static void release(struct whole_file *f)
{
	free(f->data);
	free(f->path);
	free(f);
}

/* What a write would need, so that the user hears of it now. */
static int try_to_write(const struct whole_file *f)
{
	struct place place;
	int err = find_place(f, &place), fd;

	if (err)
		return err;
	fd = open_beside(f, &place);
	if (fd >= 0) {
		close(fd);
		unlinkat(place.folder, place.beside, 0);
	}
	close(place.folder);
	return fd < 0 ? fd : 0;
}

int whole_file_open(struct whole_file **out, const char *path, mode_t mode)
{
	struct whole_file *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->path = strdup(path);
	f->mode = mode;
	err = f->path ? try_to_write(f) : -ENOMEM;
	if (!err) {
		pthread_mutex_init(&f->lock, NULL);
		pthread_cond_init(&f->wake, NULL);
		err = -pthread_create(&f->thread, NULL, run, f);
	}
	if (err)
		release(f);
	else
		*out = f;
	return err;
}

static int read_all(int fd, char **ret_data, size_t *ret_len)
{
	size_t len = 0;
	struct stat st;
	char *data;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > WHOLE_FILE_MAX)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, data + len, (size_t)st.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(data);
			return -errno;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_data = data;
	*ret_len = len;
	return 0;
}

int whole_file_read(const struct whole_file *f, char **ret_data, size_t *ret_len)
{
	struct place place;
	int err = find_place(f, &place), fd;

	if (err)
		return err;
	fd = openat(place.folder, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	err = fd < 0 ? -errno : read_all(fd, ret_data, ret_len);
	if (fd >= 0)
		close(fd);
	close(place.folder);
	return err;
}

void whole_file_write(struct whole_file *f, char *data, size_t len)
{
	pthread_mutex_lock(&f->lock);
	free(f->data);
	f->data = data;
	f->len = len;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

int whole_file_error(struct whole_file *f)
{
	int error;

	pthread_mutex_lock(&f->lock);
	error = f->error;
	pthread_mutex_unlock(&f->lock);
	return error;
}

static int finish(struct whole_file *f, bool remove)
{
	int error;

	if (!f)
		return 0;
	pthread_mutex_lock(&f->lock);
	f->end = true;
	f->remove = remove;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	if (!thread_join_within(f->thread, END_S))
		return ETIMEDOUT; /* it hangs in a write: its memory stays with the program, which ends */
	error = f->error;
	release(f);
	return error;
}

int whole_file_close(struct whole_file *f)
{
	return finish(f, false);
}

void whole_file_remove(struct whole_file *f)
{
	finish(f, true);
}
