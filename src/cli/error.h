/* SPDX-License-Identifier: GPL-2.0-only */
/* The one way to report a problem to the user: "tcplife-fsm: " and a sentence on stderr. And the exit codes. */
#pragma once

#include <stdarg.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_RUNTIME = 1,
	EXIT_USAGE = 2,
	EXIT_LEAKS = 3,
	EXIT_PRIVILEGES = 4,
	EXIT_KERNEL = 5,
	EXIT_OUTPUT = 6,
	EXIT_NOT_RUNNING = 7,
};

/* Both return `exit_code`. */
int fail(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vfail(int exit_code, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* The run goes on. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
