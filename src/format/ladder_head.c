// SPDX-License-Identifier: GPL-2.0-only
#include "ladder_head.h"

#include <string.h>

#include "buf.h"
#include "canvas.h"
#include "fmt.h"
#include "ladder.h"
#include "text.h"
#include "units.h"

#define COLUMNS_PER_LINE CANVAS_WIDTH
#define NAME_COLUMNS (4 * (WIRE_COMM_LEN - 1)) /* the longest name with every byte escaped */

/* A line of text; a name in it may be as long as all its bytes escaped. */
struct line {
	char text[3 * COLUMNS_PER_LINE];
	struct buf b;
};

static void line_init(struct line *line)
{
	buf_init(&line->b, line->text, sizeof(line->text));
}

static size_t line_len(const struct line *line)
{
	return (size_t)(line->b.p - line->b.start);
}

/* At most this: a character outside of ASCII may take two columns. */
static size_t line_columns(const struct line *line)
{
	size_t columns = 0;

	for (const char *p = line->b.start; p < line->b.p; p++)
		columns += (*p & 0x80) == 0 ? 1 : (*p & 0xc0) == 0xc0 ? 2 : 0;
	return columns;
}

static void line_uint(struct line *line, const char *before, uint64_t value)
{
	char text[FMT_UINT_MAX];

	buf_str(&line->b, before);
	buf_put(&line->b, text, (size_t)(fmt_uint(text, value) - text));
}

static void line_duration(struct line *line, const char *before, uint64_t us)
{
	char text[UNITS_MAX];

	buf_str(&line->b, before);
	buf_put(&line->b, text, (size_t)(units_duration(text, us) - text));
}

/* One at each edge, on one line if there is room. */
static void put_pair(struct buf *b, const struct line *left, const struct line *right)
{
	size_t columns = line_columns(left);

	buf_put(b, left->text, line_len(left));
	if (!line_len(right)) {
		buf_char(b, '\n');
		return;
	}
	if (columns + 2 + line_columns(right) > COLUMNS_PER_LINE) {
		buf_char(b, '\n');
		columns = 0;
	}
	for (columns += line_columns(right); columns < COLUMNS_PER_LINE; columns++)
		buf_char(b, ' ');
	buf_put(b, right->text, line_len(right));
	buf_char(b, '\n');
}

static const char *end_word(const struct ladder *l, bool left)
{
	enum conn_role role = l->left.rec->t.role;

	if (role == CONN_CLIENT || role == CONN_SERVER)
		return (role == CONN_CLIENT) == left ? "client" : "server";
	return left ? "left end" : "right end";
}

static void put_process(const struct ladder *l, const struct conn_tuple *t, struct line *line)
{
	const char *comm = t->task.comm;

	if (t->from == CONN_FROM_NONE)
		return;
	buf_char(&line->b, ' ');
	text_safe(&line->b, comm, strnlen(comm, sizeof(t->task.comm)), NAME_COLUMNS, l->ascii);
	line_uint(line, "[", t->task.tgid);
	buf_char(&line->b, ']');
}

static void put_address(const struct wire_ident *id, bool local, struct line *line)
{
	char text[FMT_ADDR_MAX];
	bool ipv4 = fmt_is_ipv4(id);
	uint16_t port = local ? id->local_port : id->peer_port;

	if (!ipv4)
		buf_char(&line->b, '[');
	buf_put(&line->b, text, (size_t)(fmt_addr(text, local ? id->local_addr : id->peer_addr, ipv4) - text));
	if (port)
		line_uint(line, ipv4 ? ":" : "]:", port);
	else
		buf_str(&line->b, ipv4 ? ":?" : "]:?");
}

static void put_id(const struct ladder *l, const struct conn_tuple *t, struct line *line)
{
	char text[FMT_HEX_MAX];

	buf_put(&line->b, l->boot, strnlen(l->boot, 8));
	buf_char(&line->b, '.');
	buf_put(&line->b, text, (size_t)(fmt_hex(text, t->cookie) - text));
	if (t->generation)
		line_uint(line, " generation ", t->generation);
}

static void put_ends(const struct ladder *l, struct buf *b)
{
	const struct conn_tuple *left_tuple = &l->left.rec->t;
	struct line left, right;

	line_init(&left);
	line_init(&right);
	buf_str(&left.b, end_word(l, true));
	put_process(l, left_tuple, &left);
	buf_str(&right.b, end_word(l, false));
	if (l->right.rec)
		put_process(l, &l->right.rec->t, &right);
	put_pair(b, &left, &right);

	line_init(&left);
	line_init(&right);
	if (left_tuple->id_known) {
		put_address(&left_tuple->id, true, &left);
		put_address(&left_tuple->id, false, &right);
	} else {
		buf_str(&left.b, "addresses are not known");
	}
	put_pair(b, &left, &right);

	line_init(&left);
	line_init(&right);
	put_id(l, left_tuple, &left);
	if (l->right.rec)
		put_id(l, &l->right.rec->t, &right);
	else
		buf_str(&right.b, "states implied by its segments");
	put_pair(b, &left, &right);
}

