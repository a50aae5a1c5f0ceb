// SPDX-License-Identifier: GPL-2.0-only
/* The handshake: SYN, SYN-ACK, ACK, and what went wrong before it ended. */
#include "segment_list.h"

/* A SYN is proven by its answer, or by a repeat that succeeded. The kernel's count of segments is of attempts. */
static enum conn_proof syn_proof(const struct segment_list *s)
{
	if (conn_syn_acked(s->c) || segments_has(s, CONN_SYN_CROSSED))
		return CONN_PROOF_NUMBERS;
	if (s->c->retrans_syn)
		return CONN_PROOF_EVENT;
	return s->rec->resets.received ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED;
}

/* TCP_FASTOPEN_CONNECT and a connect() that failed locally are in SYN_SENT without a SYN; TCP_REPAIR never has one. */
static bool syn_tried(const struct segment_list *s)
{
	if (segments_has(s, CONN_REPAIRED))
		return false;
	return segments_has(s, CONN_ESTABLISHED) || syn_proof(s) != CONN_PROOF_INFERRED || !s->closed || !s->rec->stats_known ||
	       s->rec->stats.segs_out;
}

/* A likely time will do for a SYN that is only likely; an older recording takes connect() for the SYN's own moment. */
static void time_syn(const struct segment_list *s, struct conn_segment *seg)
{
	if (segments_proven(s, CONN_PROVEN_SYN_AT))
		set_at(seg, s->c->syn_us);
	else if (segments_has(s, CONN_START_KNOWN) &&
		 (segments_has(s, CONN_HANDSHAKE_KNOWN) || seg->proof == CONN_PROOF_INFERRED))
		segments_enters(s, seg, WIRE_SYN_SENT);
}

/* In SYN_SENT or SYN_RECV a segment with a wrong ACK arrived, and was answered by a reset. */
static void add_early_reset(struct segment_list *s)
{
	unsigned int n = s->c->resets_sent - s->c->resets_last;
	struct conn_segment *seg;

	if (!n)
		return;
	seg = segments_add(s, CONN_OUT, CONN_FLAGS_RST, CONN_PROOF_EVENT);
	seg->n = n;
	if (s->c->reset_us != UINT32_MAX)
		set_at(seg, s->c->reset_us);
}

static void add_crossed(struct segment_list *s)
{
	enum conn_proof proof = s->rec->isn_peer_known ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED;
	struct conn_segment *syn = segments_add(s, CONN_IN, CONN_FLAGS_SYN, proof);
	struct conn_segment *answer = segments_add(s, CONN_OUT, CONN_FLAGS_SYN_ACK, CONN_PROOF_INFERRED), *answered;

	set_seq(syn, 0);
	segments_enters(s, syn, WIRE_SYN_RECV);
	set_seq(answer, 0);
	set_ack(answer, 1);
	segments_enters(s, answer, WIRE_SYN_RECV);
	answer->n = 1 + s->c->retrans_synack;
	if (s->c->retrans_synack)
		answer->proof = CONN_PROOF_EVENT;
	if (!segments_has(s, CONN_ESTABLISHED))
		return;
	answered = segments_add(s, CONN_IN, CONN_FLAGS_SYN_ACK, CONN_PROOF_INFERRED); /* or an ACK: both end the handshake */
	set_seq(answered, 0);
	set_ack(answered, 1);
	segments_enters(s, answered, WIRE_ESTABLISHED);
}

/* Then what the SYN-ACK acknowledges, and where the client goes on, is not known. */
static bool syn_may_have_data(const struct segment_list *s)
{
	return s->c->id_flags & WIRE_ID_FASTOPEN;
}

/* A client's, which may wait for data, or travel with it. */
static void add_own_ack(struct segment_list *s)
{
	struct conn_segment *seg = segments_add(s, CONN_OUT, CONN_FLAGS_ACK, CONN_PROOF_INFERRED);

	set_ack(seg, 1);
	if (s->c->open_ack || !syn_may_have_data(s))
		set_seq(seg, s->c->open_ack ? s->c->open_ack : 1);
	segments_enters(s, seg, WIRE_ESTABLISHED);
}

/*
 * A server's. It may have been lost, or dropped by TCP_DEFER_ACCEPT, if payload ended the handshake. A child of Fast Open may
 * go on, and close, before it comes.
 */
static void add_peer_ack(struct segment_list *s)
{
	bool seen = segments_stay(s, WIRE_ESTABLISHED) && !segments_proven(s, CONN_PROVEN_DATA_OPENED);
	struct conn_segment *seg = segments_add(s, CONN_IN, CONN_FLAGS_ACK, seen ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);

	if (!syn_may_have_data(s)) {
		if (!s->c->retrans_synack) /* else it may answer the repeat, and stand behind what was lost */
			set_seq(seg, 1);
		set_ack(seg, 1);
	} else if (s->c->open_ack) {
		set_ack(seg, s->c->open_ack);
	}
	if (seen)
		segments_enters(s, seg, WIRE_ESTABLISHED);
}

void segments_open_active(struct segment_list *s)
{
	struct conn_segment *seg;
	bool crossed = segments_has(s, CONN_SYN_CROSSED);

	if (!syn_tried(s))
		return;
	seg = segments_add(s, CONN_OUT, CONN_FLAGS_SYN, syn_proof(s));
	set_seq(seg, 0);
	seg->n = 1 + s->c->retrans_syn;
	time_syn(s, seg);
	add_early_reset(s);
	if (crossed)
		add_crossed(s);
	if (crossed || !segments_has(s, CONN_ESTABLISHED))
		return;
	seg = segments_add(s, CONN_IN, CONN_FLAGS_SYN_ACK,
			   segments_has(s, CONN_ISN_PEER) ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	set_seq(seg, 0);
	if (s->c->open_ack || !syn_may_have_data(s))
		set_ack(seg, s->c->open_ack ? s->c->open_ack : 1);
	segments_enters(s, seg, WIRE_ESTABLISHED);
	add_own_ack(s);
}

void segments_open_passive(struct segment_list *s)
{
	enum conn_proof proof = segments_has(s, CONN_ISN_PEER) ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED;
	bool timed = segments_has(s, CONN_HANDSHAKE_KNOWN);
	struct conn_segment *seg = segments_add(s, CONN_IN, CONN_FLAGS_SYN, proof);

	set_seq(seg, 0);
	if (timed)
		set_at(seg, 0);
	seg = segments_add(s, CONN_OUT, CONN_FLAGS_SYN_ACK, proof);
	set_seq(seg, 0);
	seg->n = 1 + s->c->retrans_synack;
	if (!syn_may_have_data(s))
		set_ack(seg, 1);
	if (timed)
		set_at(seg, 0);
	add_early_reset(s);
	if (segments_has(s, CONN_ESTABLISHED) && !segments_has(s, CONN_FIN_WITH_ACK))
		add_peer_ack(s);
}
