// SPDX-License-Identifier: GPL-2.0-only
#include "ladder_steps.h"

#include <string.h>

#include "put.h"
#include "wrap.h"

#define NAME_COLUMNS (4 * (WIRE_COMM_LEN - 1)) /* the longest name with every byte escaped */

static void put_line(const struct ladder *l, struct buf *b, const struct label *line)
{
	wrap_put(b, line->text, label_len(line), ladder_width(l));
}

/* One at each edge, on one line if there is room. */
static void put_pair(const struct ladder *l, struct buf *b, const struct label *left, const struct label *right)
{
	size_t columns = wrap_columns(left->text, label_len(left)), others = wrap_columns(right->text, label_len(right));

	if (!others || columns + 2 + others > ladder_width(l)) {
		put_line(l, b, left);
		columns = 0;
	} else {
		buf_put(b, left->text, label_len(left));
	}
	if (!others)
		return;
	put_spaces(b, columns + others, ladder_width(l));
	put_line(l, b, right);
}

static const char *end_word(const struct ladder *l, bool left)
{
	enum conn_role role = l->left->rec.t.role;

	if (role == CONN_CLIENT || role == CONN_SERVER)
		return (role == CONN_CLIENT) == left ? "client" : "server";
	return left ? "left end" : "right end";
}

static void put_owner(const struct ladder *l, const struct ladder_end *end, struct buf *b)
{
	if (!end || end->rec.t.from == CONN_FROM_NONE)
		return;
	buf_char(b, ' ');
	put_process(b, &end->rec.t, NAME_COLUMNS, l->ascii);
}

static void put_id(const struct ladder_end *end, struct buf *b)
{
	buf_str(b, end->boot);
	buf_char(b, '.');
	put_hex(b, end->rec.t.cookie);
	if (end->rec.t.generation)
		put_text_uint(b, " generation ", end->rec.t.generation);
}

static void put_ends(const struct ladder *l, struct buf *b)
{
	const struct conn_tuple *t = &l->left->rec.t;
	struct label left, right;

	label_init(&left);
	label_init(&right);
	buf_str(&left.b, end_word(l, true));
	put_owner(l, l->left, &left.b);
	buf_str(&right.b, end_word(l, false));
	put_owner(l, l->right, &right.b);
	put_pair(l, b, &left, &right);

	label_init(&left);
	label_init(&right);
	if (t->id_known) {
		put_endpoint(&left.b, &t->id, true, '?');
		put_endpoint(&right.b, &t->id, false, '?');
	} else {
		buf_str(&left.b, "addresses are not known");
	}
	put_pair(l, b, &left, &right);

	label_init(&left);
	label_init(&right);
	put_id(l->left, &left.b);
	if (l->right)
		put_id(l->right, &right.b);
	else
		buf_str(&right.b, "states implied by its segments");
	put_pair(l, b, &left, &right);
}

static void put_times(const struct ladder *l, struct buf *b)
{
	const struct conn_record *rec = &l->left->rec;
	uint64_t life_us = (rec->end_ns - rec->start_ns) / 1000;
	struct label line;

	label_init(&line);
	if (rec->start_known)
		put_time(&line.b, l->left->start_us * 1000);
	else
		buf_str(&line.b, "began before the tool");
	if (rec->handshake_known)
		put_text_duration(&line.b, ", handshake ", rec->handshake_us);
	put_text_duration(&line.b, rec->final ? ", life " : ", open for ", life_us);
	if (!rec->duration_known)
		buf_str(&line.b, " or more");
	put_line(l, b, &line);
}

static void put_end(const struct ladder *l, struct buf *b)
{
	const struct conn_record *rec = &l->left->rec;
	struct label line;

	if (!rec->final)
		return;
	label_init(&line);
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
	put_line(l, b, &line);
}

void ladder_head(const struct ladder *l, struct buf *b)
{
	put_ends(l, b);
	put_times(l, b);
	put_end(l, b);
	buf_char(b, '\n');
}

static void put_notes(const struct ladder *l, bool left, struct buf *b)
{
	const struct ladder_end *end = left ? l->left : l->right;
	const struct conn_record *rec = &end->rec;
	struct label line;

	const struct {
		const char *before;
		uint64_t count;
		const char *after;
	} notes[] = {
		{" sent data again, segments: ", rec->retransmits.data, ""},
		{" never read ", rec->unread_known ? rec->unread_bytes : 0, " bytes"},
		{" never sent ", rec->unread_known ? rec->unsent_bytes : 0, " bytes that were written"},
		{" began TIME_WAIT again, times: ", rec->time_wait.entered ? rec->time_wait.restarts : 0, ""},
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (!notes[i].count)
			continue;
		label_init(&line);
		buf_str(&line.b, end_word(l, left));
		put_text_uint(&line.b, notes[i].before, notes[i].count);
		buf_str(&line.b, notes[i].after);
		put_line(l, b, &line);
	}
	label_init(&line);
	if (end->reset_reason[0] && (rec->resets.sent || rec->resets.received)) {
		buf_str(&line.b, "reason of the reset, at the ");
		buf_str(&line.b, end_word(l, left));
		buf_str(&line.b, ": ");
		put_safe(&line.b, end->reset_reason, strlen(end->reset_reason), LADDER_WIDTH - label_len(&line), true);
		put_line(l, b, &line);
	} else if (!rec->complete && rec->start_known) {
		buf_str(&line.b, end_word(l, left));
		buf_str(&line.b, "'s record is not complete");
		put_text_uint(&line.b, ", losses that may have touched it: ", rec->gaps);
		put_line(l, b, &line);
	}
}

static void put_text(const struct ladder *l, struct buf *b, const char *text)
{
	wrap_put(b, text, strlen(text), ladder_width(l));
}

void ladder_foot(const struct ladder *l, struct buf *b)
{
	buf_char(b, '\n');
	put_notes(l, true, b);
	if (l->right)
		put_notes(l, false, b);
	put_text(l, b,
		 l->ascii ? "==> payload, X a reset or a crossing, ... goes on, ? not known to arrive"
			  : "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive");
	put_text(l, b,
		 l->ascii ? "--- seen or proven, - - : inferred, xN sent N times, numbers count from the SYN"
			  : "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN");
}
