/* SPDX-License-Identifier: GPL-2.0-only */
/* What a confined process tries. Each is 0 if the attempt succeeded, or its errno. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

static inline int result(long got)
{
	return got < 0 ? errno : 0;
}

static inline int run_a_program(void)
{
	char *argv[] = {(char *)"true", NULL};

	return result(execv("/bin/true", argv));
}

static inline int make_a_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return result(pid);
}
