// SPDX-License-Identifier: GPL-2.0-only
#include "relay_retain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int retain_open(struct retain *r, size_t size)
{
	*r = (struct retain){.buf = malloc(size), .size = size, .first = 1};
	return r->buf ? 0 : -ENOMEM;
}

void retain_close(struct retain *r)
{
	free(r->buf);
}

size_t retain_room(const struct retain *r)
{
	return r->size - (r->tail - r->head);
}

size_t retain_at(const struct retain *r, size_t offset, const char **ret_data)
{
	size_t pos = r->head + offset, at = pos & (r->size - 1), left = r->tail - pos;

	*ret_data = r->buf + at;
	return left < r->size - at ? left : r->size - at;
}

void retain_add(struct retain *r, const char *data, size_t len)
{
	size_t at = r->tail & (r->size - 1), piece = len < r->size - at ? len : r->size - at;

	memcpy(r->buf + at, data, piece);
	memcpy(r->buf, data + piece, len - piece);
	r->tail += len;
}

void retain_cut(struct retain *r, size_t len)
{
	r->tail -= len < r->tail - r->head ? len : r->tail - r->head;
}

void retain_drop(struct retain *r, uint64_t upto)
{
	const char *data, *newline;
	size_t len;

	while (r->first <= upto && (len = retain_at(r, 0, &data)) > 0) {
		newline = memchr(data, '\n', len);
		r->head += newline ? (size_t)(newline - data) + 1 : len;
		r->first += newline != NULL;
	}
}
