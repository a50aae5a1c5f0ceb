// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draws a ladder. Columns: time, left end's states, its lifeline, the segments, the right end's lifeline, its states. A
 * lifeline or an arrow is dashed where it is inferred.
 */
#include "ladder.h"

#include <string.h>

#include "buf.h"
#include "canvas.h"
#include "ladder_steps.h"
#include "put.h"

/* Columns; what ends somewhere ends before the column named. */
enum {
	TIME_END = 7,
	GUTTER_WIDTH = 17, /* and a blank before it */
	LEFT_GUTTER_END = 25,
	LEFT_LIFE = 26,
	FIRST = LEFT_LIFE + 1,
	LAST = 59,
	RIGHT_LIFE = LAST + 1,
	RIGHT_GUTTER = RIGHT_LIFE + 2,
	MIDDLE = (FIRST + LAST) / 2,
};

#define SPAN (LAST - FIRST + 1)
#define WIDE_BYTES 100000u
#define LABEL_ROOM (SPAN - 6) /* a head, a blank and some line at each side of it */

struct drawing {
	const struct ladder *ladder;
	struct ladder_plan plan;
	struct buf b;
	struct canvas_row row;
	bool dashed[LADDER_SIDES]; /* the state that this end is in is inferred */
	bool aired;                /* the last row stands for the empty one before the next step */
};

/* Rows */

static void begin_row(struct drawing *d)
{
	canvas_clear(&d->row);
	canvas_put(&d->row, LEFT_LIFE, d->dashed[LADDER_LEFT] ? GLYPH_LIFE_DASHED : GLYPH_LIFE);
	canvas_put(&d->row, RIGHT_LIFE, d->dashed[LADDER_RIGHT] ? GLYPH_LIFE_DASHED : GLYPH_LIFE);
}

static void end_row(struct drawing *d)
{
	canvas_write(&d->row, d->ladder->ascii, &d->b);
}

static void put_centered(struct drawing *d, const char *text, size_t len)
{
	if (len)
		canvas_text(&d->row, MIDDLE - ((int)len - 1) / 2, text, len);
}

/* "10.8ms" becomes "10ms". */
static void drop_tenths(struct label *label)
{
	char *dot = memchr(label->text, '.', label_len(label));

	if (!dot)
		return;
	memmove(dot, dot + 2, (size_t)(label->b.p - dot) - 2);
	label->b.p -= 2;
}

/* `name` and how long it lasted; less exactly, or without that, if both have no room. */
static void put_state(struct drawing *d, int side, const struct ladder_state *state)
{
	struct label label;

	if (!state->name)
		return;
	label_init(&label);
	buf_str(&label.b, state->name);
	if (state->us_known && (!state->goes_on || state->us)) {
		buf_str(&label.b, state->at_least ? " >" : " ");
		put_duration(&label.b, state->us);
	} else if (state->goes_on) {
		buf_str(&label.b, " ...");
	}
	if (label_len(&label) > GUTTER_WIDTH)
		drop_tenths(&label);
	if (label_len(&label) > GUTTER_WIDTH)
		label.b.p = label.b.start + strlen(state->name);
	if (side == LADDER_LEFT)
		canvas_text_right(&d->row, LEFT_GUTTER_END, label.text, label_len(&label));
	else
		canvas_text(&d->row, RIGHT_GUTTER, label.text, label_len(&label));
}

/* From here on the end is in the state. */
static void enter(struct drawing *d, int side, const struct ladder_state *state)
{
	if (!state->name)
		return;
	d->dashed[side] = state->inferred;
	canvas_put(&d->row, side == LADDER_LEFT ? LEFT_LIFE : RIGHT_LIFE, state->inferred ? GLYPH_LIFE_DASHED : GLYPH_LIFE);
	put_state(d, side, state);
}

