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

#include "bpf/shared.h"
#include "src/core/record_types.h"
#include "src/core/wire_make.h"
#include "src/host/path_cache.h"
#include "src/host/procfs.h"

static struct owner *owner;
static unsigned int events; /* that came of owner_resolve_process() */
static char text[4096];     /* of the last one */

/* What the kernel says of a thread, as the test has it. */
static struct exec_shown shown;

/* An owner_exec_fn. */
static bool show(void *ctx, uint32_t tid, struct exec_shown *ret_shown)
{
	assert_ptr_equal(ctx, &shown);
	*ret_shown = shown;
	return tid == shown.tid;
}

static void runs(const struct process *process)
{
	shown = (struct exec_shown){process->task.tgid, process->task.tgid, process->task.start_ns, process->program, 1};
}

static int set_up(void **state)
{
	(void)state;
	events = 0;
	shown = (struct exec_shown){0};
	if (owner_new(&owner))
		return -1;
	owner_ask(owner, show, &shown);
	return 0;
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
	process.program = 1;
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

static const char *link_of(pid_t pid)
{
	static char paths[2][4096];
	char *path = paths[pid == getpid()], name[32];
	ssize_t len;

	snprintf(name, sizeof(name), "/proc/%d/exe", pid);
	len = readlink(name, path, sizeof(paths[0]) - 1);
	assert_true(len > 0);
	path[len] = '\0';
	return path;
}

static const char *own_exe(void)
{
	return link_of(getpid());
}

static void reads_once(void **state)
{
	const struct process process = process_of(getpid(), "one");

	(void)state;
	runs(&process);
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
	runs(&process);
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
	} while (!strcmp(link_of(pid), own_exe()));
	after.program++;
	runs(&after);
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
	runs(&before);
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

/* Without random addresses the arguments stand where they stood, and prctl() sets the place: only the count says which it is.
 */
static void counts(void **state)
{
	struct process process = process_of(getpid(), "one");

	(void)state;
	runs(&process);
	shown.exec_count++; /* it ran exec() before it was read */
	owner_resolve_process(owner, &process, 1, take, NULL);
	assert_null(exe_of(&process));
	process.program++;
	owner_resolve_process(owner, &process, 2, take, NULL);
	assert_string_equal(exe_of(&process), own_exe());
	process.program++;
	runs(&process);
	shown.arg_start = 0; /* exec() is under way: the path may be the next program's */
	owner_resolve_process(owner, &process, 3, take, NULL);
	assert_null(exe_of(&process));
	process.program++;
	runs(&process);
	shown.start_ns++; /* another process, which began in the same tick */
	owner_resolve_process(owner, &process, 4, take, NULL);
	assert_null(exe_of(&process));
	assert_int_equal(events, 4);
	process.program = 0; /* not known */
	runs(&process);
	owner_resolve_process(owner, &process, 5, take, NULL);
	assert_int_equal(events, 4);
	assert_null(exe_of(&process));
}

/* A path that an event has no room for is not known; none is cut. */
static void long_path(void **state)
{
	const struct process process = {.task.tgid = 7, .program = 9};
	const struct wire_text head = {.hdr = {.cookie = 9, .kind = WIRE_EXE}, .key = 7};
	char path[WIRE_PATH_MAX + 2];
	union wire_text_space space;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[WIRE_PATH_MAX] = '\0';
	owner_feed(owner, wire_make_path(&space, &head, path, NULL));
	assert_string_equal(exe_of(&process), path);
	path[WIRE_PATH_MAX] = 'x';
	path[WIRE_PATH_MAX + 1] = '\0';
	owner_feed(owner, wire_make_path(&space, &head, path, NULL));
	assert_null(exe_of(&process));
}

static void replaced_file(void **state)
{
	const struct process process = process_of(getpid(), "one");
	const struct {
		struct wire_text head;
		char path[24];
	} event = {{.hdr = {.cookie = process.program, .len = sizeof(event), .kind = WIRE_EXE},
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
	const struct wire_cgroup roots = {.root_len = (int)strlen(path), .known = 1};

	owner_feed(owner, wire_make_path(&space, &head, path, &roots));
	assert_true(wire_valid(&space.event.hdr, sizeof(space)));
}

/* The socket's control group and the process's; 0 is not known. */
static struct record_owner in_cgroups(enum conn_from from, uint64_t socket, uint64_t process)
{
	const struct conn_tuple tuple = {
		.from = from, .id_known = socket, .id.cgroup_id = socket, .task.tgid = 1, .process_cgroup_id = process};
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

/* Whose the directories are is in the event. An older recording does not have it: nothing proves who made them. */
static void container_is_claimed(void **state)
{
	static const char path[] = "/docker/" CONTAINER;
	struct wire_text head = {.hdr.kind = WIRE_CGROUP, .key = 5};
	struct wire_cgroup roots = {.root_len = -1, .known = 1};
	union wire_text_space space;

	(void)state;
	owner_feed(owner, wire_make_text(&space, &head, path, strlen(path)));
	assert_true(in_cgroups(CONN_FROM_NONE, 5, 0).id_claimed);
	head.key = 6;
	owner_feed(owner, wire_make_path(&space, &head, path, &roots));
	assert_true(wire_valid(&space.event.hdr, sizeof(space)));
	assert_true(in_cgroups(CONN_FROM_NONE, 6, 0).id_claimed);
	head.key = 7;
	roots.root_len = (int)strlen("/docker");
	owner_feed(owner, wire_make_path(&space, &head, path, &roots));
	assert_non_null(in_cgroups(CONN_FROM_NONE, 7, 0).container_id);
	assert_false(in_cgroups(CONN_FROM_NONE, 7, 0).id_claimed);
}

/* Long paths without end: what is kept has a limit, the newest is there, and what was dropped is counted when it is missed. */
static void bytes_are_limited(void **state)
{
	struct process process = {.task = {.tgid = 1}, .program = 1};
	struct wire_text head = {.hdr.kind = WIRE_EXE};
	char path[WIRE_PATH_MAX + 1];
	size_t bytes = 0, dropped = 0, n = 4 * PATH_CACHE_BYTES / sizeof(path);
	union wire_text_space space;
	const char *exe = NULL;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[WIRE_PATH_MAX] = '\0';
	for (size_t i = 1; i <= n; i++) {
		head.key = i;
		head.hdr.cookie = process.program;
		owner_feed(owner, wire_make_path(&space, &head, path, NULL));
	}
	memcpy(path + WIRE_PATH_MAX - strlen(" (deleted)"), " (deleted)", strlen(" (deleted)")); /* as long as it is kept */
	for (size_t round = 0; round < 4 * n; round++) { /* of one key: the old one goes */
		head.key = n;
		owner_feed(owner, wire_make_path(&space, &head, path, NULL));
	}
	for (size_t i = 1; i <= n; i++) {
		process.task.tgid = (uint32_t)i;
		exe = exe_of(&process);
		bytes += exe ? strlen(exe) + 1 : 0;
		dropped += !exe;
	}
	assert_non_null(exe);
	assert_in_range(bytes, PATH_CACHE_BYTES - 2 * sizeof(path), PATH_CACHE_BYTES);
	assert_int_equal(owner_take_forgotten(owner), dropped);
	assert_int_equal(owner_take_forgotten(owner), 0);
}

static void gone(void **state)
{
	struct process process;
	struct procfs_stat stat;
	int to;
	pid_t pid = start_child(&to);

	(void)state;
	process = process_of(pid, "short");
	runs(&process);
	end_child(pid, to);
	assert_false(procfs_stat(process.task.tgid, &stat));
	owner_resolve_process(owner, &process, 1, take, NULL);
	assert_int_equal(events, 1);
	assert_null(exe_of(&process));
}

/* A path that another run has read is that of a program which has ended. What still runs is read, whatever the other run said.
 */
static void of_another_run(void **state)
{
	struct process live = process_of(getpid(), "one"), ended = live;
	const struct {
		struct wire_text head;
		char path[24];
	} event = {{.hdr = {.ts = 1, .cookie = live.program, .len = sizeof(event), .kind = WIRE_EXE},
		    .key = live.task.tgid,
		    .key2 = live.task.start_ns},
		   "/usr/bin/x (deleted)"};

	(void)state;
	runs(&live);
	assert_true(owner_read_again(owner, &event.head, take, NULL));
	assert_string_equal(exe_of(&live), own_exe());
	owner_keep_program(owner, &live, 2, take, NULL);
	assert_string_equal(text, own_exe());
	owner_free(owner);
	assert_int_equal(set_up(NULL), 0);
	ended.program++; /* it has called exec() since */
	runs(&ended);
	assert_false(owner_read_again(owner, &event.head, take, NULL));
	assert_int_equal(events, 1);
	assert_null(exe_of(&live));
	owner_keep_program(owner, &live, 2, take, NULL);
	assert_int_equal(events, 1); /* nothing is known of it */
	owner_feed(owner, &event.head.hdr);
	assert_string_equal(exe_of(&live), "/usr/bin/x");
	owner_keep_program(owner, &live, 2, take, NULL);
	assert_string_equal(text, event.path);
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
		cmocka_unit_test_setup_teardown(counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(long_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaced_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(container_is_the_process_s, set_up, tear_down),
		cmocka_unit_test_setup_teardown(container_is_claimed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bytes_are_limited, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_another_run, set_up, tear_down),
		cmocka_unit_test(start_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
