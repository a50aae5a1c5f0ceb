// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks show few segments: repeats and resets. The others follow from the states, which show what arrived or left, and from the
 * numbers at the transitions, which prove it and give sequence numbers. Each segment says how it is known. What is not known is
 * left out: a number, a time, or whether an ACK had a segment of its own.
 *
 * The order is that of the wire at this host. A time is that of the transition: when a segment was processed, or a moment
 * before one left. Repeats are counted in the first; the peer's repeats are not seen.
 */
#include "segments.h"

#include "segment_list.h"

/*
 * The initial numbers that no transition showed: of a connection that is older than the tool, or with Fast Open. From them on
 * the kernel counts all that arrived in order, the FIN included (tcp_rcv_nxt_update()), and all that was acknowledged, an
 * opener's SYN included (tcp_snd_una_update()).
 */
static void count_back(const struct conn *c, const struct conn_numbers *last, struct conn_record *rec)
{
	bool counted = last && rec->stats_known && (c->facts & CONN_ESTABLISHED) && !(c->facts & CONN_REPAIRED) &&
		       !(last->sk_flags & WIRE_SK_REPAIR);

	if (counted && !rec->isn_peer_known) {
		rec->isn_peer = last->rcv_nxt - (uint32_t)rec->stats.bytes_received - 1;
		rec->isn_peer_known = true;
	}
	if (counted && !rec->isn_local_known && (c->role == CONN_CLIENT || c->role == CONN_SERVER)) {
		rec->isn_local = last->snd_una - (uint32_t)rec->stats.bytes_acked - (c->role == CONN_SERVER);
		rec->isn_local_known = true;
	}
}

static struct segment_side side_of(bool known, uint32_t isn, uint64_t counted)
{
	return (struct segment_side){known, isn, isn + (uint32_t)counted, counted};
}

static void find_stays(struct segment_list *s)
{
	for (unsigned int i = s->rec->timeline_len; i > 0; i--) {
		const struct conn_span *span = &s->rec->timeline[i - 1];
		if (span->ev == CONN_EV_EVENT)
			s->stays[span->state] = (uint8_t)i;
	}
}

void segments_fill(const struct conn *c, const struct conn_numbers *last, struct conn_record *rec)
{
	const struct conn_span *span = &rec->timeline[rec->timeline_len - 1];
	uint64_t over_us = (rec->end_ns - rec->start_ns) / 1000;
	struct segment_list s = {
		.c = c,
		.last = last,
		.closed = last && last->closed,
		.end_us = span->state == WIRE_TIME_WAIT ? span->at_us : over_us,
		.over_us = over_us,
		.last_us = c->spans[c->spans_len - 1].at_us,
		.rec = rec,
	};

	rec->isn_local_known = c->facts & CONN_ISN_LOCAL;
	rec->isn_local = c->isn_local;
	rec->isn_peer_known = c->facts & CONN_ISN_PEER;
	rec->isn_peer = c->isn_peer;
	count_back(c, last, rec);
	s.sides[false] = side_of(rec->isn_peer_known, rec->isn_peer, rec->stats_known ? rec->stats.bytes_received : 0);
	s.sides[true] = side_of(rec->isn_local_known, rec->isn_local, rec->stats_known ? rec->stats.bytes_acked : 0);
	find_stays(&s);
	if (conn_is_active(c))
		segments_open_active(&s);
	else if (c->role == CONN_SERVER)
		segments_open_passive(&s);
	segments_close(&s);
	segments_reset(&s);
}
