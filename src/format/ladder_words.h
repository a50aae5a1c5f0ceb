/* SPDX-License-Identifier: GPL-2.0-only */
/* What a ladder says, in any form: who the ends are, how the connection went, segments, durations, times. */
#pragma once

#include "ladder_steps.h"
#include "put.h"

/* One text at each edge; the right one may be empty. */
struct ladder_line {
	struct label left, right;
};

#define LADDER_LINES_MAX 12 /* 5 above; below, 5 of each end */
struct ladder_lines {
	unsigned int len;
	struct ladder_line lines[LADDER_LINES_MAX];
};

/* Above it: the ends, their addresses, their ids; then its times; then its end, if it has ended. */
void ladder_head_lines(const struct ladder *ladder, struct ladder_lines *ret);
/* Below it: what is to be noticed. */
void ladder_note_lines(const struct ladder *ladder, struct ladder_lines *ret);

/* "client", "server", or "left end", "right end". */
const char *ladder_end_word(const struct ladder *ladder, bool left);

/* One end is over and the other is not: *ret_left says whether that one is the left. */
bool ladder_open_alone(const struct ladder *ladder, bool *ret_left);

/* That it is still open, or which end is. */
const char *ladder_open_note(const struct ladder *ladder);

/* How long the state lasted, or that it goes on; or nothing. */
void ladder_put_duration(struct buf *b, const struct ladder_state *state);

/* Flags, numbers, and how often it was sent: `times` stands before that number. */
void ladder_put_segment(struct buf *b, const struct conn_segment *seg, const char *times);

/* How a time is written: 850us, 12.3ms, 123ms, 1.2s, 3m04s, 2h10m. */
enum ladder_scale {
	LADDER_IN_US,
	LADDER_IN_TENTHS_OF_MS,
	LADDER_IN_MS,
	LADDER_IN_S,
	LADDER_IN_MINUTES,
	LADDER_IN_HOURS,
	LADDER_SCALES
};

struct ladder_times {
	enum ladder_clock clock;
	int64_t begin_us;
	uint8_t more[LADDER_SCALES]; /* digits, so that no two times of the picture read alike; LADDER_RELATIVE */
	int64_t before_us;           /* the time above, for LADDER_DELTA */
	bool before_known;
};

void ladder_times_init(struct ladder_times *times, const struct ladder *ladder, const struct ladder_plan *plan);
void ladder_put_time(struct buf *b, const struct ladder_times *times, int64_t at_us);
/* Columns of the widest at the left; LADDER_RELATIVE. */
unsigned int ladder_times_columns(const struct ladder_times *times, const struct ladder_plan *plan);

void ladder_times_advance(struct ladder_times *times, int64_t at_us); /* this one is the time above now */
