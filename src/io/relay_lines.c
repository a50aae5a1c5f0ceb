// SPDX-License-Identifier: GPL-2.0-only
#include "relay_lines.h"

#include "relay_page.h"

#include <errno.h>
#include <unistd.h>

long relay_lines_read(struct relay_lines *l, int fd)
{
	ssize_t n;

	memmove(l->buf, l->buf + l->start, l->end - l->start);
	l->end -= l->start;
	l->start = 0;
	n = read(fd, l->buf + l->end, sizeof(l->buf) - l->end);
	if (n > 0)
		l->end += (size_t)n;
	return n < 0 ? -errno : n;
}

bool relay_lines_next(struct relay_lines *l, const char **ret_line, size_t *ret_len)
{
	const char *start = l->buf + l->start, *newline = memchr(start, '\n', l->end - l->start);
	size_t len = newline ? (size_t)(newline - start) + 1 : l->end - l->start;

	if (!newline && len <= RELAY_LINE_MAX && !l->too_long)
		return false;
	l->start += newline || l->too_long || len > RELAY_LINE_MAX ? len : 0;
	if (!newline) {
		l->too_long = true;
		return false;
	}
	*ret_line = start;
	*ret_len = l->too_long || len > RELAY_LINE_MAX ? 0 : len;
	l->too_long = false;
	return true;
}

bool relay_lines_torn(const struct relay_lines *l)
{
	return l->too_long || l->end > l->start;
}
