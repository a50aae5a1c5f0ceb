/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows of a ladder in text: where its columns are, lifelines, states, times, and text between the lifelines. For ladder.c. */
#pragma once

#include "canvas.h"
#include "ladder_words.h"

/* Columns; what ends somewhere ends before the column named. */
struct ladder_columns {
	bool narrow;  /* times and durations have no column: they stand on rows of their own */
	int time_end; /* narrow: of the left gutter, as left_end */
	int gutter;   /* columns of a state */
	int left_end; /* of its gutter */
	int left_life;
	int first, last; /* of an arrow, both included */
	int middle;      /* of them */
	int right_life;
	int right_gutter;
};

static inline size_t ladder_span(const struct ladder_columns *at)
{
	return (size_t)(at->last - at->first + 1);
}

/* A head, a blank and some line stand at each side of a text in an arrow. */
static inline size_t ladder_label_room(const struct ladder_columns *at)
{
	return ladder_span(at) > 6 ? ladder_span(at) - 6 : 0;
}

struct drawing {
	const struct ladder *ladder;
	struct ladder_plan plan;
	struct ladder_columns at;
	struct canvas_style style;
	struct canvas_row row;
	struct buf b;
	struct ladder_state now[LADDER_SIDES]; /* what each end is in; its name is NULL before the first */
	struct label below[LADDER_SIDES];      /* what had no room beside a lifeline, for the next row */
	struct ladder_times times;
	bool aired; /* the last row stands for the empty one before the next step */
};

enum align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };

void rows_init(struct drawing *d, const struct ladder *ladder);
void rows_begin(struct drawing *d);
void rows_end(struct drawing *d);

/* In the row that has begun: */
void rows_put_text(struct drawing *d, enum align align, const char *text, size_t len);
void rows_enter(struct drawing *d, int side, const struct ladder_state *state); /* from here on that end is in the state */
void rows_time(struct drawing *d, int side, const struct ladder_step *step);    /* when it left or reached that end */

/* Rows of their own: a text, in as many as it needs; the time of a step. */
void rows_text(struct drawing *d, enum align align, const char *text, size_t len);
void rows_time_alone(struct drawing *d, int side, const struct ladder_step *step);

/* The time of a step in the row that follows, or in a row before it if times have no column. */
void rows_step_time(struct drawing *d, const struct ladder_step *step);
void rows_step_time_above(struct drawing *d, const struct ladder_step *step);
