// SPDX-License-Identifier: GPL-2.0-only
#include "segment_list.h"

#include "seq.h"

struct conn_segment *segments_add(struct segment_list *s, enum conn_dir dir, enum conn_flags flags, enum conn_proof proof)
{
	struct conn_record *rec = s->rec;
	struct conn_segment *seg = &s->spill;

	if (rec->segments_len < CONN_SEGMENTS_MAX)
		seg = &rec->segments[rec->segments_len++];
	*seg = (struct conn_segment){.n = 1, .dir = dir, .flags = flags, .proof = proof};
	return seg;
}

void segments_set_seq(const struct segment_list *s, struct conn_segment *seg, uint32_t seq)
{
	const struct conn_record *rec = s->rec;
	bool out = seg->dir == CONN_OUT;

	if (out ? rec->isn_local_known : rec->isn_peer_known)
		set_seq(seg, seq_distance(out ? rec->isn_local : rec->isn_peer, seq));
}

void segments_set_ack(const struct segment_list *s, struct conn_segment *seg, uint32_t ack)
{
	const struct conn_record *rec = s->rec;
	bool out = seg->dir == CONN_OUT;

	if (out ? rec->isn_peer_known : rec->isn_local_known)
		set_ack(seg, seq_distance(out ? rec->isn_peer : rec->isn_local, ack));
}

const struct conn_span *segments_stay(const struct segment_list *s, unsigned int state)
{
	for (unsigned int i = 0; i < s->rec->timeline_len; i++) {
		const struct conn_span *span = &s->rec->timeline[i];
		if (span->state == state && span->ev == CONN_EV_EVENT)
			return span;
	}
	return NULL;
}

void segments_enters(const struct segment_list *s, struct conn_segment *seg, unsigned int state)
{
	const struct conn_span *span = segments_stay(s, state);

	if (span)
		set_at(seg, span->at_us);
}

const struct conn_segment *segments_find(const struct conn_record *rec, enum conn_dir dir, enum conn_flags flags)
{
	for (unsigned int i = 0; i < rec->segments_len; i++) {
		if (rec->segments[i].dir == dir && rec->segments[i].flags == flags)
			return &rec->segments[i];
	}
	return NULL;
}
