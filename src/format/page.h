/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows that may be more than a screen has: which of them are shown, which one is selected, and which one a search finds. Rows
 * have ids, so that the selected one stays selected when the page is filled again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_ROWS_MAX 20000u
#define PAGE_WORD_MAX 64u

struct page_row {
	size_t at, len; /* in the page's text */
	uint64_t id;
	bool hit; /* the search finds it */
};

struct page {
	char *text;
	size_t size, len;
	struct page_row *rows;
	size_t rows_size, rows_len;
	uint64_t hidden;                                   /* rows that the filter hides */
	uint64_t left_out;                                 /* for lack of room or memory */
	char filter[PAGE_WORD_MAX], search[PAGE_WORD_MAX]; /* "": none */

	bool chosen;       /* somebody moved the cursor: it stays at its row; else at the first row, whichever that is */
	uint64_t selected; /* an id */
	size_t cursor;     /* the row of that id, if there is one */
	size_t first;      /* row that is shown */
};

void page_free(struct page *page); /* all zero is fine */

/* Filling. */
void page_begin(struct page *page);
/* A row as it is shown; filter and search look into `whole`, which may have more. */
struct page_text {
	const char *text;
	size_t len;
};
void page_add(struct page *page, uint64_t id, struct page_text row, struct page_text whole);
/* Lines, each a row; with `wrap` not 0 those that are longer are broken at spaces. */
void page_add_lines(struct page *page, struct page_text text, size_t wrap);
void page_end(struct page *page);

/* The cursor, by `rows` down or up, within the page. */
void page_move(struct page *page, long rows);
void page_home(struct page *page);
/* To the next row that the search finds, behind the cursor and then from the first one on. False: it finds none. */
bool page_search(struct page *page);

/* Chooses the first row that is shown, so that the cursor is within `height` rows. */
void page_scroll(struct page *page, size_t height);

/* A page of another kind follows: no filter, and the first row is selected. */
void page_reset(struct page *page);
