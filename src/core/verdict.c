// SPDX-License-Identifier: GPL-2.0-only
/*
 * end_reason follows from the last transition; closed_by, close_kind, conn_state and history follow from the segments, so that
 * they agree with each other and with them. What is not proven is left out.
 *
 * conn_state and history are Zeek's. The originator is the side that opened: this host for a client and in a simultaneous open
 * (its SYN left before the peer's came), the peer for a server. If the connection is older than the tool it is not known: OTH
 * and "". The order within history is proven for SYNs, FINs, resets and for payload before or after the first FIN; if there is
 * payload in both directions, the originator's stands first. T, a retransmission, is known for this side only.
 */
#include "verdict.h"

#include "segment_list.h"
#include "wire_read.h"

#include <errno.h>
#include <string.h>

bool verdict_time_waits(const struct conn_numbers *close)
{
	return (close->state == WIRE_FIN_WAIT2 || close->state == WIRE_CLOSING) && (close->sk_flags & WIRE_SK_DONE);
}

/* Both FINs were exchanged and ours was acknowledged. */
static bool exchanged(const struct conn *c, const struct conn_numbers *close)
{
	return (c->facts & CONN_FIN_ACKED) && (verdict_time_waits(close) || close->state == WIRE_LAST_ACK);
}

bool verdict_is_clean(const struct conn *c, const struct conn_numbers *close)
{
	return !close->err && exchanged(c, close);
}

/*
 * An error comes from outside (refused, reset, timeout, killed), and the kernel has sent its reset before. But data that
 * arrives after shutdown() of the receive side runs through tcp_reset(), too, and its reset is sent after that.
 */
bool verdict_reset_may_follow(const struct conn *c, const struct conn_numbers *close)
{
	if (verdict_is_clean(c, close))
		return false;
	return !close->err || (c->end == CONN_END_RST_RECEIVED && (close->shutdown & 1));
}

/* What an ICMP error leaves in sk_err (icmp_err_convert, ICMPv6's table), and the local kinds of no route. */
static bool is_unreachable(unsigned int err)
{
	static const unsigned int errors[] = {
		ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ENONET, ENOPROTOOPT, EOPNOTSUPP, EMSGSIZE, EPROTO, EACCES,
	};
	size_t i = 0;

	while (i < sizeof(errors) / sizeof(errors[0]) && errors[i] != err)
		i++;
	return i < sizeof(errors) / sizeof(errors[0]);
}

static bool is_opening(const struct wire_state *ev)
{
	return ev->hdr.old_state == WIRE_SYN_SENT || ev->hdr.old_state == WIRE_SYN_RECV;
}

/*
 * The timer takes sk_err_soft, which an old ICMP message may have set, and ETIMEDOUT only without it (tcp_write_err()). When it
 * runs, it is not set; a task that held the lock runs it later (tcp_release_cb()). After the last ACK it has nothing to do.
 */
static bool timer_closed(const struct conn *c, const struct wire_state *ev, const struct wire_proof *proof)
{
	const struct conn_numbers numbers = conn_numbers(ev);
	bool in_flight = ev->snd_una != ev->snd_nxt, idle = proof && (proof->flags & WIRE_PROOF_IDLE);

	if (proof && proof->err_soft != ev->err)
		return false;
	if (is_opening(ev)) /* both may have the same error: ICMP closes here at once (tcp_v4_err()) */
		return idle && in_flight;
	if (exchanged(c, &numbers) || (ev->hdr.old_state == WIRE_FIN_WAIT2 && (ev->hdr.sk_flags & WIRE_SK_DEAD)))
		return false;
	return !(ev->hdr.sk_flags & WIRE_SK_OWNED) || (idle && in_flight);
}

#define ERR_NOT_KEPT UINT16_MAX /* there was an error, and only the process knows it */

/*
 * An attempt that ended without sk_err. connect() fails at once where inet_hash_connect() finds no port, and seldom for other
 * reasons: a bound port that is in use to this peer, no memory. Else the process gave up. If it asked for the error of a
 * non-blocking connect(), it found ICMP's in sk_err_soft: the socket was locked as that came.
 */
