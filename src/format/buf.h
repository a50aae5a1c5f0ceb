/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded place for one line. What does not fit is left out whole, and so is everything after it; overflow then says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
	char *start, *p, *end;
	bool overflow;
};

static inline void buf_init(struct buf *b, char *start, size_t size)
{
	*b = (struct buf){.start = start, .p = start, .end = start + size};
}

static inline bool buf_room(struct buf *b, size_t len)
{
	if (__builtin_expect((size_t)(b->end - b->p) >= len, 1))
		return true;
	b->end = b->p;
	b->overflow = true;
	return false;
}

static inline void buf_put(struct buf *b, const char *data, size_t len)
{
	if (!buf_room(b, len))
		return;
	memcpy(b->p, data, len);
	b->p += len;
}

static inline void buf_str(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

static inline void buf_char(struct buf *b, char c)
{
	if (buf_room(b, 1))
		*b->p++ = c;
}
