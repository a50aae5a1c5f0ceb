/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the parts of the state diagram stand: for a wide page, and for a narrow one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct html_place {
	uint8_t state;
	int16_t x, y; /* of the middle */
	int8_t out_x,
		out_y; /* where the cross of its forced ends stands: at the left, at the right or below; 0, 0: it has none */
	int8_t beside; /* below, and so far from the middle */
};

/* From border to border; the count stands in the middle, or so many percent from the begin. */
struct html_way {
	uint8_t from, to;
	int16_t x1, y1, x2, y2;
	uint8_t label;
};

#define HTML_PLACES 11
#define HTML_WAYS 17

struct html_layout {
	const char *class;
	int left, width, height;
	int box_width, box_height;
	int line;                             /* between the two of a box */
	int stub;                             /* an arrow to a cross */
	int forced_x, forced_y, forced_below; /* the count of a forced end: from the border of its box, or below its cross */
	double widest;
	int panel_y, panel_x, panel_columns;
	bool has_hist;      /* in the panel of a state; else its numbers alone */
	int end_x, end_y;   /* CLOSE, at the end */
	int hint_x, hint_y; /* of what to do */
	const char *hint;
	struct html_place places[HTML_PLACES];
	struct html_way ways[HTML_WAYS];
};

extern const struct html_layout html_wide, html_narrow;
