/* SPDX-License-Identifier: GPL-2.0-only */
/* The output queue: order and exact counts with readers that are quick, slow, stuck or gone. No test sleeps for luck. */
#include "queue_of_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define LONG (10000 * MS)

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Message number i: of a length that depends on i, its bytes too. */
static size_t message(char *buf, unsigned int i)
{
	size_t len = (size_t)snprintf(buf, 16, "%u:", i);
	size_t more = i * 37 % 1900;

	memset(buf + len, 'a' + (int)(i % 26), more);
	buf[len + more] = '\n';
	return len + more + 1;
}

/* Reads until the end of file and checks that it is messages in rising order, whole, but perhaps for the last. */
struct reader {
	pthread_t thread;
	int fd;
	unsigned int delay_us, messages;
	size_t bytes, rest;
	bool ok;
};

static void *reader_run(void *arg)
{
	struct reader *r = arg;
	char *all = NULL, expected[4096];
	size_t size = 0;
	FILE *mem = open_memstream(&all, &size);
	char piece[4096];

	for (ssize_t n; (n = read(r->fd, piece, sizeof(piece))) > 0;) {
		fwrite(piece, 1, (size_t)n, mem);
		if (r->delay_us)
			usleep(r->delay_us);
	}
	fclose(mem);
	r->ok = true;
	size_t pos = 0;
	unsigned int last = 0;
	for (char *nl; pos < size && (nl = memchr(all + pos, '\n', size - pos)); r->messages++) {
		unsigned int i = (unsigned int)strtoul(all + pos, NULL, 10);
		size_t len = message(expected, i);
		r->ok &= (r->messages == 0 || i > last) && len == (size_t)(nl + 1 - all) - pos &&
			 !memcmp(all + pos, expected, len);
		last = i;
		pos += len;
	}
	r->bytes = size;
	r->rest = size - pos;
	free(all);
	return NULL;
}

static void reader_start(struct reader *r, int fd, unsigned int delay_us)
{
	*r = (struct reader){.fd = fd, .delay_us = delay_us};
	assert_int_equal(pthread_create(&r->thread, NULL, reader_run, r), 0);
}

/* The small queue wraps hundreds of times; a message that does not fit is tried again, so all must arrive. */
static void pass_all(int write_fd, int read_fd, size_t size, uint64_t flush_ns, unsigned int count)
{
	char buf[4096];
	uint64_t refused = 0;
	struct queue *q;
	struct queue_stats stats;
	struct reader r;

	reader_start(&r, read_fd, 0);
	assert_int_equal(queue_of_fd(&q, write_fd, size, flush_ns), 0);
	for (unsigned int i = 0; i < count; i++) {
		size_t len = message(buf, i);
		for (; !queue_put(q, buf, len, false); refused++)
			sched_yield();
	}
	queue_close(q, LONG, &stats);
	close(write_fd);
	pthread_join(r.thread, NULL);
	close(read_fd);
	assert_true(r.ok);
	assert_int_equal(r.messages, count);
	assert_int_equal(r.rest, 0);
	assert_int_equal(stats.messages, count);
	assert_int_equal(stats.dropped, refused);
	assert_int_equal(stats.lost, 0);
	assert_int_equal(stats.error, 0);
}

static void test_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pass_all(fds[1], fds[0], 4096, 0, 5000);
	assert_int_equal(pipe(fds), 0);
	pass_all(fds[1], fds[0], 1 << 20, 5 * MS, 20000);
}

static void test_pipe_nonblocking(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	pass_all(fds[1], fds[0], 1 << 16, 0, 5000);
}

static void test_socket(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pass_all(fds[1], fds[0], 1 << 16, MS, 5000);
}

static void test_file(void **state)
{
	char buf[4096];
	int fd = memfd_create("queue", MFD_CLOEXEC);
	struct queue *q;
	struct queue_stats stats;
	struct reader r = {.fd = fd};

	(void)state;
	assert_int_equal(queue_of_fd(&q, fd, 8 << 20, 200 * MS), 0);
	for (unsigned int i = 0; i < 4000; i++)
		assert_true(queue_put(q, buf, message(buf, i), false));
	queue_close(q, LONG, &stats);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	reader_run(&r);
	assert_true(r.ok);
	assert_int_equal(r.messages, 4000);
	assert_int_equal(stats.lost + stats.dropped, 0);
	close(fd);
}

