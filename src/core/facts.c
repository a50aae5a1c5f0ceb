// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a state and the numbers at a transition prove. Events have the socket's sequence numbers of the moment when the
 * tracepoint fires: before our FIN is queued, and after the peer's is counted. Facts are added and never removed.
 */
#include "facts.h"

#include "proofs.h"
#include "seq.h"
#include "wire_read.h"

#include <string.h>
#include <sys/socket.h>

void facts_state(struct conn_table *t, struct conn *c, unsigned int state)
{
	static const uint32_t proven[WIRE_STATE_MAX] = {
		[WIRE_ESTABLISHED] = CONN_ESTABLISHED,
		[WIRE_FIN_WAIT1] = CONN_ESTABLISHED | CONN_FIN_LOCAL,
		[WIRE_FIN_WAIT2] = CONN_ESTABLISHED | CONN_FIN_LOCAL | CONN_FIN_SENT | CONN_FIN_ACKED,
		[WIRE_CLOSING] = CONN_ESTABLISHED | CONN_FIN_LOCAL | CONN_FIN_PEER | CONN_FIN_CROSSED,
		[WIRE_CLOSE_WAIT] = CONN_ESTABLISHED | CONN_FIN_PEER | CONN_PEER_FIRST,
		[WIRE_LAST_ACK] = CONN_ESTABLISHED | CONN_FIN_LOCAL | CONN_FIN_PEER | CONN_PEER_FIRST,
	};

	if (proven[state] & ~c->facts & CONN_ESTABLISHED)
		t->interval.opened++;
	c->facts |= proven[state];
}

void facts_take_ident(struct conn_table *t, struct conn *c, const struct wire_ident *ident)
{
	struct conn_place place = {.cgroup_id = ident->cgroup_id, .netns = ident->netns, .uid = ident->uid};
	uint32_t id;

	memcpy(place.local_addr, ident->local_addr, sizeof(place.local_addr));
	id = intern_get(&t->places, &place);
	if (id == INTERN_NONE)
		return;
	intern_put(&t->places, c->place);
	c->place = id;
	c->facts |= CONN_ID_KNOWN;
	memcpy(c->peer_addr, ident->peer_addr, sizeof(c->peer_addr));
	c->local_port = ident->local_port;
	c->peer_port = ident->peer_port;
	c->ipv6 = ident->family == AF_INET6;
	/* A subflow that no process accepted is not marked any more as it closes (mptcp_subflow_drop_ctx()). */
	c->id_flags = ident->flags | (c->id_flags & WIRE_ID_MPTCP);
}

/* A request counts the SYN-ACKs that it repeated with success (inet_rtx_syn_ack()). A Fast Open child's have events. */
void facts_synacks(struct conn *c, const struct wire_ident *ident)
{
	if (!ident || c->role != CONN_SERVER || (ident->flags & WIRE_ID_FASTOPEN))
		return;
	c->retrans_synack = facts_capped(ident->syn_retrans, UINT8_MAX);
	c->retrans_total = ident->syn_retrans;
}

/*
 * bytes_acked counts the SYN of an active opener, but not that of a child. So for an opener it is one more than the payload
 * that was acknowledged. What TCP_REPAIR restored counts from 0 again, and shows nothing. It stays marked once a queue of it
 * was set; before its first segment it has none, while each other connection has had one.
 */
void facts_role(struct conn *c, const struct wire_state *found)
{
	const struct wire_stats *stats = wire_stats(&found->hdr);
	uint64_t fin = c->facts & CONN_FIN_LOCAL && found->snd_nxt == found->write_seq;
	uint64_t payload, counted;

	if (c->role != CONN_ROLE_UNKNOWN || !stats || !(c->facts & CONN_ESTABLISHED) || (c->facts & CONN_REPAIRED) ||
	    (found->hdr.sk_flags & (WIRE_SK_REPAIR | WIRE_SK_RESTORED)) || !found->segs_in)
		return;
	payload = stats->bytes_sent - stats->bytes_retrans;
	counted = stats->bytes_acked + seq_distance(found->snd_una, found->snd_nxt) - fin;
	if (counted == payload)
		c->role = CONN_SERVER;
	else if (counted == payload + 1)
		c->role = c->spans[0].state == WIRE_SYN_RECV ? CONN_SIMULTANEOUS : CONN_CLIENT;
}

void facts_isn(struct conn *c, uint32_t isn_local)
{
	c->isn_local = isn_local;
	c->facts |= CONN_ISN_LOCAL;
}

/*
 * The numbers at ESTABLISHED. What the SYNs carried is in the counts of bytes: the kernel counts the SYN of an active opener,
 * and that of nobody else (tcp_snd_una_update(), tcp_fastopen_add_skb()).
 */
