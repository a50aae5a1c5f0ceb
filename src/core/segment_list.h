/* SPDX-License-Identifier: GPL-2.0-only */
/* What segments.c tells a connection's segments from, and how one is written down. */
#ifndef CORE_SEGMENT_LIST_H
#define CORE_SEGMENT_LIST_H

#include "entry.h"

struct story {
	const struct conn *c;
	const struct wire_state *last; /* the numbers at the end, or NULL: segments_fill() */
	bool closed;                   /* `last` is a ->CLOSE */
	uint64_t end_us;               /* of the socket: TIME_WAIT's begin, if there was one */
	uint64_t over_us;              /* of all */
	uint64_t last_us;              /* begin of the last state */
	struct conn_record *rec;
	struct conn_segment spill; /* what no longer fits into *rec */
};

static inline bool segments_has(const struct story *s, uint32_t fact)
{
	return s->c->facts & fact;
}

/* The next segment, once, without numbers or time. */
struct conn_segment *segments_add(struct story *s, enum conn_dir dir, enum conn_flags flags, enum conn_proof proof);

/* Gives it relative numbers, of absolute ones that are known, where the first ones are. */
void segments_place(const struct story *s, struct conn_segment *seg, bool seq_known, uint32_t seq, bool ack_known,
		    uint32_t ack);

/* The stay in a state whose begin was seen, or NULL. */
const struct conn_span *segments_stay(const struct story *s, unsigned int state);

/* Gives it the time at which the state began, if that was seen. */
void segments_enters(const struct story *s, struct conn_segment *seg, unsigned int state);

static inline void set_seq(struct conn_segment *seg, uint32_t seq)
{
	seg->seq = seq;
	seg->seq_known = true;
}

static inline void set_ack(struct conn_segment *seg, uint32_t ack)
{
	seg->ack = ack;
	seg->ack_known = true;
}

static inline void set_at(struct conn_segment *seg, uint64_t at_us)
{
	seg->at_us = at_us;
	seg->at_known = true;
}

/* The chapters, in their order. */

void story_open_active(struct story *s);  /* story_open.c */
void story_open_passive(struct story *s); /* likewise */
void story_close(struct story *s);        /* story_close.c: FINs and their ACKs */
void story_reset(struct story *s);        /* story_reset.c */

#endif
