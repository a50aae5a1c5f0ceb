// SPDX-License-Identifier: GPL-2.0-only
/* Resets: which came, which left, and what they end. */
#include "segment_list.h"

/*
 * tcp_reset() runs for a reset that came, and for data after close(), which a reset of ours answers: closing.c distinguishes
 * them, unless that reset was lost. Without the hook's event a reset is inferred from the error; ICMP may refuse, too.
 */
static void add_reset_in(struct segment_list *s)
{
	const struct conn_record *rec = s->rec;
	bool refused = rec->end == CONN_END_REFUSED, ended = rec->end == CONN_END_RST_RECEIVED || refused;
	unsigned int state = s->closed ? s->last->state : 0;
	struct conn_segment *seg;

	if (!s->closed || rec->end == CONN_END_FIN || !(ended || rec->resets.received))
		return;
	if (refused && !rec->resets.received && !rec->gaps)
		return;
	seg = segments_add(s, CONN_IN, state == WIRE_SYN_SENT ? CONN_FLAGS_RST_ACK : CONN_FLAGS_RST,
			   rec->resets.received && !(rec->gaps && segments_has(s, CONN_FIN_LOCAL)) ? CONN_PROOF_EVENT
												   : CONN_PROOF_INFERRED);
	set_at(seg, s->end_us);
	if (state == WIRE_SYN_SENT) { /* the kernel takes none without the right ACK there */
		if (s->last->snd_nxt == s->last->snd_una + 1)
			segments_set_ack(s, seg, s->last->snd_nxt);
	} else if (!segments_has(s, CONN_FIN_PEER) && s->c->state != WIRE_FIN_WAIT2) {
		/* After the peer's FIN the number before it is valid, too (tcp_reset_check()); in a minisocket any is. */
		segments_set_seq(s, seg, s->last->rcv_nxt);
	}
}

/*
 * A task's close sends RST,ACK, as ss -K and timers do before the ->CLOSE. The answer to a segment with an ACK is RST with that
 * ACK's number. close() of an orphan with linger2 below zero may send either.
 */
static void add_reset_out(struct segment_list *s)
{
	const struct conn_numbers *last = s->last;
	bool active = segments_has(s, CONN_RST_ACTIVE), answers;
	struct conn_segment *seg;

	if (!segments_has(s, CONN_RST_LAST))
		return;
	active |= s->closed && !last->err && !(last->sk_flags & WIRE_SK_DEAD); /* a task closed it */
	answers = s->closed && !active;
	seg = segments_add(s, CONN_OUT, active ? CONN_FLAGS_RST_ACK : CONN_FLAGS_RST, CONN_PROOF_EVENT);
	if (s->c->resets_sent == 1 && s->c->reset_us != UINT32_MAX)
		set_at(seg, s->last_us + s->c->reset_us);
	else if (s->closed)
		set_at(seg, s->end_us);
	if (!s->closed)
		return;
	segments_set_seq(s, seg, answers ? last->snd_una : last->snd_nxt);
	if (active)
		segments_set_ack(s, seg, last->rcv_nxt);
}

/* A minisocket was reset. In FIN_WAIT2 that ended the connection, and a reset that came is in the list already. */
static void add_late_reset(struct segment_list *s)
{
	const struct conn_time_wait *tw = &s->rec->time_wait;

	if (s->c->state == WIRE_FIN_WAIT2 && s->rec->end == CONN_END_RST_SENT && tw->end == WIRE_CAUSE_RESET_SENT)
		set_at(segments_add(s, CONN_OUT, CONN_FLAGS_RST, CONN_PROOF_INFERRED), s->over_us);
	if (s->c->state == WIRE_TIME_WAIT && tw->us_known && tw->end == WIRE_CAUSE_RESET)
		set_at(segments_add(s, CONN_IN, CONN_FLAGS_RST, CONN_PROOF_INFERRED), s->over_us);
}

void segments_reset(struct segment_list *s)
{
	add_reset_in(s);
	add_reset_out(s);
	add_late_reset(s);
}
