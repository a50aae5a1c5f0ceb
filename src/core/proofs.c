// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stamp proves a segment if exactly one has left since a mark: the kernel stamps each one (tcp_wstamp_ns), and counts it
 * (segs_out), before it gives it to the network layer. Marks are the arrival of the peer's FIN, which is to be acknowledged,
 * and the close, which queues ours. The next transition settles both.
 *
 * The stamp is of CLOCK_MONOTONIC as __tcp_transmit_skb() read it last. Under pacing each payload moves it into the future
 * (tcp_update_skb_after_send()): then it proves nothing while it lies ahead, nor of a segment with payload.
 */
#include "proofs.h"

#include "seq.h"
#include "wire_read.h"

/* What tcp_send_active_reset() sent before this ->CLOSE counts as a segment, too. */
static uint32_t resets_counted(const struct conn *c)
{
	return !!(c->facts & CONN_RST_ACTIVE);
}

static bool stamp_is_last(const struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	return p->sent_ns && p->sent_ns <= ev->hdr.ts && !(c->proofs & CONN_PROVEN_AHEAD) && !resets_counted(c) &&
	       (!(p->flags & WIRE_PROOF_PACED) || p->data_segs_out == c->live.mark_data);
}

/* Since start; the clock is read before the hook that shows the state's begin, where the same call does both. */
static uint32_t sent_us(const struct conn *c, const struct wire_proof *p)
{
	uint64_t begin_us = c->spans_len ? c->spans[c->spans_len - 1].at_us : 0, us = conn_us_at(c, p->sent_ns);

	return conn_capped_us(us > begin_us ? us : begin_us);
}

static void set_mark(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	c->live.mark_data = p->data_segs_out;
	c->proofs &= ~CONN_PROVEN_AHEAD;
	if (p->sent_ns > ev->hdr.ts)
		c->proofs |= CONN_PROVEN_AHEAD;
}

/* connect() sends it at once, unless Fast Open waits for data to go with it. Of repeats the stamp shows the last one. */
void proofs_syn(struct conn *c, const struct wire_state *ev)
{
	const struct wire_proof *p = wire_proof(&ev->hdr);

	if (!p || !(c->facts & CONN_START_KNOWN) || c->spans_len != 1 || !ev->segs_out)
		return;
	if (ev->segs_out == 1 && p->sent_ns >= c->start_ns && p->sent_ns <= ev->hdr.ts)
		c->syn_us = conn_capped_us(conn_us_at(c, p->sent_ns));
	else if ((p->flags & WIRE_PROOF_DEFERS) || (c->proofs & CONN_PROVEN_UNSENT))
		return;
	c->proofs |= CONN_PROVEN_SYN_AT;
}

static void opened(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	bool server = c->role == CONN_SERVER, syn_data = p->bytes_received; /* this segment's is not received yet */
	uint32_t acked = p->bytes_acked + server;

	if (ev->hdr.sk_flags & WIRE_SK_REPAIR)
		return;
	if (server && p->data_segs_in > syn_data)
		c->proofs |= CONN_PROVEN_DATA_OPENED;
	if (acked <= UINT16_MAX)
		c->open_ack = acked;
}

/*
 * A FIN that waited may have ended a server's handshake as it came, if it acknowledges the SYN-ACK alone. So may any segment
 * that waited in the backlog of a child of Fast Open.
 */
static bool may_have_opened(const struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	bool fast_open = c->id_flags & WIRE_ID_FASTOPEN; /* of all others a task has the socket only after the handshake */
	bool waited = !(p->flags & WIRE_PROOF_IN_ORDER) || (fast_open && (ev->hdr.sk_flags & WIRE_SK_OWNED));

	return c->role == CONN_SERVER && (p->flags & WIRE_PROOF_FIN) && waited && p->fin_ack == c->isn_local + 1;
}

static void peer_fin(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	uint32_t behind = seq_distance(p->fin_ack, ev->snd_una);

	if (may_have_opened(c, ev, p))
		c->proofs |= CONN_PROVEN_DATA_OPENED;
	if (p->flags & WIRE_PROOF_IN_ORDER)
		c->proofs |= CONN_PROVEN_FIN_AT;
	if (!(p->flags & WIRE_PROOF_FIN) || (ev->hdr.new_state == WIRE_CLOSE && behind > CONN_BEHIND_MAX))
		return;
	c->proofs |= CONN_PROVEN_FIN_ACK;
	if (ev->hdr.new_state == WIRE_CLOSE_WAIT)
		c->first_ack = p->fin_ack;
	else if (ev->hdr.new_state == WIRE_CLOSING)
		c->mark_seq = p->fin_ack;
	else
		c->live.fin_behind = behind;
}

