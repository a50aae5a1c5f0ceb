// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a connection to its records. Reads, computes nothing that a verdict depends on, and owns the kernel's counting rules:
 * which of its byte counts include a SYN or a FIN.
 */
#include "emit.h"

#include "conn_owner.h"
#include "repeats.h"
#include "segments.h"
#include "seq.h"
#include "verdict.h"
#include "wire_read.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

void emit_record(const struct conn_table *t, const struct record *rec)
{
	if (emit_wanted(t, rec->kind))
		t->emit(t->ctx, rec);
}

void emit_tuple(const struct conn_table *t, const struct conn *c, struct conn_tuple *tuple)
{
	const struct conn_place *place = conn_place(t, c);
	struct wire_ident *id = &tuple->id;

	tuple->cookie = c->cookie;
	tuple->generation = c->generation;
	tuple->role = c->role;
	tuple->id_known = c->facts & CONN_ID_KNOWN;
	memcpy(id->local_addr, place->local_addr, sizeof(id->local_addr));
	memcpy(id->peer_addr, c->peer_addr, sizeof(id->peer_addr));
	id->cgroup_id = place->cgroup_id;
	id->netns = place->netns;
	id->uid = place->uid;
	id->local_port = c->local_port;
	id->peer_port = c->peer_port;
	id->family = !(c->facts & CONN_ID_KNOWN) ? 0 : c->ipv6 ? AF_INET6 : AF_INET;
	id->flags = c->id_flags;
	conn_owner_fill(t, c, tuple);
}

static uint64_t sub_sat(uint64_t value, uint64_t by)
{
	return value > by ? value - by : 0;
}

/* What ended a server's handshake is its last ACK only if it carried no more: data or a FIN may have come much later. */
static bool handshake_known(const struct conn *c)
{
	return (c->facts & CONN_HANDSHAKE_KNOWN) && !(c->facts & CONN_FIN_WITH_ACK) && !(c->proofs & CONN_PROVEN_DATA_OPENED);
}

static void fill_timeline(const struct conn *c, struct conn_record *rec)
{
	uint64_t end_us = conn_us_at(c, rec->end_ns);
	bool known; /* the end of the minisocket */

	for (unsigned int i = 0; i < c->spans_len; i++) {
		const struct conn_entry *entry = &c->spans[i];
		struct conn_span *span = &rec->timeline[i];
		const struct conn_entry *next = i + 1 < c->spans_len ? entry + 1 : NULL;
		uint64_t next_us = next ? next->at_us : end_us;

		span->at_us = entry->at_us;
		span->state = entry->state;
		span->by = entry->by;
		span->ev = entry->ev;
		span->us_known = !entry->us_unknown && !(next && next->ev == CONN_EV_SCAN); /* a scan knows no begin */
		span->us = span->us_known && next_us > entry->at_us ? next_us - entry->at_us : 0;
		if (entry->state == WIRE_ESTABLISHED && handshake_known(c) && !rec->handshake_known) {
			rec->handshake_known = true;
			rec->handshake_us = sub_sat(entry->at_us, c->syn_us);
		}
	}
	rec->timeline_len = c->spans_len;
	known = c->state == WIRE_TIME_WAIT ? rec->time_wait.us_known : rec->time_wait.fin_wait2_us_known;
	if ((c->facts & CONN_MINISOCK) && !known) {
		rec->timeline[rec->timeline_len - 1].us_known = false;
		rec->timeline[rec->timeline_len - 1].us = 0;
	}
}

/* The full socket is gone and a minisocket waits 2 MSL; how long is not known from transitions. */
static void add_time_wait(struct conn_record *rec)
{
	rec->timeline[rec->timeline_len++] = (struct conn_span){
		.at_us = sub_sat(rec->end_ns, rec->start_ns) / 1000,
		.state = WIRE_TIME_WAIT,
		.by = CONN_BY_PEER,
		.ev = CONN_EV_INFERRED,
	};
}

/* bytes_acked counts our SYN if it was acknowledged in SYN_SENT or later (not a server's), and our FIN; bytes_received a FIN.
 */
static void fill_stats(const struct conn *c, const struct wire_stats *stats, struct conn_record *rec)
{
	bool syn = conn_syn_acked(c), fin = c->facts & CONN_FIN_ACKED, peer_fin = c->facts & CONN_FIN_PEER;

	rec->stats_known = true;
	rec->stats = *stats;
	rec->sent_unknown = c->proofs & CONN_PROVEN_UNSENT;
	rec->payload_acked = sub_sat(stats->bytes_acked, syn + fin);
	rec->payload_received = sub_sat(stats->bytes_received, peer_fin);
}

/* An unread FIN is the last of what is unread, and our unsent FIN the last of what is unsent: neither is payload. */
static void fill_queues(const struct conn *c, const struct conn_numbers *last, struct conn_record *rec)
{
	uint32_t unread = seq_pending(last->copied_seq, last->rcv_nxt);
	uint32_t unsent = seq_pending(last->snd_nxt, last->write_seq);

	if (!(c->facts & CONN_ESTABLISHED))
		return; /* before that the numbers are not set */
	rec->unread_known = true;
	rec->unread_bytes = sub_sat(unread, !!(c->facts & CONN_FIN_PEER));
	rec->unsent_bytes = sub_sat(unsent, !!(c->facts & CONN_FIN_LOCAL));
}

