// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draws a ladder. Columns: time, left end's states, its lifeline, the segments, the right end's lifeline, its states. A
 * lifeline or an arrow is dashed where it is inferred.
 */
#include "ladder.h"

#include <string.h>

#include "ladder_rows.h"
#include "wrap.h"

#define WIDE_BYTES 100000u

/* A row of its own for when a segment came to the end that received it, unless the arrow's row says so. */
static void draw_arrival(struct drawing *d, const struct ladder_step *step)
{
	int to = step->seg.dir == CONN_OUT ? LADDER_RIGHT : LADDER_LEFT;
	int64_t shown;

	if (step->at_known[to] && !(ladder_time_of(step, &shown) && shown == step->at_us[to]))
		rows_time_alone(d, to, step);
}

/* Segments */

/* Flags, numbers and repeats. What does not fit into the arrow stands in *above. */
static void make_labels(const struct conn_segment *seg, size_t room, struct label *above, struct label *label)
{
	struct label rest;

	label_init(&rest);
	if (seg->ack_known)
		put_text_uint(&rest.b, " ack=", seg->ack);
	if (seg->n > 1) {
		buf_str(&rest.b, " ");
		buf_char(&rest.b, (char)GLYPH_TIMES);
		put_text_uint(&rest.b, "", seg->n);
	}
	label_init(above);
	label_init(label);
	buf_str(&label->b, conn_flags_name(seg->flags));
	if (seg->seq_known)
		put_text_uint(&label->b, " seq=", seg->seq);
	if (label_len(label) + label_len(&rest) <= room) {
		buf_put(&label->b, rest.text, label_len(&rest));
		return;
	}
	buf_put(&above->b, label->text, label_len(label));
	label_init(label);
	if (!label_len(&rest))
		return;
	if (label_len(&rest) - 1 <= room)
		buf_put(&label->b, rest.text + 1, label_len(&rest) - 1);
	else
		buf_put(&above->b, rest.text, label_len(&rest));
}

static enum canvas_ink ink_of(const struct conn_segment *seg)
{
	return ladder_is_reset(seg) ? INK_RESET : seg->proof == CONN_PROOF_INFERRED ? INK_QUIET : INK_PLAIN;
}

static uint8_t line_of(const struct conn_segment *seg)
{
	return seg->proof == CONN_PROOF_INFERRED ? GLYPH_DASH : GLYPH_LINE;
}

static uint8_t head_of(const struct ladder_step *step)
{
	if (step->lost)
		return '?';
	if (ladder_is_reset(&step->seg))
		return GLYPH_CROSS;
	return step->seg.dir == CONN_OUT ? GLYPH_HEAD_RIGHT : GLYPH_HEAD_LEFT;
}

static void put_tail(struct drawing *d, enum conn_dir dir)
{
	bool out = dir == CONN_OUT;

	canvas_put(&d->row, out ? d->at.left_life : d->at.right_life, out ? GLYPH_LEAVES_LEFT : GLYPH_LEAVES_RIGHT);
}

static void draw_segment(struct drawing *d, const struct ladder_step *step)
{
	const struct conn_segment *seg = &step->seg;
	struct label above, label;

	make_labels(seg, ladder_label_room(&d->at), &above, &label);
	rows_step_time_above(d, step);
	rows_text(d, ALIGN_CENTER, above.text, label_len(&above));
	rows_begin(d);
	rows_step_time(d, step);
	rows_enter(d, LADDER_LEFT, &step->state[LADDER_LEFT]);
	rows_enter(d, LADDER_RIGHT, &step->state[LADDER_RIGHT]);
	d->row.ink = ink_of(seg);
	put_tail(d, seg->dir);
	canvas_fill(&d->row, d->at.first, d->at.last, line_of(seg));
	canvas_put(&d->row, seg->dir == CONN_OUT ? d->at.last : d->at.first, head_of(step));
	d->row.ink = ladder_is_reset(seg) ? INK_RESET : INK_PLAIN;
	if (label_len(&label)) {
		buf_char(&label.b, ' ');
		int start = d->at.middle - (int)label_len(&label) / 2;
		canvas_put(&d->row, start - 1, ' ');
		canvas_text(&d->row, start, label.text, label_len(&label));
	}
	rows_end(d);
	draw_arrival(d, step);
}

/* Their arrows have no room: they stand above them. */
static void draw_crossing_labels(struct drawing *d, const struct ladder_step *out, const struct ladder_step *in)
{
	const char times[] = {(char)GLYPH_TIMES, '\0'};
	struct label left, right;

	label_init(&left);
	label_init(&right);
	ladder_put_segment(&left.b, &out->seg, times);
	ladder_put_segment(&right.b, &in->seg, times);
	if (label_len(&left) + label_len(&right) + 4 > ladder_span(&d->at)) {
		rows_text(d, ALIGN_LEFT, left.text, label_len(&left));
		rows_text(d, ALIGN_RIGHT, right.text, label_len(&right));
		return;
	}
	rows_begin(d);
	rows_put_text(d, ALIGN_LEFT, left.text, label_len(&left));
	rows_put_text(d, ALIGN_RIGHT, right.text, label_len(&right));
	rows_end(d);
}

/* The row of a crossing where both leave, or where both arrive: `left` is the one at the left half, `down` the way of its line.
 */
static void put_halves(struct drawing *d, const struct ladder_step *left, const struct ladder_step *right, bool down)
{
	int middle = d->at.middle;

	d->row.ink = ink_of(&left->seg);
	canvas_fill(&d->row, d->at.first, middle - 2, line_of(&left->seg));
	canvas_put(&d->row, middle - 1, down ? GLYPH_DOWN : GLYPH_UP);
	d->row.ink = ink_of(&right->seg);
	canvas_put(&d->row, middle + 1, down ? GLYPH_UP : GLYPH_DOWN);
	canvas_fill(&d->row, middle + 2, d->at.last, line_of(&right->seg));
}

