// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line's sequence number is used up only when the output took the line: a gap seen downstream is the pipeline's loss, a
 * `lost` record is ours.
 */
#include "lines.h"

void lines_begin(struct lines *l)
{
	const struct format *format = l->config.format;

	if (format->begin)
		l->config.put(l->config.ctx, l->line, format->begin(&l->config.options, l->line, sizeof(l->line)));
}

void lines_take(void *lines, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct lines *l = lines;
	bool alert = rec->kind == RECORD_CLOSE_WAIT_LEAK || rec->kind == RECORD_CLOSE_WAIT_RESOLVED;
	line_fn put = alert && l->config.put_urgent ? l->config.put_urgent : l->config.put;
	const struct format_input in = {
		.context = context, .options = &l->config.options, .rec = rec, .owner = owner, .seq = l->seq};
	size_t len = l->config.format->format(&in, l->line, sizeof(l->line));

	if (len && put(l->config.ctx, l->line, len))
		l->seq++;
}
