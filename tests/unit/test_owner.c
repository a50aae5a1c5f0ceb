// SPDX-License-Identifier: GPL-2.0-only
/* Names of programs: only of the one that was meant, before and after an exec(). The processes are our own. */
#include "src/host/owner.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/core/record_types.h"
#include "src/core/wire_make.h"
#include "src/host/procfs.h"

static struct owner *owner;
static unsigned int events; /* that came of owner_resolve_process() */
static char text[4096];     /* of the last one */

static int set_up(void **state)
{
	(void)state;
	events = 0;
	return owner_new(&owner);
}

static int tear_down(void **state)
{
	(void)state;
	owner_free(owner);
	return 0;
}

static void take(void *ctx, const struct wire_hdr *ev)
{
	(void)ctx;
	assert_int_equal(ev->kind, WIRE_EXE);
	snprintf(text, sizeof(text), "%s", ((const struct wire_text *)ev)->text);
	events++;
	owner_feed(owner, ev);
}

static uint64_t tick_ns(void)
{
	return 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* A process as an event has it. */
static struct process process_of(pid_t pid, const char *comm)
{
	struct process process = {.task.tgid = (uint32_t)pid};
	struct procfs_stat stat;

	assert_true(procfs_stat(process.task.tgid, &stat));
	process.task.start_ns = stat.start_ticks * tick_ns();
	process.exec.arg_start = stat.exec_id;
	snprintf(process.task.comm, sizeof(process.task.comm), "%s", comm);
	return process;
}

static struct record_owner describe(const struct process *process)
{
	const struct conn_tuple tuple = {.from = CONN_FROM_CONNECT, .process = *process};
	struct record_owner found;

	owner_describe(owner, &tuple, &found);
	return found;
}

static const char *exe_of(const struct process *process)
{
	return describe(process).exe;
}

static const char *own_exe(void)
{
	static char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_true(len > 0);
	path[len] = '\0';
	return path;
}

static void reads_once(void **state)
{
	const struct process process = process_of(getpid(), "one");

	(void)state;
	owner_resolve_process(owner, &process, 1, take, NULL);
	owner_resolve_process(owner, &process, 2, take, NULL);
	assert_int_equal(events, 1);
	assert_string_equal(exe_of(&process), own_exe());
}

/* The pid is used again: the process of the event is not the one that has the number now. */
static void another_process(void **state)
{
	struct process process = process_of(getpid(), "before us");

	(void)state;
	process.task.start_ns -= tick_ns();
	owner_resolve_process(owner, &process, 1, take, NULL);
	assert_int_equal(events, 1);
	assert_string_equal(text, "");
	assert_null(exe_of(&process));
	owner_resolve_process(owner, &process, 2, take, NULL);
	assert_int_equal(events, 1); /* and it is not read again */
}

/* A child that waits in our program, and after a byte in `to` runs cat, until that is closed. */
static pid_t start_child(int *ret_to)
{
	int fds[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[1]);
		dup2(fds[0], STDIN_FILENO);
		if (read(STDIN_FILENO, &byte, 1) == 1)
			execl("/bin/cat", "cat", (char *)NULL);
		_exit(1);
	}
	assert_true(pid > 0);
	close(fds[0]);
	*ret_to = fds[1];
	return pid;
}

/* Waits until the child runs cat. */
static struct process exec_child(pid_t pid, int to, const struct process *before)
{
	struct process after;

	assert_int_equal(write(to, "x", 1), 1);
	do {
		usleep(1000);
		after = process_of(pid, "cat");
	} while (!after.exec.arg_start || after.exec.arg_start == before->exec.arg_start);
	assert_true(process_is(before, &after));
	return after;
}

