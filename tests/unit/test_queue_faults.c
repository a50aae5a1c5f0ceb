/* SPDX-License-Identifier: GPL-2.0-only */
/* A queue before a destination that fails and comes back, is opened again, or takes one message at a time. */
#include "src/io/destination.h"
#include "src/io/queue.h"
#include "src/io/wait.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define ROOM (1 << 20)

/* Memory that is full at `limit` bytes, which the test raises. */
struct disk {
	struct destination destination; /* first */
	atomic_size_t limit;
	atomic_uint restored, reopened, writes, tries;
	size_t len, cut;
	char data[ROOM];
};

static ssize_t disk_write(struct destination *destination, const void *data, size_t len)
{
	struct disk *disk = (struct disk *)destination;
	size_t room = disk->limit - disk->len, take = len < room ? len : room;

	disk->tries++;
	if (!take)
		return -ENOSPC;
	memcpy(disk->data + disk->len, data, take);
	disk->len += take;
	disk->writes++;
	return (ssize_t)take;
}

static int disk_restore(struct destination *destination, size_t torn)
{
	struct disk *disk = (struct disk *)destination;

	disk->restored++;
	if (disk->limit < ROOM / 2)
		return -ENOSPC;
	disk->len -= torn;
	disk->cut += torn;
	return 0;
}

static int disk_reopen(struct destination *destination)
{
	struct disk *disk = (struct disk *)destination;

	assert_true(disk->len == 0 || disk->data[disk->len - 1] == '\n');
	return ++disk->reopened > 1 ? -EACCES : 0;
}

static void disk_close(struct destination *destination)
{
	close(destination->fd); /* the memory is the test's */
}

static struct disk *disk_new(size_t limit)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	assert_non_null(disk);
	disk->limit = limit;
	disk->destination = (struct destination){.name = "a disk",
						 .fd = eventfd(0, EFD_CLOEXEC),
						 .piece = 65536,
						 .write = disk_write,
						 .restore = disk_restore,
						 .reopen = disk_reopen,
						 .close = disk_close};
	return disk;
}

static void put_lines(struct queue *q, unsigned int from, unsigned int n, struct queue_stats *stats)
{
	char line[32];

	for (unsigned int i = from; i < from + n; i++)
		assert_true(queue_put(q, line, (size_t)snprintf(line, sizeof(line), "line %06u\n", i), false));
	queue_stats(q, stats);
}

static void wait_for_failing(struct queue *q, int error)
{
	struct queue_stats stats;

	do {
		usleep(1000);
		queue_stats(q, &stats);
	} while (stats.failing != error);
}

static void check_lines(const struct disk *disk, unsigned int n)
{
	char line[32];

	assert_int_equal(disk->len, n * 12);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "line %06u\n", i);
		assert_memory_equal(disk->data + i * 12, line, 12);
	}
}

/* What waited is written, and the line that was torn is whole. */
static void test_comes_back(void **state)
{
	struct disk *disk = disk_new(100); /* 8 lines and a third */
	struct queue_stats stats;
	struct queue *q;

	(void)state;
	assert_int_equal(queue_open(&q, &disk->destination, ROOM, 0), 0);
	put_lines(q, 0, 1000, &stats);
	wait_for_failing(q, ENOSPC);
	queue_stats(q, &stats);
	assert_int_equal(stats.error, 0);
	assert_int_equal(stats.lost, 0);
	assert_true(stats.stuck_ns > 0);
	disk->limit = ROOM;
	wait_for_failing(q, 0);
	put_lines(q, 1000, 1000, &stats);
	queue_close(q, SECOND, &stats);
	assert_int_equal(stats.messages, 2000);
	assert_int_equal(stats.lost, 0);
	assert_int_equal(disk->cut, 4);
	check_lines(disk, 2000);
	free(disk);
}

