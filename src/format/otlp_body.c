// SPDX-License-Identifier: GPL-2.0-only
/*
 * One sentence for each event, of what the line says for sure. Nothing here is to be parsed: whatever the sentence has is an
 * attribute, too. A key that is missing or of another type is left out.
 */
#include "otlp_body.h"

#include <string.h>

#include "put.h"

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void put_word(struct buf *b, const char *before, const char *word)
{
	if (!word)
		return;
	buf_str(b, before);
	buf_str(b, word);
}

static void put_number(struct buf *b, const json_t *object, const char *key, const char *before)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value) && json_integer_value(value) >= 0)
		put_text_uint(b, before, (uint64_t)json_integer_value(value));
}

static void put_span(struct buf *b, const json_t *object, const char *key, const char *before)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value) && json_integer_value(value) >= 0)
		put_text_duration(b, before, (uint64_t)json_integer_value(value));
}

static void put_bytes(struct buf *b, const json_t *object, const char *key, const char *what)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return;
	buf_str(b, ", ");
	put_size(b, (uint64_t)json_integer_value(value));
	buf_str(b, what);
}

static void put_end(struct buf *b, const json_t *line, const char *addr_key, const char *port_key)
{
	const char *addr = text(line, addr_key);
	bool ipv6 = addr && strchr(addr, ':');

	put_word(b, ipv6 ? "[" : "", addr ? addr : "?");
	put_number(b, line, port_key, ipv6 ? "]:" : ":");
}

/* nginx[12] 10.0.0.1:443 from 10.0.0.2:40000 */
static void put_who(struct buf *b, const json_t *line)
{
	const json_t *process = json_object_get(line, "process");
	const char *role = text(line, "role");

	if (text(process, "comm")) {
		put_word(b, "", text(process, "comm"));
		put_number(b, process, "pid", "[");
		buf_str(b, "] ");
	}
	put_end(b, line, "local_addr", "local_port");
	buf_str(b, !role ? " with " : !strcmp(role, "client") ? " to " : !strcmp(role, "server") ? " from " : " with ");
	put_end(b, line, "peer_addr", "peer_port");
	buf_str(b, ": ");
}

static void say_connection(struct buf *b, const json_t *line)
{
	const json_t *tcp = json_object_get(line, "tcp");

	put_who(b, line);
	put_word(b, "ended by ", text(line, "end_reason"));
	put_word(b, ", closed first by ", text(line, "closed_by"));
	put_span(b, line, "duration_us", " after ");
	put_bytes(b, tcp, "bytes_acked", " sent");
	put_bytes(b, tcp, "bytes_received", " received");
}

static void say_progress(struct buf *b, const json_t *line)
{
	const json_t *tcp = json_object_get(line, "tcp");

	put_who(b, line);
	buf_str(b, "open");
	put_span(b, line, "duration_us", " for ");
	put_bytes(b, tcp, "bytes_acked", " sent");
	put_bytes(b, tcp, "bytes_received", " received");
}

static void say_time_wait(struct buf *b, const json_t *line)
{
	const json_t *time_wait = json_object_get(line, "time_wait");

	put_who(b, line);
	buf_str(b, json_is_null(json_object_get(time_wait, "end")) ? "TIME_WAIT goes on" : "TIME_WAIT is over");
	put_span(b, time_wait, "us", " after ");
	put_word(b, ": ", text(time_wait, "end"));
}

static void say_state(struct buf *b, const json_t *line)
{
	put_who(b, line);
	put_word(b, "", text(line, "old_state"));
	put_word(b, " to ", text(line, "new_state"));
	put_word(b, " by ", text(line, "by"));
}

static void say_counted(struct buf *b, const json_t *line, const char *what)
{
	if (json_object_get(line, "conn_id"))
		put_who(b, line);
	put_number(b, line, "count", "");
	buf_str(b, what);
	if (!json_object_get(line, "conn_id"))
		put_number(b, line, "local_port", " at port ");
}

static void say_retransmit(struct buf *b, const json_t *line)
{
	say_counted(b, line, " sent again");
	put_word(b, ": ", text(line, "kind"));
}

static void say_reset(struct buf *b, const json_t *line)
{
	say_counted(b, line, " reset");
	put_word(b, " ", text(line, "direction"));
	put_word(b, ": ", text(line, "reason"));
}

static void say_leak(struct buf *b, const json_t *line)
{
	put_who(b, line);
	buf_str(b, "in CLOSE_WAIT");
	put_span(b, line, "in_state_us", " for ");
	put_word(b, ": ", text(line, "cause"));
	put_number(b, line, "count", ", so many sockets: ");
}

static void say_resolved(struct buf *b, const json_t *line)
{
	put_who(b, line);
	buf_str(b, "left CLOSE_WAIT");
	put_span(b, line, "in_state_us", " after ");
	put_word(b, ": ", text(line, "resolution"));
}

static void say_finding(struct buf *b, const json_t *line)
{
	put_word(b, "finding ", text(line, "finding"));
	put_word(b, " ", text(line, "what"));
	put_word(b, ": ", text(line, "message"));
}

static void say_lost(struct buf *b, const json_t *line)
{
	put_number(b, line, "count", "lost ");
	put_word(b, " in ", text(line, "stage"));
}

static void say_meta(struct buf *b, const json_t *line)
{
	put_word(b, "tcplife-fsm ", text(line, "version"));
	put_word(b, ": ", text(line, "what"));
}

static void say_snapshot(struct buf *b, const json_t *line)
{
	put_number(b, line, "sockets", "sockets found: ");
	put_span(b, line, "took_us", " in ");
}

static void say_summary(struct buf *b, const json_t *line)
{
	put_number(b, json_object_get(line, "diagnosis"), "findings", "findings: ");
	put_number(b, line, "opened", "connections opened: ");
	put_number(b, line, "closed", ", closed: ");
	put_span(b, line, "interval_us", " in ");
}

void otlp_body(const char *event, const json_t *line, struct buf *b)
{
	static const struct {
		const char *event;
		void (*say)(struct buf *b, const json_t *line);
	} sentences[] = {
		{"connection", say_connection},
		{"progress", say_progress},
		{"time_wait", say_time_wait},
		{"state", say_state},
		{"retransmit", say_retransmit},
		{"reset", say_reset},
		{"close_wait_leak", say_leak},
		{"close_wait_resolved", say_resolved},
		{"finding", say_finding},
		{"lost", say_lost},
		{"meta", say_meta},
		{"snapshot", say_snapshot},
		{"summary", say_summary},
	};

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (!strcmp(event, sentences[i].event)) {
			sentences[i].say(b, line);
			return;
		}
	}
	buf_str(b, event); /* of a later version */
}
