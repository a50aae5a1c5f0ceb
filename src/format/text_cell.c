// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cells and phrases of the text table.
 *
 * Foreign bytes, process names first of all, come only through put_safe(): none may move the cursor or turn the direction of
 * writing.
 */
#include "text.h"

#include "fmt.h"
#include "put.h"
#include "units.h"

#define TEXT_WORD_MAX 200 /* columns of a name or a reason in a phrase */

/* Narrow: 107 columns and 13 spaces are 120. */
static const struct {
	const char *title, *wide_title;
	uint8_t width, wide;
	bool right;
} text_columns[] = {
	[TEXT_TIME] = {"TIME", "TIME", 8, 8, false},
	[TEXT_PID] = {"PID", "PID", 7, 7, true},
	[TEXT_COMM] = {"COMM", "COMM", 10, 16, false},
	[TEXT_ROLE] = {"R", "ROLE", 1, 12, false},
	[TEXT_LOCAL] = {"LOCAL", "LOCAL", 21, 47, false},
	[TEXT_PEER] = {"PEER", "PEER", 21, 47, false},
	[TEXT_BY] = {"B", "CLOSED_BY", 1, 9, false},
	[TEXT_END] = {"END", "END", 7, 12, false},
	[TEXT_HANDSHAKE] = {"HS", "HS", 6, 6, true},
	[TEXT_LIFE] = {"LIFE", "LIFE", 7, 7, true},
	[TEXT_TX] = {"TX", "TX", 4, 4, true},
	[TEXT_RX] = {"RX", "RX", 4, 4, true},
	[TEXT_RETRANSMITS] = {"RTX", "RTX", 3, 3, true},
	[TEXT_STATES] = {"STATES", "STATES", 0, 0, false},
};
_Static_assert(sizeof(text_columns) / sizeof(text_columns[0]) == TEXT_COLUMN_MAX, "a column has no title");

const char *text_title(const struct format_options *options, enum text_column column)
{
	return options->wide ? text_columns[column].wide_title : text_columns[column].title;
}

static size_t text_width(const struct format_options *options, enum text_column column)
{
	if (column == TEXT_TIME && options->full_time)
		return FMT_TIME_LEN;
	return options->wide ? text_columns[column].wide : text_columns[column].width;
}

void text_cell(struct text *t, enum text_column column, const char *text, size_t len)
{
	size_t width = text_width(t->options, column), spaces = width > len ? width - len : 0;

	if (!buf_room(&t->b, len + spaces + 1))
		return;
	memset(t->b.p, ' ', len + spaces + 1);
	memcpy(t->b.p + (text_columns[column].right ? spaces : 0), text, len);
	t->b.p += len + spaces + 1;
}

void text_word(struct text *t, enum text_column column, const char *word)
{
	text_cell(t, column, word ? word : "-", word ? strlen(word) : 1);
}

void text_letter(struct text *t, enum text_column column, char letter, const char *word)
{
	if (t->options->wide)
		text_word(t, column, word);
	else
		text_cell(t, column, &letter, 1);
}

void text_name(struct text *t, enum text_column column, const char *name, size_t len)
{
	size_t width = text_width(t->options, column);
	size_t used = put_safe(&t->b, name, len, t->options->wide ? SIZE_MAX : width, false);

	put_spaces(&t->b, used, width);
	buf_char(&t->b, ' ');
}

void text_duration(struct text *t, enum text_column column, bool known, const char *prefix, uint64_t us)
{
	char text[UNITS_MAX + 1];
	size_t len = strlen(prefix);

	memcpy(text, prefix, len);
	if (known)
		text_cell(t, column, text, (size_t)(units_duration(text + len, us) - text));
	else
		text_word(t, column, NULL);
}

void text_scaled(struct text *t, enum text_column column, bool known, char *(*scale)(char *, uint64_t), uint64_t value)
{
	char text[UNITS_MAX];

	if (known)
		text_cell(t, column, text, (size_t)(scale(text, value) - text));
	else
		text_word(t, column, NULL);
}

void text_phrase(struct text *t, const char *before, const char *word)
{
	if (!word)
		return;
	buf_str(&t->b, before);
	put_safe(&t->b, word, strlen(word), TEXT_WORD_MAX, false);
}