/* A reader slower than the producer: what is refused is counted, what is accepted arrives, whole and in order. */
static void test_slow_reader(void **state)
{
	char buf[4096];
	unsigned int accepted = 0;
	int fds[2];
	struct queue *q;
	struct queue_stats stats;
	struct reader r;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	reader_start(&r, fds[0], 200);
	assert_int_equal(queue_of_fd(&q, fds[1], 1 << 16, 0), 0);
	for (unsigned int i = 0; i < 3000; i++)
		accepted += queue_put(q, buf, message(buf, i), false);
	queue_close(q, LONG, &stats);
	close(fds[1]);
	pthread_join(r.thread, NULL);
	close(fds[0]);
	assert_true(r.ok);
	assert_int_equal(r.rest, 0);
	assert_true(accepted < 3000);
	assert_int_equal(r.messages, accepted);
	assert_int_equal(stats.messages, accepted);
	assert_int_equal(stats.dropped, 3000 - accepted);
	assert_int_equal(stats.lost, 0);
}

/* A reader that never reads: put does not block, close ends in its time, and every message is accounted for. */
static void test_stuck_reader(void **state)
{
	char buf[4096];
	unsigned int accepted = 0;
	int fds[2];
	struct queue *q;
	struct queue_stats stats;
	struct reader r = {0};

	(void)state;
	assert_int_equal(pipe(fds), 0);
	/* More than the pipe itself takes, which queue_open() made 1 MiB. */
	assert_int_equal(queue_of_fd(&q, fds[1], 1 << 18, 0), 0);
	uint64_t begin = now_ns();
	for (unsigned int i = 0; i < 20000; i++) {
		accepted += queue_put(q, buf, message(buf, i), false);
		if (i % 100 == 0)
			usleep(1000); /* the thread fills the pipe */
	}
	assert_true(now_ns() - begin < 1000 * MS);
	begin = now_ns();
	queue_close(q, 50 * MS, &stats);
	uint64_t took = now_ns() - begin;
	assert_true(took >= 50 * MS);
	assert_true(took < 5000 * MS);
	close(fds[1]);
	r.fd = fds[0];
	reader_run(&r);
	close(fds[0]);
	assert_true(r.ok);
	assert_int_equal(stats.messages, accepted);
	assert_int_equal(stats.messages + stats.dropped, 20000);
	assert_true(stats.lost > 0);
	assert_int_equal(r.messages + stats.lost, accepted);
	assert_int_equal(stats.error, 0);
}

/* A pipe that somebody else fills between poll and write blocks the write itself: a terminal that is stopped does so too. */
static void test_blocked_write(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char buf[4096], name[64];
	struct queue *q;
	struct queue_stats stats;

	(void)state;
	if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof(name)))
		skip();
	slave = open(name, O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(queue_of_fd(&q, slave, 1 << 20, 0), 0);
	for (unsigned int i = 0; i < 300; i++)
		assert_true(queue_put(q, buf, message(buf, i), false));
	uint64_t begin = now_ns();
	queue_close(q, 20 * MS, &stats);
	assert_true(now_ns() - begin < 5000 * MS);
	assert_int_equal(stats.messages, 300);
	assert_true(stats.lost > 0);
	close(slave);
	close(master);
}

static void wait_for_error(struct queue *q, int error)
{
	struct pollfd pfd = {.fd = queue_error_fd(q), .events = POLLIN};
	struct queue_stats stats;

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	queue_stats(q, &stats);
	assert_int_equal(stats.error, error);
}

static void test_reader_gone(void **state)
{
	int fds[2];
	struct queue *q;
	struct queue_stats stats;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(queue_of_fd(&q, fds[1], 1 << 16, 60000 * MS), 0);
	/* Though there is nothing to write: `tcplife-fsm | head` ends as head does. */
	wait_for_error(q, EPIPE);
	assert_false(queue_put(q, "x\n", 2, false));
	assert_false(queue_put(q, "y\n", 2, false));
	queue_close(q, LONG, &stats);
	assert_int_equal(stats.messages, 2);
	assert_int_equal(stats.lost, 2);
	assert_int_equal(stats.dropped, 0);
	close(fds[1]);
}

static void test_reader_leaves(void **state)
{
	char buf[4096];
	int fds[2];
	struct queue *q;
	struct queue_stats stats;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(queue_of_fd(&q, fds[1], 1 << 23, 0), 0);
	for (unsigned int i = 0; i < 5000; i++)
		assert_true(queue_put(q, buf, message(buf, i), false));
	assert_int_equal(read(fds[0], buf, 10), 10);
	close(fds[0]);
	wait_for_error(q, EPIPE);
	queue_close(q, LONG, &stats);
	assert_int_equal(stats.messages, 5000);
	assert_true(stats.lost > 0 && stats.lost < 5000);
	close(fds[1]);
}

