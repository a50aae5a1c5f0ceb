// SPDX-License-Identifier: GPL-2.0-only
#include "canvas.h"

#include <string.h>

#include "buf.h"

static const struct {
	const char *utf8;
	char ascii;
} canvas_glyphs[] = {
	[GLYPH_LIFE - GLYPH_LIFE] = {"│", '|'},        [GLYPH_LIFE_DASHED - GLYPH_LIFE] = {"┊", ':'},
	[GLYPH_LEAVES_LEFT - GLYPH_LIFE] = {"├", '+'}, [GLYPH_LEAVES_RIGHT - GLYPH_LIFE] = {"┤", '+'},
	[GLYPH_LINE - GLYPH_LIFE] = {"─", '-'},        [GLYPH_DASH - GLYPH_LIFE] = {"╌", '-'},
	[GLYPH_HEAD_RIGHT - GLYPH_LIFE] = {"►", '>'},  [GLYPH_HEAD_LEFT - GLYPH_LIFE] = {"◄", '<'},
	[GLYPH_CROSS - GLYPH_LIFE] = {"╳", 'X'},       [GLYPH_DOWN - GLYPH_LIFE] = {"╲", '\\'},
	[GLYPH_UP - GLYPH_LIFE] = {"╱", '/'},          [GLYPH_DATA - GLYPH_LIFE] = {"═", '='},
	[GLYPH_TIMES - GLYPH_LIFE] = {"×", 'x'},
};
_Static_assert(sizeof(canvas_glyphs) / sizeof(canvas_glyphs[0]) == GLYPH_END - GLYPH_LIFE, "a glyph without a shape");

void canvas_clear(struct canvas_row *row)
{
	memset(row->cell, ' ', sizeof(row->cell));
}

void canvas_put(struct canvas_row *row, int column, uint8_t cell)
{
	if (column >= 0 && column < CANVAS_WIDTH)
		row->cell[column] = cell;
}

void canvas_fill(struct canvas_row *row, int first, int last, uint8_t cell)
{
	for (; first <= last; first++)
		canvas_put(row, first, cell);
}

void canvas_text(struct canvas_row *row, int column, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		canvas_put(row, column + (int)i, (uint8_t)text[i]);
}

void canvas_text_right(struct canvas_row *row, int end, const char *text, size_t len)
{
	canvas_text(row, end - (int)len, text, len);
}

void canvas_write(const struct canvas_row *row, bool ascii, struct buf *b)
{
	int len = CANVAS_WIDTH;

	while (len && row->cell[len - 1] == ' ')
		len--;
	for (int i = 0; i < len; i++) {
		uint8_t cell = row->cell[i];
		if (cell < GLYPH_LIFE)
			buf_char(b, (char)cell);
		else if (!ascii)
			buf_str(b, canvas_glyphs[cell - GLYPH_LIFE].utf8);
		else if (cell == GLYPH_DASH && i % 2) /* ASCII has no dashed line */
			buf_char(b, ' ');
		else
			buf_char(b, canvas_glyphs[cell - GLYPH_LIFE].ascii);
	}
	buf_char(b, '\n');
}
