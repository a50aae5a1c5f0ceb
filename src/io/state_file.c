// SPDX-License-Identifier: GPL-2.0-only
#include "state_file.h"

#include "output_open.h"
#include "src/host/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define END_S 2 /* for a file system that hangs */
#define MODE 0640

struct state_file {
	int folder;
	char *name, *beside; /* in the folder; `beside` is what it is written under, and left behind by a run that was killed */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	char *data; /* what waits; NULL: nothing */
	size_t len;
	int error;
	bool end;
};

/* A new file of the name beside; whatever had the name is removed, never written to. */
static int open_beside(const struct state_file *f)
{
	int fd;

	(void)unlinkat(f->folder, f->beside, 0);
	fd = openat(f->folder, f->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (fd >= 0 && !fchmod(fd, MODE)) /* whatever the umask */
		return fd;
	if (fd < 0)
		return -errno;
	close(fd);
	return -EPERM;
}

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
	return 0;
}

/* Without fsync(): after a crash of the host nothing in it holds any more but which alerts there were. */
static int replace(const struct state_file *f, const char *data, size_t len)
{
	int fd = open_beside(f), err;

	if (fd < 0)
		return fd;
	err = write_all(fd, data, len);
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(f->folder, f->beside, f->folder, f->name))
		err = -errno;
	if (err)
		unlinkat(f->folder, f->beside, 0);
	return err;
}

static void *run(void *file)
{
	static const unsigned int capabilities[] = {CAP_DAC_OVERRIDE}; /* to write to a folder of the service's user, as root */
	struct state_file *f = file;

	confine_thread(capabilities, sizeof(capabilities) / sizeof(capabilities[0]));
	pthread_mutex_lock(&f->lock);
	while (f->data || !f->end) {
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
	return NULL;
}

static void release(struct state_file *f)
{
	if (f->folder >= 0)
		close(f->folder);
	free(f->data);
	free(f->name);
	free(f->beside);
	free(f);
}

/* What has the name is replaced, so it must not be another user's in a folder such as /tmp. */
static int open_folder(struct state_file *f, const char *path)
{
	char name[NAME_MAX + 1];
	struct stat folder, st;

	f->folder = output_open_folder(path, name);
	if (f->folder < 0)
		return f->folder;
	f->name = strdup(name);
	if (!f->name || asprintf(&f->beside, "%s.new", name) < 0) {
		f->beside = NULL;
		return -ENOMEM;
	}
	if (fstat(f->folder, &folder))
		return -errno;
	if (fstatat(f->folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	return output_is_foreign(&folder, &st) ? -OUTPUT_FOREIGN_FILE : 0;
}

int state_file_open(struct state_file **out, const char *path)
{
	struct state_file *f = calloc(1, sizeof(*f));
	int fd, err;

	if (!f)
		return -ENOMEM;
	f->folder = -1;
	err = open_folder(f, path);
	fd = err ? err : open_beside(f);
	if (fd < 0) {
		release(f);
		return fd;
	}
	close(fd);
	unlinkat(f->folder, f->beside, 0);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->wake, NULL);
	err = -pthread_create(&f->thread, NULL, run, f);
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
	if (st.st_size > STATE_FILE_MAX)
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

int state_file_read(const struct state_file *f, char **ret_data, size_t *ret_len)
{
	int fd = openat(f->folder, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = read_all(fd, ret_data, ret_len);
	close(fd);
	return err;
}

void state_file_write(struct state_file *f, char *data, size_t len)
{
	pthread_mutex_lock(&f->lock);
	free(f->data);
	f->data = data;
	f->len = len;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

int state_file_error(struct state_file *f)
{
	int error;

	pthread_mutex_lock(&f->lock);
	error = f->error;
	pthread_mutex_unlock(&f->lock);
	return error;
}

int state_file_close(struct state_file *f)
{
	struct timespec until;
	int error;

	if (!f)
		return 0;
	pthread_mutex_lock(&f->lock);
	f->end = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	if (pthread_timedjoin_np(f->thread, NULL, &until))
		return ETIMEDOUT; /* it hangs in a write: its memory stays with the program, which ends */
	error = f->error;
	release(f);
	return error;
}
