// SPDX-License-Identifier: GPL-2.0-only
#include "src/format/columns.h"
#include "src/format/picture.h"
#include "src/format/put.h"
#include "src/host/screen.h"
#include "top_run.h"

#include <string.h>

#define STATUS_MAX 512
#define PLAIN_WIDTH 160 /* where nobody's terminal says another one: all columns */

struct drawing {
	struct top_style style;
	struct picture_input in;
	char head[TOP_HEAD_MAX], titles[TOP_TEXT_MAX], status[STATUS_MAX];
};

static void put_word(struct top_run *t, struct buf *b, const char *before, const char *word)
{
	buf_str(b, before);
	columns_put(b, word, strlen(word), SIZE_MAX, t->ascii);
}

static void put_process_name(struct top_run *t, struct buf *b)
{
	const struct wire_task *task = &t->process.task;

	if (t->process.from == CONN_FROM_NONE) {
		buf_str(b, "no known process");
		return;
	}
	columns_put(b, task->comm, strnlen(task->comm, sizeof(task->comm)), SIZE_MAX, t->ascii);
	put_text_uint(b, "[", task->tgid);
	buf_char(b, ']');
}

static void put_view(struct top_run *t, struct buf *b)
{
	const struct page *page = top_page(t);

	if (t->view == TOP_CONNECTIONS) {
		put_text_uint(b, "", t->conns_len + t->conns_left_out);
		buf_str(b, " connections of ");
		put_process_name(t, b);
		buf_str(b, t->conns_left_out ? ", the first 10000 are shown. " : ". ");
	}
	if (t->view == TOP_LADDER && t->ladder_over)
		buf_str(b, "THE CONNECTION HAS ENDED. ");
	if (*page->filter) {
		put_word(t, b, "Filter '", page->filter);
		put_text_uint(b, "' hides ", page->hidden);
		buf_str(b, ". ");
	}
	if (*page->search) {
		put_word(t, b, "Search '", page->search);
		buf_str(b, t->not_found ? "': nothing. " : "'. ");
	}
}

/* A narrow screen cuts the last ones. */
static void put_keys(struct top_run *t, struct buf *b)
{
	static const char *const keys[TOP_VIEWS] = {
		[TOP_PROCESSES] = "? help  q quit  Enter connections  l leaks  d findings  / \\ find  <> sort",
		[TOP_CONNECTIONS] = "Enter ladder  Esc back  ? help  q quit",
		[TOP_LADDER] = "Esc back  ? help  q quit",
		[TOP_LEAKS] = "Enter more  Esc back  ? help  q quit",
		[TOP_LEAK] = "Esc back  ? help  q quit",
		[TOP_FINDINGS] = "Enter more  Esc back  ? help  q quit",
		[TOP_FINDING] = "Esc back  ? help  q quit",
		[TOP_HELP] = "Esc back  q quit",
	};

	if (t->view == TOP_PROCESSES && (t->sort != TOP_BY_TOTAL || t->reverse)) {
		buf_str(b, "By ");
		buf_str(b, top_text_sort(t->sort));
		buf_str(b, t->reverse ? ", reversed. " : ". ");
	}
	buf_str(b, keys[t->view]);
}

static void put_status(struct top_run *t, struct buf *b)
{
	uint64_t left_out = top_page(t)->left_out + (t->view == TOP_PROCESSES ? t->top.left_out : 0);

	if (t->prompt != TOP_PROMPT_NONE) {
		put_word(t, b, t->prompt == TOP_PROMPT_SEARCH ? "Search: " : "Filter: ", t->word);
		buf_str(b, "_   (Enter takes it, Esc leaves)");
		return;
	}
	if (t->paused)
		buf_str(b, "PAUSED. ");
	if (t->failed || left_out)
		buf_str(b, t->failed ? "OUT OF MEMORY. " : "NOT ALL ROWS HAVE ROOM. ");
	put_view(t, b);
	put_keys(t, b);
}

static void prepare(struct top_run *t, struct drawing *d, size_t width, size_t height)
{
	struct buf head, titles, status;

	d->style =
		(struct top_style){.width = width, .ascii = t->ascii, .owners_first = t->owners_first, .changes = t->looks > 1};
	buf_init(&head, d->head, sizeof(d->head));
	buf_init(&titles, d->titles, sizeof(d->titles));
	buf_init(&status, d->status, sizeof(d->status));
	top_text_head(&head, &t->head, &d->style);
	d->in = (struct picture_input){
		.page = top_page(t),
		.is_list = top_page_fill(t, &d->style),
		.titles = top_page_titles(t, &d->style, &titles),
		.head = {head.start, (size_t)(head.p - head.start)},
		.width = width,
		.height = height,
	};
	put_status(t, &status);
	d->in.status = (struct page_text){status.start, (size_t)(status.p - status.start)};
}

void top_draw(struct top_run *t)
{
	struct picture picture;
	size_t width, height;
	struct drawing d;

	screen_size(t->screen, &width, &height);
	t->width = width;
	t->height = height;
	prepare(t, &d, width, height);
	picture_make(&picture, &d.in);
	t->page_rows = picture.page_rows;
	screen_draw(t->screen, &picture);
}

/* Spaces at the end are of a screen only. */
static void print_line(struct top_run *t, struct page_text text, size_t width)
{
	char line[TOP_HEAD_MAX];
	size_t columns, len = columns_fit(text.text, text.len, width, &columns);

	while (len && text.text[len - 1] == ' ')
		len--;
	len = len < sizeof(line) - 1 ? len : sizeof(line) - 1;
	memcpy(line, text.text, len);
	line[len++] = '\n';
	t->run.put(t->run.put_ctx, line, len);
}

static void print_lines(struct top_run *t, struct page_text text, size_t width)
{
	const char *at = text.text, *end = at + text.len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)) ?: end;

		print_line(t, (struct page_text){at, (size_t)(newline - at)}, width);
		at = newline + 1;
	}
}

void top_print(struct top_run *t)
{
	const struct page *page = top_page(t);
	size_t width = screen_columns(PLAIN_WIDTH);
	struct drawing d;

	prepare(t, &d, width, SIZE_MAX);
	print_lines(t, d.in.head, width);
	print_line(t, d.in.titles, width);
	for (size_t i = 0; i < page->rows_len; i++)
		print_line(t, (struct page_text){page->text + page->rows[i].at, page->rows[i].len}, width);
	if (!t->options->once)
		print_line(t, (struct page_text){"", 0}, width);
}
