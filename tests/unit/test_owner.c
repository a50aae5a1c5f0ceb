// SPDX-License-Identifier: GPL-2.0-only
/* Names of processes: only of the one that was meant, and read again after an exec(). The processes are our own. */
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
#include "src/host/procfs.h"

static struct owner *owner;
static unsigned int events; /* that came of owner_resolve_task() */
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
static struct wire_task task_of(pid_t pid, const char *comm)
{
	struct wire_task task = {.tgid = (uint32_t)pid};
	struct procfs_stat stat;

	assert_true(procfs_stat(task.tgid, &stat));
	task.start_ns = stat.start_ticks * tick_ns();
	snprintf(task.comm, sizeof(task.comm), "%s", comm);
	return task;
}

static const char *exe_of(const struct wire_task *task)
{
	const struct conn_tuple tuple = {.from = CONN_FROM_CONNECT, .task = *task};
	struct record_owner found;

	owner_describe(owner, &tuple, &found);
	return found.exe;
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
	const struct wire_task task = task_of(getpid(), "one");

	(void)state;
	owner_resolve_task(owner, &task, 1, take, NULL);
	owner_resolve_task(owner, &task, 2, take, NULL);
	assert_int_equal(events, 1);
	assert_string_equal(exe_of(&task), own_exe());
}

/* The pid is used again: the process of the event is not the one that has the number now. */
static void another_process(void **state)
{
	struct wire_task task = task_of(getpid(), "before us");

	(void)state;
	task.start_ns -= tick_ns();
	owner_resolve_task(owner, &task, 1, take, NULL);
	assert_int_equal(events, 1);
	assert_string_equal(text, "");
	assert_null(exe_of(&task));
	owner_resolve_task(owner, &task, 2, take, NULL);
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

/* Another name of the same process is another program: it is read again. And its arguments stand elsewhere. */
static void exec_is_seen(void **state)
{
	struct procfs_stat before, after;
	struct wire_task task;
	int to;
	pid_t pid = start_child(&to);

	(void)state;
	task = task_of(pid, "child");
	owner_resolve_task(owner, &task, 1, take, NULL);
	assert_string_equal(exe_of(&task), own_exe());
	assert_true(procfs_stat(task.tgid, &before));
	assert_int_equal(write(to, "x", 1), 1);
	do {
		usleep(1000);
		assert_true(procfs_stat(task.tgid, &after));
	} while (after.exec_id == before.exec_id);
	assert_true(before.exec_id && after.exec_id);
	assert_true(procfs_started_at(&after, task.start_ns)); /* the same process */
	owner_resolve_task(owner, &task, 2, take, NULL);
	assert_int_equal(events, 1);
	strcpy(task.comm, "cat");
	owner_resolve_task(owner, &task, 3, take, NULL);
	assert_int_equal(events, 2);
	assert_string_not_equal(exe_of(&task), own_exe());
	close(to);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void gone(void **state)
{
	struct wire_task task;
	struct procfs_stat stat;
	int to;
	pid_t pid = start_child(&to);

	(void)state;
	task = task_of(pid, "short");
	close(to);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(procfs_stat(task.tgid, &stat));
	owner_resolve_task(owner, &task, 1, take, NULL);
	assert_int_equal(events, 1);
	assert_null(exe_of(&task));
}

static void start_times(void **state)
{
	const struct wire_task task = task_of(getpid(), "x");
	struct procfs_stat stat;

	(void)state;
	assert_true(procfs_stat(task.tgid, &stat));
	assert_true(procfs_started_at(&stat, task.start_ns));
	assert_true(procfs_started_at(&stat, task.start_ns + tick_ns() - 1)); /* proc counts in ticks */
	assert_false(procfs_started_at(&stat, task.start_ns + tick_ns()));
	assert_false(procfs_started_at(&stat, task.start_ns - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(exec_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gone, set_up, tear_down),
		cmocka_unit_test(start_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