static void facts_established(struct conn *c, const struct wire_state *ev)
{
	const struct wire_proof *proof = wire_proof(&ev->hdr);
	uint32_t acked = proof ? proof->bytes_acked + (c->role == CONN_SERVER) : 1;
	bool counted = proof || !(c->id_flags & WIRE_ID_FASTOPEN);

	if (ev->hdr.sk_flags & WIRE_SK_REPAIR) {
		c->facts |= CONN_REPAIRED;
		return;
	}
	if (c->role != CONN_SERVER && (c->facts & CONN_START_KNOWN) && (proof ? c->proofs & CONN_PROVEN_SYN_AT : counted))
		c->facts |= CONN_HANDSHAKE_KNOWN;
	if (counted) {
		if (c->role != CONN_ROLE_UNKNOWN || !proof)
			facts_isn(c, (c->role == CONN_SERVER && !proof ? ev->write_seq : ev->snd_una) - acked);
		c->isn_peer = ev->rcv_nxt - 1 - (proof ? proof->bytes_received : 0);
		c->facts |= CONN_ISN_PEER;
	}
	c->mark_segs = ev->segs_in;
}

/* Was there payload before the first FIN? A FIN that came is in rcv_nxt already; ours is not queued yet. */
static void facts_first_fin(struct conn *c, const struct wire_state *ev)
{
	bool ours = ev->hdr.new_state == WIRE_FIN_WAIT1;

	c->first_ack = ours ? ev->rcv_nxt : ev->snd_una;
	if (seq_distance(c->isn_local + 1, ours ? ev->write_seq : ev->snd_nxt))
		c->facts |= CONN_OUT_FIRST;
	if (seq_distance(c->isn_peer + 1, ours ? ev->rcv_nxt : ev->rcv_nxt - 1))
		c->facts |= CONN_IN_FIRST;
	if (ours && ev->hdr.shutdown == 2 && !(ev->hdr.sk_flags & WIRE_SK_DEAD))
		c->facts |= CONN_SHUT_ONLY;
}

static void set_mark(struct conn *c, const struct wire_state *ev, uint32_t seq, uint32_t segs)
{
	c->mark_seq = seq;
	c->mark_segs = segs;
	c->facts |= CONN_MARK_KNOWN | (ev->hdr.sk_flags & WIRE_SK_OWNED ? CONN_MARK_BACKLOG : 0);
}

/* Our FIN is about to be queued: does it have to wait? */
static void facts_own_fin(struct conn *c, const struct wire_state *ev)
{
	if (ev->snd_nxt != ev->write_seq)
		c->facts |= CONN_FIN_DELAYED;
}

/*
 * The peer's FIN came. The segment that ended a server's handshake may have carried it: a child of Fast Open may have been shut
 * down before, and closes within that segment. If FINs crossed, ours may be unsent.
 */
static void facts_peer_fin(struct conn *c, const struct wire_state *ev)
{
	bool first = c->spans_len == (ev->hdr.old_state == WIRE_FIN_WAIT1 ? 3 : 2) && (c->facts & CONN_ESTABLISHED);

	if (first && c->role == CONN_SERVER && ev->segs_in == c->mark_segs && !(ev->hdr.sk_flags & WIRE_SK_OWNED))
		c->facts |= CONN_FIN_WITH_ACK;
	if (ev->hdr.new_state == WIRE_CLOSING && ev->snd_nxt != ev->write_seq)
		c->facts |= CONN_FIN_AFTER;
}

/*
 * Our FIN is about to be queued. Any segment that left since the peer's FIN came has acknowledged it; if none did, our FIN
 * will. Data that was written before the peer's FIN, but not sent, also leaves after it.
 */
static void facts_last_ack(struct conn *c, const struct wire_state *ev)
{
	if (!(c->facts & CONN_MARK_KNOWN))
		return;
	if (ev->write_seq != c->mark_seq) /* it may be over half of the sequence space ahead */
		c->facts |= CONN_FIN_THEN_DATA;
	c->facts |= ev->segs_out == c->mark_segs ? CONN_FIN_JOINED : CONN_FIN_APART;
}

/* The peer's FIN arrived in FIN_WAIT2. Did another segment arrive between the ACK of ours and it? */
static void facts_second_fin(struct conn *c, const struct wire_state *ev)
{
	if (!(c->facts & CONN_MARK_KNOWN) || (c->facts & CONN_MARK_BACKLOG) || (ev->hdr.sk_flags & WIRE_SK_OWNED))
		return; /* both may have waited in the backlog, counted already */
	c->facts |= ev->segs_in == c->mark_segs ? CONN_FIN_JOINED : CONN_FIN_APART;
}

