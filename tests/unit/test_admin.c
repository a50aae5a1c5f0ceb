// SPDX-License-Identifier: GPL-2.0-only
/* The process that keeps CAP_SYS_ADMIN: this program once more, as root. */
#include "src/host/admin.h"
#include "src/host/admin_process.h"
#include "src/host/admin_protocol.h"
#include "src/host/confine.h"
#include "src/host/fd_message.h"
#include "src/host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST_PORT "40001"
#define LAST_PORT "40002"

static bool may_enter(void)
{
	return !confine_begin() && confine_can(CAP_SYS_ADMIN) && confine_can(CAP_NET_ADMIN);
}

static int start(void **state)
{
	struct admin *admin = NULL;

	if (may_enter())
		assert_int_equal(admin_start(&admin), 0);
	*state = admin;
	return 0;
}

static int stop(void **state)
{
	admin_stop(*state);
	return 0;
}

static pid_t pid_of_admin(void)
{
	pid_t pids[HELPERS_RUNNING_MAX];

	assert_int_equal(helper_running(pids), 1);
	return pids[0];
}

/* A namespace that only this descriptor keeps, with ports of its own. */
static int make_namespace(void)
{
	int pipe_fds[2], fd;
	char path[64], byte;
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid) {
		int range = unshare(CLONE_NEWNET) ? -1 : open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);

		if (write(range, FIRST_PORT " " LAST_PORT, 11) != 11 || write(pipe_fds[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pipe_fds[0]);
	return fd;
}

static void take_text(struct netns_files *files, enum netns_file which, char *line, int size)
{
	FILE *file;

	assert_int_equal(netns_files_take(files, which, &file), 0);
	assert_non_null(fgets(line, size, file));
	fclose(file);
	assert_int_equal(netns_files_take(files, which, &file), -ENODATA);
}

static ino_t namespace_of(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* What was opened there shows that namespace, and the process has left it again. */
static void opens_files_in_another_namespace(void **state)
{
	const uint32_t wanted = 1u << NETNS_PORT_RANGE | 1u << NETNS_SOCKSTAT | 1u << NETNS_DIAG;
	struct netns_files files;
	struct stat st, of_socket;
	char line[128];
	int netns, fd;

	if (!*state)
		skip();
	netns = make_namespace();
	assert_int_equal(fstat(netns, &st), 0);
	assert_int_equal(admin_open_files(*state, netns, wanted, -1, &files), 0);
	take_text(&files, NETNS_PORT_RANGE, line, sizeof(line));
	assert_string_equal(line, FIRST_PORT "\t" LAST_PORT "\n");
	take_text(&files, NETNS_SOCKSTAT, line, sizeof(line));
	assert_int_equal(strncmp(line, "sockets: used", 13), 0);
	assert_int_equal(files.fds[NETNS_SNMP], -ENODATA);
	fd = admin_netns_of(*state, files.fds[NETNS_DIAG]);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &of_socket), 0);
	assert_int_equal(of_socket.st_ino, st.st_ino);
	close(fd);
	netns_files_close(&files);
	close(netns);
	assert_int_equal(namespace_of(pid_of_admin()), namespace_of(getpid()));
}

/* It goes on after each. */
static void names_what_it_cannot_do(void **state)
{
	struct netns_files files;
	int null = open("/dev/null", O_RDONLY), user = open("/proc/self/ns/user", O_RDONLY), home;

	if (!*state)
		skip();
	home = open("/proc/self/ns/net", O_RDONLY);
	assert_int_equal(admin_open_files(*state, null, 1u << NETNS_SNMP, -1, &files), -EINVAL);
	assert_int_equal(admin_open_files(*state, user, 1u << NETNS_SNMP, -1, &files), -EINVAL);
	assert_int_equal(admin_netns_of(*state, null), -ENOTTY);
	assert_int_equal(admin_open_files(*state, home, 1u << NETNS_ITERATOR | 1u << NETNS_SNMP, null, &files), 0);
	assert_int_equal(files.fds[NETNS_ITERATOR], -EINVAL);
	assert_true(files.fds[NETNS_SNMP] >= 0);
	netns_files_close(&files);
	close(null);
	close(user);
	close(home);
}

static void sees_marks_of_delegation(void **state)
{
	char path[] = "/dev/shm/tcplife-fsm-XXXXXX";
	int dir;

	if (!*state || !mkdtemp(path))
		skip();
	dir = open(path, O_RDONLY | O_DIRECTORY);
	assert_false(admin_is_delegated(*state, dir));
	assert_int_equal(setxattr(path, "trusted.delegate", "1", 1, 0), 0);
	assert_true(admin_is_delegated(*state, dir));
	assert_false(admin_is_delegated(NULL, dir));
	close(dir);
	rmdir(path);
}

static uint64_t status_number(pid_t pid, const char *key, int base)
{
	char path[64], line[256];
	uint64_t value = UINT64_MAX;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			value = strtoull(line + strlen(key) + 1, NULL, base);
	fclose(file);
	return value;
}

static void keeps_two_capabilities(void **state)
{
	const uint64_t caps = 1ull << CAP_SYS_ADMIN | 1ull << CAP_NET_ADMIN;
	int home = open("/proc/self/ns/net", O_RDONLY);
	struct netns_files files;
	pid_t pid;

	if (!*state)
		skip();
	assert_int_equal(admin_open_files(*state, home, 0, -1, &files), 0); /* it has come so far */
	close(home);
	pid = pid_of_admin();
	assert_int_equal(status_number(pid, "CapPrm", 16), caps);
	assert_int_equal(status_number(pid, "CapEff", 16), caps);
	assert_int_equal(status_number(pid, "CapInh", 16), 0);
	assert_int_equal(status_number(pid, "CapAmb", 16), 0);
	assert_int_equal(status_number(pid, "NoNewPrivs", 10), 1);
	assert_int_equal(status_number(pid, "Seccomp", 10), 2);
	assert_int_equal(status_number(pid, "Threads", 10), 1);
}

