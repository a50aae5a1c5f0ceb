/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows of a picture: what does not fit is cut at the edge. A cell is a printable ASCII character or a glyph, which has an ASCII
 * character to stand for it. A terminal may show its ink as a colour; what it means is in the characters, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CANVAS_WIDTH_MAX 200

struct buf;

enum canvas_glyph {
	GLYPH_LIFE = 128, /* a lifeline */
	GLYPH_LIFE_DASHED,
	GLYPH_LEAVES_LEFT, /* a lifeline where an arrow begins */
	GLYPH_LEAVES_RIGHT,
	GLYPH_LINE,
	GLYPH_DASH,
	GLYPH_HEAD_RIGHT,
	GLYPH_HEAD_LEFT,
	GLYPH_CROSS,
	GLYPH_DOWN, /* where crossing arrows change rows */
	GLYPH_UP,
	GLYPH_DATA,
	GLYPH_TIMES,
	GLYPH_END
};

enum canvas_ink { INK_PLAIN, INK_QUIET, INK_OPENING, INK_OPEN, INK_WAITING, INK_CLOSING, INK_RESET, INK_MAX };

struct canvas_style {
	unsigned int width; /* at most CANVAS_WIDTH_MAX */
	bool ascii;
	bool colour;
};

struct canvas_row {
	enum canvas_ink ink; /* of what is put next */
	uint8_t cell[CANVAS_WIDTH_MAX];
	uint8_t inks[CANVAS_WIDTH_MAX];
};

void canvas_clear(struct canvas_row *row);
void canvas_put(struct canvas_row *row, int column, uint8_t cell);
void canvas_fill(struct canvas_row *row, int first, int last, uint8_t cell); /* both included */
void canvas_text(struct canvas_row *row, int column, const char *text, size_t len);
void canvas_text_right(struct canvas_row *row, int end, const char *text, size_t len); /* its last character is before `end` */
void canvas_write(const struct canvas_row *row, const struct canvas_style *style, struct buf *b);