void emit_fill(const struct conn_table *t, const struct conn *c, enum conn_end end, const struct conn_last *last,
	       struct conn_record *rec)
{
	const struct conn_numbers *numbers = last->numbers;
	bool cut = (c->facts & CONN_MINISOCK) && (c->mini.flags & MINI_CUT);
	/* FIN_WAIT2 outlives its socket, and nothing shows its end. If it was refused there is nothing to see. */
	bool waits_unseen = numbers && numbers->closed && numbers->state == WIRE_FIN_WAIT2 && end == CONN_END_FIN &&
			    !(c->facts & CONN_FIN_PEER) && !(last->tw && last->tw->end == WIRE_CAUSE_OVERFLOW);
	/* TCP_REPAIR took it away without a segment: it goes on elsewhere. */
	bool moved = numbers && numbers->closed && (numbers->sk_flags & WIRE_SK_REPAIR);
	uint64_t last_ns = conn_entered_ns(c);

	memset(rec, 0, offsetof(struct conn_record, timeline));
	rec->start_known = c->facts & CONN_START_KNOWN;
	rec->start_ns = c->start_ns;
	rec->end_ns = last->at_ns > last_ns ? last->at_ns : last_ns; /* only a broken stream goes back in time */
	rec->end = end;
	rec->retransmits = (struct conn_retransmits){c->retrans_syn, c->retrans_synack, c->retrans_data, c->retrans_fin};
	rec->resets.sent = c->resets_sent;
	rec->resets.received = c->resets_received;
	rec->resets.reason = c->reset_reason;
	rec->gaps = c->gaps + (t->loss_epoch - c->loss_epoch);
	emit_tuple(t, c, &rec->t);
	/* The begin of a passive handshake is known only if its length is. */
	rec->duration_known = rec->start_known && !cut && !(c->spans[0].state == WIRE_SYN_RECV && c->spans[0].us_unknown);
	rec->complete = rec->start_known && !rec->gaps && !(c->facts & CONN_TRUNCATED) && !cut && !waits_unseen && !moved;
	if (last->tw)
		rec->time_wait = *last->tw;
	fill_timeline(c, rec);
	if (!last->tw && numbers && numbers->closed && verdict_is_clean(c, numbers) && verdict_time_waits(numbers))
		add_time_wait(rec);
	if (numbers)
		fill_queues(c, numbers, rec);
	if (last->stats)
		fill_stats(c, last->stats, rec);
	/* What a scan met in another state than the one that is known proves nothing about this one's segments. */
	segments_fill(c, numbers && !numbers->closed && numbers->state != c->state ? NULL : numbers, rec);
	if (c->proofs & CONN_PROVEN_REPEAT_AT)
		repeats_fill(&t->repeats, c->id, rec);
	verdict_fill(c, moved, rec);
}

void emit_due_state(struct conn_table *t, struct conn *c)
{
	struct conn_tuple tuple = {0};
	struct conn_state_record state = {
		.t = &tuple, .old_state = WIRE_CLOSE, .new_state = WIRE_SYN_SENT, .by = CONN_BY_LOCAL, .ev = CONN_EV_EVENT};

	c->facts &= ~CONN_STATE_DUE;
	emit_tuple(t, c, &tuple);
	emit_record(t, &(struct record){.kind = RECORD_STATE, .ts = c->start_ns, .state = &state});
}

void emit_connection(struct conn_table *t, struct conn *c, const struct conn_last *last)
{
	struct conn_record rec;

	emit_first_state(t, c);
	if (emit_wanted(t, RECORD_CONNECTION)) {
		emit_fill(t, c, c->end, last, &rec);
		rec.final = true;
		emit_record(t, &(struct record){.kind = RECORD_CONNECTION, .ts = rec.end_ns, .conn = &rec});
	}
	if (c->facts & CONN_ESTABLISHED)
		t->interval.closed++;
}

void emit_finish(struct conn_table *t, struct conn *c, const struct conn_last *last)
{
	emit_connection(t, c, last);
	if (!last->numbers || !(last->numbers->sk_flags & WIRE_SK_DEAD))
		table_end_life(t, c);
	table_note_emitted(t, c);
	table_remove(t, c);
}

void emit_time_wait(const struct conn_table *t, const struct conn *c, uint64_t ts, const struct conn_time_wait *tw)
{
	struct conn_tuple tuple = {0};
	struct conn_time_wait_record rec = {
		.t = &tuple,
		.start_known = c->facts & CONN_START_KNOWN,
		.start_ns = c->start_ns,
		.time_wait = *tw,
	};

	emit_tuple(t, c, &tuple);
	emit_record(t, &(struct record){.kind = RECORD_TIME_WAIT, .ts = ts, .time_wait = &rec});
}

