// SPDX-License-Identifier: GPL-2.0-only
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

static void warn_v(const char *format, va_list args)
{
	fputs("tcplife-fsm: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int fail(int exit_code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	warn_v(format, args);
	va_end(args);
	return exit_code;
}

void warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	warn_v(format, args);
	va_end(args);
}
