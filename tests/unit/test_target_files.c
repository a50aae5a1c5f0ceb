// SPDX-License-Identifier: GPL-2.0-only
/* Which files the opener opens: those that a program has mapped as code, and never another one that has their name now. */
#include "src/symbols/target_files.h"
#include "src/symbols/perf_map.h"
#include "src/host/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/tcplife-fsm-XXXXXX", path[64], other[64];

static void write_file(const char *name, size_t bytes)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || chmod(folder, 0777))
		return -1;
	snprintf(path, sizeof(path), "%s/program", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(folder);
}

static struct program_id self(void)
{
	struct procfs_stat stat = {0};

	assert_true(procfs_stat((uint32_t)getpid(), &stat));
	return (struct program_id){
		.tgid = (uint32_t)getpid(),
		.start_ns = stat.start_ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK)),
		.exec_id = stat.exec_id,
	};
}

static ino_t map_it(int protection, uint64_t *ret_start)
{
	struct stat st;
	void *at;
	int fd;

	write_file(path, 4096);
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	at = mmap(NULL, 4096, protection, MAP_PRIVATE, fd, 0);
	close(fd);
	assert_true(at != MAP_FAILED);
	*ret_start = (uint64_t)(uintptr_t)at;
	return st.st_ino;
}

/* The file's inode, or a negative errno. */
static long open_mapped(const struct program_id *program, uint64_t start)
{
	struct target_files *t = target_files_new();
	int fd = target_open(t, program, start, start + 4096);
	struct stat st = {0};

	free(t);
	if (fd < 0)
		return fd;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	return (long)st.st_ino;
}

static void mapped_code(void **state)
{
	struct program_id program = self();
	uint64_t start;
	long inode = (long)map_it(PROT_READ | PROT_EXEC, &start);

	(void)state;
	assert_int_equal(open_mapped(&program, start), inode);
	assert_int_equal(open_mapped(&program, start + 4096), -ENOENT);
	munmap((void *)(uintptr_t)start, 4096);
	assert_int_equal(open_mapped(&program, start), -ENOENT);
}

static void mapped_data(void **state)
{
	struct program_id program = self();
	uint64_t start;

	(void)state;
	map_it(PROT_READ, &start);
	assert_int_equal(open_mapped(&program, start), -ENOENT);
	munmap((void *)(uintptr_t)start, 4096);
}

static void another_program(void **state)
{
	struct program_id program = self();
	uint64_t start;

	(void)state;
	map_it(PROT_READ | PROT_EXEC, &start);
	program.start_ns += 1000000000;
	assert_int_equal(open_mapped(&program, start), -ESRCH);
	program = self();
	program.exec_id ^= 4096;
	assert_int_equal(open_mapped(&program, start), -ESRCH);
	program = (struct program_id){.tgid = 0x7fffffff};
	assert_int_equal(open_mapped(&program, start), -ESRCH);
	munmap((void *)(uintptr_t)start, 4096);
}

/* By the mapping it is the old file; by name it would be the new one, which is refused. */
static void replaced(void **state)
{
	struct program_id program = self();
	uint64_t start;
	long inode = (long)map_it(PROT_READ | PROT_EXEC, &start), found;

	(void)state;
	write_file(other, 8192);
	assert_int_equal(rename(other, path), 0);
	found = open_mapped(&program, start);
	assert_true(found == inode || found == -ESTALE || found == -ENOENT);
	munmap((void *)(uintptr_t)start, 4096);
}

/* The same without the privilege to open by mapping. */
static void as_a_user(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (!getuid() && setresuid(54321, 54321, 54321))
			_exit(1);
		prctl(PR_SET_DUMPABLE, 1);
		unlink(path);
		unlink(other);
		mapped_code(state);
		mapped_data(state);
		unlink(path);
		replaced(state);
		unlink(path);
		unlink(other);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static char map_path[64];

/* That of this very process, which goes then: 0 if it was opened, or a negative errno. */
static int open_map(const struct program_id *program)
{
	struct target_files *t = target_files_new();
	int fd = target_open_map(t, program);

	free(t);
	unlink(map_path);
	if (fd < 0)
		return fd;
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	return 0;
}

/* In /tmp, where anybody may make files of any name. */
static void map_of_generated_code(void **state)
{
	struct program_id program = self();

	(void)state;
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", getpid());
	assert_int_equal(open_map(&program), -ENOENT);
	write_file(map_path, 100);
	assert_int_equal(open_map(&program), 0);
	write_file(map_path, PERF_MAP_BYTES + 1ul);
	assert_int_equal(open_map(&program), -EACCES);
	write_file(map_path, 100);
	assert_int_equal(chmod(map_path, 0666), 0);
	assert_int_equal(open_map(&program), -EACCES);
	assert_int_equal(mkfifo(map_path, 0644), 0);
	assert_int_equal(open_map(&program), -EACCES);
	write_file(path, 100);
	assert_int_equal(symlink(path, map_path), 0);
	assert_int_equal(open_map(&program), -ELOOP);
	assert_int_equal(mkdir(map_path, 0755), 0);
	assert_int_equal(open_map(&program), -EACCES);
	rmdir(map_path);
	if (!getuid()) {
		write_file(map_path, 100);
		assert_int_equal(chown(map_path, 54321, 54321), 0);
		assert_int_equal(open_map(&program), -EACCES);
	}
	write_file(map_path, 100);
	program.start_ns += 1000000000;
	assert_int_equal(open_map(&program), -ESRCH);
}

static void debug_information(void **state)
{
	uint8_t id[BUILD_ID_MAX];

	(void)state;
	memset(id, 0xee, sizeof(id));
	for (size_t len = BUILD_ID_MIN; len <= sizeof(id); len++)
		assert_true(target_open_debug(id, len) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapped_code),       cmocka_unit_test(mapped_data), cmocka_unit_test(another_program),
		cmocka_unit_test(replaced),          cmocka_unit_test(as_a_user),   cmocka_unit_test(map_of_generated_code),
		cmocka_unit_test(debug_information),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
