// SPDX-License-Identifier: GPL-2.0-only
#include "columns.h"

#include "put.h"
#include "utf8.h"

#include <wchar.h>

/* The columns of the character at `text`, and its bytes; 0 columns: it is not written as it is. */
static size_t columns_of(const char *text, size_t len, bool ascii, size_t *ret_bytes)
{
	uint32_t code = 0;
	size_t bytes = utf8_decode(text, len, &code);
	int width;

	*ret_bytes = bytes ? bytes : 1;
	if (!bytes || utf8_is_control(code) || (ascii && code >= 0x80))
		return 0;
	if (code < 0x80)
		return 1;
	width = wcwidth((wchar_t)code);
	return width > 0 ? (size_t)width : 0; /* one without a width of its own would join the cell before */
}

size_t columns_put(struct buf *b, const char *text, size_t len, size_t max, bool ascii)
{
	size_t columns = 0, bytes, width, written;

	for (size_t i = 0; i < len; i += bytes) {
		width = columns_of(text + i, len - i, ascii, &bytes);
		if (columns + width > max)
			break;
		columns += width;
		if (width) {
			buf_put(b, text + i, bytes);
			continue;
		}
		for (size_t k = 0; k < bytes; k++) {
			written = put_safe(b, text + i + k, 1, max - columns, true);
			if (!written)
				return columns;
			columns += written;
		}
	}
	return columns;
}

void columns_cell(struct buf *b, const char *text, size_t len, size_t width, bool ascii)
{
	put_spaces(b, columns_put(b, text, len, width, ascii), width);
}

void columns_right(struct buf *b, const char *text, size_t len, size_t width)
{
	put_spaces(b, len, width);
	buf_put(b, text, len);
}

size_t columns_fit(const char *text, size_t len, size_t max, size_t *ret_columns)
{
	size_t at = 0, columns = 0, bytes, width;

	while (at < len) {
		width = columns_of(text + at, len - at, false, &bytes);
		width = width ? width : 1;
		if (columns + width > max)
			break;
		columns += width;
		at += bytes;
	}
	*ret_columns = columns;
	return at;
}
