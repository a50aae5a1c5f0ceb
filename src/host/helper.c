// SPDX-License-Identifier: GPL-2.0-only
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const struct helper_kind helper_kinds[HELPER_MAX] = {
	[HELPER_PARSER] = {"--stacks-parser", "tcplife-stacks", 5},
	[HELPER_OPENER] = {"--stacks-opener", "tcplife-opener", 2},
	[HELPER_RELAY] = {"--output-relay", "tcplife-relay", 5},
	[HELPER_METRICS] = {"--metrics-server", "tcplife-metrics", 5},
	[HELPER_ADMIN] = {"--admin-helper", "tcplife-admin", 1},
};

/* Several threads start helpers and wait for them. 0: free; where there is no room, one is not listed. */
static _Atomic(pid_t) running[HELPERS_RUNNING_MAX];

/* The first place that holds `from` holds `to` then. */
static void replace_running(pid_t from, pid_t to)
{
	for (size_t i = 0; i < HELPERS_RUNNING_MAX; i++) {
		pid_t expected = from;

		if (atomic_compare_exchange_strong(&running[i], &expected, to))
			return;
	}
}

size_t helper_running(pid_t pids[HELPERS_RUNNING_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < HELPERS_RUNNING_MAX; i++) {
		pids[n] = atomic_load(&running[i]);
		n += pids[n] != 0;
	}
	return n;
}

pid_t helper_wait(pid_t pid, int *ret_status, int options)
{
	pid_t ended = waitpid(pid, ret_status, options);

	if (ended > 0)
		replace_running(ended, 0);
	return ended;
}

static int add_fds(posix_spawn_file_actions_t *actions, const int *fds, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) /* onto itself: that clears its close-on-exec flag */
		err = posix_spawn_file_actions_adddup2(actions, fds[i], fds[i]);
	return err;
}

/* No signal is blocked or ignored in it, and a terminal's Ctrl-C is for the tracer alone. */
static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	err = posix_spawnattr_setsigmask(attr, &none);
	err = err ?: posix_spawnattr_setsigdefault(attr, &all);
	err = err ?: posix_spawnattr_setpgroup(attr, 0);
	return err ?: posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

int helper_start(enum helper which, const int *fds, pid_t *ret_pid)
{
	size_t n = helper_kinds[which].fds, at = 0;
	char *argv[] = {(char *)"tcplife-fsm", (char *)helper_kinds[which].word, NULL, NULL}, *env[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char list[HELPER_FDS_MAX * 12];
	int err;

	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%d", i ? "," : "", fds[i]);
	argv[2] = list;
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	err = add_fds(&actions, fds, n) ?: set_attributes(&attr);
	err = err ?: posix_spawn(ret_pid, "/proc/self/exe", &actions, &attr, argv, env);
	if (!err)
		replace_running(0, *ret_pid);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* The descriptors of `list` become those from HELPER_FIRST_FD on; the first three are /dev/null, and no other is open. */
static bool take_fds(const char *list, size_t n)
{
	int fds[HELPER_FDS_MAX], null = open("/dev/null", O_RDWR);
	const unsigned int high = 64;
	char *end = (char *)list;

	for (size_t i = 0; i < n; i++) {
		long fd = strtol(end, &end, 10);

		if (fd < HELPER_FIRST_FD || fd > 1 << 20 || *end++ != (i + 1 < n ? ',' : '\0'))
			return false;
		fds[i] = fcntl((int)fd, F_DUPFD, high);
		if (fds[i] < 0)
			return false;
	}
	for (int i = 0; i < HELPER_FIRST_FD; i++) {
		if (dup2(null, i) < 0)
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (dup2(fds[i], HELPER_FIRST_FD + (int)i) < 0)
			return false;
	}
	return !syscall(__NR_close_range, HELPER_FIRST_FD + (unsigned int)n, ~0u, 0u);
}

bool helper_asked(int argc, char **argv, enum helper *ret_which)
{
	enum helper which;

	for (which = 0; which < HELPER_MAX && (argc != 3 || strcmp(argv[1], helper_kinds[which].word)); which++)
		;
	if (which == HELPER_MAX)
		return false;
	if (!take_fds(argv[2], helper_kinds[which].fds))
		_exit(HELPER_REFUSED);
	prctl(PR_SET_NAME, helper_kinds[which].comm);
	*ret_which = which;
	return true;
}