void emit_progress(const struct conn_table *t, const struct conn *c, enum conn_end end, const struct conn_last *last)
{
	struct conn_record rec;

	if (!emit_wanted(t, RECORD_PROGRESS))
		return;
	emit_fill(t, c, end, last, &rec);
	emit_record(t, &(struct record){.kind = RECORD_PROGRESS, .ts = rec.end_ns, .conn = &rec});
}

void emit_wanted_state(struct conn_table *t, struct conn *c, const struct wire_hdr *ev, enum conn_by by, enum conn_ev how)
{
	struct conn_tuple tuple = {0};
	struct conn_state_record state = {
		.t = &tuple, .old_state = ev->old_state, .new_state = ev->new_state, .by = by, .ev = how};
	const struct conn_entry *last = c->spans_len ? conn_last_entry(c) : NULL;
	bool timed;

	emit_first_state(t, c);
	emit_tuple(t, c, &tuple);
	/* That TIME_WAIT followed a ->CLOSE may be inferred: the event's time is its own. */
	timed = how == CONN_EV_EVENT || (how == CONN_EV_INFERRED && ev->new_state == WIRE_TIME_WAIT);
	state.prev_known = timed && last && last->state == ev->old_state && !last->us_unknown &&
			   !((c->facts & CONN_MINISOCK) && c->mini.begin_is_upper_bound);
	if (state.prev_known)
		state.prev_us = sub_sat(conn_us_at(c, ev->ts), last->at_us);
	emit_record(t, &(struct record){.kind = RECORD_STATE, .ts = ev->ts, .state = &state});
}

void emit_step(struct conn_table *t, struct conn *c, const struct emit_step *step)
{
	const struct wire_hdr ev = {.ts = step->ts, .old_state = c->state, .new_state = step->to};

	emit_state(t, c, &ev, step->by, step->ev);
}

/* Of a connection that is not tracked the event itself may have the tuple. */
static void fill_event_tuple(const struct conn_table *t, const struct conn *c, const struct wire_hdr *ev,
			     struct conn_tuple *tuple)
{
	const struct wire_ident *ident = wire_ident(ev);

	memset(tuple, 0, sizeof(*tuple));
	if (c) {
		emit_tuple(t, c, tuple);
		return;
	}
	tuple->cookie = ev->cookie;
	tuple->id_known = ident;
	if (ident)
		tuple->id = *ident;
}

void emit_retransmit(const struct conn_table *t, const struct conn *c, const struct wire_retransmit *ev)
{
	uint32_t space = seq_pending(ev->seq, ev->end_seq);
	bool one_is_flag = ev->segment != WIRE_SEG_DATA;
	struct conn_tuple tuple;
	struct conn_retransmit_record r = {
		.t = &tuple,
		.state = ev->hdr.old_state,
		.kind = ev->segment,
		.trigger = ev->trigger,
		.seq_known = true,
		.seq = ev->seq,
		.len = sub_sat(space, one_is_flag),
		.count = ev->segs ? ev->segs : 1,
	};

	fill_event_tuple(t, c, &ev->hdr, &tuple);
	emit_record(t, &(struct record){.kind = RECORD_RETRANSMIT, .ts = ev->hdr.ts, .retransmit = &r});
}

void emit_reset(const struct conn_table *t, const struct conn *c, const struct wire_reset *ev)
{
	struct conn_tuple tuple;
	struct conn_reset_record r = {
		.t = &tuple,
		/* close() sends its reset after it has changed the state: the record has the one that it left */
		.state = c && (c->facts & CONN_HELD) ? c->spans[c->spans_len - 1].state : ev->hdr.old_state,
		.direction = ev->direction,
		.reason = ev->reason,
		.count = 1,
	};

	fill_event_tuple(t, c, &ev->hdr, &tuple);
	emit_record(t, &(struct record){.kind = RECORD_RESET, .ts = ev->hdr.ts, .reset = &r});
}

void emit_aggregate(const struct conn_table *t, const struct wire_aggregate *ev)
{
	struct conn_retransmit_record retransmit = {
		.netns = ev->netns,
		.local_port = ev->local_port,
		.state = WIRE_NEW_SYN_RECV,
		.kind = WIRE_SEG_SYNACK,
		.count = ev->count,
		.interval_us = ev->interval_ns / 1000,
	};
	struct conn_reset_record reset = {
		.netns = ev->netns,
		.local_port = ev->local_port,
		.state = WIRE_CLOSE,
		.direction = WIRE_SENT,
		.reason = ev->reason,
		.count = ev->count,
		.interval_us = ev->interval_ns / 1000,
	};

	if (ev->what == WIRE_AGG_SYNACK_RETRANSMIT)
		emit_record(t, &(struct record){.kind = RECORD_RETRANSMIT, .ts = ev->hdr.ts, .retransmit = &retransmit});
	if (ev->what == WIRE_AGG_RESET_SENT)
		emit_record(t, &(struct record){.kind = RECORD_RESET, .ts = ev->hdr.ts, .reset = &reset});
}
