/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that lines are appended to: whole lines whatever fails and whoever else writes, and opening them again. */
#include "folder.h"

#include "src/io/file.h"
#include "src/io/queue.h"
#include "src/io/wait.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define SECOND UINT64_C(1000000000)
#define NOBODY 65534

static bool no_wait(void *ctx, const char *path, bool first)
{
	(void)ctx;
	(void)path;
	(void)first;
	return false;
}

static struct destination *open_lines(const struct folder *f, const struct file_settings *settings)
{
	struct destination *d;

	assert_int_equal(file_open_lines(&d, f->file, settings, no_wait, NULL), 0);
	return d;
}

static void test_mode_and_group(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = {.group = getegid()};
	struct destination *d;
	struct stat st;
	mode_t before = umask(0077);

	(void)state;
	if (!geteuid())
		settings.group = 4;
	d = open_lines(&f, &settings);
	put(d, "a\n");
	destination_close(d);
	umask(before);
	assert_false(stat(f.file, &st));
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_gid, settings.group);

	/* one that is there keeps its mode, and gets the group */
	assert_false(chmod(f.file, 0600));
	settings.group = getegid();
	destination_close(open_lines(&f, &settings));
	assert_false(stat(f.file, &st));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_gid, settings.group);
	folder_remove(&f);
}

static void test_group_refused(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = {.group = 4};
	struct destination *d;

	(void)state;
	if (geteuid())
		skip();
	assert_false(chmod(f.path, 0777));
	assert_false(setegid(NOBODY) || seteuid(NOBODY));
	assert_int_equal(file_open_lines(&d, f.file, &settings, no_wait, NULL), -OUTPUT_GROUP);
	assert_false(seteuid(0) || setegid(0));
	folder_remove(&f);
}

static void test_torn_tail(void **state)
{
	struct folder f = folder_new();
	struct destination *d;

	(void)state;
	folder_write(f.file, "a\nto", 0);
	d = open_lines(&f, NULL);
	assert_file(f.file, "a\nto\n"); /* before anything else is written */
	assert_int_equal(d->torn, 1);
	put(d, "b\n");
	destination_close(d);
	assert_file(f.file, "a\nto\nb\n");
	d = open_lines(&f, NULL);
	put(d, "c\n");
	assert_int_equal(d->torn, 0);
	destination_close(d);
	assert_file(f.file, "a\nto\nb\nc\n");
	folder_remove(&f);
}

/* A line that another run is in the middle of is no torn one. */
static void test_tail_of_another_run(void **state)
{
	struct folder f = folder_new();
	struct destination *d = open_lines(&f, NULL), *other;

	(void)state;
	put(d, "half of a line");
	other = open_lines(&f, NULL);
	put(d, " and its rest\n");
	put(other, "b\n");
	destination_close(other);
	destination_close(d);
	assert_file(f.file, "half of a line and its rest\nb\n");
	folder_remove(&f);
}

/* A write takes whole lines, and all of what has none. */
static void test_whole_lines(void **state)
{
	struct folder f = folder_new();
	struct destination *d = open_lines(&f, NULL);

	(void)state;
	assert_int_equal(d->write(d, "one\ntwo\nthr", 11), 8);
	assert_int_equal(d->write(d, "three", 5), 5);
	assert_int_equal(d->write(d, "\n", 1), 1);
	destination_close(d);
	assert_file(f.file, "one\ntwo\nthree\n");
	folder_remove(&f);
}

static void limit(rlim_t bytes)
{
	struct rlimit l;

	getrlimit(RLIMIT_FSIZE, &l);
	l.rlim_cur = bytes;
	assert_false(setrlimit(RLIMIT_FSIZE, &l));
}

static void test_no_room(void **state)
{
	struct folder f = folder_new();
	struct destination *d = open_lines(&f, NULL);
	struct stat st;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	limit(10);
	assert_int_equal(d->write(d, "aaaa\nbbbb\ncccc\n", 15), 10);
	assert_int_equal(d->write(d, "cccc\n", 5), -EFBIG);
	assert_int_equal(d->restore(d, 0), 0);
	limit(13);
	assert_int_equal(d->write(d, "cccc\n", 5), -EFBIG); /* 3 bytes of it had room */
	assert_false(stat(f.file, &st));
	assert_int_equal(st.st_size, 10); /* nothing of it is left, even for a moment's reader */
	assert_int_equal(d->restore(d, 0), 0);
	limit(RLIM_INFINITY);
	put(d, "cccc\n");
	destination_close(d);
	assert_file(f.file, "aaaa\nbbbb\ncccc\n");
	folder_remove(&f);
}

