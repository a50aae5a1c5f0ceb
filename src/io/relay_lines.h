/* SPDX-License-Identifier: GPL-2.0-only */
/* A stream of bytes, cut into lines of a bounded length. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RELAY_LINES_SIZE (256u * 1024)

struct relay_lines {
	size_t start, end;
	bool too_long; /* what comes belongs to a line that is too long, up to its newline */
	char buf[RELAY_LINES_SIZE];
};

/* Once all lines are taken. The number of bytes that were read, 0 at the end, or -errno. */
long relay_lines_read(struct relay_lines *lines, int fd);

/* The next line, newline included, which stays until the next read. *ret_len is 0 for one that was too long. False: read more.
 */
bool relay_lines_next(struct relay_lines *lines, const char **ret_line, size_t *ret_len);

/* A piece of a line is left, whose end is missing. */
bool relay_lines_torn(const struct relay_lines *lines);
