// SPDX-License-Identifier: GPL-2.0-only
#include "ladder_words.h"

#include <string.h>

#include "wrap.h"

static void put_line(const struct ladder *l, struct buf *b, const struct label *line)
{
	wrap_put(b, line->text, label_len(line), ladder_width(l));
}

/* One at each edge, on one line if there is room. */
static void put_pair(const struct ladder *l, struct buf *b, const struct label *left, const struct label *right)
{
	size_t columns = wrap_columns(left->text, label_len(left)), others = wrap_columns(right->text, label_len(right));

	if (!others || columns + 2 + others > ladder_width(l)) {
		put_line(l, b, left);
		columns = 0;
	} else {
		buf_put(b, left->text, label_len(left));
	}
	if (!others)
		return;
	put_spaces(b, columns + others, ladder_width(l));
	put_line(l, b, right);
}

static void put_lines(const struct ladder *l, struct buf *b, const struct ladder_lines *lines)
{
	for (unsigned int i = 0; i < lines->len; i++)
		put_pair(l, b, &lines->lines[i].left, &lines->lines[i].right);
}

void ladder_head(const struct ladder *l, struct buf *b)
{
	struct ladder_lines lines;

	ladder_head_lines(l, &lines);
	put_lines(l, b, &lines);
	buf_char(b, '\n');
}

static void put_text(const struct ladder *l, struct buf *b, const char *text)
{
	wrap_put(b, text, strlen(text), ladder_width(l));
}

void ladder_foot(const struct ladder *l, struct buf *b)
{
	struct ladder_lines lines;

	buf_char(b, '\n');
	ladder_note_lines(l, &lines);
	put_lines(l, b, &lines);
	put_text(l, b,
		 l->ascii ? "==> payload, X a reset or a crossing, ... goes on, ? not known to arrive"
			  : "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive");
	put_text(l, b,
		 l->ascii ? "--- seen or proven, - - : inferred, xN sent N times, numbers count from the SYN"
			  : "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN");
}