static unsigned int attempt_error(const struct conn *c, const struct wire_state *ev, const struct wire_proof *proof)
{
	if ((c->facts & CONN_ID_KNOWN) && !c->local_port)
		return EADDRNOTAVAIL;
	if (!proof || proof->err_soft)
		return proof ? proof->err_soft : 0;
	if (proof->err_icmp)
		return proof->err_icmp;
	return ev->segs_out || ev->hdr.shutdown || (proof->flags & WIRE_PROOF_DEFERS) ? 0 : ERR_NOT_KEPT;
}

/*
 * ICMP ends an attempt to connect, and no connection (RFC 1122, 4.2.3.9). There sk_err holds it only if the timer took it, or
 * if IP_RECVERR put it there and no process has read it.
 */
unsigned int verdict_error(const struct conn *c, const struct wire_state *ev)
{
	const struct wire_proof *proof = wire_proof(&ev->hdr);

	if (!ev->err && ev->hdr.old_state == WIRE_SYN_SENT)
		return attempt_error(c, ev, proof);
	if (ev->err != ECONNREFUSED && !is_unreachable(ev->err))
		return ev->err;
	if (timer_closed(c, ev, proof))
		return ETIMEDOUT;
	return is_opening(ev) ? ev->err : 0;
}

static enum conn_end end_without_error(const struct conn *c, const struct conn_numbers *close)
{
	bool minisocket = close->state == WIRE_FIN_WAIT2 && (close->sk_flags & WIRE_SK_DEAD);

	if (verdict_is_clean(c, close))
		return CONN_END_FIN;
	if (close->state == WIRE_SYN_SENT) /* no reset is sent: the peer has no socket */
		return CONN_END_ABORTED;
	if (c->resets_last) /* before the close: orphan limits, FIN_WAIT2's timeout; not one that answered in SYN_SENT */
		return CONN_END_RST_SENT;
	return minisocket ? CONN_END_FIN : CONN_END_ABORTED;
}

enum conn_end verdict_end(const struct conn *c, const struct conn_numbers *close)
{
	switch (close->err) {
	case 0:
		return end_without_error(c, close);
	case ECONNREFUSED:
		return CONN_END_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return CONN_END_RST_RECEIVED;
	case ETIMEDOUT:
		return CONN_END_TIMEOUT;
	case ECONNABORTED: /* ss -K and its like */
		return CONN_END_ABORTED;
	case EADDRNOTAVAIL:
		return CONN_END_NO_PORT;
	default:
		return is_unreachable(close->err) ? CONN_END_UNREACHABLE : CONN_END_UNKNOWN;
	}
}

static bool proven(const struct conn_segment *seg)
{
	return seg && seg->proof != CONN_PROOF_INFERRED;
}

/* A reset that ended it: one that was sent before the handshake's end is followed by other segments. */
static bool reset_of(const struct conn_record *rec, enum conn_dir dir)
{
	for (unsigned int i = rec->segments_len; i > 0; i--) {
		const struct conn_segment *seg = &rec->segments[i - 1];
		if (seg->flags != CONN_FLAGS_RST && seg->flags != CONN_FLAGS_RST_ACK)
			return false;
		if (seg->dir == dir)
			return true;
	}
	return false;
}

/* What a verdict asks for again and again. */
struct ends {
	const struct conn *c;
	const struct conn_record *rec;
	const struct conn_segment *local, *peer; /* the first FINs, or NULL */
	bool reset_in, reset_out;                /* reset_of() */
};

/*
 * Each end sent its FIN before it had the other's: ours had left, and what the peer's acknowledges is less than all. In
 * FIN_WAIT2 that is a FIN that its own ACK of ours, which was sent later, overtook.
 */
static bool crossed(const struct ends *e)
{
	const struct conn_segment *local = e->local, *peer = e->peer;

	if (!local || !peer || (e->c->facts & (CONN_FIN_AFTER | CONN_PEER_FIRST)))
		return false;
	if (e->c->facts & CONN_FIN_CROSSED)
		return true;
	return local->seq_known && peer->ack_known && peer->ack != local->seq + 1;
}

/*
 * The ACK of our FIN stands behind the peer's FIN, which came after it: the peer may have sent its FIN before it had ours. What
 * the FIN acknowledges would say it.
 */
