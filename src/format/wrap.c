// SPDX-License-Identifier: GPL-2.0-only
#include "wrap.h"

#include <stdbool.h>

#include "buf.h"
#include "utf8.h"

/* Hangul and all behind it may be wide, but lines, arrows and blocks are not. */
#define WIDE_FROM 0x1100
#define LINES_FROM 0x2190
#define LINES_TO 0x25ff

/* The length of the first character and its columns. */
static size_t next_character(const char *text, size_t len, size_t *ret_columns)
{
	uint32_t code = 0;
	size_t used = utf8_decode(text, len, &code);

	*ret_columns = code < WIDE_FROM || (code >= LINES_FROM && code <= LINES_TO) ? 1 : 2;
	return used ? used : 1;
}

size_t wrap_columns(const char *text, size_t len)
{
	size_t columns = 0, its;

	for (size_t at = 0; at < len; columns += its)
		at += next_character(text + at, len - at, &its);
	return columns;
}

/* Less than all, and more than nothing. */
static size_t break_before(const char *text, size_t at)
{
	for (size_t space = at; space > 0; space--)
		if (text[space] == ' ')
			return space;
	return at;
}

size_t wrap_text(const char *text, size_t len, size_t width)
{
	size_t at = 0, columns = 0;

	while (at < len) {
		size_t its, used = next_character(text + at, len - at, &its);
		if (at && columns + its > width)
			return break_before(text, at);
		at += used;
		columns += its;
	}
	return len;
}

size_t wrap_bytes(const char *text, size_t len, size_t width)
{
	return len <= width ? len : break_before(text, width);
}

void wrap_put(struct buf *b, const char *text, size_t len, size_t width)
{
	do {
		size_t piece = wrap_text(text, len, width);
		buf_put(b, text, piece);
		buf_char(b, '\n');
		text += piece;
		len -= piece;
		for (; len && *text == ' '; text++)
			len--;
	} while (len);
}