static void put_line(struct buf *b, const struct line *line)
{
	buf_put(b, line->text, line_len(line));
	buf_char(b, '\n');
}

static void put_times(const struct ladder *l, struct buf *b)
{
	const struct conn_record *rec = l->left.rec;
	uint64_t life_us = (rec->end_ns - rec->start_ns) / 1000;
	char time[FMT_TIME_LEN];
	struct line line;

	line_init(&line);
	if (rec->start_known)
		buf_put(&line.b, time, (size_t)(fmt_time(time, l->left.start_us * 1000) - time));
	else
		buf_str(&line.b, "began before the tool");
	if (rec->handshake_known)
		line_duration(&line, ", handshake ", rec->handshake_us);
	line_duration(&line, rec->final ? ", life " : ", open for ", life_us);
	if (!rec->duration_known)
		buf_str(&line.b, " or more");
	put_line(b, &line);
}

static void put_end(const struct ladder *l, struct buf *b)
{
	const struct conn_record *rec = l->left.rec;
	struct line line;

	if (!rec->final)
		return;
	line_init(&line);
	buf_str(&line.b, "end: ");
	buf_str(&line.b, conn_end_name(rec->end));
	if (rec->close_kind != CONN_CLOSE_NONE) {
		buf_str(&line.b, ", ");
		buf_str(&line.b, conn_close_kind_name(rec->close_kind));
	}
	if (rec->closed_by == CONN_BOTH) {
		buf_str(&line.b, ", both closed");
	} else if (rec->closed_by != CONN_SIDE_UNKNOWN && rec->end != CONN_END_REFUSED) {
		buf_str(&line.b, ", ");
		buf_str(&line.b, end_word(l, rec->closed_by == CONN_LOCAL));
		buf_str(&line.b, " closed first");
	}
	put_line(b, &line);
}

void ladder_head(const struct ladder *l, struct buf *b)
{
	put_ends(l, b);
	put_times(l, b);
	put_end(l, b);
	buf_char(b, '\n');
}

static void put_note(const struct ladder *l, bool left, const char *before, uint64_t count, const char *after, struct buf *b)
{
	struct line line;

	if (!count)
		return;
	line_init(&line);
	buf_str(&line.b, end_word(l, left));
	line_uint(&line, before, count);
	buf_str(&line.b, after);
	put_line(b, &line);
}

static void put_notes(const struct ladder *l, bool left, struct buf *b)
{
	const struct ladder_end *end = left ? &l->left : &l->right;
	const struct conn_record *rec = end->rec;
	struct line line;
	size_t used;

	put_note(l, left, " sent data again, segments: ", rec->retransmits.data, "", b);
	if (rec->unread_known) {
		put_note(l, left, " never read ", rec->unread_bytes, " bytes", b);
		put_note(l, left, " never sent ", rec->unsent_bytes, " bytes that were written", b);
	}
	put_note(l, left, " began TIME_WAIT anew, times: ", rec->time_wait.entered ? rec->time_wait.restarts : 0, "", b);
	line_init(&line);
	if (end->reset_reason && (rec->resets.sent || rec->resets.received)) {
		buf_str(&line.b, "reason of the reset, at the ");
		buf_str(&line.b, end_word(l, left));
		buf_str(&line.b, ": ");
		used = (size_t)(line.b.p - line.b.start);
		text_safe(&line.b, end->reset_reason, strlen(end->reset_reason), CANVAS_WIDTH - used, true);
		put_line(b, &line);
	} else if (!rec->complete && rec->start_known) {
		buf_str(&line.b, end_word(l, left));
		buf_str(&line.b, "'s record is not complete");
		line_uint(&line, ", losses that may have touched it: ", rec->gaps);
		put_line(b, &line);
	}
}

void ladder_foot(const struct ladder *l, struct buf *b)
{
	buf_char(b, '\n');
	put_notes(l, true, b);
	if (l->right.rec)
		put_notes(l, false, b);
	buf_str(b, l->ascii ? "--- seen or proven, - - : inferred, xN sent N times, numbers count from the SYN\n"
			    : "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN\n");
}
