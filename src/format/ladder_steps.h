/* SPDX-License-Identifier: GPL-2.0-only */
/* What a ladder is made of: the record of one end or both, and the steps from top to bottom before they are drawn. */
#pragma once

#include "src/core/record_types.h"

#define LADDER_BOOT_LEN 8
#define LADDER_REASON_MAX 64

/* The record of one end of a connection, with all that stands around it. */
struct ladder_end {
	struct conn_record rec;
	int64_t start_us;                         /* time of day of rec.start_ns, in us since 1970 */
	uint64_t ts;                              /* the record's own, in the clock of pairs_tick() */
	char boot[LADDER_BOOT_LEN + 1];           /* first hex digits of the boot id */
	char reset_reason[LADDER_REASON_MAX + 1]; /* the kernel's name of it; "": not known */
	bool selected;
	uint64_t age_us; /* in its last state, CLOSE_WAIT, whose begin was not seen: by the kernel's stamps; 0: not known */
	bool age_is_lower_bound;
	bool of_alert; /* all that is known is an alert of a leak, which does not say what was before CLOSE_WAIT */
};

/* How far its record goes, as the time of day. */
static inline int64_t ladder_end_us(const struct ladder_end *end)
{
	return end->start_us + (int64_t)((end->rec.end_ns - end->rec.start_ns) / 1000);
}

/* What the times in a picture are. */
enum ladder_clock {
	LADDER_RELATIVE, /* since the connection's begin */
	LADDER_WALL,     /* of day, in UTC */
	LADDER_DELTA,    /* since the time above it in the column of times */
	LADDER_CLOCKS
};
const char *ladder_clock_name(unsigned int clock);

#define LADDER_WIDTH 80
#define LADDER_WIDTH_MIN 40
#define LADDER_WIDTH_MAX 200

struct ladder {
	const struct ladder_end *left,
		*right; /* right: the other end of the same connection; NULL: not on this host, or not seen */
	enum ladder_clock clock;
	unsigned int width; /* columns of text, from LADDER_WIDTH_MIN to LADDER_WIDTH_MAX; 0: LADDER_WIDTH */
	bool ascii;
	bool colour;
};

static inline unsigned int ladder_width(const struct ladder *ladder)
{
	return ladder->width ? ladder->width : LADDER_WIDTH;
}

enum { LADDER_LEFT, LADDER_RIGHT, LADDER_SIDES };

/* The state that one end enters at a step. */
struct ladder_state {
	const char *name; /* NULL: none */
	uint64_t us;
	bool us_known;
	bool at_least; /* us is a lower bound */
	bool goes_on;  /* it has not ended, as far as is known */
	bool inferred;
};

enum ladder_kind {
	LADDER_SEGMENT,
	LADDER_MOMENT, /* a state that began without a segment, or what is said between the lifelines */
	LADDER_DATA,   /* payload: when which byte went is not known */
};

struct ladder_step {
	enum ladder_kind kind;
	struct conn_segment seg; /* SEGMENT: as its sender knows it, if that is on this host; dir is the left end's */
	bool crosses;            /* SEGMENT: and the next one cross on the way */
	bool lost;               /* SEGMENT: nothing says that it arrived */
	bool seen[LADDER_SIDES]; /* SEGMENT: by the record of that end */
	const char *note;        /* MOMENT, DATA; NULL: none */
	uint64_t bytes[2];       /* DATA: by enum conn_dir of the left end */
	struct ladder_state state[LADDER_SIDES];
	bool at_known[LADDER_SIDES];
	int64_t at_us[LADDER_SIDES]; /* of day: when it left or reached that end */
	bool last_known;             /* SEGMENT, sent more than once: */
	int64_t last_us;             /* when the last one left */
};

#define LADDER_STEPS_MAX (4 * CONN_SEGMENTS_MAX + 2 * (CONN_TIMELINE_MAX + 1) + 4)

struct ladder_plan {
	struct ladder_step steps[LADDER_STEPS_MAX];
	unsigned int len;
	int64_t begin_us; /* of day: what times in the picture count from */
};

/* Room for a step before steps[at]; NULL if there is none. */
struct ladder_step *ladder_insert(struct ladder_plan *plan, unsigned int at, enum ladder_kind kind);

bool ladder_is_reset(const struct conn_segment *seg);

/* What a state is in the life of a connection: pictures show it by a colour. */
enum ladder_phase {
	LADDER_NONE, /* CLOSE, LISTEN, or no state */
	LADDER_OPENING,
	LADDER_OPEN,
	LADDER_WAITING, /* CLOSE_WAIT: for the program */
	LADDER_CLOSING,
	LADDER_PHASES
};
enum ladder_phase ladder_phase(const struct ladder_state *state);

/* When a segment left, or else when it reached the left end; of another step: of the left end, or else of the right one. */
bool ladder_time_of(const struct ladder_step *step, int64_t *ret_us);

/* What stands above and below a ladder: who the two ends are, how the connection went, what the lines mean. ladder_head.c. */
struct buf;
void ladder_head(const struct ladder *ladder, struct buf *b);
void ladder_foot(const struct ladder *ladder, struct buf *b);

/* The whole: ladder_plan.c. And its parts: the segments of both ends, into an empty plan; the states that they imply. */
void ladder_plan(const struct ladder *ladder, struct ladder_plan *ret_plan);
void ladder_merge(const struct ladder *ladder, struct ladder_plan *plan);
void ladder_repeat(struct ladder_plan *plan);                             /* what was sent again, at its own time */
void ladder_imply(const struct ladder *ladder, struct ladder_plan *plan); /* of a right end that has no record */