/* What the peer had sent as it acknowledged our FIN, and we did not have yet. Its FIN may be in it. */
static uint32_t sent_before(const struct conn *c)
{
	return c->proofs & CONN_PROVEN_ACK_SEQ ? seq_pending(c->mark_seq, c->live.ack_seq) : 0;
}

/* What the last numbers prove about FINs. A FIN, once queued, is the last number of write_seq. */
static void facts_close(struct conn *c, const struct wire_state *ev)
{
	uint32_t peer_fin = !!(ev->hdr.sk_flags & WIRE_SK_DONE);

	if (peer_fin && (c->facts & CONN_FIN_LOCAL))
		c->facts |= CONN_FIN_PEER;
	if (ev->hdr.old_state == WIRE_SYN_SENT && ev->segs_out && ev->snd_nxt == ev->snd_una + 1)
		facts_isn(c, ev->snd_una);
	if ((c->facts & CONN_FIN_LOCAL) && ev->snd_nxt == ev->write_seq)
		c->facts |= CONN_FIN_SENT;
	if ((c->facts & CONN_FIN_LOCAL) && ev->snd_una == ev->write_seq)
		c->facts |= CONN_FIN_SENT | CONN_FIN_ACKED;
	if (ev->hdr.old_state == WIRE_FIN_WAIT2 && peer_fin && !ev->err)
		facts_second_fin(c, ev);
	if (ev->hdr.old_state == WIRE_FIN_WAIT2 && (c->facts & CONN_SHUT_ONLY) && (c->facts & CONN_MARK_KNOWN) &&
	    ev->rcv_nxt - peer_fin - c->mark_seq > sent_before(c))
		c->facts |= CONN_FIN_THEN_DATA;
}

/*
 * The kernel counted repeats since the last of which an event came. It counts attempts, and before Linux 6.15 no hook shows
 * those that fail: that looks like a loss. An older recording does not have the kernel's count, and some event is
 * enough.
 */
static bool repeats_unseen(const struct conn *c, const struct wire_stats *stats)
{
	return (c->facts & CONN_START_KNOWN) && !(c->proofs & CONN_PROVEN_UNCOUNTED) &&
	       stats->total_retrans != c->retrans_total;
}

/* The kernel counts payload as it tries to send it (__tcp_transmit_skb()). What left moved snd_nxt. */
static bool payload_unsent(const struct conn *c, const struct wire_state *ev, const struct wire_stats *stats)
{
	uint32_t left = seq_distance(c->isn_local + 1, ev->snd_nxt) - !!(c->facts & CONN_FIN_SENT);

	if (!(c->facts & CONN_ISN_LOCAL) || !(c->facts & CONN_ESTABLISHED) || (c->facts & CONN_REPAIRED))
		return false;
	return (uint32_t)(stats->bytes_sent - stats->bytes_retrans) != left;
}

/* The kernel's counters at the end. */
static void facts_counters(struct conn *c, const struct wire_state *ev)
{
	const struct wire_stats *stats = wire_stats(&ev->hdr);

	if (!stats)
		return;
	if (repeats_unseen(c, stats))
		conn_count_gap(c);
	if (payload_unsent(c, ev, stats))
		c->proofs |= CONN_PROVEN_UNSENT;
}

void facts_numbers(struct conn *c, const struct wire_state *ev)
{
	if (ev->hdr.old_state == WIRE_SYN_SENT)
		proofs_syn(c, ev);
	switch (ev->hdr.new_state) {
	case WIRE_SYN_RECV:
		c->role = CONN_SIMULTANEOUS;
		c->facts |= CONN_SYN_CROSSED;
		if (ev->snd_nxt == ev->snd_una + 1)
			facts_isn(c, ev->snd_una);
		break;
	case WIRE_ESTABLISHED:
		facts_established(c, ev);
		break;
	case WIRE_FIN_WAIT1:
		facts_first_fin(c, ev);
		facts_own_fin(c, ev);
		break;
	case WIRE_CLOSE_WAIT:
		facts_first_fin(c, ev);
		facts_peer_fin(c, ev);
		set_mark(c, ev, ev->snd_nxt, ev->segs_out);
		break;
	case WIRE_FIN_WAIT2:
		set_mark(c, ev, ev->rcv_nxt, ev->segs_in);
		break;
	case WIRE_CLOSING:
		facts_peer_fin(c, ev);
		set_mark(c, ev, ev->snd_una, 0);
		break;
	case WIRE_LAST_ACK:
		facts_last_ack(c, ev);
		facts_own_fin(c, ev);
		break;
	case WIRE_CLOSE:
		facts_close(c, ev);
		facts_counters(c, ev);
		break;
	}
	proofs_add(c, ev);
}
