/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON lines for a report: threads parse them ahead, the caller takes them in their order. In one size of memory. */
#pragma once

#include "src/format/report.h"

struct report_lines;

struct report_bad {
	uint64_t number; /* of the line */
	size_t len;
	const char *why;
};

/* NULL: out of memory. `bad` is called for each line that is no record. */
struct report_lines *report_lines_new(struct report *report, void (*bad)(void *ctx, const struct report_bad *bad), void *ctx);

/* A line without its newline, of at most LINE_READER_MAX bytes; it is copied. */
void report_lines_put(struct report_lines *lines, uint64_t number, const char *line, size_t len);
void report_lines_drain(struct report_lines *lines); /* all that were put are in the report */

void report_lines_free(struct report_lines *lines); /* NULL is fine */
