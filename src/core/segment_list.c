// SPDX-License-Identifier: GPL-2.0-only
#include "segment_list.h"

#include "seq.h"

struct conn_segment *segments_add(struct segment_list *s, enum conn_dir dir, enum conn_flags flags, enum conn_proof proof)
{
	struct conn_record *rec = s->rec;
	struct conn_segment *seg = &s->spill;

	if (rec->segments_len < CONN_SEGMENTS_MAX) {
		seg = &rec->segments[rec->segments_len++];
		if (!rec->first_of[dir][flags])
			rec->first_of[dir][flags] = (uint8_t)rec->segments_len;
	}
	*seg = (struct conn_segment){.n = 1, .dir = dir, .flags = flags, .proof = proof};
	return seg;
}

/* The number behind the last payload of one side. */
static uint32_t end_of(const struct segment_list *s, bool local)
{
	return local ? s->last->write_seq - !!segments_has(s, CONN_FIN_LOCAL)
		     : s->last->rcv_nxt - !!segments_has(s, CONN_FIN_PEER);
}

/* The whole offset of an absolute number that counts what one side sent. */
static bool offset(const struct segment_list *s, bool local, uint32_t absolute, bool early, uint64_t *ret)
{
	const struct segment_side *side = &s->sides[local];
	uint64_t number = side->counted + (uint64_t)(int64_t)(int32_t)(absolute - side->at);

	if (!side->known)
		return false;
	*ret = number >> 63 ? seq_distance(side->isn, absolute) : number;
	return !early || *ret <= UINT32_MAX || (s->last && absolute == end_of(s, local)); /* else other turns fit, too */
}

static void put_seq(const struct segment_list *s, struct conn_segment *seg, uint32_t seq, bool early)
{
	uint64_t number;

	if (offset(s, seg->dir == CONN_OUT, seq, early, &number))
		set_seq(seg, number);
}

static void put_ack(const struct segment_list *s, struct conn_segment *seg, uint32_t ack, bool early)
{
	uint64_t number;

	if (offset(s, seg->dir != CONN_OUT, ack, early, &number))
		set_ack(seg, number);
}

void segments_set_seq(const struct segment_list *s, struct conn_segment *seg, uint32_t seq)
{
	put_seq(s, seg, seq, false);
}

void segments_set_ack(const struct segment_list *s, struct conn_segment *seg, uint32_t ack)
{
	put_ack(s, seg, ack, false);
}

void segments_set_early_seq(const struct segment_list *s, struct conn_segment *seg, uint32_t seq)
{
	put_seq(s, seg, seq, true);
}

void segments_set_early_ack(const struct segment_list *s, struct conn_segment *seg, uint32_t ack)
{
	put_ack(s, seg, ack, true);
}

void segments_enters(const struct segment_list *s, struct conn_segment *seg, unsigned int state)
{
	const struct conn_span *span = segments_stay(s, state);

	if (span)
		set_at(seg, span->at_us);
}
