// SPDX-License-Identifier: GPL-2.0-only
#include "page.h"

#include "columns.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_FIRST 65536u
#define ROWS_FIRST 256u

void page_free(struct page *page)
{
	free(page->text);
	free(page->rows);
	*page = (struct page){0};
}

void page_begin(struct page *page)
{
	page->len = page->rows_len = 0;
	page->hidden = page->left_out = 0;
}

static bool grow_text(struct page *page, size_t len)
{
	size_t size = page->size ? page->size : TEXT_FIRST;
	char *text;

	while (size - page->len < len)
		size *= 2;
	if (size == page->size)
		return true;
	text = realloc(page->text, size);
	if (!text)
		return false;
	page->text = text;
	page->size = size;
	return true;
}

static bool grow_rows(struct page *page)
{
	size_t size = page->rows_size ? 2 * page->rows_size : ROWS_FIRST;
	struct page_row *rows;

	if (page->rows_len == PAGE_ROWS_MAX)
		return false;
	if (page->rows_len < page->rows_size)
		return true;
	rows = reallocarray(page->rows, size, sizeof(*rows));
	if (!rows)
		return false;
	page->rows = rows;
	page->rows_size = size;
	return true;
}

/* Without regard to case. */
static bool has(struct page_text in, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= in.len; i++)
		if (!strncasecmp(in.text + i, word, len))
			return true;
	return false;
}

void page_add(struct page *page, uint64_t id, struct page_text row, struct page_text whole)
{
	if (*page->filter && !has(whole, page->filter)) {
		page->hidden++;
		return;
	}
	if (!grow_rows(page) || !grow_text(page, row.len)) {
		page->left_out++;
		return;
	}
	memcpy(page->text + page->len, row.text, row.len);
	page->rows[page->rows_len++] = (struct page_row){page->len, row.len, id, *page->search && has(whole, page->search)};
	page->len += row.len;
}

/* How much of a line stands in one row of `wrap` columns: up to the last space that fits, and never a part of a character. */
static size_t broken(const char *line, size_t len, size_t wrap)
{
	size_t columns, fits = wrap ? columns_fit(line, len, wrap, &columns) : len, at = fits;

	if (fits == len)
		return len;
	while (at && line[at] != ' ')
		at--;
	if (at)
		return at;
	if (fits)
		return fits;
	return columns_fit(line, len, 2, &columns); /* a wide character in one column: the terminal has no place for it */
}

void page_add_lines(struct page *page, struct page_text text, size_t wrap)
{
	const char *at = text.text, *end = at + text.len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at), used = broken(at, len, wrap);
		const struct page_text row = {at, used};

		page_add(page, page->rows_len, row, row);
		at += used;
		if (used < len && *at == ' ')
			at++;
		else if (at == newline)
			at++;
	}
}

static void place_cursor(struct page *page, size_t row)
{
	page->cursor = row;
	if (page->rows_len)
		page->selected = page->rows[row].id;
}

/* The row of the selected id; else the one that is there now. */
void page_end(struct page *page)
{
	size_t last = page->rows_len ? page->rows_len - 1 : 0, row = page->cursor < last ? page->cursor : last;

	for (size_t i = 0; page->chosen && i < page->rows_len; i++)
		if (page->rows[i].id == page->selected)
			row = i;
	place_cursor(page, page->chosen ? row : 0);
}

void page_move(struct page *page, long rows)
{
	long last = page->rows_len ? (long)page->rows_len - 1 : 0, to = (long)page->cursor + rows;

	page->chosen = true;
	place_cursor(page, to < 0 ? 0 : to > last ? (size_t)last : (size_t)to);
}

void page_home(struct page *page)
{
	page->chosen = false;
	place_cursor(page, 0);
}

bool page_search(struct page *page)
{
	for (size_t i = 1; i <= page->rows_len; i++) {
		size_t row = (page->cursor + i) % page->rows_len;

		if (!page->rows[row].hit)
			continue;
		page->chosen = true;
		place_cursor(page, row);
		return true;
	}
	return false;
}

void page_scroll(struct page *page, size_t height)
{
	if (page->cursor < page->first)
		page->first = page->cursor;
	if (page->cursor >= page->first + height)
		page->first = page->cursor - height + 1;
	if (page->first + height > page->rows_len)
		page->first = page->rows_len > height ? page->rows_len - height : 0;
}

void page_reset(struct page *page)
{
	page->filter[0] = '\0';
	page->first = 0;
	page_home(page);
}
