// SPDX-License-Identifier: GPL-2.0-only
/* For people. Every text of it may be anybody's, so nothing but what prints is printed of it. */
#include "status.h"

#include "put.h"

#define NAME_COLUMNS 200
#define SENTENCE_COLUMNS 640
#define LABEL 10 /* columns before what a line says */

static void put(struct buf *b, const char *text, size_t max)
{
	put_safe(b, text, strlen(text), max, false);
}

static void put_label(struct buf *b, const char *label)
{
	buf_str(b, label);
	put_spaces(b, strlen(label), LABEL);
}

static void put_percent(struct buf *b, uint64_t ppm)
{
	put_uint(b, ppm / 10000);
	buf_char(b, '.');
	put_uint(b, ppm / 1000 % 10);
	buf_char(b, '%');
}

static void put_count(struct buf *b, uint64_t count, const char *what)
{
	put_uint(b, count);
	buf_char(b, ' ');
	buf_str(b, what);
}

static void put_head(struct buf *b, const struct status *s, const char *socket)
{
	buf_str(b, "tcplife-fsm ");
	put(b, s->version, NAME_COLUMNS);
	put_text_uint(b, ", pid ", s->pid);
	buf_str(b, ", on ");
	put(b, s->hostname, NAME_COLUMNS);
	buf_str(b, s->problems_len ? ": it runs, and something is wrong\n" : ": it runs, and all is well\n");
	for (size_t i = 0; i < s->problems_len; i++) {
		buf_str(b, "  ! ");
		put(b, s->problems[i], SENTENCE_COLUMNS);
		buf_char(b, '\n');
	}
	put_label(b, "socket");
	put(b, socket, NAME_COLUMNS);
	buf_char(b, '\n');
	put_label(b, "since");
	put_time(b, s->start_wall_ns);
	put_text_duration(b, ", for ", s->uptime_us);
	buf_char(b, '\n');
}

static void put_lost(struct buf *b, const struct status *s)
{
	bool any = false;

	for (size_t i = 0; i < s->lost_len; i++) {
		if (!s->lost[i].count)
			continue;
		buf_str(b, any ? ", " : ", lost: ");
		put(b, s->lost[i].stage, NAME_COLUMNS);
		put_text_uint(b, " ", s->lost[i].count);
		any = true;
	}
	buf_str(b, any ? "\n" : ", none lost\n");
}

static void put_hooks(struct buf *b, const struct status *s)
{
	uint64_t attached = 0, not_needed = 0;

	for (size_t i = 0; i < s->hooks_len; i++) {
		attached += s->hooks[i].attached;
		not_needed += s->hooks[i].not_needed;
	}
	put_label(b, "hooks");
	put_count(b, attached, "attached");
	put_text_uint(b, ", ", not_needed);
	buf_str(b, " not needed");
	put_text_uint(b, ", ", s->hooks_len - attached - not_needed);
	buf_str(b, " missing\n");
}

static void put_output(struct buf *b, const struct status_output *o, int64_t now_wall_ns)
{
	put_label(b, "output");
	put(b, o->name, NAME_COLUMNS);
	buf_str(b, ": ");
	put_count(b, o->delivered, "delivered");
	if (o->success_wall_ns) {
		put_text_duration(b, ", the last ",
				  now_wall_ns > o->success_wall_ns ? (uint64_t)(now_wall_ns - o->success_wall_ns) / 1000 : 0);
		buf_str(b, " ago");
	}
	put_text_uint(b, ", ", o->waiting);
	buf_str(b, " waiting");
	if (o->waiting)
		put_text_duration(b, " for at most ", o->lag_us);
	put_text_uint(b, ", ", o->dropped + o->lost);
	buf_str(b, " lost");
	if (o->earlier_waiting) {
		put_text_uint(b, ", ", o->earlier_waiting);
		buf_str(b, " of runs before waiting");
	}
	buf_char(b, '\n');
}

/* In millionths of a CPU. */
static uint64_t since_start(const struct status *s, uint64_t cpu_us)
{
	return s->uptime_us / 1000000 ? cpu_us / (s->uptime_us / 1000000) : 0;
}

static void put_sizes(struct buf *b, const struct status *s)
{
	put_label(b, "table");
	put_uint(b, s->connections);
	put_text_uint(b, " of ", s->max_connections);
	buf_str(b, " connections, ");
	put_size(b, s->table_bytes);
	put_text_uint(b, "; ", s->leaks_open);
	buf_str(b, " leaks in CLOSE_WAIT\n");
	put_label(b, "ring");
	put_size(b, s->ring_used);
	buf_str(b, " of ");
	put_size(b, s->ring_bytes);
	buf_str(b, " used, ");
	put_size(b, s->ring_highest);
	buf_str(b, " at the most\n");
	put_label(b, "self");
	put_percent(b, s->cpu_recent_ppm);
	buf_str(b, " of a CPU, ");
	put_percent(b, since_start(s, s->cpu_us));
	buf_str(b, " since the start, and ");
	put_percent(b, since_start(s, s->helpers_cpu_us));
	buf_str(b, " its other processes; memory ");
	put_size(b, s->rss_bytes);
	buf_str(b, "; level ");
	put(b, s->level, NAME_COLUMNS);
	buf_char(b, '\n');
}

static void put_process_of(struct buf *b, const struct status_finding *finding)
{
	if (!finding->pid)
		return;
	buf_str(b, ", ");
	put(b, finding->comm, NAME_COLUMNS);
	put_text_uint(b, "[", finding->pid);
	buf_char(b, ']');
}

static void put_findings(struct buf *b, const struct status *s)
{
	put_label(b, "findings");
	if (!s->findings_watched) {
		buf_str(b, "not watched: give an output events=finding\n");
		return;
	}
	put_uint(b, s->findings_count);
	buf_char(b, '\n');
	for (size_t i = 0; i < s->findings_len; i++) {
		buf_str(b, "  ");
		put(b, s->findings[i].severity, NAME_COLUMNS);
		buf_str(b, " since ");
		put_time(b, s->findings[i].since_wall_ns);
		put_process_of(b, &s->findings[i]);
		buf_str(b, ": ");
		put(b, s->findings[i].message, SENTENCE_COLUMNS);
		buf_char(b, '\n');
	}
	if (s->findings_count > s->findings_len) {
		put_text_uint(b, "  and ", s->findings_count - s->findings_len);
		buf_str(b, " more\n");
	}
}

static void put_options(struct buf *b, const struct status *s)
{
	put_label(b, "options");
	for (size_t i = 0; i < s->options_len; i++) {
		buf_str(b, i ? " --" : "--");
		put(b, s->options[i].name, NAME_COLUMNS);
		if (!s->options[i].value)
			continue;
		buf_char(b, ' ');
		put(b, s->options[i].value, NAME_COLUMNS);
	}
	if (s->filter) {
		buf_str(b, s->options_len ? " " : "");
		put(b, s->filter, NAME_COLUMNS);
	}
	buf_str(b, s->options_len || s->filter ? "\n" : "none\n");
}

size_t status_text(const struct status *s, const char *socket, char *space, size_t size)
{
	struct buf buf, *b = &buf;

	buf_init(b, space, size);
	put_head(b, s, socket);
	put_label(b, "events");
	put_uint(b, s->events);
	put_lost(b, s);
	put_hooks(b, s);
	for (size_t i = 0; i < s->outputs_len; i++)
		put_output(b, &s->outputs[i], s->now_wall_ns);
	put_sizes(b, s);
	put_findings(b, s);
	put_options(b, s);
	return (size_t)(b->p - b->start);
}
