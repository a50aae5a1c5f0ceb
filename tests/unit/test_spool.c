// SPDX-License-Identifier: GPL-2.0-only
/* The spool: order and exact counts over restarts, a full disk, torn and hostile files. Each case has a folder of its own. */
#include "src/io/spool.h"
#include "src/io/spool_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MB (1u << 20)

struct folder {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	assert_non_null(folder);
	strcpy(folder->path, "/tmp/tcplife-spool-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY);
	*state = folder;
	return 0;
}

/* Calls `fn` for each name, or counts them. */
static int each_file(const struct folder *folder, void (*fn)(const struct folder *, const char *))
{
	DIR *names = opendir(folder->path);
	struct dirent *entry;
	int n = 0;

	assert_non_null(names);
	while ((entry = readdir(names))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (fn)
			fn(folder, entry->d_name);
	}
	closedir(names);
	return n;
}

static void remove_one(const struct folder *folder, const char *name)
{
	unlinkat(folder->fd, name, strncmp(name, "folder", 6) ? 0 : AT_REMOVEDIR);
}

static int teardown(void **state)
{
	struct folder *folder = *state;

	each_file(folder, remove_one);
	close(folder->fd);
	rmdir(folder->path);
	free(folder);
	return 0;
}

static struct spool *open_spool(const struct folder *folder, uint64_t max, uint64_t run)
{
	struct spool *spool;

	assert_int_equal(spool_open(&spool, folder->fd, max, run), 0);
	return spool;
}

static struct spool_counts counts_of(const struct spool *spool)
{
	struct spool_counts c;

