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
	} else if (!segments_has(s, CONN_FIN_PEER) && s->c->state != WIRE_FIN_WAIT2 && segments_proven(s, CONN_PROVEN_EDGES)) {
		/*
		 * After the peer's FIN the number before it is valid, too (tcp_reset_check()), while data waits out of order
		 * the edges of SACK blocks (tcp_validate_incoming()), and in a minisocket any.
		 */
		segments_set_seq(s, seg, s->last->rcv_nxt);
	}
}

/* As the hook saw it. In an older recording: a task's close sends RST,ACK, as ss -K and timers do before the ->CLOSE. */
static enum wire_reset_form reset_form(const struct segment_list *s)
{
	if (segments_proven(s, CONN_PROVEN_FORM))
		return s->c->live.reset_form;
	if (segments_has(s, CONN_RST_ACTIVE) || (s->closed && !s->last->err && !(s->last->sk_flags & WIRE_SK_DEAD)))
		return WIRE_RESET_ACTIVE;
	return WIRE_RESET_FORM_UNKNOWN;
}

static void add_reset_out(struct segment_list *s)
{
	const struct conn_numbers *last = s->last;
	enum wire_reset_form form = reset_form(s);
	struct conn_segment *seg;

	if (!s->c->resets_last)
		return;
	seg = segments_add(s, CONN_OUT,
			   form == WIRE_RESET_ACTIVE || form == WIRE_RESET_ANSWER_ACK ? CONN_FLAGS_RST_ACK : CONN_FLAGS_RST,
			   CONN_PROOF_EVENT);
	seg->n = s->c->resets_last;
	if (s->c->resets_sent == s->c->resets_last && s->c->reset_us != UINT32_MAX)
		set_at(seg, s->last_us + s->c->reset_us);
	else if (s->closed)
		set_at(seg, s->end_us);
	if (!s->closed)
		return;
	if (form == WIRE_RESET_ANSWER) {
		segments_set_seq(s, seg, s->c->live.reset_number);
	} else if (form == WIRE_RESET_ANSWER_ACK) {
		segments_set_ack(s, seg, s->c->live.reset_number);
	} else if (form == WIRE_RESET_ACTIVE) {
		segments_set_seq(s, seg, last->snd_nxt);
		segments_set_ack(s, seg, last->rcv_nxt);
	}
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
