// SPDX-License-Identifier: GPL-2.0-only
#include "error.h"

#include <stdio.h>

void complain_v(const char *format, va_list args)
{
	fputs("tcplife-fsm: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int complain(int exit_code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_v(format, args);
	va_end(args);
	return exit_code;
}