static bool may_have_crossed(const struct ends *e)
{
	const struct conn_segment *local = e->local, *peer = e->peer, *ack;

	if (!local || !peer || peer < local || peer->ack_known)
		return false;
	ack = peer - 1;
	return ack->dir == CONN_IN && ack->flags == CONN_FLAGS_ACK && ack->seq_known && peer->seq_known &&
	       ack->seq == peer->seq + 1;
}

/* The first FIN decides, else the reset; what TCP_REPAIR takes away sends none. A timeout has no side, unless a reset was sent
 * with it (keepalive). */
static enum conn_side closed_by(const struct ends *e)
{
	if (crossed(e))
		return CONN_BOTH;
	if (e->c->facts & CONN_FIN_AFTER)
		return CONN_PEER;
	if (may_have_crossed(e))
		return CONN_SIDE_UNKNOWN;
	if (e->local || e->peer)
		return e->peer && (!e->local || e->peer < e->local) ? CONN_PEER : CONN_LOCAL;
	switch (e->rec->end) {
	case CONN_END_RST_SENT:
	case CONN_END_ABORTED:
		return CONN_LOCAL;
	case CONN_END_RST_RECEIVED:
		return CONN_PEER;
	case CONN_END_REFUSED: /* by ICMP: somebody between may have sent it, this host too */
		return e->reset_in ? CONN_PEER : CONN_SIDE_UNKNOWN;
	case CONN_END_TIMEOUT:
		return e->reset_out ? CONN_LOCAL : CONN_SIDE_UNKNOWN;
	default:
		return CONN_SIDE_UNKNOWN;
	}
}

static bool ack_between(const struct conn_segment *one, const struct conn_segment *other)
{
	const struct conn_segment *last = one < other ? other : one;

	for (const struct conn_segment *seg = one < other ? one : other; seg < last; seg++) {
		if (seg->flags == CONN_FLAGS_ACK && proven(seg))
			return true;
	}
	return false;
}

static enum conn_close_kind close_kind(const struct ends *e)
{
	if (!proven(e->local) || !e->peer || (e->c->facts & CONN_FIN_AFTER))
		return CONN_CLOSE_NONE;
	if (crossed(e))
		return CONN_CLOSE_SIMULTANEOUS;
	if (e->c->facts & CONN_FIN_THEN_DATA)
		return CONN_CLOSE_HALF;
	if (e->local < e->peer && !e->peer->ack_known) /* they may have crossed */
		return CONN_CLOSE_NONE;
	if (ack_between(e->local, e->peer))
		return CONN_CLOSE_FOUR_WAY;
	return e->c->facts & CONN_FIN_JOINED ? CONN_CLOSE_THREE_SEGMENT : CONN_CLOSE_NONE;
}

/* Our own SYN, or the one that was answered or crossed ours. */
static bool syn_proven(const struct conn *c, const struct conn_record *rec)
{
	return c->role == CONN_SERVER || proven(segments_find(rec, CONN_OUT, CONN_FLAGS_SYN));
}

static bool syn_answered(const struct conn *c, const struct conn_record *rec)
{
	return segments_find(rec, c->role == CONN_SERVER ? CONN_OUT : CONN_IN, CONN_FLAGS_SYN_ACK) ||
	       (c->facts & CONN_SYN_CROSSED);
}

/* Zeek's own order of questions (base/protocols/conn). */
static const char *conn_state(const struct ends *e)
{
	const struct conn *c = e->c;
	const struct conn_record *rec = e->rec;
	bool local = conn_is_active(c), reply = syn_answered(c, rec);
	bool local_fin = proven(e->local), peer_fin = e->peer;
	bool orig_fin = local ? local_fin : peer_fin, resp_fin = local ? peer_fin : local_fin;

	if (c->role == CONN_ROLE_UNKNOWN || (local && !segments_find(rec, CONN_OUT, CONN_FLAGS_SYN)))
		return "OTH";
	if (orig_fin && resp_fin && rec->time_wait.end == WIRE_CAUSE_RESET) /* a reset after the end changes nothing */
		return "SF";
	if (local ? e->reset_in : e->reset_out)
		return reply ? "RSTR" : "REJ";
	if (local ? e->reset_out : e->reset_in)
		return reply ? "RSTO" : "RSTOS0";
	if (orig_fin && resp_fin)
		return "SF";
	if (orig_fin)
		return reply ? "S2" : "SH";
	if (resp_fin)
		return "S3";
	return c->facts & CONN_ESTABLISHED ? "S1" : reply ? "OTH" : "S0";
}

