/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sink turns a record into bytes. One file per output format, one row in sinks[].
 *
 * Pure as the core is: what a sink prints depends on the record, the context and its own options only, so that a replay gives
 * the same bytes. Sinks write into the caller's buffer and never to a file.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "src/core/record_types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_LINE_MAX 8000 /* bytes of one record in JSON, newline included */

struct format_options {
	bool wide;      /* -w */
	bool full_time; /* -T */
};

struct format {
	const char *name;
	/* Bytes before the first record, e.g. the table's header; returns their number. NULL: none. */
	size_t (*begin)(const struct format_options *options, char *buf, size_t size);
	/*
	 * One record; returns the number of bytes written, 0 for a record that this format does not show. `size` is at least
	 * FORMAT_LINE_MAX. `owner` is NULL for records without a connection. `seq` is what the line carries if it is delivered.
	 */
	size_t (*format)(const struct record_context *context, const struct format_options *options, const struct record *rec,
			 const struct record_owner *owner, uint64_t seq, char *buf, size_t size);
};

extern const struct format format_text;
extern const struct format format_json;

/* One sentence with the meaning of each letter in the text table's STATES column and of its short words. */
extern const char format_text_legend[];

#endif
