/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers are this program, executed again: so nothing of the tracer's memory is in them, and they can be replaced while
 * there are threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How a helper ends by itself. */
enum helper_exit {
	HELPER_REFUSED = 100,    /* its descriptors are not what it needs */
	HELPER_NO_SANDBOX = 101, /* this kernel, or a filter around the tool, refuses to confine it */
	HELPER_NO_MEMORY = 102,
	HELPER_PROTOCOL = 103, /* the other helper sent what it must not */
};

enum helper {
	HELPER_PARSER,
	HELPER_OPENER,
	HELPER_STACKS, /* so many are those of --stacks */
	HELPER_RELAY = HELPER_STACKS,
	HELPER_METRICS,
	HELPER_ADMIN,
	HELPER_MAX,
};
#define HELPER_FDS_MAX 6
#define HELPER_FIRST_FD 3 /* of a helper: the first of its descriptors, which follow one another */

/* `word` is no command and no option: nobody types it by mistake, and without its descriptors the helper ends at once. */
struct helper_kind {
	const char *word, *comm;
	size_t fds;
};
extern const struct helper_kind helper_kinds[HELPER_MAX];

/* Starts it with these descriptors and no others: 0 or -errno. */
int helper_start(enum helper which, const int *fds, pid_t *ret_pid);

/* waitpid() of a helper, which is not among those that run any more when it has ended. */
pid_t helper_wait(pid_t pid, int *ret_status, int options);

/* Those that run now: their number. */
#define HELPERS_RUNNING_MAX 32
size_t helper_running(pid_t pids[HELPERS_RUNNING_MAX]);

/* Of main(): true if the program is to be the helper that argv stands for. Ends the process if its descriptors are not there.
 */
bool helper_asked(int argc, char **argv, enum helper *ret_which);
