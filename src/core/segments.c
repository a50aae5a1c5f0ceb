// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments are not seen: a few hooks see some (repeats, resets), the rest follows from the states, which say what came or left,
 * and from the numbers at the transitions, which say that it really did and where it stands in the sequence. So each segment
 * says how it is known, and what the facts leave open is left out: a number, a time, or whether an ACK had a segment of its
 * own.
 *
 * The order is that of the wire at this host. A time is that of the transition, which for what comes is the moment of its
 * processing, and for what leaves a moment before. Repeats are folded into the first; the peer's are not seen.
 */
#include "segments.h"

#include "seq.h"

#include <string.h>

/* A FIN that had to wait for data left no later than its ACK came: if that was as soon as this, the time is good. */
#define SOON_US 5000

/*
 * Where the counts of segments do not tell whether the ACK of our FIN and the peer's FIN came together: two segments that were
 * processed this far apart did not leave one backlog. It is an inference, for a backlog may be long.
 */
#define SEPARATE_FIN_US 500

struct story {
	const struct conn *c;
	const struct wire_state *last;
	bool closed;      /* `last` is a ->CLOSE */
	uint64_t end_us;  /* of the socket: TIME_WAIT's begin, if there was one */
	uint64_t over_us; /* of all */
	uint64_t last_us; /* begin of the last state */
	struct conn_record *rec;
	struct conn_segment spill;
};

static bool has(const struct story *s, uint32_t fact)
{
	return s->c->facts & fact;
}

static struct conn_segment *add(struct story *s, enum conn_dir dir, enum conn_flags flags, enum conn_proof proof)
{
	struct conn_record *rec = s->rec;
	struct conn_segment *seg = &s->spill;

	if (rec->segments_len < CONN_SEGMENTS_MAX)
		seg = &rec->segments[rec->segments_len++];
	*seg = (struct conn_segment){.n = 1, .dir = dir, .flags = flags, .proof = proof};
	return seg;
}

/* Numbers: relative ones, and absolute ones of our side or the peer's. */

static void set_seq(struct conn_segment *seg, uint32_t seq)
{
	seg->seq = seq;
	seg->seq_known = true;
}

static void set_ack(struct conn_segment *seg, uint32_t ack)
{
	seg->ack = ack;
	seg->ack_known = true;
}

static void place(const struct story *s, struct conn_segment *seg, bool seq_known, uint32_t seq, bool ack_known, uint32_t ack)
{
	const struct conn_record *rec = s->rec;
	bool out = seg->dir == CONN_OUT;

	if (seq_known && (out ? rec->isn_local_known : rec->isn_peer_known))
		set_seq(seg, seq_distance(out ? rec->isn_local : rec->isn_peer, seq));
	if (ack_known && (out ? rec->isn_peer_known : rec->isn_local_known))
		set_ack(seg, seq_distance(out ? rec->isn_peer : rec->isn_local, ack));
}

/* Times */

static void set_at(struct conn_segment *seg, uint64_t at_us)
{
	seg->at_us = at_us;
	seg->at_known = true;
}

/* The stay in a state whose begin was seen. */
static const struct conn_span *stay(const struct story *s, unsigned int state)
{
	for (unsigned int i = 0; i < s->rec->timeline_len; i++) {
		const struct conn_span *span = &s->rec->timeline[i];
		if (span->state == state && span->ev == CONN_EV_EVENT)
			return span;
	}
	return NULL;
}

static void enters(const struct story *s, struct conn_segment *seg, unsigned int state)
{
	const struct conn_span *span = stay(s, state);

	if (span)
		set_at(seg, span->at_us);
}

/* The handshake */

/* A SYN is proven by its ACK, by its repeat, by a count of what left, by an answer. */
static enum conn_proof syn_proof(const struct story *s)
{
	const struct conn_record *rec = s->rec;

	if (conn_syn_acked(s->c) || has(s, CONN_SYN_CROSSED))
		return CONN_PROOF_NUMBERS;
	if (s->c->retrans_syn)
		return CONN_PROOF_EVENT;
	if ((rec->stats_known && rec->stats.segs_out) || rec->end == CONN_END_REFUSED)
		return CONN_PROOF_NUMBERS;
	return CONN_PROOF_INFERRED;
}

/* TCP_FASTOPEN_CONNECT and a connect() that failed locally are in SYN_SENT without a SYN; TCP_REPAIR never has one. */
static bool syn_left(const struct story *s)
{
	if (has(s, CONN_REPAIRED))
		return false;
	return has(s, CONN_ESTABLISHED) || syn_proof(s) != CONN_PROOF_INFERRED || !s->closed;
}

