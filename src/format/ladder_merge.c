// SPDX-License-Identifier: GPL-2.0-only
/*
 * The segments of a ladder in the order of the wire. One that both ends have is one step; two that were each sent before the
 * other arrived cross. Both ends' clocks are one: times are compared as they are.
 */
#include "ladder_steps.h"

#include <string.h>

#define BIT(n) (1u << (n))

struct merge {
	const struct ladder_end *end[LADDER_SIDES]; /* the right one may be NULL */
	int match[LADDER_SIDES][CONN_SEGMENTS_MAX]; /* index at the other end, -1: only this end has it */
	bool done[LADDER_SIDES][CONN_SEGMENTS_MAX];
	struct ladder_plan *plan;
};

static bool may_equal(bool a_known, uint32_t a, bool b_known, uint32_t b)
{
	return !a_known || !b_known || a == b;
}

/* A reset that came has no ACK in the record. */
static bool same_segment(const struct conn_segment *a, const struct conn_segment *b)
{
	if (a->dir == b->dir || !may_equal(a->seq_known, a->seq, b->seq_known, b->seq) ||
	    !may_equal(a->ack_known, a->ack, b->ack_known, b->ack))
		return false;
	return a->flags == b->flags || (ladder_is_reset(a) && ladder_is_reset(b));
}

static void find_matches(struct merge *m)
{
	const struct conn_record *left = &m->end[LADDER_LEFT]->rec;
	const struct conn_record *right = m->end[LADDER_RIGHT] ? &m->end[LADDER_RIGHT]->rec : NULL;

	memset(m->match, -1, sizeof(m->match));
	for (unsigned int i = 0; i < left->segments_len; i++) {
		for (unsigned int k = 0; right && k < right->segments_len; k++) {
			if (m->match[LADDER_RIGHT][k] >= 0 || !same_segment(&left->segments[i], &right->segments[k]))
				continue;
			m->match[LADDER_LEFT][i] = (int)k;
			m->match[LADDER_RIGHT][k] = (int)i;
			break;
		}
	}
}

static void see(struct ladder_step *step, int side, const struct ladder_end *end, const struct conn_segment *seg)
{
	step->seen[side] = true;
	step->at_known[side] = seg->at_known;
	step->at_us[side] = end->start_us + (int64_t)seg->at_us;
}

/* What the sender knows, and what the other end knows better. */
static void join(struct conn_segment *seg, const struct conn_segment *other)
{
	if (other->proof < seg->proof)
		seg->proof = other->proof;
	if (!seg->seq_known) {
		seg->seq_known = other->seq_known;
		seg->seq = other->seq;
	}
	if (!seg->ack_known) {
		seg->ack_known = other->ack_known;
		seg->ack = other->ack;
	}
}

/* The segment `i` of one end, together with what the other end knows of it. */
static struct ladder_step *take(struct merge *m, int side, unsigned int i)
{
	const struct conn_segment *seg = &m->end[side]->rec.segments[i], *other = NULL;
	struct ladder_step *step = ladder_insert(m->plan, m->plan->len, LADDER_SEGMENT);
	int k = m->match[side][i];

	m->done[side][i] = true;
	if (!step)
		return NULL;
	see(step, side, m->end[side], seg);
	if (k >= 0) {
		other = &m->end[!side]->rec.segments[k];
		m->done[!side][k] = true;
		see(step, !side, m->end[!side], other);
	}
	step->seg = other && seg->dir == CONN_IN ? *other : *seg;
	step->last_known = step->seg.last_known;
	step->last_us = m->end[seg->dir == CONN_IN && other ? !side : side]->start_us + (int64_t)step->seg.at_us_last;
	if (other)
		join(&step->seg, seg->dir == CONN_IN ? seg : other);
	step->seg.dir = (seg->dir == CONN_OUT) == (side == LADDER_LEFT) ? CONN_OUT : CONN_IN;
	return step;
}

static bool right_is_earlier(const struct merge *m, unsigned int i, unsigned int k)
{
	const struct conn_segment *left = &m->end[LADDER_LEFT]->rec.segments[i];
	const struct conn_segment *right = &m->end[LADDER_RIGHT]->rec.segments[k];

	return left->at_known && right->at_known &&
	       m->end[LADDER_RIGHT]->start_us + (int64_t)right->at_us < m->end[LADDER_LEFT]->start_us + (int64_t)left->at_us;
}

