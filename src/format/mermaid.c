// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mermaid has no lifelines that change, and no arrows that cross: states are notes beside them, and of arrows that cross the
 * text says so. A name is text: what has a meaning in the language is written as a number.
 */
#include "mermaid.h"

#include <string.h>

#include "ladder_words.h"
#include "utf8.h"
#include "wrap.h"

#define NOTE_COLUMNS 36
#define SAFE " !$'()*+,-./:=?[]_|~^" /* besides letters and digits */

struct diagram {
	const struct ladder *ladder;
	struct ladder_plan plan;
	struct ladder_times times;
	struct buf b;
};

static bool is_safe(uint32_t code)
{
	if (code >= 0x80)
		return !utf8_is_control(code) && code != 0xfffe && code != 0xffff;
	return (code >= '0' && code <= '9') || ((code | 0x20) >= 'a' && (code | 0x20) <= 'z') ||
	       (code && strchr(SAFE, (int)code));
}

static void put_escaped(struct buf *b, const char *text, size_t len)
{
	for (size_t i = 0, used; i < len; i += used) {
		uint32_t code = 0xfffd;

		used = utf8_decode(text + i, len - i, &code);
		if (used && is_safe(code)) {
			buf_put(b, text + i, used);
			continue;
		}
		put_text_uint(b, "#", code < ' ' || utf8_is_control(code) || code > 0xfffd ? 0xfffd : code);
		buf_char(b, ';');
		used = used ? used : 1;
	}
}

static void put_label(struct buf *b, const struct label *label)
{
	put_escaped(b, label->text, label_len(label));
}

/* The two ends, with their addresses below their names. */
static void put_participants(struct diagram *d, const struct ladder_lines *head)
{
	const struct ladder_line *names = &head->lines[0], *addresses = &head->lines[1];

	buf_str(&d->b, "    participant L as ");
	put_label(&d->b, &names->left);
	buf_str(&d->b, "<br/>");
	put_label(&d->b, &addresses->left);
	buf_str(&d->b, "\n    participant R as ");
	put_label(&d->b, &names->right);
	buf_str(&d->b, "<br/>");
	put_label(&d->b, &addresses->right);
	buf_char(&d->b, '\n');
}

/* A note is no wider than the space between the lifelines, and breaks no line by itself. */
static void put_wrapped(struct buf *b, const struct label *line)
{
	const char *text = line->text;
	size_t len = label_len(line);

	for (;;) {
		size_t piece = wrap_text(text, len, NOTE_COLUMNS);
		put_escaped(b, text, piece);
		if (piece == len)
			return;
		buf_str(b, "<br/>");
		text += piece;
		len -= piece;
	}
}

static void put_lines(struct diagram *d, const struct ladder_lines *lines, unsigned int from)
{
	for (unsigned int i = from; i < lines->len; i++) {
		buf_str(&d->b, i == from ? "    Note over L,R: " : "<br/>");
		put_wrapped(&d->b, &lines->lines[i].left);
	}
	if (lines->len > from)
		buf_char(&d->b, '\n');
}

static void put_time_before(struct diagram *d, const struct ladder_step *step)
{
	int64_t us;

	if (!ladder_time_of(step, &us))
		return;
	ladder_put_time(&d->b, &d->times, us);
	ladder_times_advance(&d->times, us);
	buf_str(&d->b, " ");
}

static void put_state(struct diagram *d, int side, const struct ladder_state *state)
{
	struct label duration;

	if (!state->name)
		return;
	label_init(&duration);
	ladder_put_duration(&duration.b, state);
	buf_str(&d->b, side == LADDER_LEFT ? "    Note left of L: " : "    Note right of R: ");
	buf_str(&d->b, state->name);
	buf_str(&d->b, label_len(&duration) ? " " : "");
	put_label(&d->b, &duration);
	buf_str(&d->b, state->inferred ? " (inferred)\n" : "\n");
}