static void wait_for_end(const struct admin *admin)
{
	struct pollfd wait = {.fd = admin_fd(admin), .events = POLLIN};

	assert_int_equal(poll(&wait, 1, 10000), 1);
}

/* A service manager's SIGTERM does not end it; what does is named, and every question has an answer then, too. */
static void its_end_is_seen(void **state)
{
	int home = open("/proc/self/ns/net", O_RDONLY);
	struct netns_files files;
	char why[ADMIN_WHY];

	if (!*state)
		skip();
	assert_int_equal(admin_open_files(*state, home, 0, -1, &files), 0);
	kill(pid_of_admin(), SIGTERM);
	assert_int_equal(admin_open_files(*state, home, 0, -1, &files), 0);
	kill(pid_of_admin(), SIGKILL);
	wait_for_end(*state);
	assert_int_equal(admin_open_files(*state, home, 1u << NETNS_SNMP, -1, &files), -EPIPE);
	assert_int_equal(files.fds[NETNS_SNMP], -ENODATA);
	admin_take_end(*state, why);
	assert_string_equal(why, "its process was ended by signal 9");
	assert_int_equal(admin_fd(*state), -1);
	assert_int_equal(admin_open_files(*state, home, 0, -1, &files), -EPIPE);
	assert_int_equal(admin_netns_of(*state, home), -EPIPE);
	assert_false(admin_is_delegated(*state, home));
	close(home);
}

/* While it stands still every question fails, and only the first waits. Then it answers again, what was asked last. */
static void its_silence_is_bounded(void **state)
{
	int home = open("/proc/self/ns/net", O_RDONLY), null = open("/dev/null", O_RDONLY), err;
	struct netns_files files;

	if (!*state)
		skip();
	assert_int_equal(admin_late_ns(*state), 0);
	kill(pid_of_admin(), SIGSTOP);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(admin_open_files(*state, home, 1u << NETNS_SNMP, -1, &files), -EAGAIN);
		assert_int_not_equal(admin_late_ns(*state), 0);
	}
	assert_false(admin_has_ended(*state));
	kill(pid_of_admin(), SIGCONT);
	do { /* until the late answer is there, which is another */
		usleep(1000);
		err = admin_netns_of(*state, null);
	} while (err == -EAGAIN);
	assert_int_equal(err, -ENOTTY);
	assert_int_equal(admin_late_ns(*state), 0);
	close(home);
	close(null);
}

static void its_silence_can_be_its_end(void **state)
{
	int home = open("/proc/self/ns/net", O_RDONLY);
	struct netns_files files;
	char why[ADMIN_WHY];
	pid_t pid;

	if (!*state)
		skip();
	pid = pid_of_admin();
	kill(pid, SIGSTOP);
	assert_int_equal(admin_open_files(*state, home, 0, -1, &files), -EAGAIN);
	admin_take_end(*state, why);
	assert_string_equal(why, "its process does not answer");
	assert_int_equal(admin_open_files(*state, home, 0, -1, &files), -EPIPE);
	kill(pid, SIGCONT); /* it finds that nobody is there */
	close(home);
}

/* How it ends after a message with `n` descriptors. */
static int end_after(const void *message, size_t size, size_t n)
{
	const struct fd_list list = {n, {0, 0, 0}};
	int pair[2], status;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (!pid) {
		close(pair[0]);
		admin_run(pair[1]);
	}
	close(pair[1]);
	if (size)
		assert_int_equal(fd_message_send(pair[0], message, size, &list, 0), 0);
	else
		close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (size)
		close(pair[0]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void takes_nothing_else(void **state)
{
	const struct admin_request files = {.kind = ADMIN_FILES, .wanted = 1u << NETNS_ITERATOR}, unknown = {.kind = 99};
	const char longer[sizeof(files) + 1] = {ADMIN_NETNS_OF};

	if (!*state)
		skip();
	assert_int_equal(end_after(&files, sizeof(files) - 1, 2), HELPER_PROTOCOL);
	assert_int_equal(end_after(longer, sizeof(longer), 1), HELPER_PROTOCOL);
	assert_int_equal(end_after(&files, sizeof(files), 0), HELPER_PROTOCOL);
	assert_int_equal(end_after(&files, sizeof(files), 1), HELPER_PROTOCOL);
	assert_int_equal(end_after(&files, sizeof(files), 3), HELPER_PROTOCOL);
	assert_int_equal(end_after(&unknown, sizeof(unknown), 1), HELPER_PROTOCOL);
	assert_int_equal(end_after(NULL, 0, 0), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_files_in_another_namespace, start, stop),
		cmocka_unit_test_setup_teardown(names_what_it_cannot_do, start, stop),
		cmocka_unit_test_setup_teardown(sees_marks_of_delegation, start, stop),
		cmocka_unit_test_setup_teardown(keeps_two_capabilities, start, stop),
		cmocka_unit_test_setup_teardown(its_end_is_seen, start, stop),
		cmocka_unit_test_setup_teardown(its_silence_is_bounded, start, stop),
		cmocka_unit_test_setup_teardown(its_silence_can_be_its_end, start, stop),
		cmocka_unit_test_setup_teardown(takes_nothing_else, start, stop),
	};
	enum helper which;

	if (helper_asked(argc, argv, &which) && which == HELPER_ADMIN)
		admin_run(HELPER_FIRST_FD);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