	spool_counts(spool, &c);
	assert_int_equal(c.taken, c.delivered + c.lost + c.waiting);
	return c;
}

/* Line number i, of a length that depends on i. */
static size_t line_of(char *buf, uint64_t i)
{
	size_t len = (size_t)sprintf(buf, "{\"n\":%llu,\"x\":\"", (unsigned long long)i), more = i * 37 % 1900;

	memset(buf + len, 'a' + (int)(i % 26), more);
	strcpy(buf + len + more, "\"}\n");
	return len + more + 3;
}

static void put(struct spool *spool, uint64_t from, uint64_t to)
{
	char line[2048];

	for (uint64_t i = from; i <= to; i++)
		spool_put(spool, i, line, line_of(line, i));
}

/* Takes lines out, which must be those from `from` to `to`. */
static void take(struct spool *spool, uint64_t from, uint64_t to)
{
	char expected[2048];
	const char *line;

	for (uint64_t i = from; i <= to; i++) {
		size_t len = spool_next(spool, &line);

		assert_int_equal(len, line_of(expected, i));
		assert_memory_equal(line, expected, len);
	}
}

static void take_end(struct spool *spool)
{
	const char *line;

	assert_int_equal(spool_next(spool, &line), 0);
}

/* The path of the only or the first segment. */
static void first_segment(const struct folder *folder, char path[512])
{
	DIR *names = opendir(folder->path);
	struct dirent *entry;
	char best[256] = "~";
	uint64_t id;

	while ((entry = readdir(names))) {
		if (segment_id(entry->d_name, &id) && strcmp(entry->d_name, best) < 0)
			strcpy(best, entry->d_name);
	}
	closedir(names);
	assert_string_not_equal(best, "~");
	snprintf(path, 512, "%s/%s", folder->path, best);
}

static void test_what_goes_in_comes_out_and_the_files_go(void **state)
{
	struct spool *spool = open_spool(*state, 64 * MB, 1);
	struct spool_counts c;

	for (uint64_t i = 0; i < 20000; i += 100) {
		put(spool, i + 1, i + 100);
		spool_flush(spool);
		take(spool, i + 1, i + 100);
		take_end(spool);
		spool_done(spool, 99, 1);
	}
	c = counts_of(spool);
	assert_int_equal(c.delivered, 19800);
	assert_int_equal(c.lost, 200);
	assert_int_equal(c.waiting, 0);
	assert_true(each_file(*state, NULL) <= 2);
	spool_close(spool);
	assert_int_equal(each_file(*state, NULL), 1); /* the state */
}

static void test_many_segments_keep_the_order(void **state)
{
	struct spool *spool = open_spool(*state, 16 * MB, 1);

	put(spool, 1, 5000);
	spool_flush(spool);
	assert_true(each_file(*state, NULL) > 3);
	take(spool, 1, 2000);
	put(spool, 5001, 5100);
	spool_flush(spool);
	take(spool, 2001, 5100);
	take_end(spool);
	spool_done(spool, 5100, 0);
	assert_true(each_file(*state, NULL) <= 2);
	assert_int_equal(counts_of(spool).delivered, 5100);
	spool_close(spool);
}

/* The process ends at any moment: what was flushed is there, what was done does not come again, what was given out does. */
static void test_a_relay_that_is_killed_goes_on(void **state)
{
	struct spool *spool = open_spool(*state, 64 * MB, 7), *next;
	struct spool_counts c;

	put(spool, 1, 3000);
	spool_flush(spool);
	take(spool, 1, 1000);
	spool_done(spool, 990, 10);
	take(spool, 1001, 1500);
	put(spool, 3001, 3010); /* not flushed */

	next = open_spool(*state, 64 * MB, 7);
	c = counts_of(next);
	assert_int_equal(c.taken, 3000);
	assert_int_equal(c.delivered, 990);
	assert_int_equal(c.lost, 10);
	assert_int_equal(c.waiting, 2000);
	put(next, 2990, 3010); /* the tracer sends again what it cannot be sure of */
	spool_flush(next);
	take(next, 1001, 3010);
	take_end(next);
	spool_done(next, 2010, 0);
	c = counts_of(next);
	assert_int_equal(c.delivered, 3000);
	assert_int_equal(c.lost, 10);
	assert_int_equal(c.earlier_waiting + c.earlier_delivered, 0);
	spool_close(next);
	spool_close(spool);
}

static void test_an_earlier_run_goes_first_and_is_counted_apart(void **state)
{
	struct spool *spool = open_spool(*state, 64 * MB, 1);
	struct spool_counts c;

	put(spool, 1, 500);
	spool_flush(spool);
	take(spool, 1, 200);
	spool_done(spool, 200, 0);
	take(spool, 201, 250);
	spool_close(spool);

	spool = open_spool(*state, 64 * MB, 2);
	put(spool, 1, 40);
	spool_flush(spool);
	c = counts_of(spool);
	assert_int_equal(c.earlier_waiting, 300);
	assert_int_equal(c.waiting, 40);
	take(spool, 201, 500);
	take_end(spool); /* they are not mixed with those of this run */
	spool_done(spool, 299, 1);
	take(spool, 1, 40);
	spool_done(spool, 40, 0);
	c = counts_of(spool);
	assert_int_equal(c.earlier_delivered, 299);
	assert_int_equal(c.earlier_lost, 1);
	assert_int_equal(c.earlier_waiting, 0);
	assert_int_equal(c.delivered, 40);
	spool_close(spool);
}

static void test_a_full_spool_loses_new_lines_and_counts_them(void **state)
{
	struct spool *spool = open_spool(*state, MB, 1);
	struct spool_counts c;
	struct stat st;
	uint64_t kept;
	char path[512];

	put(spool, 1, 3000); /* about 3 MB */
	spool_flush(spool);
	c = counts_of(spool);
	kept = c.waiting;
	assert_int_equal(c.taken, 3000);
	assert_true(kept > 900 && kept < 1400);
	assert_int_equal(c.error, ENOSPC);
	first_segment(*state, path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= MB / 16);
	spool_close(spool);

	spool = open_spool(*state, MB, 1); /* counts of losses outlive the process */
	assert_int_equal(counts_of(spool).lost, 3000 - kept);
	for (uint64_t i = 0; i < kept; i++) {
		const char *line;

		assert_true(spool_next(spool, &line) > 0);
	}
	take_end(spool);
	spool_done(spool, kept, 0);
	put(spool, 3001, 3010);
	spool_flush(spool);
	take(spool, 3001, 3010);
	spool_done(spool, 10, 0);
	c = counts_of(spool);
	assert_int_equal(c.delivered, kept + 10);
	assert_int_equal(c.lost, 3000 - kept);
	spool_close(spool);
}

/* The file system refuses in the middle of an entry. */
static void test_a_write_that_fails_leaves_whole_lines(void **state)
{
	struct spool *spool = open_spool(*state, 64 * MB, 1);
	struct rlimit old, small = {100000, RLIM_INFINITY};
	struct spool_counts c;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	put(spool, 1, 50);
	spool_flush(spool);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	put(spool, 51, 150);
	spool_flush(spool);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	c = counts_of(spool);
	assert_int_equal(c.waiting, 50);
	assert_int_equal(c.lost, 100);
	assert_int_not_equal(c.error, 0);
	put(spool, 151, 160);
	spool_flush(spool);
	take(spool, 1, 50);
	take(spool, 151, 160);
	take_end(spool);
	spool_done(spool, 60, 0);
	assert_int_equal(counts_of(spool).delivered, 60);
	spool_close(spool);
}

static void test_a_torn_tail_is_cut_and_counted(void **state)
{
	struct spool *spool = open_spool(*state, 64 * MB, 1), *next;
	struct spool_counts c;
	struct stat st;
	char path[512];

	put(spool, 1, 100);
	spool_flush(spool);
	first_segment(*state, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 5), 0);

	next = open_spool(*state, 64 * MB, 2);
	c = counts_of(next);
	assert_int_equal(c.torn, 1);
	assert_int_equal(c.earlier_waiting, 99);
	take(next, 1, 99);
	take_end(next);
	spool_done(next, 99, 0);
	spool_close(next);
	spool_close(spool);
}

