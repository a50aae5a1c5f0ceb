// SPDX-License-Identifier: GPL-2.0-only
/* What the tracer cannot do any more after its start, tried in processes of their own, by a thread that was there before. */
#include "attempts.h"
#include "src/host/syscalls.h"

#include "src/host/confine.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int bpf(int command)
{
	union bpf_attr attr;

	memset(&attr, 0xff, sizeof(attr)); /* which no command takes */
	return result(syscall(SYS_bpf, command, &attr, sizeof(attr)));
}

static int load_a_bpf_program(void)
{
	return bpf(BPF_PROG_LOAD);
}

static int read_a_map(void)
{
	return bpf(BPF_MAP_LOOKUP_ELEM);
}

static int trace_its_parent(void)
{
	return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int mount_something(void)
{
	return result(mount("none", "/nowhere", "tmpfs", 0, NULL));
}

static int enter_its_namespace(void)
{
	return result(setns(-1, CLONE_NEWNET));
}

static void *nothing(void *arg)
{
	return arg;
}

static int make_a_thread(void)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	return err ? err : pthread_join(thread, NULL);
}

struct attempt {
	int (*fn)(void);
	pthread_barrier_t confined;
	int result;
};

/* It was there before. */
static void *other_thread(void *arg)
{
	struct attempt *attempt = arg;

	pthread_barrier_wait(&attempt->confined);
	attempt->result = attempt->fn();
	return NULL;
}

/* The result in a process that has given up what a tracer gives up. */
static int confined(int (*fn)(void), bool helpers)
{
	struct attempt attempt = {.fn = fn};
	pthread_t thread;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		pthread_barrier_init(&attempt.confined, NULL, 2);
		if (pthread_create(&thread, NULL, other_thread, &attempt) || syscalls_confine_tracer(helpers))
			_exit(255);
		pthread_barrier_wait(&attempt.confined);
		pthread_join(thread, NULL);
		_exit(attempt.result);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void refused(void **state)
{
	(void)state;
	assert_int_equal(confined(run_a_program, false), EPERM);
	assert_int_equal(confined(make_a_process, false), EPERM);
	assert_int_equal(confined(load_a_bpf_program, false), EPERM);
	assert_int_equal(confined(mount_something, false), EPERM);
	assert_int_equal(confined(enter_its_namespace, false), EPERM);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(confined(trace_its_parent, false), EPERM);
#else
	(void)trace_its_parent;
#endif
}

/* What a run goes on with; the arguments are wrong, so that each has another error. */
static void allowed(void **state)
{
	(void)state;
	assert_int_equal(confined(make_a_thread, false), 0);
	if (!geteuid())
		assert_int_not_equal(confined(read_a_map, false), EPERM);
}

/* A run with helpers starts them again when they have ended, and nothing else has changed. */
static void with_helpers(void **state)
{
	(void)state;
	assert_int_equal(confined(run_a_program, true), 0);
	assert_int_equal(confined(make_a_process, true), 0);
	assert_int_equal(confined(load_a_bpf_program, true), EPERM);
	assert_int_equal(confined(mount_something, true), EPERM);
}

static const unsigned int kept[] = {CAP_KILL};

static bool thread_has(unsigned int capability)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];

	assert_false(syscall(SYS_capget, &head, caps));
	return caps[capability / 32].permitted & caps[capability / 32].effective & 1u << capability % 32;
}

static void *give_up(void *arg)
{
	bool *ret = arg;

	confine_use(CAP_KILL, false);
	ret[0] = thread_has(CAP_KILL);
	confine_use(CAP_KILL, true);
	ret[1] = thread_has(CAP_KILL);
	confine_thread(kept, 1);
	ret[2] = thread_has(CAP_KILL);
	ret[3] = thread_has(CAP_CHOWN);
	confine_use(CAP_CHOWN, true);
	ret[4] = thread_has(CAP_CHOWN);
	return NULL;
}

static void capabilities_of_a_thread(void **state)
{
	bool has[5];
	pthread_t thread;

	(void)state;
	if (!thread_has(CAP_KILL) || !thread_has(CAP_CHOWN))
		skip();
	assert_false(pthread_create(&thread, NULL, give_up, has));
	pthread_join(thread, NULL);
	assert_false(has[0]);
	assert_true(has[1] && has[2]);
	assert_false(has[3] || has[4]);
	assert_true(thread_has(CAP_CHOWN)); /* the others keep theirs */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(allowed),
		cmocka_unit_test(with_helpers),
		cmocka_unit_test(capabilities_of_a_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