/* CLOSE_WAIT ends. What left since its begin has acknowledged the peer's FIN. */
static void fin_acked(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	uint32_t segs = ev->segs_out - c->mark_segs - resets_counted(c), data = p->data_segs_out - c->live.mark_data;

	if (!(c->facts & CONN_MARK_KNOWN) || conn_last_entry(c)->state != WIRE_CLOSE_WAIT)
		return;
	if (segs == data) /* none, too */
		c->proofs |= CONN_PROVEN_ACK_NONE;
	else if (!data)
		c->proofs |= CONN_PROVEN_ACK_ALONE;
	if (segs != 1 || data || !stamp_is_last(c, ev, p) || (p->flags & WIRE_PROOF_DELAYED))
		return;
	c->live.ack_us = sent_us(c, p);
	c->proofs |= CONN_PROVEN_ACK_AT;
}

static void fin_queued(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	set_mark(c, ev, p);
	c->live.fin_segs = ev->segs_out;
	if ((p->flags & WIRE_PROOF_ROOM) && ev->snd_nxt == ev->write_seq)
		c->proofs |= CONN_PROVEN_ROOM;
}

/* Our FIN has left, at the latest now: alone, or without anything that held it back. */
static void fin_left(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	bool acked = ev->hdr.new_state == WIRE_CLOSING; /* tcp_fin() sends that ACK before it changes the state */
	uint32_t segs = ev->segs_out - c->live.fin_segs - acked;
	bool alone = segs == 1 && !acked && stamp_is_last(c, ev, p);
	/* An attempt that failed is a segment more (tcp_write_xmit()), and the FIN left later. */
	bool at_once = (c->proofs & CONN_PROVEN_ROOM) && ev->hdr.old_state != WIRE_CLOSING && segs == 1u + c->retrans_fin;

	if (ev->snd_nxt != ev->write_seq || (c->proofs & CONN_PROVEN_OUT_AT) || !(alone || at_once))
		return;
	c->proofs |= CONN_PROVEN_OUT_AT;
	c->live.fin_us = alone ? sent_us(c, p) : conn_capped_us(conn_last_entry(c)->at_us);
	if (alone && !(c->facts & CONN_PEER_FIRST))
		c->first_ack = p->rcv_wup;
}

/* The segment that acknowledged our FIN is the one that moved snd_una last. */
static void own_fin_acked(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	if (ev->snd_una != ev->write_seq || (ev->hdr.old_state == WIRE_CLOSING && p->snd_wl1 != ev->rcv_nxt))
		return;
	c->live.ack_seq = p->snd_wl1;
	c->proofs |= CONN_PROVEN_ACK_SEQ;
}

static void closed(struct conn *c, const struct wire_state *ev, const struct wire_proof *p)
{
	if (!(p->flags & WIRE_PROOF_SACKS))
		c->proofs |= CONN_PROVEN_EDGES;
	if ((p->flags & (WIRE_PROOF_SACKS | WIRE_PROOF_WAITS)) && c->role == CONN_SERVER &&
	    !(ev->hdr.sk_flags & WIRE_SK_DONE)) /* what waits may be a FIN, see may_have_opened() */
		c->proofs |= CONN_PROVEN_DATA_OPENED;
	switch (ev->hdr.old_state) {
	case WIRE_CLOSE_WAIT:
		fin_acked(c, ev, p);
		break;
	case WIRE_FIN_WAIT2:
		if (ev->hdr.sk_flags & WIRE_SK_DONE)
			peer_fin(c, ev, p);
		break;
	case WIRE_CLOSING:
	case WIRE_LAST_ACK:
		own_fin_acked(c, ev, p);
		fin_left(c, ev, p);
		break;
	case WIRE_FIN_WAIT1:
		fin_left(c, ev, p);
		break;
	}
}

void proofs_add(struct conn *c, const struct wire_state *ev)
{
	const struct wire_proof *p = wire_proof(&ev->hdr);

	if (!p)
		return;
	switch (ev->hdr.new_state) {
	case WIRE_ESTABLISHED:
		opened(c, ev, p);
		break;
	case WIRE_CLOSE_WAIT:
		peer_fin(c, ev, p);
		set_mark(c, ev, p);
		break;
	case WIRE_LAST_ACK:
		fin_acked(c, ev, p);
		fin_queued(c, ev, p);
		break;
	case WIRE_FIN_WAIT1:
		fin_queued(c, ev, p);
		break;
	case WIRE_FIN_WAIT2:
		own_fin_acked(c, ev, p);
		fin_left(c, ev, p);
		break;
	case WIRE_CLOSING:
		peer_fin(c, ev, p);
		fin_left(c, ev, p);
		break;
	case WIRE_CLOSE:
		closed(c, ev, p);
		break;
	}
}