static bool answered_early(const struct story *s)
{
	return s->c->resets_sent > !!has(s, CONN_RST_LAST);
}

/* A segment that did not fit came to SYN_SENT or SYN_RECV; it had an ACK, or there would be no reset. */
static void add_early_reset(struct story *s)
{
	struct conn_segment *seg;

	if (!answered_early(s))
		return;
	seg = add(s, CONN_OUT, CONN_FLAGS_RST, CONN_PROOF_EVENT);
	seg->n = s->c->resets_sent - !!has(s, CONN_RST_LAST);
	if (s->c->reset_us != UINT32_MAX)
		set_at(seg, s->c->reset_us);
}

static void add_crossed(struct story *s)
{
	bool told = s->rec->isn_peer_known;
	struct conn_segment *syn = add(s, CONN_IN, CONN_FLAGS_SYN, told ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	struct conn_segment *answer = add(s, CONN_OUT, CONN_FLAGS_SYN_ACK, CONN_PROOF_INFERRED), *answered;

	set_seq(syn, 0);
	enters(s, syn, WIRE_SYN_RECV);
	set_seq(answer, 0);
	set_ack(answer, 1);
	enters(s, answer, WIRE_SYN_RECV);
	answer->n = 1 + s->c->retrans_synack;
	if (s->c->retrans_synack)
		answer->proof = CONN_PROOF_EVENT;
	if (!has(s, CONN_ESTABLISHED))
		return;
	answered = add(s, CONN_IN, CONN_FLAGS_SYN_ACK, CONN_PROOF_INFERRED); /* or an ACK: both end the handshake */
	set_seq(answered, 0);
	set_ack(answered, 1);
	enters(s, answered, WIRE_ESTABLISHED);
}

/* Then what the SYN-ACK acknowledges, and where the client goes on, is not known. */
static bool syn_may_have_data(const struct story *s)
{
	return s->c->id_flags & WIRE_ID_FASTOPEN;
}

static void add_handshake_ack(struct story *s, enum conn_dir dir, enum conn_proof proof)
{
	struct conn_segment *seg = add(s, dir, CONN_FLAGS_ACK, proof);

	set_ack(seg, 1);
	if (!syn_may_have_data(s))
		set_seq(seg, 1);
	enters(s, seg, WIRE_ESTABLISHED);
}

static void open_active(struct story *s)
{
	struct conn_segment *seg;
	bool crossed = has(s, CONN_SYN_CROSSED);

	if (!syn_left(s))
		return;
	seg = add(s, CONN_OUT, CONN_FLAGS_SYN, syn_proof(s));
	set_seq(seg, 0);
	seg->n = 1 + s->c->retrans_syn;
	if (has(s, CONN_START_KNOWN))
		enters(s, seg, WIRE_SYN_SENT);
	add_early_reset(s);
	if (crossed)
		add_crossed(s);
	if (crossed || !has(s, CONN_ESTABLISHED))
		return;
	seg = add(s, CONN_IN, CONN_FLAGS_SYN_ACK, has(s, CONN_ISN_PEER) ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	set_seq(seg, 0);
	if (!syn_may_have_data(s))
		set_ack(seg, 1);
	enters(s, seg, WIRE_ESTABLISHED);
	add_handshake_ack(s, CONN_OUT, CONN_PROOF_INFERRED); /* may wait for data, or travel with it */
}

static void open_passive(struct story *s)
{
	enum conn_proof proof = has(s, CONN_ISN_PEER) ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED;
	bool timed = has(s, CONN_HANDSHAKE_KNOWN);
	struct conn_segment *seg = add(s, CONN_IN, CONN_FLAGS_SYN, proof);

	set_seq(seg, 0);
	if (timed)
		set_at(seg, 0);
	seg = add(s, CONN_OUT, CONN_FLAGS_SYN_ACK, proof);
	set_seq(seg, 0);
	seg->n = 1 + s->c->retrans_synack;
	if (!syn_may_have_data(s))
		set_ack(seg, 1);
	if (timed)
		set_at(seg, 0);
	add_early_reset(s);
	/* With Fast Open the connection may go on without it. */
	if (!has(s, CONN_ESTABLISHED) || has(s, CONN_FIN_WITH_ACK) || (has(s, CONN_START_KNOWN) && !stay(s, WIRE_ESTABLISHED)))
		return;
	add_handshake_ack(s, CONN_IN, stay(s, WIRE_ESTABLISHED) ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
}

/* FINs and their ACKs. A FIN, once queued, is the last number of write_seq; one that came is the last of rcv_nxt. */

static bool fin_left(const struct story *s)
{
	return has(s, CONN_FIN_LOCAL) && (has(s, CONN_FIN_SENT) || s->c->retrans_fin || !s->closed);
}

static enum conn_proof fin_proof(const struct story *s)
{
	if (s->c->retrans_fin)
		return CONN_PROOF_EVENT;
	return has(s, CONN_FIN_SENT) ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED;
}

/* Queued is not sent: if data waited before it, only a quick ACK says when it left. */
static void time_own_fin(const struct story *s, struct conn_segment *seg, unsigned int state)
{
	const struct conn_span *begin = stay(s, state), *acked = stay(s, WIRE_FIN_WAIT2);
	uint64_t acked_us = acked ? acked->at_us : s->end_us;

	if (begin && (!has(s, CONN_FIN_DELAYED) || (has(s, CONN_FIN_ACKED) && acked_us - begin->at_us <= SOON_US)))
		set_at(seg, begin->at_us);
}

static void add_own_fin(struct story *s)
{
	bool second = has(s, CONN_PEER_FIRST | CONN_FIN_AFTER), numbers = s->last;
	unsigned int state = has(s, CONN_PEER_FIRST) ? WIRE_LAST_ACK : WIRE_FIN_WAIT1;
	struct conn_segment *seg;

	if (!fin_left(s))
		return;
	seg = add(s, CONN_OUT, CONN_FLAGS_FIN_ACK, fin_proof(s));
	seg->n = 1 + s->c->retrans_fin;
	time_own_fin(s, seg, state);
	if (second)
		place(s, seg, numbers, numbers ? s->last->write_seq - 1 : 0, numbers, numbers ? s->last->rcv_nxt : 0);
	else
		place(s, seg, numbers, numbers ? s->last->write_seq - 1 : 0,
		      stay(s, WIRE_FIN_WAIT1) && !has(s, CONN_FIN_DELAYED), s->c->first_ack);
}

/* A FIN that came to a minisocket which no hook shows is inferred from what a scan found afterwards. */
static bool fin_seen(const struct story *s)
{
	return (s->last->hdr.sk_flags & WIRE_SK_DONE) || s->rec->time_wait.ev == CONN_EV_EVENT;
}

static void add_peer_fin(struct story *s)
{
	unsigned int state = has(s, CONN_PEER_FIRST) ? WIRE_CLOSE_WAIT : WIRE_CLOSING;
	bool at_close = s->closed && s->last->hdr.old_state == WIRE_FIN_WAIT2;
	bool seen = at_close ? fin_seen(s) : stay(s, state) != NULL;
	uint32_t fin = s->last ? s->last->rcv_nxt - 1 : 0;
	struct conn_segment *seg;

	if (!has(s, CONN_FIN_PEER))
		return;
	seg = add(s, CONN_IN, CONN_FLAGS_FIN_ACK, seen ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	if (at_close) {
		set_at(seg, s->end_us);
		place(s, seg, true, fin, true, s->last->snd_una);
		return;
	}
	enters(s, seg, state);
	place(s, seg, s->last, fin, stay(s, state), state == WIRE_CLOSING ? s->c->mark_seq : s->c->first_ack);
}

/* The ACK of the peer's FIN, if it had a segment of its own: nothing else left before our FIN, or it did. */
static void add_ack_of_first(struct story *s)
{
	const struct conn_record *rec = s->rec;
	enum conn_proof proof = CONN_PROOF_NUMBERS;
	struct conn_segment *seg;
	bool no_data;

	if (!stay(s, WIRE_CLOSE_WAIT) || has(s, CONN_FIN_JOINED))
		return;
	if (!has(s, CONN_FIN_APART)) {
		if (has(s, CONN_FIN_LOCAL) || (rec->stats_known && rec->stats.segs_out == s->c->mark_segs))
			return;
		proof = rec->stats_known ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED;
	}
	seg = add(s, CONN_OUT, CONN_FLAGS_ACK, proof);
	enters(s, seg, WIRE_CLOSE_WAIT);
	no_data = s->last && s->last->write_seq - has(s, CONN_FIN_LOCAL) == s->c->mark_seq;
	place(s, seg, no_data, s->c->mark_seq, s->last, s->last ? s->last->rcv_nxt : 0);
}

/* The ACK of our FIN while the peer's is still to come. */
static void add_ack_of_ours(struct story *s)
{
	const struct conn_span *waits = stay(s, WIRE_FIN_WAIT2);
	bool apart = has(s, CONN_FIN_APART) || !has(s, CONN_FIN_PEER), no_data;
	struct conn_segment *seg;

	if (!waits || !has(s, CONN_FIN_ACKED) || has(s, CONN_FIN_JOINED))
		return;
	if (!apart && !(waits->us_known && waits->us >= SEPARATE_FIN_US))
		return;
	seg = add(s, CONN_IN, CONN_FLAGS_ACK, apart ? CONN_PROOF_NUMBERS : CONN_PROOF_INFERRED);
	set_at(seg, waits->at_us);
	no_data = s->last && s->last->rcv_nxt - has(s, CONN_FIN_PEER) == s->c->mark_seq;
	place(s, seg, no_data, s->c->mark_seq, s->last, s->last ? s->last->write_seq : 0);
}

/* What ends an exchange of FINs: the ACK of the second one, or of both if they crossed. */

static void add_last_ack_out(struct story *s)
{
	bool crossed = has(s, CONN_FIN_CROSSED);
	struct conn_segment *seg;

	if (!has(s, CONN_FIN_PEER) || (!crossed && !(s->closed && s->last->hdr.old_state == WIRE_FIN_WAIT2)))
		return;
	seg = add(s, CONN_OUT, CONN_FLAGS_ACK, CONN_PROOF_INFERRED);
	if (crossed)
		enters(s, seg, WIRE_CLOSING);
	else
		set_at(seg, s->end_us);
	place(s, seg, s->last && !has(s, CONN_FIN_AFTER), s->last ? s->last->write_seq : 0, s->last,
	      s->last ? s->last->rcv_nxt : 0);
}

static void add_last_ack_in(struct story *s)
{
	struct conn_segment *seg;

	if (!s->closed || !has(s, CONN_FIN_ACKED) || s->last->hdr.old_state == WIRE_FIN_WAIT2)
		return;
	seg = add(s, CONN_IN, CONN_FLAGS_ACK, CONN_PROOF_NUMBERS);
	set_at(seg, s->end_us);
	place(s, seg, true, s->last->rcv_nxt, true, s->last->write_seq);
}

static void add_close(struct story *s)
{
	if (has(s, CONN_PEER_FIRST)) {
		add_peer_fin(s);
		add_ack_of_first(s);
		add_own_fin(s);
		add_last_ack_in(s);
	} else if (has(s, CONN_FIN_CROSSED)) {
		if (!has(s, CONN_FIN_AFTER))
			add_own_fin(s);
		add_peer_fin(s);
		add_last_ack_out(s);
		if (has(s, CONN_FIN_AFTER))
			add_own_fin(s);
		add_last_ack_in(s);
	} else {
		add_own_fin(s);
		add_ack_of_ours(s);
		add_peer_fin(s);
		add_last_ack_out(s);
	}
}

/* Resets */

/*
 * tcp_reset() runs for a reset that came, and for data after close(), which is answered by a reset of ours: hold.c tells them
 * apart, unless that was lost. An error without the hook's word is an inference; ICMP may refuse a connection too.
 */
static void add_reset_in(struct story *s)
{
	const struct conn_record *rec = s->rec;
	bool refused = rec->end == CONN_END_REFUSED, ended = rec->end == CONN_END_RST_RECEIVED || refused;
	unsigned int state = s->closed ? s->last->hdr.old_state : 0;
	struct conn_segment *seg;

	if (!s->closed || rec->end == CONN_END_FIN || !(ended || rec->resets.received))
		return;
	if (refused && !rec->resets.received && !rec->gaps)
		return;
	seg = add(s, CONN_IN, state == WIRE_SYN_SENT ? CONN_FLAGS_RST_ACK : CONN_FLAGS_RST,
		  rec->resets.received && !(rec->gaps && has(s, CONN_FIN_LOCAL)) ? CONN_PROOF_EVENT : CONN_PROOF_INFERRED);
	set_at(seg, s->end_us);
	if (state == WIRE_SYN_SENT) /* the kernel takes none without the right ACK there */
		place(s, seg, false, 0, s->last->snd_nxt == s->last->snd_una + 1, s->last->snd_nxt);
	else /* with the peer's FIN counted, the number before it will do too (tcp_reset_check()); a minisocket takes any in
		window */
		place(s, seg, !has(s, CONN_FIN_PEER) && s->c->state != WIRE_FIN_WAIT2, s->last->rcv_nxt, false, 0);
}

/*
 * What a task's own close sends, and what ss -K and timers send before the ->CLOSE, is RST,ACK; an answer to a segment with an
 * ACK is RST and takes its number from that. close() of an orphan with linger2 below zero may be either.
 */
static void add_reset_out(struct story *s)
{
	const struct wire_state *last = s->last;
	bool active = has(s, CONN_RST_ACTIVE), answers;
	struct conn_segment *seg;

	if (!has(s, CONN_RST_LAST))
		return;
	active |= s->closed && !last->err && !(last->hdr.sk_flags & WIRE_SK_DEAD); /* a task closed it */
	answers = s->closed && !active;
	seg = add(s, CONN_OUT, active ? CONN_FLAGS_RST_ACK : CONN_FLAGS_RST, CONN_PROOF_EVENT);
	if (s->c->resets_sent == 1 && s->c->reset_us != UINT32_MAX)
		set_at(seg, s->last_us + s->c->reset_us);
	else if (s->closed)
		set_at(seg, s->end_us);
	if (s->closed)
		place(s, seg, true, answers ? last->snd_una : last->snd_nxt, active, last->rcv_nxt);
}

/* A minisocket was reset. In FIN_WAIT2 that was the connection's end, and one that came stands there already. */
static void add_late_reset(struct story *s)
{
	const struct conn_time_wait *tw = &s->rec->time_wait;

	if (s->c->state == WIRE_FIN_WAIT2 && s->rec->end == CONN_END_RST_SENT && tw->end == WIRE_CAUSE_RESET_SENT)
		set_at(add(s, CONN_OUT, CONN_FLAGS_RST, CONN_PROOF_INFERRED), s->over_us);
	if (s->c->state == WIRE_TIME_WAIT && tw->us_known && tw->end == WIRE_CAUSE_RESET)
		set_at(add(s, CONN_IN, CONN_FLAGS_RST, CONN_PROOF_INFERRED), s->over_us);
}

const struct conn_segment *segments_find(const struct conn_record *rec, enum conn_dir dir, enum conn_flags flags)
{
	for (unsigned int i = 0; i < rec->segments_len; i++) {
		if (rec->segments[i].dir == dir && rec->segments[i].flags == flags)
			return &rec->segments[i];
	}
	return NULL;
}

static uint64_t close_us(const struct conn_record *rec)
{
	const struct conn_span *last = &rec->timeline[rec->timeline_len - 1];

	return last->state == WIRE_TIME_WAIT ? last->at_us : (rec->end_ns - rec->start_ns) / 1000;
}

/*
 * The first numbers, where no transition told them: of a connection that is older than us, or with Fast Open. The kernel counts
 * from there all that came in order, the FIN included (tcp_rcv_nxt_update()), and all that was acknowledged, with an opener's
 * SYN (tcp_snd_una_update()).
 */
static void count_back(const struct conn *c, const struct wire_state *last, struct conn_record *rec)
{
	bool counted = last && rec->stats_known && (c->facts & CONN_ESTABLISHED) && !(c->facts & CONN_REPAIRED) &&
		       !(last->hdr.sk_flags & WIRE_SK_REPAIR);

	if (counted && !rec->isn_peer_known) {
		rec->isn_peer = last->rcv_nxt - (uint32_t)rec->stats.bytes_received - 1;
		rec->isn_peer_known = true;
	}
	if (counted && !rec->isn_local_known && (c->role == CONN_CLIENT || c->role == CONN_SERVER)) {
		rec->isn_local = last->snd_una - (uint32_t)rec->stats.bytes_acked - (c->role == CONN_SERVER);
		rec->isn_local_known = true;
	}
}

void segments_fill(const struct conn *c, const struct wire_state *last, struct conn_record *rec)
{
	struct story s = {
		.c = c,
		.last = last,
		.closed = last && last->hdr.kind == WIRE_STATE,
		.end_us = close_us(rec),
		.over_us = (rec->end_ns - rec->start_ns) / 1000,
		.last_us = c->spans[c->spans_len - 1].at_us,
		.rec = rec,
	};

	rec->isn_local_known = c->facts & CONN_ISN_LOCAL;
	rec->isn_local = c->isn_local;
	rec->isn_peer_known = c->facts & CONN_ISN_PEER;
	rec->isn_peer = c->isn_peer;
	count_back(c, last, rec);
	if (conn_is_active(c))
		open_active(&s);
	else if (c->role == CONN_SERVER)
		open_passive(&s);
	add_close(&s);
	add_reset_in(&s);
	add_reset_out(&s);
	add_late_reset(&s);
}