static void end_child(pid_t pid, int to)
{
	close(to);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void before_and_after_exec(void **state)
{
	struct process before, after;
	int to;
	pid_t pid = start_child(&to);

	(void)state;
	before = process_of(pid, "child");
	owner_resolve_process(owner, &before, 1, take, NULL);
	after = exec_child(pid, to, &before);
	owner_resolve_process(owner, &after, 2, take, NULL);
	assert_int_equal(events, 2);
	assert_string_equal(exe_of(&before), own_exe());
	assert_string_not_equal(exe_of(&after), own_exe());
	end_child(pid, to);
}

/* The event came before the exec(), and it is read after it: the other program is not named. */
static void read_too_late(void **state)
{
	struct process before;
	int to;
	pid_t pid = start_child(&to);

	(void)state;
	before = process_of(pid, "child");
	exec_child(pid, to, &before);
	owner_resolve_process(owner, &before, 1, take, NULL);
	assert_int_equal(events, 1);
	assert_null(exe_of(&before));
	end_child(pid, to);
}

/* Of an exiting process the kernel knows no program: it is what was read under its name, and nothing under another name. */
static void exits(void **state)
{
	struct process process = process_of(getpid(), "one");

	(void)state;
	owner_resolve_process(owner, &process, 1, take, NULL);
	process.exec.arg_start = 0;
	owner_resolve_process(owner, &process, 2, take, NULL);
	owner_resolve_process(owner, &process, 3, take, NULL);
	assert_int_equal(events, 2);
	assert_string_equal(exe_of(&process), own_exe());
	strcpy(process.task.comm, "another");
	owner_resolve_process(owner, &process, 4, take, NULL);
	assert_int_equal(events, 3);
	assert_null(exe_of(&process));
}

static void replaced_file(void **state)
{
	const struct process process = process_of(getpid(), "one");
	const struct {
		struct wire_text head;
		char path[24];
	} event = {{.hdr = {.cookie = process.exec.arg_start, .len = sizeof(event), .kind = WIRE_EXE},
		    .key = process.task.tgid,
		    .key2 = process.task.start_ns},
		   "/usr/bin/x (deleted)"};

	(void)state;
	owner_feed(owner, &event.head.hdr);
	assert_string_equal(exe_of(&process), "/usr/bin/x");
	assert_true(describe(&process).exe_deleted);
}

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void name_cgroup(uint64_t id, const char *path)
{
	union wire_text_space space;
	const struct wire_text head = {.hdr.kind = WIRE_CGROUP, .key = id};

	owner_feed(owner, wire_make_text(&space, &head, path, strlen(path)));
}

/* The socket's control group and the process's; 0 is not known. */
static struct record_owner in_cgroups(enum conn_from from, uint64_t socket, uint64_t process)
{
	const struct conn_tuple tuple = {
		.from = from, .id_known = socket, .id.cgroup_id = socket, .task.tgid = 1, .exec.cgroup_id = process};
	struct record_owner found;

	owner_describe(owner, &tuple, &found);
	return found;
}

static void container_is_the_process_s(void **state)
{
	struct record_owner found;

	(void)state;
	name_cgroup(7, "/manager.service");
	name_cgroup(8, "/docker-" CONTAINER ".scope");
	name_cgroup(9, ""); /* it was gone */
	found = in_cgroups(CONN_FROM_IO, 7, 8);
	assert_string_equal(found.cgroup, "/manager.service");
	assert_memory_equal(found.container_id, CONTAINER, strlen(CONTAINER));
	found = in_cgroups(CONN_FROM_IO, 8, 7);
	assert_true(found.container_known && !found.container_id);
	assert_false(in_cgroups(CONN_FROM_IO, 8, 9).container_known);
	assert_non_null(in_cgroups(CONN_FROM_NONE, 8, 0).container_id);
	assert_false(in_cgroups(CONN_FROM_NONE, 0, 0).container_known);
	assert_false(in_cgroups(CONN_FROM_NONE, 9, 0).container_known);
	/* an older recording */
	assert_non_null(in_cgroups(CONN_FROM_CONNECT, 8, 0).container_id);
	assert_false(in_cgroups(CONN_FROM_IO, 8, 0).container_known);
	found = in_cgroups(CONN_FROM_IO, 7, 0);
	assert_true(found.container_known && !found.container_id);
}

static void gone(void **state)
{
	struct process process;
	struct procfs_stat stat;
	int to;
	pid_t pid = start_child(&to);

	(void)state;
	process = process_of(pid, "short");
	end_child(pid, to);
	assert_false(procfs_stat(process.task.tgid, &stat));
	owner_resolve_process(owner, &process, 1, take, NULL);
	assert_int_equal(events, 1);
	assert_null(exe_of(&process));
}

static void start_times(void **state)
{
	const uint64_t start_ns = process_of(getpid(), "x").task.start_ns;
	struct procfs_stat stat;

	(void)state;
	assert_true(procfs_stat((uint32_t)getpid(), &stat));
	assert_true(procfs_started_at(&stat, start_ns));
	assert_true(procfs_started_at(&stat, start_ns + tick_ns() - 1)); /* proc counts in ticks */
	assert_false(procfs_started_at(&stat, start_ns + tick_ns()));
	assert_false(procfs_started_at(&stat, start_ns - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(before_and_after_exec, set_up, tear_down),
		cmocka_unit_test_setup_teardown(read_too_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(exits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaced_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(container_is_the_process_s, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gone, set_up, tear_down),
		cmocka_unit_test(start_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
