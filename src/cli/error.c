// SPDX-License-Identifier: GPL-2.0-only
#include "error.h"

#include "src/io/message.h"

#define NAME "tcplife-fsm: "

int vfail(int exit_code, const char *format, va_list args)
{
	message_print(NAME, format, args, false);
	return exit_code;
}

int fail(int exit_code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfail(exit_code, format, args);
	va_end(args);
	return exit_code;
}

void warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message_print(NAME, format, args, false);
	va_end(args);
}
