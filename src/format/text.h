/* SPDX-License-Identifier: GPL-2.0-only */
/* What the text table's rows are made of: cells, which have a column, and phrases, which follow the columns. */
#pragma once

#include "buf.h"
#include "format.h"

enum text_column {
	TEXT_TIME,
	TEXT_PID,
	TEXT_COMM,
	TEXT_ROLE,
	TEXT_LOCAL,
	TEXT_PEER,
	TEXT_BY,
	TEXT_END,
	TEXT_HANDSHAKE,
	TEXT_LIFE,
	TEXT_TX,
	TEXT_RX,
	TEXT_RETRANSMITS,
	TEXT_STATES,
	TEXT_COLUMN_MAX
};

struct text {
	struct buf b;
	const struct record_context *context;
	const struct format_options *options;
	const struct record_owner *owner; /* may be NULL */
};

const char *text_title(const struct format_options *options, enum text_column column);

/* Cells end with a space: the last column is none. What is longer than its column makes the row longer. NULL is "-". */
void text_cell(struct text *t, enum text_column column, const char *text, size_t len);
void text_word(struct text *t, enum text_column column, const char *word);
void text_letter(struct text *t, enum text_column column, char letter, const char *wide_word);
void text_name(struct text *t, enum text_column column, const char *name, size_t len); /* foreign bytes */
void text_duration(struct text *t, enum text_column column, bool known, const char *prefix, uint64_t us);
void text_scaled(struct text *t, enum text_column column, bool known, char *(*scale)(char *, uint64_t), uint64_t value);

/* What of a summary asks for an action; a listener with its queue. */
void text_summary(struct text *t, const struct record *rec);
void text_queue(struct buf *b, const struct conn_listener_row *row);

/* What a `lost` record counts: "records", "events". */
const char *text_lost_unit(enum wire_lost_stage stage);

/* `before` and then the word, which may be foreign bytes; nothing at all if it is NULL. */
void text_phrase(struct text *t, const char *before, const char *word);
