/* SPDX-License-Identifier: GPL-2.0-only */
/* What a connection's segments are found from, and how one is added. For segments.c and its parts. */
#pragma once

#include "state.h"

/* What one side sent. */
struct segment_side {
	bool known;       /* its initial number */
	uint32_t isn, at; /* `at`: the number behind what is counted */
	uint64_t counted; /* without counters 0: the connection is taken for one of less than 4 GiB */
};

struct segment_list {
	const struct conn *c;
	const struct conn_numbers *last; /* at the end, or NULL: segments_fill() */
	bool closed;                     /* `last` is a ->CLOSE */
	uint64_t end_us;                 /* of the socket: TIME_WAIT's begin, if there was one */
	uint64_t over_us;                /* of all */
	uint64_t last_us;                /* begin of the last state */
	struct segment_side sides[2];    /* the peer's, ours */
	uint8_t stays[WIRE_STATE_MAX];   /* the first span of a state, from 1 on, whose begin was seen; 0: none is */
	struct conn_record *rec;
	struct conn_segment spill; /* what no longer fits into *rec */
};

static inline bool segments_has(const struct segment_list *s, uint32_t fact)
{
	return s->c->facts & fact;
}

static inline bool segments_proven(const struct segment_list *s, uint32_t what)
{
	return s->c->proofs & what;
}

/* The next segment, once, without numbers or time. */
struct conn_segment *segments_add(struct segment_list *s, enum conn_dir dir, enum conn_flags flags, enum conn_proof proof);

/*
 * Give it a relative number, of an absolute one, where the first one is known. One of the end lies within a window of what the
 * byte counters say. An early one may lie any number of turns of the sequence space before the end: then it stays unknown.
 */
void segments_set_seq(const struct segment_list *s, struct conn_segment *seg, uint32_t seq);
void segments_set_ack(const struct segment_list *s, struct conn_segment *seg, uint32_t ack);
void segments_set_early_seq(const struct segment_list *s, struct conn_segment *seg, uint32_t seq);
void segments_set_early_ack(const struct segment_list *s, struct conn_segment *seg, uint32_t ack);

/* The stay in a state whose begin was seen, or NULL. */
static inline const struct conn_span *segments_stay(const struct segment_list *s, unsigned int state)
{
	uint8_t place = s->stays[state];

	return place ? &s->rec->timeline[place - 1] : NULL;
}

/* Gives it the time at which the state began, if that was seen. */
void segments_enters(const struct segment_list *s, struct conn_segment *seg, unsigned int state);

static inline void set_seq(struct conn_segment *seg, uint64_t seq)
{
	seg->seq = seq;
	seg->seq_known = true;
}

static inline void set_ack(struct conn_segment *seg, uint64_t ack)
{
	seg->ack = ack;
	seg->ack_known = true;
}

static inline void set_at(struct conn_segment *seg, uint64_t at_us)
{
	seg->at_us = at_us;
	seg->at_known = true;
}

/* The first of a kind in a record, or NULL. */
static inline const struct conn_segment *segments_find(const struct conn_record *rec, enum conn_dir dir, enum conn_flags flags)
{
	uint8_t place = rec->first_of[dir][flags];

	return place ? &rec->segments[place - 1] : NULL;
}

/* The parts of a connection's segments, in their order. */
void segments_open_active(struct segment_list *s);  /* segments_open.c: the handshake */
void segments_open_passive(struct segment_list *s); /* likewise */
void segments_close(struct segment_list *s);        /* segments_close.c: FINs and their ACKs */
void segments_reset(struct segment_list *s);        /* segments_reset.c: resets, and what they end */