struct letters {
	char *at, *end;
	bool local_is_upper;
};

/* `letter` is upper case; the originator's stays so. */
static void put(struct letters *out, char letter, bool local, bool proven)
{
	if (!proven || out->at == out->end)
		return;
	*out->at++ = local == out->local_is_upper ? letter : letter - 'A' + 'a';
}

static void put_handshake(struct letters *out, const struct ends *e)
{
	const struct conn *c = e->c;
	const struct conn_segment *ack = segments_find(e->rec, CONN_IN, CONN_FLAGS_ACK), *local = e->local, *peer = e->peer;

	put(out, 'S', out->local_is_upper, true);
	if (c->facts & CONN_SYN_CROSSED) {
		put(out, 'S', !out->local_is_upper, true);
		return;
	}
	put(out, 'H', !out->local_is_upper, syn_answered(c, e->rec));
	/* A server saw the last ACK, unless Fast Open went on without it. A client's own may travel with data. */
	put(out, 'A', false, c->role == CONN_SERVER && proven(ack) && !(local && local < ack) && !(peer && peer < ack));
}

static void put_fin(struct letters *out, const struct ends *e, bool local)
{
	put(out, 'F', local, local ? proven(e->local) : e->peer != NULL);
}

static void history(const struct ends *e, struct conn_record *rec)
{
	const struct conn *c = e->c;
	struct letters out = {rec->history, rec->history + sizeof(rec->history) - 1, conn_is_active(c)};
	bool sent = rec->stats_known && rec->stats.bytes_sent, received = rec->stats_known && rec->payload_received;
	bool fin = c->facts & (CONN_FIN_LOCAL | CONN_FIN_PEER), peer_first = c->facts & CONN_PEER_FIRST;
	bool isn_known = (c->facts & CONN_ISN_LOCAL) && (c->facts & CONN_ISN_PEER);
	/* Without initial sequence numbers nothing says when payload went, and it is mostly before the FINs. */
	bool sent_first = !fin || !isn_known || (c->facts & CONN_OUT_FIRST);
	bool received_first = !fin || !isn_known || (c->facts & CONN_IN_FIRST);
	bool first_data[2] = {received && received_first, sent && sent_first};
	bool late_data[2] = {received && !received_first, sent && !sent_first};

	if (c->role == CONN_ROLE_UNKNOWN)
		return;
	if (syn_proven(c, rec))
		put_handshake(&out, e);
	put(&out, 'D', out.local_is_upper, first_data[out.local_is_upper]);
	put(&out, 'D', !out.local_is_upper, first_data[!out.local_is_upper]);
	put(&out, 'T', true, c->retrans_data);
	put_fin(&out, e, !peer_first);
	put(&out, 'D', out.local_is_upper, late_data[out.local_is_upper]);
	put(&out, 'D', !out.local_is_upper, late_data[!out.local_is_upper]);
	put_fin(&out, e, peer_first);
	put(&out, 'R', false, e->reset_in);
	put(&out, 'R', true, e->reset_out);
}

void verdict_fill(const struct conn *c, bool moved, struct conn_record *rec)
{
	const struct ends e = {
		.c = c,
		.rec = rec,
		.local = segments_find(rec, CONN_OUT, CONN_FLAGS_FIN_ACK),
		.peer = segments_find(rec, CONN_IN, CONN_FLAGS_FIN_ACK),
		.reset_in = reset_of(rec, CONN_IN),
		.reset_out = reset_of(rec, CONN_OUT),
	};

	rec->closed_by = moved && rec->end == CONN_END_ABORTED ? CONN_SIDE_UNKNOWN : closed_by(&e);
	rec->close_kind = rec->closed_by == CONN_SIDE_UNKNOWN ? CONN_CLOSE_NONE : close_kind(&e);
	rec->conn_state = conn_state(&e);
	history(&e, rec);
}
