/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that is rotated while it is written: no line is lost, none is torn, whatever lies in the way. */
#include "folder.h"

#include "src/io/file.h"
#include "src/io/queue.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <zlib.h>

#define SECOND UINT64_C(1000000000)
#define NOBODY 65534

struct told {
	_Atomic unsigned int count;
	char last[512];
};

static void told(void *ctx, const char *sentence)
{
	struct told *t = ctx;

	snprintf(t->last, sizeof(t->last), "%s", sentence);
	t->count++;
}

static int open_rotated(struct destination **out, const struct folder *f, const struct file_settings *settings)
{
	return file_open_lines(out, f->file, settings, NULL, NULL);
}

static struct file_settings every(uint64_t bytes, unsigned int keep)
{
	return (struct file_settings){.group = GROUP_NONE, .rotate_bytes = bytes, .rotate_keep = keep};
}

static void test_names(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(5, 2);
	struct destination *d;

	(void)state;
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "1\n2\n3\n"); /* it has reached its size: the next line is another file's */
	assert_false(exists(beside(&f, ".1").text));
	put(d, "4\n");
	assert_file(beside(&f, ".1").text, "1\n2\n3\n");
	assert_file(f.file, "4\n");
	put(d, "55\n");
	put(d, "66\n");
	assert_file(beside(&f, ".2").text, "1\n2\n3\n");
	assert_file(beside(&f, ".1").text, "4\n55\n");
	put(d, "77\n");
	put(d, "8\n"); /* the oldest goes */
	assert_file(beside(&f, ".2").text, "4\n55\n");
	assert_file(beside(&f, ".1").text, "66\n77\n");
	assert_file(f.file, "8\n");
	assert_false(exists(beside(&f, ".3").text) || exists(beside(&f, ".rotate").text));
	destination_close(d);

	/* the next run goes on, and rotates at once what is large enough */
	folder_write(f.file, "9\n0\n", O_APPEND);
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "a\n");
	assert_file(beside(&f, ".1").text, "8\n9\n0\n");
	assert_file(f.file, "a\n");
	destination_close(d);
	folder_remove(&f);
}

/* Of CSV: whoever makes the file new, it begins with its header, and has it once. */
static void test_head(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(6, 5);
	struct destination *d;

	(void)state;
	settings.head = "h\n";
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "h\n"); /* as a run does that begins a file */
	put(d, "1\n");
	assert_file(f.file, "h\n1\n");
	put(d, "2\n");
	put(d, "3\n"); /* rotated before it */
	assert_file(beside(&f, ".1").text, "h\n1\n2\n");
	assert_file(f.file, "h\n3\n");
	assert_int_equal(rename(f.file, beside(&f, ".moved").text), 0);
	assert_int_equal(d->reopen(d), 0);
	put(d, "4\n");
	assert_file(f.file, "h\n4\n");
	assert_int_equal(truncate(f.file, 0), 0);
	put(d, "5\n");
	assert_file(f.file, "h\n5\n");
	destination_close(d);
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "6\n"); /* appended to a file that has one */
	assert_file(f.file, "h\n5\n6\n");
	destination_close(d);
	folder_remove(&f);
}

static void test_keep_none(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(2, 0);
	struct destination *d;

	(void)state;
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "1\n");
	put(d, "2\n");
	assert_file(f.file, "2\n");
	destination_close(d);
	assert_false(unlink(f.file));
	assert_false(rmdir(f.path)); /* nothing else is there */
}

static void test_owner_and_mode(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(2, 1);
	struct destination *d;
	struct stat st;

	(void)state;
	folder_write(f.file, "", 0);
	assert_false(chmod(f.file, 0604));
	if (!geteuid())
		assert_false(chown(f.file, NOBODY, 4));
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "1\n");
	put(d, "2\n");
	destination_close(d);
	assert_false(stat(f.file, &st));
	assert_int_equal(st.st_size, 2);
	assert_int_equal(st.st_mode & 07777, 0604);
	if (!geteuid())
		assert_true(st.st_uid == NOBODY && st.st_gid == 4);
	folder_remove(&f);
}