static void test_restore(void **state)
{
	struct folder f = folder_new();
	struct destination *d = open_lines(&f, NULL);

	(void)state;
	/* cut off, if it is the end */
	put(d, "a\n");
	put(d, "torn");
	assert_int_equal(d->restore(d, 4), 0);
	assert_file(f.file, "a\n");
	put(d, "b\n");
	/* ended, if another writer's bytes follow, unless these end with a newline */
	put(d, "torn");
	folder_write(f.file, "other", O_APPEND);
	assert_int_equal(d->restore(d, 4), 0);
	put(d, "c\n");
	assert_int_equal(d->torn, 1);
	put(d, "torn");
	folder_write(f.file, "other\n", O_APPEND);
	assert_int_equal(d->restore(d, 4), 0);
	put(d, "d\n");
	assert_file(f.file, "a\nb\ntornother\nc\ntornother\nd\n");
	/* and nothing is cut off of what another one has made of the file */
	put(d, "torn");
	folder_write(f.file, "", O_TRUNC);
	folder_write(f.file, "new\n", O_APPEND);
	assert_int_equal(d->restore(d, 4), 0);
	put(d, "e\n");
	assert_file(f.file, "new\ne\n");
	assert_int_equal(d->torn, 1); /* the others have ended it, or are rid of it */
	destination_close(d);
	folder_remove(&f);
}

