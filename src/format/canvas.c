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

/* Those of the terminal's own palette, which its user has made readable. */
static const char *const ink_codes[INK_MAX] = {
	[INK_PLAIN] = "",           [INK_QUIET] = "\x1b[2m",    [INK_OPENING] = "\x1b[33m", [INK_OPEN] = "\x1b[32m",
	[INK_WAITING] = "\x1b[35m", [INK_CLOSING] = "\x1b[36m", [INK_RESET] = "\x1b[31m",
};

void canvas_clear(struct canvas_row *row)
{
	row->ink = INK_PLAIN;
	memset(row->cell, ' ', sizeof(row->cell));
	memset(row->inks, INK_PLAIN, sizeof(row->inks));
}

void canvas_put(struct canvas_row *row, int column, uint8_t cell)
{
	if (column < 0 || column >= CANVAS_WIDTH_MAX)
		return;
	row->cell[column] = cell;
	row->inks[column] = (uint8_t)row->ink;
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

static void write_cell(uint8_t cell, unsigned int column, bool ascii, struct buf *b)
{
	if (cell < GLYPH_LIFE)
		buf_char(b, (char)cell);
	else if (!ascii)
		buf_str(b, canvas_glyphs[cell - GLYPH_LIFE].utf8);
	else if (cell == GLYPH_DASH && column % 2) /* ASCII has no dashed line */
		buf_char(b, ' ');
	else
		buf_char(b, canvas_glyphs[cell - GLYPH_LIFE].ascii);
}

void canvas_write(const struct canvas_row *row, const struct canvas_style *style, struct buf *b)
{
	unsigned int len = style->width, ink = INK_PLAIN;

	while (len && row->cell[len - 1] == ' ')
		len--;
	for (unsigned int i = 0; i < len; i++) {
		if (style->colour && row->inks[i] != ink && row->cell[i] != ' ') {
			if (ink != INK_PLAIN)
				buf_str(b, "\x1b[0m");
			ink = row->inks[i];
			buf_str(b, ink_codes[ink]);
		}
		write_cell(row->cell[i], i, style->ascii, b);
	}
	buf_str(b, ink == INK_PLAIN ? "\n" : "\x1b[0m\n");
}
