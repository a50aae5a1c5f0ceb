// SPDX-License-Identifier: GPL-2.0-only
#include "picture.h"

#include "columns.h"

#include <string.h>

static void add(struct picture *pic, struct page_text text, enum picture_look look, size_t width)
{
	size_t columns, len = columns_fit(text.text, text.len, width, &columns);
	bool more = len < text.len;

	if (more)
		len = columns_fit(text.text, text.len, width ? width - 1 : 0, &columns);
	pic->lines[pic->len++] = (struct picture_line){text.text, len, more, look};
}

/* The first lines of the head, if there is not room for all. */
static void add_head(struct picture *pic, const struct picture_input *in, size_t most)
{
	const char *at = in->head.text, *end = at + in->head.len;

	while (at < end && pic->len < most) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)) ?: end;

		add(pic, (struct page_text){at, (size_t)(newline - at)}, PICTURE_HEAD, in->width);
		at = newline + 1;
	}
}

static void add_rows(struct picture *pic, const struct picture_input *in)
{
	struct page *page = in->page;

	if (!in->is_list)
		page->first = page->cursor;
	page_scroll(page, pic->page_rows);
	if (!in->is_list)
		page->cursor = page->first;
	for (size_t i = page->first; i < page->first + pic->page_rows; i++) {
		const struct page_row *row = i < page->rows_len ? &page->rows[i] : NULL;
		enum picture_look look = !row                               ? PICTURE_PLAIN
					 : in->is_list && i == page->cursor ? PICTURE_CURSOR
					 : row->hit                         ? PICTURE_FOUND
									    : PICTURE_PLAIN;

		add(pic, row ? (struct page_text){page->text + row->at, row->len} : (struct page_text){"", 0}, look, in->width);
	}
}

/* On a screen that is too low rows come first, then the status, then titles and head. */
void picture_make(struct picture *pic, const struct picture_input *in)
{
	size_t height = in->height < PICTURE_LINES_MAX ? in->height : PICTURE_LINES_MAX;
	size_t status = height > 1, titles = height > 2 && in->titles.len;
	size_t room = height - status - titles;

	pic->len = 0;
	add_head(pic, in, room > 1 ? room - room / 3 - 1 : 0);
	if (titles)
		add(pic, in->titles, PICTURE_TITLE, in->width);
	pic->page_rows = height - status - pic->len;
	add_rows(pic, in);
	if (status)
		add(pic, in->status, PICTURE_HEAD, in->width);
}
