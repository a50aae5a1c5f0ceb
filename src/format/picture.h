/* SPDX-License-Identifier: GPL-2.0-only */
/* A screen full of lines: a head, titles, the rows of a page that fit, and a status. The same for a terminal and for plain
 * lines. */
#pragma once

#include "page.h"

#define PICTURE_LINES_MAX 512u
#define PICTURE_WIDTH_MAX 500u

enum picture_look { PICTURE_PLAIN, PICTURE_HEAD, PICTURE_TITLE, PICTURE_CURSOR, PICTURE_FOUND };

struct picture_line {
	const char *text; /* of whom it was given */
	size_t len;
	bool more; /* it is longer than the picture is wide: MORE stands at its end */
	enum picture_look look;
};
#define PICTURE_MORE '>'

struct picture_input {
	struct page_text head;   /* lines */
	struct page_text titles; /* one line; no text: none */
	struct page_text status;
	struct page *page; /* is scrolled so that the cursor is shown */
	bool is_list;      /* its cursor is shown; else it is a text, which the cursor only scrolls */
	size_t width, height;
};

struct picture {
	struct picture_line lines[PICTURE_LINES_MAX];
	size_t len;       /* `height` of the input, if it is not too high */
	size_t page_rows; /* that many rows of the page have room */
};

/* Pure: nothing is drawn. */
void picture_make(struct picture *picture, const struct picture_input *in);