/* The lines of FILE.2.gz, FILE.1.gz or FILE.1, and FILE in this order are 0 to the last one. Returns their number. */
static unsigned int check_all(const struct folder *f, unsigned int keep)
{
	unsigned int next = 0, lines = 0;
	char command[240];

	for (unsigned int n = keep + 1; n-- > 0;) {
		if (n)
			snprintf(command, sizeof(command), "cat %s.%u 2>&- || gzip -dc %s.%u.gz 2>&-", f->file, n, f->file, n);
		else
			snprintf(command, sizeof(command), "cat %s", f->file);
		FILE *in = popen(command, "r");
		lines += check_lines(in, "A", &next, false);
		(void)pclose(in); /* not all numbers have a file */
	}
	return lines;
}

/* The thread that compresses is done when it is gone. */
static void wait_for_thread(void)
{
	struct stat st = {.st_nlink = 4};

	for (int i = 0; i < 10000 && st.st_nlink > 3; i++) { /* ".", "..", and one for each thread */
		usleep(1000);
		assert_false(stat("/proc/self/task", &st));
	}
	assert_int_equal(st.st_nlink, 3);
}

static void rotate_under_load(bool compress)
{
	struct folder f = folder_new();
	struct told t = {0};
	struct file_settings settings = every(1 << 20, 200);
	struct queue_stats stats;
	struct destination *d;
	struct queue *q;
	char line[LINE_MAX_BYTES];

	settings.rotate_compress = compress;
	settings.say = told;
	settings.say_ctx = &t;
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	wait_for_thread();
	assert_int_equal(queue_open(&q, d, 1 << 20, 0), 0);
	for (unsigned int n = 0; n < 200000; n++) {
		size_t len = numbered_line(line, 'A', n);

		while (!queue_put(q, line, len, false))
			usleep(100);
		if (n % 1000 == 0)
			queue_reopen(q); /* SIGHUP as well */
	}
	queue_close(q, 10 * SECOND, &stats);
	assert_int_equal(stats.lost, 0);
	assert_int_equal(t.count, 0);
	assert_int_equal(check_all(&f, 200), 200000);
	/* the next rotation waits for the compression of the last one */
	assert_true(exists(beside(&f, compress ? ".1.gz" : ".30").text) || (compress && exists(beside(&f, ".1").text)));
	folder_remove(&f);
}

static void test_under_load(void **state)
{
	(void)state;
	rotate_under_load(false);
}

static void test_compressed_under_load(void **state)
{
	(void)state;
	rotate_under_load(true);
}

static void assert_gz(const char *path, const char *text)
{
	char is[100] = {0};
	gzFile gz = gzopen(path, "rb");

	assert_non_null(gz);
	assert_int_equal(gzread(gz, is, sizeof(is) - 1), strlen(text));
	assert_string_equal(is, text);
	assert_int_equal(gzclose(gz), Z_OK);
}

static void test_compressed(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(2, 2);
	struct destination *d;
	struct stat st, gz;

	(void)state;
	settings.rotate_compress = true;
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	wait_for_thread(); /* it has looked for what a run before has left */
	put(d, "1\n");
	assert_false(chmod(f.file, 0604) || stat(f.file, &st));
	put(d, "2\n");
	wait_for_thread();
	assert_false(exists(beside(&f, ".1").text));
	assert_gz(beside(&f, ".1.gz").text, "1\n");
	assert_false(stat(beside(&f, ".1.gz").text, &gz));
	assert_int_equal(gz.st_mode, st.st_mode);
	assert_int_equal(gz.st_mtim.tv_sec, st.st_mtim.tv_sec);
	assert_int_equal(gz.st_mtim.tv_nsec, st.st_mtim.tv_nsec);
	for (const char *text = "3\n4\n"; *text; text += 2) {
		assert_int_equal(write_all(d, text, 2), 0);
		wait_for_thread();
	}
	assert_gz(beside(&f, ".1.gz").text, "3\n");
	assert_gz(beside(&f, ".2.gz").text, "2\n");
	assert_false(exists(beside(&f, ".3.gz").text) || exists(beside(&f, ".gz.part").text));
	destination_close(d);
	folder_remove(&f);
}