/* When the segment left, or else when it came to the left end. */
static bool time_of(const struct ladder_step *step, int64_t *ret_us)
{
	bool segment = step->kind == LADDER_SEGMENT;
	int side = segment && step->seg.dir == CONN_IN ? LADDER_RIGHT : LADDER_LEFT;

	if (!step->at_known[side] && !(segment && side == LADDER_LEFT))
		side = !side;
	*ret_us = step->at_us[side];
	return step->at_known[side];
}

static void put_time_label(const struct drawing *d, struct label *label, int64_t at_us)
{
	int64_t us = at_us - d->plan.begin_us;

	if (us > 0)
		put_duration(&label->b, (uint64_t)us);
	else
		buf_char(&label->b, '0');
}

/* In the left column, or beside the right lifeline, where it is of the row above. */
static void put_time_at(struct drawing *d, int side, int64_t at_us)
{
	struct label label;

	label_init(&label);
	if (side == LADDER_RIGHT)
		buf_str(&label.b, "at ");
	put_time_label(d, &label, at_us);
	if (side == LADDER_RIGHT)
		canvas_text(&d->row, RIGHT_GUTTER, label.text, label_len(&label));
	else
		canvas_text_right(&d->row, TIME_END, label.text, label_len(&label));
}

static void put_time_of(struct drawing *d, const struct ladder_step *step, int side)
{
	if (step->at_known[side])
		put_time_at(d, side, step->at_us[side]);
}

static void put_step_time(struct drawing *d, const struct ladder_step *step)
{
	int64_t us;

	if (time_of(step, &us))
		put_time_at(d, LADDER_LEFT, us);
}

static void draw_time_row(struct drawing *d, const struct ladder_step *step, int side)
{
	begin_row(d);
	put_time_of(d, step, side);
	end_row(d);
	d->aired = true;
}

/* A row of its own for when a segment came to the end that received it, unless the arrow's row says so. */
static void draw_arrival(struct drawing *d, const struct ladder_step *step)
{
	int to = step->seg.dir == CONN_OUT ? LADDER_RIGHT : LADDER_LEFT;
	int64_t shown;

	if (!step->at_known[to] || (time_of(step, &shown) && shown == step->at_us[to]))
		return;
	draw_time_row(d, step, to);
}

/* Segments */

/* Flags, numbers and repeats. What does not fit into the arrow stands in *above. */
static void make_labels(const struct conn_segment *seg, struct label *above, struct label *label)
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
	if (label_len(label) + label_len(&rest) <= LABEL_ROOM) {
		buf_put(&label->b, rest.text, label_len(&rest));
		return;
	}
	buf_put(&above->b, label->text, label_len(label));
	label_init(label);
	if (label_len(&rest))
		buf_put(&label->b, rest.text + 1, label_len(&rest) - 1);
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

	canvas_put(&d->row, out ? LEFT_LIFE : RIGHT_LIFE, out ? GLYPH_LEAVES_LEFT : GLYPH_LEAVES_RIGHT);
}

static void draw_segment(struct drawing *d, const struct ladder_step *step)
{
	const struct conn_segment *seg = &step->seg;
	struct label above, label;

	make_labels(seg, &above, &label);
	if (label_len(&above)) {
		begin_row(d);
		put_centered(d, above.text, label_len(&above));
		end_row(d);
	}
	begin_row(d);
	put_step_time(d, step);
	enter(d, LADDER_LEFT, &step->state[LADDER_LEFT]);
	enter(d, LADDER_RIGHT, &step->state[LADDER_RIGHT]);
	put_tail(d, seg->dir);
	canvas_fill(&d->row, FIRST, LAST, line_of(seg));
	canvas_put(&d->row, seg->dir == CONN_OUT ? LAST : FIRST, head_of(step));
	if (label_len(&label)) {
		buf_char(&label.b, ' ');
		int start = MIDDLE - (int)label_len(&label) / 2;
		canvas_put(&d->row, start - 1, ' ');
		canvas_text(&d->row, start, label.text, label_len(&label));
	}
	end_row(d);
	draw_arrival(d, step);
}