/* A file that may not grow any more takes part of a message: exactly the whole ones count as written. */
static void test_file_full(void **state)
{
	struct rlimit before, small;
	char buf[4096];
	int fd = memfd_create("queue", MFD_CLOEXEC);
	FILE *file = tmpfile();
	struct queue *q;
	struct queue_stats stats;
	struct reader r = {0};

	(void)state;
	assert_true(file != NULL && fd >= 0);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(queue_of_fd(&q, fileno(file), 1 << 20, 0), 0);
	for (unsigned int i = 0; i < 500; i++)
		queue_put(q, buf, message(buf, i), false);
	wait_for_error(q, EFBIG);
	queue_close(q, LONG, &stats);
	setrlimit(RLIMIT_FSIZE, &before);
	r.fd = fileno(file);
	lseek(r.fd, 0, SEEK_SET);
	reader_run(&r);
	assert_true(r.ok);
	assert_int_equal(r.bytes, 100000);
	assert_int_equal(stats.messages, 500);
	assert_int_equal(r.messages + stats.lost, 500);
	fclose(file);
	close(fd);
}

/* Small messages wait for each other, but no longer than asked; a pile of them does not wait. */
static void test_flush(void **state)
{
	struct pollfd pfd;
	int fds[2];
	char buf[4096] = {0};
	struct queue *q;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pfd = (struct pollfd){.fd = fds[0], .events = POLLIN};
	assert_int_equal(queue_of_fd(&q, fds[1], 1 << 20, 100 * MS), 0);
	uint64_t begin = now_ns();
	assert_true(queue_put(q, "a\n", 2, false));
	assert_true(queue_put(q, "b\n", 2, false));
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	assert_true(now_ns() - begin >= 50 * MS);
	assert_int_equal(read(fds[0], buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "a\nb\n", 4);
	queue_close(q, LONG, NULL);

	assert_int_equal(queue_of_fd(&q, fds[1], 1 << 20, 3600000 * MS), 0);
	for (unsigned int i = 0; i < 140; i++)
		assert_true(queue_put(q, buf, 2000, false));
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	close(fds[0]); /* lets close end at once */
	queue_close(q, LONG, NULL);
	close(fds[1]);
}

static void test_sizes(void **state)
{
	static char big[8192];
	int fds[2];
	struct queue *q = NULL;
	struct queue_stats stats;

	(void)state;
	assert_int_equal(queue_of_fd(&q, -1, 4096, 0), -EBADF);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(queue_of_fd(&q, fds[1], SIZE_MAX, 0), -EINVAL);
	assert_null(q);
	queue_close(NULL, 0, NULL);

	assert_int_equal(queue_of_fd(&q, fds[1], 5000, 0), 0);
	assert_true(queue_put(q, "", 0, false));
	assert_false(queue_put(q, big, 8192, true));
	assert_false(queue_put(q, big, 8189, true));
	assert_true(queue_put(q, big, 8188, true)); /* all of 8192 but the length */
	queue_close(q, LONG, &stats);
	assert_int_equal(read(fds[0], big, sizeof(big)), 8188);
	assert_int_equal(stats.messages, 1);
	assert_int_equal(stats.dropped, 2);
	close(fds[0]);
	close(fds[1]);
}

/* So that the queue cannot write before it is emptied. The queue is open already, which made the pipe larger. Its bytes. */
static size_t fill_pipe(int fd)
{
	static const char bytes[4096];
	size_t filled = 0;

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		filled += sizeof(bytes);
	assert_int_equal(errno, EAGAIN);
	return filled;
}

static void empty_pipe(int fd, size_t filled)
{
	char bytes[4096];

	for (; filled; filled -= sizeof(bytes))
		assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
}

/* An eighth is kept for urgent messages; what is in the queue keeps its order. */
static void test_urgent(void **state)
{
	static char big[8192], got[8192];
	size_t filled;
	int fds[2];
	struct queue *q;
	struct queue_stats stats;

	(void)state;
	memset(big, 'n', sizeof(big));
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(queue_of_fd(&q, fds[1], 8192, LONG), 0);
	filled = fill_pipe(fds[1]);
	assert_int_equal(queue_room(q), 7168);
	assert_false(queue_put(q, big, 7165, false));
	assert_true(queue_put(q, "first", 5, true));
	assert_true(queue_put(q, big, 7152, false));
	assert_int_equal(queue_room(q), 0);
	assert_false(queue_put(q, big, 1, false));
	assert_true(queue_put(q, "last", 4, true));
	empty_pipe(fds[0], filled);
	queue_close(q, LONG, &stats);
	assert_int_equal(stats.messages, 3);
	assert_int_equal(stats.dropped, 2);
	assert_int_equal(read(fds[0], got, sizeof(got)), 5 + 7152 + 4);
	assert_memory_equal(got, "firstn", 6);
	assert_memory_equal(got + 5 + 7152 - 1, "nlast", 5);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),          cmocka_unit_test(test_pipe_nonblocking),
		cmocka_unit_test(test_socket),        cmocka_unit_test(test_file),
		cmocka_unit_test(test_slow_reader),   cmocka_unit_test(test_stuck_reader),
		cmocka_unit_test(test_blocked_write), cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_urgent),        cmocka_unit_test(test_reader_leaves),
		cmocka_unit_test(test_file_full),     cmocka_unit_test(test_flush),
		cmocka_unit_test(test_sizes),
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