/* At the end there is one more try, and what is left is lost, exactly. */
static void test_never_comes_back(void **state)
{
	struct disk *disk = disk_new(100);
	struct queue_stats stats;
	struct queue *q;
	uint64_t begun;

	(void)state;
	assert_int_equal(queue_open(&q, &disk->destination, ROOM, 0), 0);
	put_lines(q, 0, 1000, &stats);
	wait_for_failing(q, ENOSPC);
	begun = wait_now();
	queue_close(q, 10 * SECOND, &stats);
	assert_true(wait_now() - begun < 5 * SECOND);
	assert_int_equal(stats.error, ENOSPC);
	assert_int_equal(stats.messages, 1000);
	assert_int_equal(stats.lost, 992);
	assert_true(disk->restored >= 1);
	assert_true(disk->tries < 10); /* it does not spin */
	free(disk);
}

/* Between messages only, at once, and a name that cannot be opened is shown. */
static void test_reopen(void **state)
{
	struct disk *disk = disk_new(ROOM);
	struct queue_stats stats;
	struct queue *q;

	(void)state;
	disk->destination.piece = 100; /* its end is never that of a line */
	assert_int_equal(queue_open(&q, &disk->destination, ROOM, 0), 0);
	put_lines(q, 0, 5000, &stats);
	queue_reopen(q);
	while (disk->reopened < 1)
		usleep(1000);
	put_lines(q, 5000, 5000, &stats);
	assert_int_equal(stats.reopen_error, 0);
	queue_reopen(q);
	do {
		usleep(1000);
		queue_stats(q, &stats);
	} while (stats.reopen_error != EACCES);
	for (unsigned int i = 0; i < 1000; i++)
		queue_reopen(q);
	put_lines(q, 10000, 1000, &stats);
	queue_close(q, SECOND, &stats);
	assert_int_equal(stats.lost, 0);
	check_lines(disk, 11000);
	free(disk);
}

static void test_datagrams(void **state)
{
	struct disk *disk = disk_new(ROOM);
	struct queue_stats stats;
	struct queue *q;

	(void)state;
	disk->destination.datagrams = true;
	assert_int_equal(queue_open(&q, &disk->destination, ROOM, 10 * SECOND), 0);
	put_lines(q, 0, 1000, &stats);
	queue_close(q, SECOND, &stats);
	assert_int_equal(disk->writes, 1000);
	check_lines(disk, 1000);
	free(disk);
}

/* Its write() does not return before the test says so. */
struct stuck {
	struct destination destination; /* first */
	atomic_bool entered, released;
};

static ssize_t stuck_write(struct destination *destination, const void *data, size_t len)
{
	struct stuck *stuck = (struct stuck *)destination;

	(void)data;
	stuck->entered = true;
	while (!stuck->released)
		usleep(1000);
	return (ssize_t)len;
}

static void hangs_in_a_call(void **state)
{
	struct stuck stuck = {.destination = {.name = "stuck",
					      .fd = eventfd(0, EFD_CLOEXEC),
					      .piece = 65536,
					      .write = stuck_write,
					      .close = disk_close}};
	struct queue *q;
	uint64_t busy;

	(void)state;
	assert_int_equal(queue_open(&q, &stuck.destination, ROOM, 0), 0);
	assert_int_equal(queue_busy_ns(q), 0);
	assert_true(queue_put(q, "x\n", 2, false));
	while (!stuck.entered)
		usleep(1000);
	busy = queue_busy_ns(q);
	usleep(20000);
	assert_true(queue_busy_ns(q) >= busy + 20000000);
	stuck.released = true;
	while (queue_busy_ns(q))
		usleep(1000);
	queue_close(q, SECOND, NULL);
}

/* An idle queue opens again at once. */
static void reopening(void **state)
{
	struct disk *disk = disk_new(ROOM);
	struct queue *q;

	(void)state;
	assert_int_equal(queue_open(&q, &disk->destination, ROOM, 0), 0);
	assert_false(queue_reopening(q));
	queue_reopen(q);
	while (queue_reopening(q))
		usleep(1000);
	while (!disk->reopened)
		usleep(1000);
	queue_close(q, SECOND, NULL);
	free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hangs_in_a_call),       cmocka_unit_test(reopening),   cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_never_comes_back), cmocka_unit_test(test_reopen), cmocka_unit_test(test_datagrams),
	};

	return cmocka_run_group_tests_name("queue_faults", tests, NULL, NULL);
}