static void test_device(void **state)
{
	struct destination *d;

	(void)state;
	assert_int_equal(file_open_lines(&d, "/dev/full", NULL, no_wait, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(d->write(d, "a\n", 2), -ENOSPC);
		assert_int_equal(d->restore(d, 0), 0);
	}
	assert_int_equal(d->reopen(d), 0);
	destination_close(d);
}

static void test_fifo_reader_comes_back(void **state)
{
	struct folder f = folder_new();
	struct destination *d;
	char got[16] = {0};
	int reader;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_false(mkfifo(f.file, 0600));
	assert_int_equal(file_open_lines(&d, f.file, NULL, no_wait, NULL), -EINTR); /* `no_wait` gives up */
	reader = open(f.file, O_RDONLY | O_NONBLOCK);
	d = open_lines(&f, NULL);
	put(d, "a\nto");
	close(reader);
	assert_int_equal(d->write(d, "rn\n", 3), -EPIPE);
	assert_int_equal(d->restore(d, 2), -EPIPE);
	assert_int_equal(d->reopen(d), -ENXIO);
	assert_int_equal(d->restore(d, 2), -EPIPE);
	reader = open(f.file, O_RDONLY | O_NONBLOCK);
	assert_int_equal(d->restore(d, 2), 0);
	put(d, "b\n");
	assert_int_equal(read(reader, got, sizeof(got)), 7); /* the kernel had kept what nobody read */
	assert_string_equal(got, "a\nto\nb\n");
	close(reader);
	destination_close(d);
	folder_remove(&f);
}

static void test_reopen(void **state)
{
	struct folder f = folder_new();
	struct destination *d = open_lines(&f, NULL);
	struct path moved = beside(&f, ".moved");

	(void)state;
	put(d, "a\n");
	assert_int_equal(d->reopen(d), 0);
	put(d, "b\n");
	assert_false(rename(f.file, moved.text));
	put(d, "c\n");
	assert_int_equal(d->reopen(d), 0);
	put(d, "d\n");
	assert_file(moved.text, "a\nb\nc\n");
	assert_file(f.file, "d\n");
	/* copytruncate */
	assert_false(truncate(f.file, 0));
	put(d, "e\n");
	assert_int_equal(d->reopen(d), 0);
	put(d, "f\n");
	assert_file(f.file, "e\nf\n");
	/* what cannot be opened keeps the old one */
	assert_false(rename(f.file, moved.text) || mkdir(f.file, 0700));
	assert_int_equal(d->reopen(d), -EISDIR);
	put(d, "g\n");
	assert_false(rmdir(f.file) || mkfifo(f.file, 0600));
	assert_int_equal(d->reopen(d), -ENXIO); /* nobody reads it: at once, without waiting */
	put(d, "h\n");
	assert_file(moved.text, "e\nf\ng\nh\n");
	destination_close(d);
	folder_remove(&f);
}

static void test_reopen_by_the_rules(void **state)
{
	struct folder f = folder_new();
	struct destination *d;

	(void)state;
	if (geteuid())
		skip();
	d = open_lines(&f, NULL);
	assert_false(chmod(f.path, 01777) || unlink(f.file));
	folder_write(f.file, "", 0);
	assert_false(chown(f.file, NOBODY, NOBODY));
	assert_int_equal(d->reopen(d), -OUTPUT_FOREIGN_FILE);
	assert_false(unlink(f.file) || symlink("/etc/nothing", f.file) || lchown(f.file, NOBODY, NOBODY));
	assert_int_equal(d->reopen(d), -OUTPUT_FOREIGN_LINK);
	destination_close(d);
	folder_remove(&f);
}

static void test_locks(void **state)
{
	struct folder f = folder_new();
	struct file_settings rotate = {.group = GROUP_NONE, .rotate_bytes = 1 << 20, .rotate_keep = 1};
	struct destination *d = open_lines(&f, NULL), *other = open_lines(&f, NULL), *third;

	(void)state;
	assert_int_equal(file_open_lines(&third, f.file, &rotate, no_wait, NULL), -OUTPUT_LOCKED);
	destination_close(other);
	destination_close(d);
	d = open_lines(&f, &rotate);
	assert_int_equal(file_open_lines(&third, f.file, &rotate, no_wait, NULL), -OUTPUT_LOCKED);
	assert_int_equal(file_open_lines(&third, f.file, NULL, no_wait, NULL), -OUTPUT_LOCKED);
	assert_int_equal(d->reopen(d), 0); /* its own lock is none */
	destination_close(d);
	destination_close(open_lines(&f, NULL));
	assert_int_equal(file_open_lines(&third, "/dev/null", &rotate, no_wait, NULL), -OUTPUT_NOT_A_FILE);
	folder_remove(&f);
}

/* Puts `count` numbered lines; true if none was refused. Waits for room as long as that may help. */
static void put_numbered(struct queue *q, char writer, unsigned int first, unsigned int count)
{
	char line[LINE_MAX_BYTES];

	for (unsigned int n = first; n < first + count; n++) {
		size_t len = numbered_line(line, writer, n);

		while (!queue_put(q, line, len, false))
			usleep(100);
	}
}

#define TWO_COUNT 200000u

static void test_two_writers(void **state)
{
	struct folder f = folder_new();
	unsigned int next[2] = {0};
	int status;
	FILE *in;

	(void)state;
	for (int i = 0; i < 2; i++) {
		if (fork())
			continue;
		struct queue *q;
		bool ok = !queue_open(&q, open_lines(&f, NULL), 1 << 20, 0);
		put_numbered(q, "AB"[i], 0, TWO_COUNT);
		queue_close(q, 10 * SECOND, NULL);
		_exit(!ok);
	}
	for (int i = 0; i < 2; i++)
		assert_true(wait(&status) > 0 && !status);
	in = fopen(f.file, "r");
	assert_int_equal(check_lines(in, "AB", next, false), 2 * TWO_COUNT);
	fclose(in);
	assert_int_equal(next[0], TWO_COUNT);
	assert_int_equal(next[1], TWO_COUNT);
	folder_remove(&f);
}

/* logrotate's two ways, again and again, while lines come. */
static void test_reopen_under_load(void **state)
{
	struct folder f = folder_new();
	struct queue_stats stats;
	struct queue *q;
	unsigned int next = 0, moves = 0, lines = 0;
	char suffix[16];
	FILE *in;

	(void)state;
	assert_int_equal(queue_open(&q, open_lines(&f, NULL), 1 << 20, 0), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		put_numbered(q, 'A', i * 100, 100);
		snprintf(suffix, sizeof(suffix), ".%03u", moves);
		if (i % 10 == 0 && !rename(f.file, beside(&f, suffix).text))
			moves++;
		queue_reopen(q);
		usleep(100);
	}
	queue_close(q, 10 * SECOND, &stats);
	assert_int_equal(stats.lost, 0);
	for (unsigned int i = 0; i <= moves; i++) {
		snprintf(suffix, sizeof(suffix), ".%03u", i);
		in = fopen(i < moves ? beside(&f, suffix).text : f.file, "r");
		lines += in ? check_lines(in, "A", &next, false) : 0;
		if (in)
			fclose(in);
	}
	assert_true(moves > 10);
	assert_int_equal(lines, 100 * 1000);
	folder_remove(&f);
}

/* In a mount namespace of its own: a disk of 256 KB that fills, and has room again. */
static void fill_disk(const struct folder *f)
{
	struct queue_stats stats;
	struct queue *q;
	unsigned int next = 0, lines;
	FILE *in;

	assert_false(unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	assert_false(mount("tmpfs", f->path, "tmpfs", 0, "size=256k"));
	int filler = open(beside(f, ".filler").text, O_WRONLY | O_CREAT, 0600);
	assert_false(posix_fallocate(filler, 0, 200 * 1024));
	assert_int_equal(queue_open(&q, open_lines(f, NULL), 1 << 20, 0), 0);
	put_numbered(q, 'A', 0, 1000); /* 170 KB */
	do {
		usleep(10000);
		queue_stats(q, &stats);
	} while (!stats.failing);
	assert_int_equal(stats.failing, ENOSPC);
	in = fopen(f->file, "r"); /* whole lines, while it is full too */
	lines = check_lines(in, "A", &next, false);
	assert_true(lines > 10 && lines < 500);
	fclose(in);
	assert_false(ftruncate(filler, 0));
	queue_close(q, 5 * SECOND, &stats);
	assert_true(!stats.lost && !stats.dropped);
	next = 0;
	in = fopen(f->file, "r");
	assert_int_equal(check_lines(in, "A", &next, false), 1000);
	fclose(in);
}

static void test_full_disk(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	in_child(fill_disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mode_and_group),
		cmocka_unit_test(test_group_refused),
		cmocka_unit_test(test_torn_tail),
		cmocka_unit_test(test_tail_of_another_run),
		cmocka_unit_test(test_whole_lines),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_fifo_reader_comes_back),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_reopen_by_the_rules),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_two_writers),
		cmocka_unit_test(test_reopen_under_load),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