static void test_a_damaged_line_costs_the_rest_of_its_file_counted(void **state)
{
	struct spool *spool = open_spool(*state, MB, 1);
	struct spool_counts c;
	char path[512];
	int fd;

	put(spool, 1, 300);
	spool_close(spool);
	first_segment(*state, path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "!", 1, 20000), 1);
	close(fd);

	spool = open_spool(*state, MB, 1);
	uint64_t got = 0;
	const char *line;

	while (spool_next(spool, &line))
		got++;
	spool_done(spool, got, 0);
	c = counts_of(spool);
	assert_int_equal(c.delivered, got);
	assert_int_equal(c.taken, 300);
	assert_int_equal(c.waiting, 0);
	assert_true(c.lost > 20 && c.lost < 100);
	assert_int_equal(c.error, EBADMSG);
	spool_close(spool);
}

static void test_lines_that_are_too_long_or_missing_are_lost(void **state)
{
	struct spool *spool = open_spool(*state, MB, 1);
	static char long_line[SPOOL_LINE_MAX + 1];
	struct spool_counts c;

	put(spool, 1, 3);
	spool_put(spool, 4, long_line, sizeof(long_line));
	spool_put(spool, 5, NULL, 0);
	put(spool, 6, 7);
	put(spool, 10, 10); /* 8 and 9 never came */
	spool_flush(spool);
	c = counts_of(spool);
	assert_int_equal(c.taken, 10);
	assert_int_equal(c.lost, 4);
	take(spool, 1, 3);
	take(spool, 6, 7);
	take(spool, 10, 10);
	take_end(spool);
	spool_close(spool);
}

static void write_file(const struct folder *folder, const char *name, const void *data, size_t len)
{
	int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* What no spool has written is left alone if its name is no segment's, and removed and counted otherwise. */
static void test_hostile_files(void **state)
{
	struct folder *folder = *state;
	struct segment_head head = {.magic = "tcplspl1", .run = 1, .count = 4000000000u};
	struct spool *spool;
	char noise[4096];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 2654435761u >> 13);
	write_file(folder, "0000000000000001.spool", noise, sizeof(noise));
	write_file(folder, "0000000000000002.spool", "", 0);
	write_file(folder, "0000000000000003.spool", &head, sizeof(head));
	assert_int_equal(symlinkat("/etc/passwd", folder->fd, "0000000000000004.spool"), 0);
	assert_int_equal(mkfifoat(folder->fd, "0000000000000005.spool", 0600), 0);
	write_file(folder, "ffffffffffffffff.spool", noise, 10); /* nothing can come after it */
	write_file(folder, "README", "mine", 4);
	write_file(folder, "state", noise, sizeof(noise));

	spool = open_spool(folder, MB, 1);
	assert_int_equal(counts_of(spool).torn, 6);
	take_end(spool);
	put(spool, 1, 10);
	spool_flush(spool);
	take(spool, 1, 10);
	spool_done(spool, 10, 0);
	spool_close(spool);
	assert_int_equal(each_file(folder, NULL), 3); /* README, the state, and the file that no id can have */
	assert_int_equal(faccessat(folder->fd, "README", F_OK, 0), 0);
}

/* A position that points into the middle of an entry, or past the end, in a state that is whole. */
static void test_a_state_that_lies(void **state)
{
	struct folder *folder = *state;
	struct spool *spool = open_spool(folder, MB, 1);
	struct spool_list list = {.dir = folder->fd};
	struct spool_state lie;
	uint64_t torn = 0;

	put(spool, 1, 20);
	spool_flush(spool);
	take(spool, 1, 5);
	spool_done(spool, 5, 0);
	spool_close(spool);
	assert_int_equal(spool_list_open(&list, folder->fd, &lie, &torn), 0);
	lie.offset += 3;
	assert_int_equal(spool_state_write(&list, &lie), 0);
	spool_list_close(&list);

	spool = open_spool(folder, MB, 2);
	assert_int_equal(counts_of(spool).earlier_waiting, 15);
	take_end(spool);
	assert_int_equal(counts_of(spool).earlier_lost, 15);
	spool_done(spool, 0, 0);
	spool_close(spool);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_what_goes_in_comes_out_and_the_files_go),
		CASE(test_many_segments_keep_the_order),
		CASE(test_a_relay_that_is_killed_goes_on),
		CASE(test_an_earlier_run_goes_first_and_is_counted_apart),
		CASE(test_a_full_spool_loses_new_lines_and_counts_them),
		CASE(test_a_write_that_fails_leaves_whole_lines),
		CASE(test_a_torn_tail_is_cut_and_counted),
		CASE(test_a_damaged_line_costs_the_rest_of_its_file_counted),
		CASE(test_lines_that_are_too_long_or_missing_are_lost),
		CASE(test_hostile_files),
		CASE(test_a_state_that_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