/* Next is the segment `i` of the left end and `k` of the right one. */
static void take_next(struct merge *m, unsigned int i, unsigned int k)
{
	const struct conn_segment *left = &m->end[LADDER_LEFT]->rec.segments[i];
	const struct conn_segment *right = &m->end[LADDER_RIGHT]->rec.segments[k];
	bool left_alone = m->match[LADDER_LEFT][i] < 0, right_alone = m->match[LADDER_RIGHT][k] < 0;
	struct ladder_step *step;

	if (right_alone && (!left_alone || right_is_earlier(m, i, k))) {
		take(m, LADDER_RIGHT, k);
		return;
	}
	step = take(m, LADDER_LEFT, i);
	if (!step || left_alone || m->done[LADDER_RIGHT][k])
		return;
	/* Each left before the other came. */
	if (left->dir == CONN_OUT && right->dir == CONN_OUT && take(m, LADDER_RIGHT, k))
		step->crosses = true;
}

static void merge_segments(struct merge *m)
{
	const struct conn_record *left = &m->end[LADDER_LEFT]->rec;
	const struct conn_record *right = m->end[LADDER_RIGHT] ? &m->end[LADDER_RIGHT]->rec : NULL;
	unsigned int i = 0, k = 0, right_len = right ? right->segments_len : 0;

	find_matches(m);
	while (i < left->segments_len || k < right_len) {
		if (i < left->segments_len && m->done[LADDER_LEFT][i])
			i++;
		else if (k < right_len && m->done[LADDER_RIGHT][k])
			k++;
		else if (k == right_len)
			take(m, LADDER_LEFT, i);
		else if (i == left->segments_len)
			take(m, LADDER_RIGHT, k);
		else
			take_next(m, i, k);
	}
}

/* One end alone knows that two crossed from what they do not acknowledge. */
static bool crossed(const struct ladder_step *a, const struct ladder_step *b, bool before)
{
	if (a->seg.dir != CONN_OUT || b->seg.dir != CONN_IN || a->seg.flags != b->seg.flags)
		return false;
	switch (a->seg.flags) {
	case CONN_FLAGS_SYN:
		return true;
	case CONN_FLAGS_SYN_ACK:
	case CONN_FLAGS_ACK:
		return before;
	case CONN_FLAGS_FIN_ACK:
		return a->seg.seq_known && b->seg.ack_known && b->seg.ack <= a->seg.seq;
	default:
		return false;
	}
}

static void find_crossed(struct ladder_plan *plan)
{
	bool before = false;

	for (unsigned int i = 0; i + 1 < plan->len; i++) {
		struct ladder_step *step = &plan->steps[i];
		bool now = crossed(step, step + 1, before);
		step->crosses = now;
		before = now;
		i += now;
	}
}

/* The ACK of a FIN, after which nothing may come: that nothing came says nothing. */
static bool acks_fin(const struct ladder_plan *plan, unsigned int i)
{
	bool fin = false;

	for (unsigned int k = 0; k < i; k++)
		fin |= plan->steps[k].seg.flags == CONN_FLAGS_FIN_ACK && plan->steps[k].seg.dir != plan->steps[i].seg.dir;
	return fin && plan->steps[i].seg.flags == CONN_FLAGS_ACK;
}

/* Neither end sends payload before it has the other's handshake. */
static bool opens(const struct ladder_step *step)
{
	return BIT(step->seg.flags) & (BIT(CONN_FLAGS_SYN) | BIT(CONN_FLAGS_SYN_ACK));
}

/* What asks for an answer and gets none, or is the last. What crosses it is no answer. */
static void find_lost(struct ladder_plan *plan, bool has_payload)
{
	for (unsigned int i = 0; i < plan->len; i++) {
		struct ladder_step *step = &plan->steps[i];
		bool asks = step->seg.flags == CONN_FLAGS_FIN_ACK || (opens(step) && !has_payload);
		step->lost = (asks || acks_fin(plan, i)) && !step->seen[step->seg.dir == CONN_OUT ? LADDER_RIGHT : LADDER_LEFT];
		for (unsigned int k = i + 1 + step->crosses; k < plan->len; k++)
			step->lost &= plan->steps[k].seg.dir == step->seg.dir;
	}
}

void ladder_merge(const struct ladder *ladder, struct ladder_plan *plan)
{
	struct merge m = {.end = {ladder->left, ladder->right}, .plan = plan};

	merge_segments(&m);
	if (!ladder->right)
		find_crossed(plan);
	find_lost(plan, ladder->left->rec.payload_acked || ladder->left->rec.payload_received);
	ladder_repeat(plan);
}
