// SPDX-License-Identifier: GPL-2.0-only
#include "ladder_rows.h"

#include <string.h>

#include "wrap.h"

#define TIME_COLUMNS 7  /* "999.9ms" */
#define WALL_COLUMNS 15 /* "03:04:05.123456" */
#define GUTTER 17
#define GUTTER_WIDE 24   /* room for a state and the longest duration */
#define GUTTER_NARROW 11 /* "ESTABLISHED" */
#define SPAN_NARROW 14   /* "seq=4294967295" */
#define SPAN_LEAST 24    /* with less, an arrow has no room for its text, and its times and durations stand above and below */
#define WIDE_FROM 100

/* Where everything is, from the left to the right. */
static void place(struct ladder_columns *at, int width, int time)
{
	int spare;

	at->gutter = width >= WIDE_FROM ? GUTTER_WIDE : GUTTER;
	/* A blank after the times and at each side of the lifelines; the last column stays empty. */
	spare = width - time - 2 * at->gutter - 6;
	at->narrow = spare < SPAN_LEAST;
	if (at->narrow) {
		at->gutter = (width - SPAN_NARROW - 4) / 2;
		at->gutter = at->gutter > GUTTER ? GUTTER : at->gutter;
		spare = width - 2 * at->gutter - 4;
	}
	at->left_end = at->narrow ? at->gutter : time + 1 + at->gutter;
	at->time_end = at->narrow ? at->left_end : time;
	at->left_life = at->left_end + 1;
	at->first = at->left_life + 1;
	at->last = at->left_life + spare;
	at->middle = (at->first + at->last) / 2;
	at->right_life = at->last + 1;
	at->right_gutter = at->right_life + 2;
}

void rows_init(struct drawing *d, const struct ladder *ladder)
{
	static const int time_columns[LADDER_CLOCKS] = {
		[LADDER_RELATIVE] = TIME_COLUMNS, [LADDER_WALL] = WALL_COLUMNS, [LADDER_DELTA] = TIME_COLUMNS + 1};

	unsigned int time;

	d->ladder = ladder;
	ladder_plan(ladder, &d->plan);
	ladder_times_init(&d->times, ladder, &d->plan);
	d->style = (struct canvas_style){ladder_width(ladder), ladder->ascii, ladder->colour};
	d->now[LADDER_RIGHT].inferred = !ladder->right;
	for (int side = 0; side < LADDER_SIDES; side++)
		label_init(&d->below[side]);
	time = ladder->clock == LADDER_RELATIVE ? ladder_times_columns(&d->times, &d->plan) : 0;
	if (time < (unsigned int)time_columns[ladder->clock])
		time = (unsigned int)time_columns[ladder->clock];
	place(&d->at, (int)d->style.width, (int)time);
}

static enum canvas_ink ink_of(const struct ladder_state *state)
{
	static const enum canvas_ink inks[LADDER_PHASES] = {
		[LADDER_NONE] = INK_PLAIN,      [LADDER_OPENING] = INK_OPENING, [LADDER_OPEN] = INK_OPEN,
		[LADDER_WAITING] = INK_WAITING, [LADDER_CLOSING] = INK_CLOSING,
	};

	return inks[ladder_phase(state)];
}

static void put_life(struct drawing *d, int side)
{
	d->row.ink = ink_of(&d->now[side]);
	canvas_put(&d->row, side == LADDER_LEFT ? d->at.left_life : d->at.right_life,
		   d->now[side].inferred ? GLYPH_LIFE_DASHED : GLYPH_LIFE);
	d->row.ink = INK_PLAIN;
}

void rows_begin(struct drawing *d)
{
	canvas_clear(&d->row);
	put_life(d, LADDER_LEFT);
	put_life(d, LADDER_RIGHT);
}

/* Beside the lifeline; what is wider than its gutter goes over the lifeline, and stays in the picture. */
static void put_beside(struct drawing *d, int side, int end, const struct label *label)
{
	int len = (int)label_len(label), start = d->at.right_gutter;

	if (side == LADDER_LEFT) {
		canvas_text_right(&d->row, end < len ? len : end, label->text, (size_t)len);
		return;
	}
	if (start + len > (int)d->style.width)
		start = (int)d->style.width - len;
	canvas_text(&d->row, start, label->text, (size_t)len);
}

