// SPDX-License-Identifier: GPL-2.0-only
/* What a relay cannot do any more, and what it still can: tried from within, each in a process of its own. */
#include "attempts.h"
#include "src/io/relay_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char spool_path[64];
static int spool_fd;

static int trace_its_parent(void)
{
	return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int load_a_bpf_program(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int mount_something(void)
{
	return result(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int have_namespaces(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int use_keys(void)
{
	return result(syscall(SYS_add_key, "user", "x", "y", 1ul, -3));
}

static int open_an_event(void)
{
	return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int make_a_packet_socket(void)
{
	return result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int write_in_tmp(void)
{
	return result(open("/tmp/tcplife-relay-was-here", O_WRONLY | O_CREAT, 0600));
}

static int write_in_tmp_by_the_spool(void)
{
	return result(openat(spool_fd, "/tmp/tcplife-relay-was-here", O_WRONLY | O_CREAT, 0600));
}

static int write_beside_the_spool(void)
{
	return result(openat(spool_fd, "../tcplife-relay-was-here", O_WRONLY | O_CREAT, 0600));
}

static int open_by_new_calls(void)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = {.flags = O_WRONLY | O_CREAT, .mode = 0600};

	return result(syscall(437 /* openat2 */, AT_FDCWD, "/tmp/tcplife-relay-was-here", &how, sizeof(how)));
}

static int change_the_clock(void)
{
	const struct timespec zero = {0};

	return result(clock_settime(CLOCK_REALTIME, &zero));
}

static int read_a_file(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int have_a_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static void *nothing(void *arg)
{
	return arg;
}

static int have_a_thread(void)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	return err ?: pthread_join(thread, NULL);
}

static int write_in_the_spool(void)
{
	int fd = openat(spool_fd, "file", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		return errno;
	return result(unlinkat(spool_fd, "file", 0));
}

static int have_privileges(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long long caps;
	char line[256];

	while (status && fgets(line, sizeof(line), status)) {
		if ((sscanf(line, "CapEff: %llx", &caps) == 1 || sscanf(line, "CapPrm: %llx", &caps) == 1) && caps)
			return 0;
	}
	return geteuid() ? EPERM : 0;
}

/* Exit status of a process that enters the sandbox and tries: the attempt's errno; 200: it could not enter. */
static int within(int spool, int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(relay_sandbox_enter(spool) ? 200 : attempt());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status)); /* nothing ends it: a library may try and go on */
	assert_int_not_equal(WEXITSTATUS(status), 200);
	return WEXITSTATUS(status);
}

static void test_what_is_refused(void **state)
{
	static int (*const attempts[])(void) = {
		run_a_program,
		make_a_process,
		trace_its_parent,
		load_a_bpf_program,
		mount_something,
		have_namespaces,
		use_keys,
		open_an_event,
		make_a_packet_socket,
		write_in_tmp,
		change_the_clock,
		open_by_new_calls,
		/* by Landlock alone, which is not in each kernel */
		write_beside_the_spool,
		write_in_tmp_by_the_spool,
	};
	const bool landlock = syscall(444 /* landlock_create_ruleset */, NULL, 0, 1) > 0;
	const size_t n = sizeof(attempts) / sizeof(attempts[0]) - (landlock ? 0 : 2);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		int with = within(spool_fd, attempts[i]), without = within(-1, attempts[i]);

		if (!with || !without)
			fail_msg("attempt %zu succeeded", i);
	}
	assert_int_not_equal(within(-1, write_in_the_spool), 0);
	assert_int_equal(access("/tmp/tcplife-relay-was-here", F_OK), -1);
	if (!geteuid())
		assert_int_not_equal(within(-1, have_privileges), 0);
}

static void test_what_is_left(void **state)
{
	(void)state;
	assert_int_equal(within(-1, read_a_file), 0);
	assert_int_equal(within(-1, have_a_socket), 0);
	assert_int_equal(within(-1, have_a_thread), 0);
	assert_int_equal(within(spool_fd, have_a_thread), 0);
	assert_int_equal(within(spool_fd, write_in_the_spool), 0);
}

/* The relay takes the user of its spool. */
static int open_spool(void **state)
{
	(void)state;
	strcpy(spool_path, "/tmp/tcplife-sandbox-XXXXXX");
	assert_non_null(mkdtemp(spool_path));
	spool_fd = open(spool_path, O_RDONLY | O_DIRECTORY);
	if (!geteuid())
		assert_int_equal(fchown(spool_fd, 0x70000005, 0x70000005), 0);
	return spool_fd < 0;
}

static int close_spool(void **state)
{
	(void)state;
	close(spool_fd);
	return rmdir(spool_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_what_is_left),
	};

	return cmocka_run_group_tests(tests, open_spool, close_spool);
}
