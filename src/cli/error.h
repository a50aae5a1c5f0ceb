/* SPDX-License-Identifier: GPL-2.0-only */
/* The one way to tell the user that something is wrong: "tcplife-fsm: " and a sentence on stderr. */
#ifndef CLI_ERROR_H
#define CLI_ERROR_H

#include <stdarg.h>

/* Returns `exit_code`. */
int complain(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
void complain_v(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
