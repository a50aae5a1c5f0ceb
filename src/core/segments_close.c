// SPDX-License-Identifier: GPL-2.0-only
/* FINs and their ACKs. A FIN, once queued, is the last number of write_seq; one that came is the last of rcv_nxt. */
#include "segment_list.h"
#include "seq.h"

/*
 * If the counts of segments do not show whether the ACK of our FIN and the peer's FIN came together: transitions this far apart
 * are of two segments. This is an inference, since a backlog may be long.
 */
#define SEPARATE_FIN_US 500

static enum conn_proof fin_proof(const struct segment_list *s)
{
	if (s->c->retrans_fin)
		return CONN_PROOF_EVENT;
	return segments_has(s, CONN_FIN_SENT) ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED;
}

/* A FIN whose leaving is not known at all: as it was queued. */
static void time_own_fin(const struct segment_list *s, struct conn_segment *seg)
{
	if (segments_proven(s, CONN_PROVEN_OUT_AT))
		set_at(seg, conn_fin_us(s->c));
	else if (seg->proof == CONN_PROOF_INFERRED && !segments_has(s, CONN_FIN_DELAYED))
		segments_enters(s, seg, segments_has(s, CONN_PEER_FIRST) ? WIRE_LAST_ACK : WIRE_FIN_WAIT1);
}

static void add_own_fin(struct segment_list *s)
{
	bool second = segments_has(s, CONN_PEER_FIRST | CONN_FIN_AFTER);
	struct conn_segment *seg;

	if (!segments_has(s, CONN_FIN_LOCAL) || (s->closed && !segments_has(s, CONN_FIN_SENT) && !s->c->retrans_fin))
		return; /* there is none, or it never left */
	seg = segments_add(s, CONN_OUT, CONN_FLAGS_FIN_ACK, fin_proof(s));
	seg->n = 1 + s->c->retrans_fin;
	time_own_fin(s, seg);
	if (s->last)
		segments_set_seq(s, seg, s->last->write_seq - 1);
	if (second && s->last)
		segments_set_ack(s, seg, s->last->rcv_nxt);
	else if (!second && segments_proven(s, CONN_PROVEN_OUT_AT))
		segments_set_early_ack(s, seg, s->c->first_ack);
}

/* How much less than all the peer's second FIN acknowledges. */
static uint32_t fin_behind(const struct segment_list *s)
{
	return segments_has(s, CONN_MINISOCK) ? s->c->mini.fin_behind : s->c->live.fin_behind;
}

/*
 * The peer's second FIN acknowledges all if the ACK of ours stands before it in the peer's own order: then the peer had our FIN
 * before it sent its own. Else the FIN itself says it, while the kernel has it.
 */
static void ack_by_second_fin(const struct segment_list *s, struct conn_segment *seg)
{
	if (segments_proven(s, CONN_PROVEN_FIN_ACK))
		segments_set_ack(s, seg, s->last->snd_una - fin_behind(s));
	else if (segments_has(s, CONN_FIN_JOINED) || /* it is that ACK */
		 (segments_proven(s, CONN_PROVEN_ACK_SEQ) && !seq_after(conn_ack_seq(s->c), s->last->rcv_nxt - 1)))
		segments_set_ack(s, seg, s->last->snd_una);
}