static void put_segment(struct diagram *d, const struct ladder_step *step)
{
	bool out = step->seg.dir == CONN_OUT, inferred = step->seg.proof == CONN_PROOF_INFERRED;
	const char *head = ladder_is_reset(&step->seg) ? "x" : ">>";

	buf_str(&d->b, out ? "    L-" : "    R-");
	buf_str(&d->b, inferred ? "-" : "");
	buf_str(&d->b, head);
	buf_str(&d->b, out ? "R: " : "L: ");
	put_time_before(d, step);
	ladder_put_segment(&d->b, &step->seg, "×");
	buf_str(&d->b, step->crosses ? " (crosses the next)" : "");
	buf_str(&d->b, step->lost ? " (not known to arrive)\n" : "\n");
}

/* Each end enters a state as it sends, and one as the other's segment arrives. */
static void put_crossing(struct diagram *d, const struct ladder_step *a, const struct ladder_step *b)
{
	const struct ladder_step *out = a->seg.dir == CONN_OUT ? a : b, *in = out == a ? b : a;

	put_state(d, LADDER_LEFT, &out->state[LADDER_LEFT]);
	put_state(d, LADDER_RIGHT, &in->state[LADDER_RIGHT]);
	put_segment(d, a);
	put_segment(d, b);
	put_state(d, LADDER_LEFT, &in->state[LADDER_LEFT]);
	put_state(d, LADDER_RIGHT, &out->state[LADDER_RIGHT]);
}

static void put_moment(struct diagram *d, const struct ladder_step *step)
{
	if (!step->note)
		return;
	buf_str(&d->b, "    Note over L,R: ");
	put_time_before(d, step);
	put_escaped(&d->b, step->note, strlen(step->note));
	buf_char(&d->b, '\n');
}

static void put_data(struct diagram *d, const struct ladder_step *step)
{
	static const char *const arrows[CONN_DIR_MAX] = {[CONN_OUT] = "    L->>R: ", [CONN_IN] = "    R->>L: "};

	for (int dir = CONN_OUT; dir < CONN_DIR_MAX; dir++) {
		if (!step->bytes[dir])
			continue;
		buf_str(&d->b, arrows[dir]);
		put_uint(&d->b, step->bytes[dir]);
		buf_str(&d->b, step->bytes[dir] == 1 ? " byte of payload" : " bytes of payload");
		buf_str(&d->b, step->note ? step->note : "");
		buf_char(&d->b, '\n');
	}
}

static void put_step(struct diagram *d, const struct ladder_step *step)
{
	if (step->kind == LADDER_SEGMENT)
		put_segment(d, step);
	else if (step->kind == LADDER_DATA)
		put_data(d, step);
	else
		put_moment(d, step);
	for (int side = LADDER_LEFT; side < LADDER_SIDES; side++)
		put_state(d, side, &step->state[side]);
}

size_t mermaid_ladder(const struct ladder *ladder, char *buf, size_t size)
{
	struct diagram d = {.ladder = ladder};
	struct ladder_lines lines;

	buf_init(&d.b, buf, size);
	ladder_plan(ladder, &d.plan);
	ladder_times_init(&d.times, ladder, &d.plan);
	ladder_head_lines(ladder, &lines);
	buf_str(&d.b, "```mermaid\nsequenceDiagram\n");
	put_participants(&d, &lines);
	put_lines(&d, &lines, 3);
	for (unsigned int i = 0; i < d.plan.len; i++) {
		const struct ladder_step *step = &d.plan.steps[i];

		if (step->crosses && i + 1 < d.plan.len)
			put_crossing(&d, step, &d.plan.steps[++i]);
		else
			put_step(&d, step);
	}
	ladder_note_lines(ladder, &lines);
	put_lines(&d, &lines, 0);
	buf_str(&d.b, "```\n");
	return (size_t)(d.b.p - d.b.start);
}