void rows_end(struct drawing *d)
{
	bool more = false;

	canvas_write(&d->row, &d->style, &d->b);
	for (int side = 0; side < LADDER_SIDES; side++) {
		if (!label_len(&d->below[side]))
			continue;
		if (!more)
			rows_begin(d);
		more = true;
		d->row.ink = ink_of(&d->now[side]);
		put_beside(d, side, d->at.left_end, &d->below[side]);
		label_init(&d->below[side]);
	}
	if (more)
		canvas_write(&d->row, &d->style, &d->b);
}

void rows_put_text(struct drawing *d, enum align align, const char *text, size_t len)
{
	if (align == ALIGN_LEFT)
		canvas_text(&d->row, d->at.first + 1, text, len);
	else if (align == ALIGN_RIGHT)
		canvas_text_right(&d->row, d->at.last, text, len);
	else if (len)
		canvas_text(&d->row, d->at.middle - ((int)len - 1) / 2, text, len);
}

void rows_text(struct drawing *d, enum align align, const char *text, size_t len)
{
	size_t room = ladder_span(&d->at) - (align == ALIGN_CENTER ? 0 : 2);

	while (len) {
		size_t piece = wrap_bytes(text, len, room);
		rows_begin(d);
		rows_put_text(d, align, text, piece);
		rows_end(d);
		text += piece;
		len -= piece;
		for (; len && *text == ' '; text++)
			len--;
	}
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

/* The name and how long it lasted: less exactly, or in a narrow picture below, if both have no room. */
static void put_state(struct drawing *d, int side, const struct ladder_state *state)
{
	struct label label, duration;

	label_init(&duration);
	ladder_put_duration(&duration.b, state);
	label_init(&label);
	buf_str(&label.b, state->name);
	if (label_len(&duration)) {
		buf_char(&label.b, ' ');
		buf_put(&label.b, duration.text, label_len(&duration));
	}
	if (label_len(&label) > (size_t)d->at.gutter && !d->at.narrow)
		drop_tenths(&label);
	if (label_len(&label) > (size_t)d->at.gutter) {
		label.b.p = label.b.start + strlen(state->name);
		if (d->at.narrow)
			buf_put(&d->below[side].b, duration.text, label_len(&duration));
	}
	d->row.ink = ink_of(state);
	put_beside(d, side, d->at.left_end, &label);
	d->row.ink = INK_PLAIN;
}

void rows_enter(struct drawing *d, int side, const struct ladder_state *state)
{
	if (!state->name)
		return;
	d->now[side] = *state;
	put_life(d, side);
	put_state(d, side, state);
}

/* Times */

/* In the left column, or beside the right lifeline, where it is of the row above. */
static void put_time_at(struct drawing *d, int side, int64_t at_us)
{
	struct label label;

	label_init(&label);
	if (side == LADDER_RIGHT || d->at.narrow) /* else it has a column of its own */
		buf_str(&label.b, "at ");
	ladder_put_time(&label.b, &d->times, at_us);
	d->row.ink = INK_QUIET;
	put_beside(d, side, d->at.time_end, &label);
	d->row.ink = INK_PLAIN;
	if (side == LADDER_LEFT)
		ladder_times_advance(&d->times, at_us);
}

void rows_time(struct drawing *d, int side, const struct ladder_step *step)
{
	if (step->at_known[side])
		put_time_at(d, side, step->at_us[side]);
}

void rows_time_alone(struct drawing *d, int side, const struct ladder_step *step)
{
	rows_begin(d);
	rows_time(d, side, step);
	rows_end(d);
	d->aired = true;
}

void rows_step_time(struct drawing *d, const struct ladder_step *step)
{
	int64_t us;

	if (!d->at.narrow && ladder_time_of(step, &us))
		put_time_at(d, LADDER_LEFT, us);
}

void rows_step_time_above(struct drawing *d, const struct ladder_step *step)
{
	int64_t us;

	if (!d->at.narrow || !ladder_time_of(step, &us))
		return;
	rows_begin(d);
	put_time_at(d, LADDER_LEFT, us);
	rows_end(d);
}