/* The time is that of its transition: of a FIN that is proven, if it did not wait for another segment. */
static void add_peer_fin(struct segment_list *s)
{
	unsigned int state = segments_has(s, CONN_PEER_FIRST) ? WIRE_CLOSE_WAIT : WIRE_CLOSING;
	bool at_close = s->closed && s->last->state == WIRE_FIN_WAIT2;
	bool seen = segments_stay(s, state), timed;
	struct conn_segment *seg;

	if (!segments_has(s, CONN_FIN_PEER))
		return;
	if (at_close) /* without hooks for minisockets a FIN that came to one is inferred from a later scan */
		seen = (s->last->sk_flags & WIRE_SK_DONE) || s->rec->time_wait.ev == CONN_EV_EVENT;
	seg = segments_add(s, CONN_IN, CONN_FLAGS_FIN_ACK, seen ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	if (s->last)
		segments_set_seq(s, seg, s->last->rcv_nxt - 1);
	timed = seg->proof == CONN_PROOF_INFERRED || segments_proven(s, CONN_PROVEN_FIN_AT);
	if (at_close) {
		if (timed || !(s->last->sk_flags & WIRE_SK_DONE)) /* a minisocket takes it in order, or not at all */
			set_at(seg, s->end_us);
		ack_by_second_fin(s, seg);
		return;
	}
	if (timed)
		segments_enters(s, seg, state);
	if (!segments_stay(s, state) || !segments_proven(s, CONN_PROVEN_FIN_ACK))
		return;
	if (state == WIRE_CLOSING)
		segments_set_ack(s, seg, s->c->mark_seq);
	else
		segments_set_early_ack(s, seg, s->c->first_ack);
}

/* The ACK of the peer's FIN, if it had a segment of its own. It may be delayed: likely it left as the FIN came. */
static void add_ack_of_first(struct segment_list *s)
{
	const struct conn_record *rec = s->rec;
	bool alone = segments_proven(s, CONN_PROVEN_ACK_ALONE);
	bool none = rec->stats_known && rec->stats.segs_out == s->c->mark_segs;
	struct conn_segment *seg;

	if (!segments_stay(s, WIRE_CLOSE_WAIT) || segments_has(s, CONN_FIN_JOINED) ||
	    segments_proven(s, CONN_PROVEN_ACK_NONE) ||
	    (!alone && !segments_has(s, CONN_FIN_APART) && (segments_has(s, CONN_FIN_LOCAL) || none)))
		return;
	seg = segments_add(s, CONN_OUT, CONN_FLAGS_ACK, alone ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	if (segments_proven(s, CONN_PROVEN_ACK_AT))
		set_at(seg, s->c->live.ack_us);
	else if (!alone)
		segments_enters(s, seg, WIRE_CLOSE_WAIT);
	if (!s->last)
		return;
	segments_set_ack(s, seg, s->last->rcv_nxt);
	if (s->last->write_seq - segments_has(s, CONN_FIN_LOCAL) == s->c->mark_seq) /* no data since */
		segments_set_seq(s, seg, s->c->mark_seq);
}

/* Data for a closed socket ended FIN_WAIT2: a reset of ours follows the close (tcp_rcv_state_process()). */
static bool ended_by_data(const struct segment_list *s)
{
	return s->closed && s->last->state == WIRE_FIN_WAIT2 && s->rec->end == CONN_END_RST_SENT &&
	       !segments_has(s, CONN_RST_ACTIVE | CONN_FIN_PEER);
}

/*
 * A FIN that waited for data may have brought the ACK of ours as it came, unless it acknowledges less, or that ACK stands
 * behind it. A minisocket takes none that has to wait.
 */
static bool late_fin_acks(const struct segment_list *s)
{
	if (!s->closed || !(s->last->sk_flags & WIRE_SK_DONE) || !segments_proven(s, CONN_PROVEN_ACK_SEQ) ||
	    segments_proven(s, CONN_PROVEN_FIN_AT))
		return false;
	return !seq_after(conn_ack_seq(s->c), s->last->rcv_nxt - 1) &&
	       !(segments_proven(s, CONN_PROVEN_FIN_ACK) && fin_behind(s));
}

/* The ACK of our FIN while the peer's is still to come, or what else came with that ACK. */
static void add_ack_of_ours(struct segment_list *s)
{
	const struct conn_span *waits = segments_stay(s, WIRE_FIN_WAIT2);
	bool apart = segments_has(s, CONN_FIN_APART) || !segments_has(s, CONN_FIN_PEER);
	struct conn_segment *seg;

	if (!waits || !segments_has(s, CONN_FIN_ACKED) || segments_has(s, CONN_FIN_JOINED))
		return;
	if (ended_by_data(s) && s->rec->stats_known && s->rec->stats.segs_in == s->c->mark_segs) {
		if (!segments_has(s, CONN_MARK_BACKLOG))
			return; /* it came with that data */
		apart = false;
	}
	if (late_fin_acks(s))
		apart = false;
	if (!apart && !segments_has(s, CONN_FIN_APART) && !(waits->us_known && waits->us >= SEPARATE_FIN_US))
		return;
	seg = segments_add(s, CONN_IN, CONN_FLAGS_ACK, apart ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	set_at(seg, waits->at_us);
	if (!s->last)
		return;
	segments_set_ack(s, seg, s->last->write_seq);
	if (segments_proven(s, CONN_PROVEN_ACK_SEQ))
		segments_set_early_seq(s, seg, conn_ack_seq(s->c));
}

/* What ends an exchange of FINs: the ACK of the second one, or of both if they crossed. */

static void add_last_ack_out(struct segment_list *s)
{
	bool crossed = segments_has(s, CONN_FIN_CROSSED);
	struct conn_segment *seg;

	if (!segments_has(s, CONN_FIN_PEER) || (!crossed && !(s->closed && s->last->state == WIRE_FIN_WAIT2)))
		return;
	seg = segments_add(s, CONN_OUT, CONN_FLAGS_ACK, CONN_PROOF_INFERRED);
	if (crossed)
		segments_enters(s, seg, WIRE_CLOSING);
	else
		set_at(seg, s->end_us);
	if (!s->last)
		return;
	segments_set_ack(s, seg, s->last->rcv_nxt);
	if (!segments_has(s, CONN_FIN_AFTER))
		segments_set_seq(s, seg, s->last->write_seq);
}

/* Behind the peer's FIN an ACK alone has the next number: one with an older number is that FIN again, or data. */
static void add_last_ack_in(struct segment_list *s)
{
	bool known = segments_proven(s, CONN_PROVEN_ACK_SEQ), behind;
	struct conn_segment *seg;

	if (!s->closed || !segments_has(s, CONN_FIN_ACKED) || s->last->state == WIRE_FIN_WAIT2)
		return;
	if (segments_has(s, CONN_PEER_FIRST))
		behind = !known || conn_ack_seq(s->c) == s->last->rcv_nxt;
	else
		behind = known; /* proofs.c has compared them */
	seg = segments_add(s, CONN_IN, CONN_FLAGS_ACK, behind ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	set_at(seg, s->end_us);
	segments_set_ack(s, seg, s->last->write_seq);
	if (known && behind)
		segments_set_seq(s, seg, s->last->rcv_nxt);
}

void segments_close(struct segment_list *s)
{
	if (segments_has(s, CONN_PEER_FIRST)) {
		add_peer_fin(s);
		add_ack_of_first(s);
		add_own_fin(s);
		add_last_ack_in(s);
	} else if (segments_has(s, CONN_FIN_CROSSED)) {
		if (!segments_has(s, CONN_FIN_AFTER))
			add_own_fin(s);
		add_peer_fin(s);
		add_last_ack_out(s);
		if (segments_has(s, CONN_FIN_AFTER))
			add_own_fin(s);
		add_last_ack_in(s);
	} else {
		add_own_fin(s);
		add_ack_of_ours(s);
		add_peer_fin(s);
		add_last_ack_out(s);
	}
}