/* Of one of two that cross, whose arrows have no room: it stands on a row above them. */
static void make_crossing_label(const struct conn_segment *seg, struct label *label)
{
	struct label rest;

	make_labels(seg, label, &rest);
	if (label_len(label))
		buf_char(&label->b, ' ');
	buf_put(&label->b, rest.text, label_len(&rest));
}

static void draw_crossing_labels(struct drawing *d, const struct ladder_step *out, const struct ladder_step *in)
{
	struct label left, right;

	make_crossing_label(&out->seg, &left);
	make_crossing_label(&in->seg, &right);
	begin_row(d);
	canvas_text(&d->row, FIRST + 1, left.text, label_len(&left));
	if (label_len(&left) + label_len(&right) + 4 > SPAN) {
		end_row(d);
		begin_row(d);
	}
	canvas_text_right(&d->row, LAST, right.text, label_len(&right));
	end_row(d);
}

/* Each leaves on the first row and arrives on the last. */
static void draw_crossing(struct drawing *d, const struct ladder_step *a, const struct ladder_step *b)
{
	const struct ladder_step *out = a->seg.dir == CONN_OUT ? a : b, *in = out == a ? b : a;
	uint8_t out_line = line_of(&out->seg), in_line = line_of(&in->seg);

	draw_crossing_labels(d, out, in);
	begin_row(d);
	put_time_of(d, out, LADDER_LEFT);
	enter(d, LADDER_LEFT, &out->state[LADDER_LEFT]);
	enter(d, LADDER_RIGHT, &in->state[LADDER_RIGHT]);
	put_tail(d, CONN_OUT);
	put_tail(d, CONN_IN);
	canvas_fill(&d->row, FIRST, MIDDLE - 2, out_line);
	canvas_put(&d->row, MIDDLE - 1, GLYPH_DOWN);
	canvas_put(&d->row, MIDDLE + 1, GLYPH_UP);
	canvas_fill(&d->row, MIDDLE + 2, LAST, in_line);
	end_row(d);

	begin_row(d);
	canvas_put(&d->row, MIDDLE, GLYPH_CROSS);
	put_time_of(d, in, LADDER_RIGHT);
	end_row(d);

	begin_row(d);
	put_time_of(d, in, LADDER_LEFT);
	enter(d, LADDER_LEFT, &in->state[LADDER_LEFT]);
	enter(d, LADDER_RIGHT, &out->state[LADDER_RIGHT]);
	canvas_fill(&d->row, FIRST, MIDDLE - 2, in_line);
	canvas_put(&d->row, FIRST, head_of(in));
	canvas_put(&d->row, MIDDLE - 1, GLYPH_UP);
	canvas_put(&d->row, MIDDLE + 1, GLYPH_DOWN);
	canvas_fill(&d->row, MIDDLE + 2, LAST, out_line);
	canvas_put(&d->row, LAST, head_of(out));
	end_row(d);
	if (out->at_known[LADDER_RIGHT])
		draw_time_row(d, out, LADDER_RIGHT);
}

/* Other steps */

static void draw_moment(struct drawing *d, const struct ladder_step *step)
{
	bool last = step + 1 == d->plan.steps + d->plan.len;
	int64_t now, next;

	begin_row(d);
	/* Times in the picture do not go back. */
	if (last || !time_of(step, &now) || !time_of(step + 1, &next) || next >= now)
		put_step_time(d, step);
	for (int side = LADDER_LEFT; side < LADDER_SIDES; side++)
		enter(d, side, &step->state[side]);
	if (step->note)
		put_centered(d, step->note, strlen(step->note));
	end_row(d);
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

	begin_row(d);
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
	put_centered(d, label.text, label_len(&label));
	end_row(d);
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
			begin_row(d);
			end_row(d);
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
	struct drawing d = {.ladder = ladder, .dashed = {[LADDER_RIGHT] = !ladder->right}};

	buf_init(&d.b, buf, size);
	ladder_plan(ladder, &d.plan);
	ladder_head(ladder, &d.b);
	draw_steps(&d);
	ladder_foot(ladder, &d.b);
	return (size_t)(d.b.p - d.b.start);
}
