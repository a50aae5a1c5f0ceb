// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of a command line may be a file of FUSE. Who reads them waits for a stranger, and can only be
 * killed. So the thread is detached and has its own copy of all it writes to; the process ends without it. Another thread reads
 * the next command line, but not one for each process of a stranger.
 */
#include "cmdline.h"

#include "confine.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 200000000
#define STUCK_MAX 4 /* threads */

struct worker {
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	unsigned int users; /* the thread and its owner: the last one frees it */
	uint32_t pid;       /* to be read; 0: nothing to do */
	bool stop;
	char text[CMDLINE_MAX + 1];
	size_t len;
};

struct cmdline_reader {
	struct worker *worker;     /* NULL: none, or too many hang */
	uint32_t stuck[STUCK_MAX]; /* the processes that made one wait: they are not asked again */
	unsigned int stuck_len;
};

static size_t read_file(uint32_t pid, char *buf, size_t size)
{
	size_t len = 0;
	char path[32];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < size && (got = read(fd, buf + len, size - len)) > 0)
		len += (size_t)got;
	if (fd >= 0)
		close(fd);
	return len;
}

/* Holds the lock. */
static void leave(struct worker *worker)
{
	bool last = --worker->users == 0;

	pthread_mutex_unlock(&worker->lock);
	if (!last)
		return;
	pthread_cond_destroy(&worker->wake);
	pthread_cond_destroy(&worker->done);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

static void *run(void *arg)
{
	static const unsigned int capabilities[] = {CAP_SYS_PTRACE}; /* where /proc is mounted with hidepid */
	struct worker *worker = arg;
	char text[sizeof(worker->text)];
	uint32_t pid;
	size_t len;

	confine_thread(capabilities, 1);
	pthread_mutex_lock(&worker->lock);
	while (!worker->stop) {
		if (!worker->pid) {
			pthread_cond_wait(&worker->wake, &worker->lock);
			continue;
		}
		pid = worker->pid;
		pthread_mutex_unlock(&worker->lock);
		len = read_file(pid, text, sizeof(text));
		pthread_mutex_lock(&worker->lock);
		memcpy(worker->text, text, len);
		worker->len = len;
		worker->pid = 0;
		pthread_cond_signal(&worker->done);
	}
	leave(worker);
	return NULL;
}

static struct worker *start_worker(void)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_condattr_t monotonic;
	pthread_t thread;

	if (!worker)
		return NULL;
	worker->users = 2;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (thread_start(&thread, run, worker)) {
		free(worker);
		return NULL;
	}
	pthread_detach(thread);
	return worker;
}

static void end_worker(struct worker *worker)
{
	if (!worker)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->stop = true;
	pthread_cond_signal(&worker->wake);
	leave(worker);
}

/* Holds the lock. */
static bool wait_for(struct worker *worker)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (worker->pid && pthread_cond_timedwait(&worker->done, &worker->lock, &until) != ETIMEDOUT)
		;
	return !worker->pid;
}

/* Spaces in place of the ends of arguments, and none at the end, where setproctitle() leaves many. */
static size_t join(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!text[i])
			text[i] = ' ';
	}
	while (len && text[len - 1] == ' ')
		len--;
	return len;
}

struct cmdline_reader *cmdline_reader_new(void)
{
	struct cmdline_reader *reader = calloc(1, sizeof(*reader));

	if (reader)
		reader->worker = start_worker();
	return reader;
}

void cmdline_reader_free(struct cmdline_reader *reader)
{
	if (reader)
		end_worker(reader->worker);
	free(reader);
}

static bool is_stuck(const struct cmdline_reader *reader, uint32_t pid)
{
	for (unsigned int i = 0; i < reader->stuck_len; i++) {
		if (reader->stuck[i] == pid)
			return true;
	}
	return false;
}

/* The thread that waits ends when it may go on. */
static void replace_worker(struct cmdline_reader *reader, uint32_t pid)
{
	end_worker(reader->worker);
	reader->stuck[reader->stuck_len++] = pid;
	reader->worker = reader->stuck_len < STUCK_MAX ? start_worker() : NULL;
}

size_t cmdline_read(struct cmdline_reader *reader, uint32_t pid, char *buf, bool *ret_cut)
{
	struct worker *worker = reader ? reader->worker : NULL;
	bool done;
	size_t len = 0;

	*ret_cut = false;
	if (!worker || !pid || is_stuck(reader, pid))
		return 0;
	pthread_mutex_lock(&worker->lock);
	worker->pid = pid;
	pthread_cond_signal(&worker->wake);
	done = wait_for(worker);
	if (done) {
		*ret_cut = worker->len > CMDLINE_MAX;
		len = join(worker->text, *ret_cut ? CMDLINE_MAX : worker->len);
		memcpy(buf, worker->text, len);
	}
	pthread_mutex_unlock(&worker->lock);
	if (!done)
		replace_worker(reader, pid);
	return len;
}

size_t cmdline_redact(char *buf, size_t len)
{
	char *space = memchr(buf, ' ', len), *slash;

	if (space)
		len = (size_t)(space - buf);
	slash = memrchr(buf, '/', len);
	if (slash) {
		len -= (size_t)(slash + 1 - buf);
		memmove(buf, slash + 1, len);
	}
	return len;
}