/* A thread that has ended at once holds up no later rotation. */
static void test_again_and_again(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(2, 1);
	struct destination *d;

	(void)state;
	settings.rotate_compress = true;
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	for (int i = 0; i < 300; i++) {
		wait_for_thread();
		put(d, i % 2 ? "1\n" : "2\n");
		assert_file(f.file, i % 2 ? "1\n" : "2\n");
	}
	destination_close(d);
	folder_remove(&f);
}

/* What a run leaves that was killed between any two steps. */
static void test_after_a_crash(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(100, 9);
	struct destination *d;

	(void)state;
	settings.rotate_compress = true;
	folder_write(f.file, "4\n", 0);
	folder_write(beside(&f, ".rotate").text, "3\n", 0); /* exchanged, and not yet FILE.1 */
	folder_write(beside(&f, ".1").text, "2\n", 0);      /* half compressed */
	folder_write(beside(&f, ".gz.part").text, "\x1f\x8b", 0);
	folder_write(beside(&f, ".2").text, "1\n", 0); /* compressed, and not yet removed */
	folder_write(beside(&f, ".2.gz").text, "1", 0);
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	wait_for_thread();
	for (char suffix[] = ".1"; suffix[1] <= '3'; suffix[1]++)
		assert_false(exists(beside(&f, suffix).text));
	assert_file(f.file, "4\n");
	assert_gz(beside(&f, ".1.gz").text, "3\n");
	assert_gz(beside(&f, ".2.gz").text, "2\n");
	assert_gz(beside(&f, ".3.gz").text, "1\n");
	assert_false(exists(beside(&f, ".rotate").text) || exists(beside(&f, ".gz.part").text));
	destination_close(d);

	folder_write(beside(&f, ".rotate").text, "", 0); /* made, and not yet exchanged */
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	assert_false(exists(beside(&f, ".rotate").text));
	assert_gz(beside(&f, ".1.gz").text, "3\n");
	destination_close(d);
	folder_remove(&f);
}

/* The run goes on with the file that it has, says so once, and tries again when the file has grown by as much. */
static void test_refused(void **state)
{
	struct folder f = folder_new();
	struct told t = {0};
	struct file_settings settings = every(4, 3);
	struct destination *d;

	(void)state;
	settings.say = told;
	settings.say_ctx = &t;
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	assert_false(mkdir(beside(&f, ".1").text, 0700));
	for (const char *text = "11\n22\n33\n44\n55\n"; *text; text += 3)
		assert_int_equal(write_all(d, text, 3), 0);
	assert_file(f.file, "11\n22\n33\n44\n55\n");
	assert_false(exists(beside(&f, ".rotate").text));
	assert_int_equal(t.count, 1);
	assert_non_null(strstr(t.last, "out.json, which grows meanwhile: File exists"));
	assert_false(rmdir(beside(&f, ".1").text));
	put(d, "66\n");
	put(d, "77\n");
	assert_file(beside(&f, ".1").text, "11\n22\n33\n44\n55\n66\n");
	assert_file(f.file, "77\n");
	/* of a later one it is said again */
	assert_false(mkdir(beside(&f, ".2").text, 0700));
	put(d, "88\n");
	put(d, "99\n");
	assert_int_equal(t.count, 2);
	assert_file(beside(&f, ".1").text, "11\n22\n33\n44\n55\n66\n");
	assert_file(f.file, "77\n88\n99\n");
	destination_close(d);
	folder_remove(&f);
}