/* Each leaves on the first row and arrives on the last. */
static void draw_crossing(struct drawing *d, const struct ladder_step *a, const struct ladder_step *b)
{
	const struct ladder_step *out = a->seg.dir == CONN_OUT ? a : b, *in = out == a ? b : a;

	draw_crossing_labels(d, out, in);
	if (d->at.narrow)
		rows_time_alone(d, LADDER_LEFT, out);
	rows_begin(d);
	if (!d->at.narrow)
		rows_time(d, LADDER_LEFT, out);
	rows_enter(d, LADDER_LEFT, &out->state[LADDER_LEFT]);
	rows_enter(d, LADDER_RIGHT, &in->state[LADDER_RIGHT]);
	put_tail(d, CONN_OUT);
	put_tail(d, CONN_IN);
	put_halves(d, out, in, true);
	rows_end(d);

	rows_begin(d);
	canvas_put(&d->row, d->at.middle, GLYPH_CROSS);
	rows_time(d, LADDER_RIGHT, in);
	if (d->at.narrow)
		rows_time(d, LADDER_LEFT, in);
	rows_end(d);

	rows_begin(d);
	if (!d->at.narrow)
		rows_time(d, LADDER_LEFT, in);
	rows_enter(d, LADDER_LEFT, &in->state[LADDER_LEFT]);
	rows_enter(d, LADDER_RIGHT, &out->state[LADDER_RIGHT]);
	put_halves(d, in, out, false);
	canvas_put(&d->row, d->at.last, head_of(out));
	d->row.ink = ink_of(&in->seg);
	canvas_put(&d->row, d->at.first, head_of(in));
	rows_end(d);
	if (out->at_known[LADDER_RIGHT])
		rows_time_alone(d, LADDER_RIGHT, out);
}

/* Other steps */

/* Times in the picture do not go back. */
static bool has_time(const struct drawing *d, const struct ladder_step *step)
{
	bool last = step + 1 == d->plan.steps + d->plan.len;
	int64_t now, next;

	return last || !ladder_time_of(step, &now) || !ladder_time_of(step + 1, &next) || next >= now;
}

static void draw_moment(struct drawing *d, const struct ladder_step *step)
{
	size_t len = step->note ? strlen(step->note) : 0, piece = wrap_bytes(step->note, len, ladder_span(&d->at));

	if (has_time(d, step))
		rows_step_time_above(d, step);
	rows_begin(d);
	if (has_time(d, step))
		rows_step_time(d, step);
	for (int side = LADDER_LEFT; side < LADDER_SIDES; side++)
		rows_enter(d, side, &step->state[side]);
	rows_put_text(d, ALIGN_CENTER, step->note, piece);
	rows_end(d);
	if (piece < len)
		rows_text(d, ALIGN_CENTER, step->note + piece + 1, len - piece - 1);
}

/* Exact, so that the numbers of the segments beside it add up. */
static void size_label(struct label *label, uint64_t bytes)
{
	put_uint(&label->b, bytes);
	buf_str(&label->b, bytes == 1 ? " byte" : " bytes");
}

static void draw_bytes(struct drawing *d, uint64_t out, uint64_t in, const char *note)
{
	const char to_right[] = {' ', (char)GLYPH_DATA, (char)GLYPH_DATA, (char)GLYPH_HEAD_RIGHT};
	const char to_left[] = {(char)GLYPH_HEAD_LEFT, (char)GLYPH_DATA, (char)GLYPH_DATA, ' '};
	struct label label;

	label_init(&label);
	if (out) {
		size_label(&label, out);
		buf_put(&label.b, to_right, sizeof(to_right));
	}
	if (out && in)
		buf_str(&label.b, "   ");
	if (in) {
		buf_put(&label.b, to_left, sizeof(to_left));
		size_label(&label, in);
	}
	if (note)
		buf_str(&label.b, note);
	rows_text(d, ALIGN_CENTER, label.text, label_len(&label));
}

static void draw_data(struct drawing *d, const struct ladder_step *step)
{
	uint64_t out = step->bytes[CONN_OUT], in = step->bytes[CONN_IN];

	if (out && in && (out >= WIDE_BYTES || in >= WIDE_BYTES)) { /* they have no room beside each other */
		draw_bytes(d, out, 0, step->note);
		draw_bytes(d, 0, in, step->note);
	} else {
		draw_bytes(d, out, in, step->note);
	}
}

static void draw_steps(struct drawing *d)
{
	const struct ladder_plan *plan = &d->plan;

	for (unsigned int i = 0; i < plan->len; i++) {
		const struct ladder_step *step = &plan->steps[i];
		if (i && !d->aired && (step->kind != LADDER_MOMENT || step->note)) {
			rows_begin(d);
			rows_end(d);
		}
		d->aired = false;
		if (step->kind == LADDER_DATA)
			draw_data(d, step);
		else if (step->kind == LADDER_MOMENT)
			draw_moment(d, step);
		else if (step->crosses && i + 1 < plan->len)
			draw_crossing(d, step, &plan->steps[++i]);
		else
			draw_segment(d, step);
	}
}

size_t ladder_draw(const struct ladder *ladder, char *buf, size_t size)
{
	struct drawing d = {0};

	buf_init(&d.b, buf, size);
	rows_init(&d, ladder);
	ladder_head(ladder, &d.b);
	draw_steps(&d);
	ladder_foot(ladder, &d.b);
	return (size_t)(d.b.p - d.b.start);
}
