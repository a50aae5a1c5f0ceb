// SPDX-License-Identifier: GPL-2.0-only
#include "metrics_file.h"

#include "src/format/metrics_text.h"
#include "src/host/confine.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 5000000000ull
#define END_S 2 /* for a file system that hangs */

struct metrics_file {
	const char *path;
	char *beside; /* the name that it is written by, owned */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	char *text, *other; /* what waits; what is being written */
	size_t len;         /* 0: nothing waits */
	int error;
	bool end;
	uint64_t next_ns; /* the publisher's alone */
};

/* A new file of the name beside; whatever had the name is removed, never written to. */
static int open_beside(const struct metrics_file *f)
{
	int fd;

	(void)unlink(f->beside);
	fd = open(f->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd >= 0 && !fchmod(fd, 0644)) /* whatever the umask */
		return fd;
	if (fd < 0)
		return -errno;
	close(fd);
	return -EPERM;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int replace(const struct metrics_file *f, const char *text, size_t len)
{
	int fd = open_beside(f), err;

	if (fd < 0)
		return fd;
	err = write_all(fd, text, len);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(f->beside, f->path))
		err = -errno;
	if (err)
		unlink(f->beside);
	return err;
}

static void *run(void *file)
{
	static const unsigned int capabilities[] = {CAP_DAC_OVERRIDE}; /* to write to a folder of node_exporter's user */
	struct metrics_file *f = file;

	confine_thread(capabilities, sizeof(capabilities) / sizeof(capabilities[0]));
	pthread_mutex_lock(&f->lock);
	for (;;) {
		char *text = f->text;
		size_t len = f->len;
		int err;

		if (f->end)
			break;
		if (!len) {
			pthread_cond_wait(&f->wake, &f->lock);
			continue;
		}
		f->text = f->other;
		f->other = text;
		f->len = 0;
		pthread_mutex_unlock(&f->lock);
		err = replace(f, text, len);
		pthread_mutex_lock(&f->lock);
		f->error = -err;
	}
	pthread_mutex_unlock(&f->lock);
	unlink(f->path);
	return NULL;
}

static void release(struct metrics_file *f)
{
	free(f->text);
	free(f->other);
	free(f->beside);
	free(f);
}

/* The name beside is in the same folder, and no *.prom, so that the collector does not read it. */
int metrics_file_open(struct metrics_file **out, const char *path)
{
	struct metrics_file *f = calloc(1, sizeof(*f));
	int fd, err = 0;

	if (!f)
		return -ENOMEM;
	f->path = path;
	f->text = malloc(METRICS_TEXT_MAX);
	f->other = malloc(METRICS_TEXT_MAX);
	if (asprintf(&f->beside, "%s.%d.new", path, (int)getpid()) < 0)
		f->beside = NULL;
	if (!f->text || !f->other || !f->beside)
		err = -ENOMEM;
	fd = err ? err : open_beside(f);
	if (fd < 0) {
		release(f);
		return fd;
	}
	close(fd);
	unlink(f->beside);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->wake, NULL);
	err = -pthread_create(&f->thread, NULL, run, f);
	if (err)
		release(f);
	else
		*out = f;
	return err;
}

int metrics_file_publish(struct metrics_file *f, const char *text, size_t len)
{
	uint64_t now = wait_now();
	int error;

	pthread_mutex_lock(&f->lock);
	if (now >= f->next_ns) {
		f->next_ns = now + PERIOD_NS;
		memcpy(f->text, text, len);
		f->len = len;
		pthread_cond_signal(&f->wake);
	}
	error = f->error;
	pthread_mutex_unlock(&f->lock);
	return error;
}

void metrics_file_close(struct metrics_file *f)
{
	struct timespec until;

	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->end = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	if (pthread_timedjoin_np(f->thread, NULL, &until))
		return; /* it hangs in a write: its memory stays with the program, which ends */
	release(f);
}