static void test_others_names(void **state)
{
	struct folder f = folder_new();
	struct told t = {0};
	struct file_settings settings = every(2, 3);
	struct destination *d;

	(void)state;
	if (geteuid())
		skip();
	settings.say = told;
	settings.say_ctx = &t;
	assert_false(chmod(f.path, 01777));
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	/* another user's file, or a link to what is not theirs */
	folder_write(beside(&f, ".1").text, "theirs", 0);
	assert_false(chown(beside(&f, ".1").text, NOBODY, NOBODY));
	put(d, "1\n");
	put(d, "2\n");
	assert_non_null(strstr(t.last, "another user's"));
	assert_file(beside(&f, ".1").text, "theirs");
	assert_file(f.file, "1\n2\n");
	destination_close(d);
	assert_false(unlink(beside(&f, ".1").text) || symlink(f.file, beside(&f, ".rotate").text));
	assert_int_equal(open_rotated(&d, &f, &settings), -EEXIST);
	assert_false(lchown(beside(&f, ".rotate").text, NOBODY, NOBODY));
	assert_int_equal(open_rotated(&d, &f, &settings), -OUTPUT_FOREIGN_FILE);
	assert_file(f.file, "1\n2\n");
	folder_remove(&f);
}

/* A link to the file stays: what it leads to is rotated, where it is. */
static void test_through_a_link(void **state)
{
	struct folder f = folder_new(), elsewhere = folder_new();
	struct file_settings settings = every(2, 3);
	struct destination *d;

	(void)state;
	assert_false(symlink(elsewhere.file, f.file));
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "1\n");
	put(d, "2\n");
	destination_close(d);
	assert_file(beside(&elsewhere, ".1").text, "1\n");
	assert_file(f.file, "2\n");
	assert_false(exists(beside(&f, ".1").text));
	folder_remove(&f);
	folder_remove(&elsewhere);
}

/* Somebody else has moved the file: the name is opened again instead. */
static void test_moved_away(void **state)
{
	struct folder f = folder_new();
	struct file_settings settings = every(2, 3);
	struct destination *d;

	(void)state;
	assert_int_equal(open_rotated(&d, &f, &settings), 0);
	put(d, "1\n");
	assert_false(rename(f.file, beside(&f, ".theirs").text));
	put(d, "2\n");
	assert_file(beside(&f, ".theirs").text, "1\n");
	assert_file(f.file, "2\n");
	put(d, "3\n");
	assert_file(beside(&f, ".1").text, "2\n");
	assert_file(f.file, "3\n");
	destination_close(d);
	folder_remove(&f);
}

/* A disk that has no room for the compressed file, in a mount namespace of the test's own. */
static void compress_without_room(const struct folder *f)
{
	struct told t = {0};
	struct file_settings settings = every(100 * 1024, 3);
	struct destination *d;
	FILE *noise = fopen("/dev/urandom", "r");
	char data[4096];

	settings.rotate_compress = true;
	settings.say = told;
	settings.say_ctx = &t;
	assert_false(unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	assert_false(mount("tmpfs", f->path, "tmpfs", 0, "size=160k"));
	assert_int_equal(open_rotated(&d, f, &settings), 0);
	wait_for_thread();
	for (int i = 0; i < 26; i++) {
		assert_int_equal(fread(data, 1, sizeof(data), noise), sizeof(data));
		data[sizeof(data) - 1] = '\n';
		assert_int_equal(write_all(d, data, sizeof(data)), 0);
	}
	wait_for_thread();
	assert_int_equal(t.count, 1);
	assert_string_equal(t.last, "cannot compress out.json.1, which stays as it is: No space left on device");
	assert_true(exists(beside(f, ".1").text) && !exists(beside(f, ".1.gz").text) && !exists(beside(f, ".gz.part").text));
	destination_close(d);
	fclose(noise);
}

static void test_no_room_to_compress(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	in_child(compress_without_room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),         cmocka_unit_test(test_head),
		cmocka_unit_test(test_keep_none),     cmocka_unit_test(test_owner_and_mode),
		cmocka_unit_test(test_under_load),    cmocka_unit_test(test_compressed_under_load),
		cmocka_unit_test(test_compressed),    cmocka_unit_test(test_again_and_again),
		cmocka_unit_test(test_after_a_crash), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_others_names),  cmocka_unit_test(test_through_a_link),
		cmocka_unit_test(test_moved_away),    cmocka_unit_test(test_no_room_to_compress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
