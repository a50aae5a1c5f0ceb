/* SPDX-License-Identifier: GPL-2.0-only */
/* A consumer that writes records as lines of a format. */
#pragma once

#include "consumer.h"
#include "src/format/format.h"

/* False: the line was not taken, and uses no number. */
typedef bool (*line_fn)(void *ctx, const char *line, size_t len);
/* Room for a line of so many bytes, which the next line_fn takes without copying it. */
typedef char *(*line_room_fn)(void *ctx, size_t size);

struct lines_config {
	const struct format *format;
	struct format_options options;
	line_fn put;
	line_fn put_urgent; /* for what should get through when other lines do not; NULL: as others */
	line_room_fn room;  /* NULL: a line is made elsewhere, and copied */
	void *ctx;
};

struct lines {
	struct lines_config config;
	uint64_t seq; /* of the next line: so many were taken */
	struct format_memory memory;
	char line[4 * FORMAT_LINE_MAX];
};

/* What stands before the first record, e.g. the table's header; `fd` is where lines go. */
bool lines_begin(struct lines *lines, int fd);

/* record_consumer.take: `lines` is a struct lines with its config filled in. */
void lines_take(void *lines, const struct record_context *context, const struct record *rec, const struct record_owner *owner);
