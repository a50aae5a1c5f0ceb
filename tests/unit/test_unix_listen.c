/* SPDX-License-Identifier: GPL-2.0-only */
/* The name of a socket: taken by one run, taken over from one that was killed, and removed at the end. */
#include "folder.h"

#include "src/host/confine.h"
#include "src/host/group.h"
#include "src/io/output_open.h"
#include "src/io/unix_listen.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOBODY 65534
#define RUNS 8

static struct stat look(const char *path)
{
	struct stat st;

	assert_false(lstat(path, &st));
	return st;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_in_range(strlen(path), 1, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	return address;
}

/* A socket on which nobody listens, as of a run that was killed. */
static void leave_stale(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_false(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
}

static void connects(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_false(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
}

static void test_name(void **state)
{
	struct folder f = folder_new();
	struct unix_listen *l, *other;
	mode_t mask = umask(0027);

	(void)state;
	assert_int_equal(unix_listen_open(&l, f.file, GROUP_NONE), 0);
	assert_int_equal(look(f.file).st_mode, S_IFSOCK | 0660);
	connects(f.file);
	assert_int_equal(unix_listen_open(&other, f.file, GROUP_NONE), -EADDRINUSE);
	unix_listen_close(l);
	assert_false(exists(f.file));
	assert_int_equal(umask(mask), 0027); /* as it was */
	folder_remove(&f);
}

static void test_not_ours_any_more(void **state)
{
	struct folder f = folder_new();
	struct unix_listen *l;

	(void)state;
	assert_int_equal(unix_listen_open(&l, f.file, GROUP_NONE), 0);
	assert_false(unlink(f.file));
	folder_write(f.file, "another's\n", 0);
	unix_listen_close(l);
	assert_file(f.file, "another's\n");
	folder_remove(&f);
}

static void test_stale(void **state)
{
	struct folder f = folder_new();
	struct unix_listen *l;

	(void)state;
	leave_stale(f.file);
	assert_int_equal(unix_listen_open(&l, f.file, GROUP_NONE), 0);
	connects(f.file);
	unix_listen_close(l);
	folder_remove(&f);
}

static void test_what_is_no_socket(void **state)
{
	struct folder f = folder_new();
	struct path there = beside(&f, ".there");
	struct unix_listen *l;

	(void)state;
	folder_write(f.file, "x", 0);
	assert_int_equal(unix_listen_open(&l, f.file, GROUP_NONE), -EEXIST);
	assert_file(f.file, "x");
	assert_false(unlink(f.file));
	leave_stale(there.text);
	assert_false(symlink(there.text, f.file)); /* what a link leads to is not removed */
	assert_int_equal(unix_listen_open(&l, f.file, GROUP_NONE), -EEXIST);
	assert_true(exists(there.text));
	folder_remove(&f);
}

static void test_names_that_cannot_be(void **state)
{
	struct folder f = folder_new();
	struct unix_listen *l;
	char path[200];

	(void)state;
	snprintf(path, sizeof(path), "%s/none/s", f.path);
	assert_int_equal(unix_listen_open(&l, path, GROUP_NONE), -ENOENT);
	snprintf(path, sizeof(path), "%s/", f.path);
	assert_int_equal(unix_listen_open(&l, path, GROUP_NONE), -EISDIR);
	snprintf(path, sizeof(path), "%s/%0*d", f.path, UNIX_LISTEN_NAME_MAX + 1, 0);
	assert_int_equal(unix_listen_open(&l, path, GROUP_NONE), -ENAMETOOLONG);
	path[strlen(path) - 1] = '\0';
	if (strlen(path) <= UNIX_LISTEN_PATH_MAX) {
		assert_int_equal(unix_listen_open(&l, path, GROUP_NONE), 0);
		connects(path);
		unix_listen_close(l);
	}
	folder_remove(&f);
}

/* Ends with 1 if it got the name, which it keeps until `all_tried` ends. */
static _Noreturn void one_run(const struct folder *f, int go, int all_tried)
{
	struct unix_listen *l;
	char end;
	int err;

	(void)!read(go, &end, 1);
	err = unix_listen_open(&l, f->file, GROUP_NONE);
	if (!err)
		(void)!read(all_tried, &end, 1);
	_exit(err == -EADDRINUSE ? 0 : err ? 2 : 1);
}

/* Of many runs at once that find a stale socket one gets it, and none takes another's. */
static void race(const struct folder *f)
{
	int go[2], all_tried[2], winners = 0, status;

	assert_false(pipe(go) || pipe(all_tried));
	leave_stale(f->file);
	for (int i = 0; i < RUNS; i++) {
		if (fork())
			continue;
		close(go[1]);
		close(all_tried[1]);
		one_run(f, go[0], all_tried[0]);
	}
	close(go[1]);
	for (int i = 0; i < RUNS; i++) {
		if (i == RUNS - 1)
			close(all_tried[1]);
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		winners += WEXITSTATUS(status);
	}
	assert_int_equal(winners, 1);
}

static void test_race(void **state)
{
	(void)state;
	in_child(race);
}

static void test_locked_folder(void **state)
{
	struct folder f = folder_new();
	int dir = open(f.path, O_RDONLY | O_DIRECTORY);
	struct unix_listen *l;

	(void)state;
	assert_false(flock(dir, LOCK_EX));
	assert_int_equal(unix_listen_open(&l, f.file, GROUP_NONE), -EWOULDBLOCK);
	close(dir);
	assert_false(exists(f.file));
	folder_remove(&f);
}

static void group(const struct folder *f)
{
	struct unix_listen *l;

	assert_int_equal(unix_listen_open(&l, f->file, 4), 0);
	assert_int_equal(look(f->file).st_gid, 4);
	assert_int_equal(look(f->file).st_mode, S_IFSOCK | 0660);
	unix_listen_close(l);
	assert_false(chown(f->path, NOBODY, NOBODY));
	assert_false(setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY));
	assert_int_equal(unix_listen_open(&l, f->file, 0), -OUTPUT_GROUP);
	assert_false(exists(f->file));
}

/* The thread that ends the run may not write to another user's folder any more. */
static void folder_of_another(const struct folder *f)
{
	const unsigned int none[] = {CAP_NET_ADMIN};
	struct unix_listen *l;

	assert_false(chown(f->path, NOBODY, NOBODY) || chmod(f->path, 0755));
	assert_int_equal(unix_listen_open(&l, f->file, GROUP_NONE), 0);
	assert_false(confine_thread(none, 1));
	assert_true(unlink(f->file) && errno == EACCES);
	unix_listen_close(l);
	assert_false(exists(f->file));
}

/* In a folder such as /tmp. */
static void sticky(const struct folder *f)
{
	struct path link = beside(f, ".d"), below = beside(f, ".d/s");
	struct unix_listen *l;

	assert_false(chmod(f->path, 01777));
	leave_stale(f->file);
	assert_false(chown(f->file, NOBODY, NOBODY));
	assert_int_equal(unix_listen_open(&l, f->file, GROUP_NONE), -EEXIST);
	assert_false(symlink("/tmp", link.text) || lchown(link.text, NOBODY, NOBODY));
	assert_int_equal(unix_listen_open(&l, below.text, GROUP_NONE), -OUTPUT_FOREIGN_LINK);
}

static void as_root(void (*test)(const struct folder *f))
{
	if (geteuid())
		skip();
	in_child(test);
}

static void test_group(void **state)
{
	(void)state;
	as_root(group);
}

static void test_folder_of_another(void **state)
{
	(void)state;
	as_root(folder_of_another);
}

static void test_sticky(void **state)
{
	(void)state;
	as_root(sticky);
}

static void test_groups(void **state)
{
	char name[64];
	gid_t gid;

	(void)state;
	assert_int_equal(group_find("root", &gid), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(group_find("2147483646", &gid), 0);
	assert_int_equal(gid, 2147483646);
	group_name(0, name, sizeof(name));
	assert_string_equal(name, "root");
	group_name(2147483646, name, sizeof(name));
	assert_string_equal(name, "2147483646");
	assert_int_equal(group_find("4294967295", &gid), -EINVAL);
	assert_int_equal(group_find("no such group", &gid), -EINVAL);
	assert_int_equal(group_find("", &gid), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_not_ours_any_more),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_what_is_no_socket),
		cmocka_unit_test(test_names_that_cannot_be),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_locked_folder),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_folder_of_another),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
