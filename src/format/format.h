/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A format turns a record into bytes. One file per format.
 *
 * Pure as the core is: what it writes depends on its input only, so that a replay gives the same bytes. It writes into the
 * caller's buffer and never to a file.
 */
#pragma once

#include "src/core/record_types.h"

#define FORMAT_LINE_MAX 8000 /* bytes of one record in JSON, newline included */

struct format_options {
	bool wide;      /* -w */
	bool full_time; /* -T */
};

/* A record with all that its line depends on. */
struct format_input {
	const struct record_context *context;
	const struct format_options *options;
	const struct record *rec;
	const struct record_owner *owner; /* NULL: the record is not about a connection */
	uint64_t seq;                     /* what the line carries if it is delivered */
};

struct format {
	/* Bytes before the first record, e.g. the table's header; returns their number. NULL: none. */
	size_t (*begin)(const struct format_options *options, char *buf, size_t size);

	/* Returns the number of bytes, 0 for a record that this format does not show. `size` is at least FORMAT_LINE_MAX. */
	size_t (*format)(const struct format_input *in, char *buf, size_t size);
};

extern const struct format format_text;
extern const struct format format_json;

/* The table's word for an end; NULL: it has none. */
const char *format_text_end(enum conn_end end);

/* One sentence with the meaning of each letter in the text table's STATES column and of its short words. */
extern const char format_text_legend[];
