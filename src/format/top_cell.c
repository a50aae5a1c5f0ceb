// SPDX-License-Identifier: GPL-2.0-only
#include "top_cell.h"

#include "columns.h"
#include "fmt.h"
#include "put.h"
#include "units.h"

#define EXACT_MAX 9999u

static void put_change(struct buf *b, uint64_t now, uint64_t before)
{
	uint64_t by = now > before ? now - before : before - now;
	char text[UNITS_MAX + 1];

	text[0] = now > before ? '+' : '-';
	columns_cell(b, text, (size_t)(units_count(text + 1, by) - text), TOP_CELL_COUNT - TOP_CELL_NUMBER, true);
}

void top_cell_number(struct buf *b, uint64_t value, size_t width)
{
	char text[FMT_UINT_MAX];
	char *end = value > EXACT_MAX ? units_count(text, value) : fmt_uint(text, value);

	columns_right(b, text, (size_t)(end - text), width);
}

void top_cell_count(struct buf *b, uint64_t now, uint64_t before, bool changes)
{
	top_cell_number(b, now, TOP_CELL_NUMBER);
	if (changes && now != before)
		put_change(b, now, before);
	else
		put_spaces(b, TOP_CELL_NUMBER, TOP_CELL_COUNT);
}

void top_cell_uint(struct buf *b, uint64_t value, size_t width)
{
	char text[FMT_UINT_MAX];

	columns_right(b, text, (size_t)(fmt_uint(text, value) - text), width);
}

void top_cell_duration(struct buf *b, const char *before, uint64_t us, size_t width)
{
	char text[UNITS_MAX + 8];
	size_t len = strlen(before);

	memcpy(text, before, len);
	columns_right(b, text, (size_t)(units_duration(text + len, us) - text), width);
}

void top_cell_text(struct buf *b, const char *text, size_t len, size_t width, bool ascii)
{
	buf_char(b, ' ');
	columns_cell(b, text ? text : "-", text ? len : 1, width - 1, ascii);
}
