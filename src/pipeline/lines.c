// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line's sequence number is used up only when the output took the line: a gap seen downstream is the pipeline's loss, a
 * `lost` record is ours.
 */
#include "lines.h"

#include <sys/stat.h>

/* Few, and somebody acts on them. */
#define URGENT                                                                                                                 \
	(1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED | 1u << RECORD_LOST | 1u << RECORD_META |             \
	 1u << RECORD_SUMMARY | 1u << RECORD_FINDING)

static bool has_lines(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size;
}

bool lines_begin(struct lines *l, int fd)
{
	const struct format *format = l->config.format;

	return format->begin && !(format->begin_once && has_lines(fd)) &&
	       l->config.put(l->config.ctx, l->line, format->begin(&l->config.options, l->line, sizeof(l->line)));
}

void lines_take(void *lines, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct lines *l = lines;
	line_fn put = (URGENT & 1u << rec->kind) && l->config.put_urgent ? l->config.put_urgent : l->config.put;
	const struct format_input in = {.context = context,
					.options = &l->config.options,
					.rec = rec,
					.owner = owner,
					.seq = l->seq,
					.memory = &l->memory};
	char *line = l->config.room ? l->config.room(l->config.ctx, sizeof(l->line)) : l->line;
	size_t len = l->config.format->format(&in, line, sizeof(l->line));

	if (len && put(l->config.ctx, line, len))
		l->seq++;
}
