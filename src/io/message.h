/* SPDX-License-Identifier: GPL-2.0-only */
/* The one way to stderr for text that may have bytes of others in it. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

/*
 * `before`, then what the format makes: what could move a terminal's cursor, turn the direction of writing or break the
 * encoding is written as \xNN. With `lines` newlines and tabs stay; else it is one line, which a newline ends.
 */
__attribute__((format(printf, 2, 0))) void message_print(const char *before, const char *format, va_list args, bool lines);
