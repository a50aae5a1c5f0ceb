// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each event changes. fsm.c says which transition may follow; here the timeline grows, facts follow from states and
 * numbers, the owner is noted, and a ->CLOSE is judged.
 *
 * A connection begins with CLOSE->SYN_SENT (this host connects) or out of SYN_RECV (a child; its SYN came to a request socket).
 * With TCP_REPAIR connect() restores one that began elsewhere: no segment is sent, and nothing shows who opened it.
 * All others are older than the tool, or their begin was lost. An event that does not fit the known state shows that another
 * was lost: the state is set to the kernel's, and a gap is counted. Nothing is invented for what was skipped.
 */
#include "conn_events.h"

#include "alert.h"
#include "child.h"
#include "closing.h"
#include "conn_owner.h"
#include "emit.h"
#include "facts.h"
#include "fsm.h"
#include "listener.h"
#include "minisock.h"
#include "repeats.h"
#include "timeline.h"
#include "tw_conn.h"
#include "verdict.h"
#include "wire_read.h"

#include <errno.h>

static void note_owner(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	conn_owner_state(t, c, &ev->hdr);
	switch (ev->hdr.new_state) {
	case WIRE_SYN_SENT:
		conn_owner_saw(t, c, &ev->hdr, CONN_FROM_CONNECT);
		break;
	case WIRE_CLOSE:
		if (ev->err == ECONNABORTED) /* the task is whoever ran ss -K */
			break;
		/* fallthrough */
	case WIRE_FIN_WAIT1:
	case WIRE_LAST_ACK:
		conn_owner_saw(t, c, &ev->hdr, CONN_FROM_CLOSE);
		break;
	}
}

/* FIN: by the last ACK or the peer's FIN; else the kernel keeps a FIN_WAIT2 minisocket. Who sent an ICMP message is not known.
 */
static enum conn_by close_by(const struct conn *c, const struct wire_state *ev, bool clean)
{
	static const enum conn_by by[CONN_END_MAX] = {
		[CONN_END_FIN] = CONN_BY_PEER,      [CONN_END_RST_RECEIVED] = CONN_BY_PEER, [CONN_END_RST_SENT] = CONN_BY_LOCAL,
		[CONN_END_ABORTED] = CONN_BY_LOCAL, [CONN_END_TIMEOUT] = CONN_BY_TIMER,     [CONN_END_NO_PORT] = CONN_BY_LOCAL,
	};

	if (c->end == CONN_END_REFUSED && c->resets_received)
		return CONN_BY_PEER;
	if (c->end == CONN_END_FIN ? !clean : !ev->err && !by[c->end])
		return CONN_BY_LOCAL;
	return by[c->end];
}

static void close_conn(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	struct conn_numbers numbers = conn_numbers(ev);
	const struct conn_last last = {.at_ns = ev->hdr.ts, .numbers = &numbers, .stats = wire_stats(&ev->hdr)};
	enum conn_by by;

	numbers.err = verdict_error(c, ev);
	c->end = verdict_end(c, &numbers);
	by = close_by(c, ev, verdict_is_clean(c, &numbers));
	if (!minisock_close(t, c, &last))
		closing_begin(t, c, &last, by);
}

/* The change itself; `c` is in ev's old state, or a gap is counted. */
static void advance(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	const struct wire_hdr *h = &ev->hdr;
	const struct wire_ident *ident = wire_ident(h);
	bool restored = h->old_state == WIRE_SYN_SENT && (h->sk_flags & WIRE_SK_REPAIR); /* by connect() itself */
	enum conn_by by = restored ? CONN_BY_LOCAL : fsm_step(h->old_state, h->new_state)->by;

	if (c->state == WIRE_CLOSE_WAIT && h->new_state != WIRE_CLOSE_WAIT)
		alerts_left(t, c, ev);
	facts_ident(t, c, ident);
	if (h->old_state == WIRE_SYN_RECV) {
		child_leaves(c, ev);
		facts_synacks(c, ident);
	}
	facts_state(t, c, h->new_state);
	facts_numbers(c, ev);
	note_owner(t, c, ev);
	if (h->new_state == WIRE_CLOSE) {
		close_conn(t, c, ev);
		return;
	}
	emit_state(t, c, h, by, CONN_EV_EVENT);
	timeline_enter(c, h->ts, h->new_state, by, CONN_EV_EVENT);
	table_set_state(t, c, h->new_state);
}

/* A scan was ahead of an event and cost a gap. The event has come: nothing was lost. */
static void forgive_scan(struct conn_table *t, struct conn *c)
{
	if (!(c->facts & CONN_SCAN_JUMP))
		return;
	c->facts &= ~CONN_SCAN_JUMP;
	c->gaps--;
	t->resyncs--;
}

static enum conn_role opener_role(const struct wire_hdr *h)
{
	return h->sk_flags & WIRE_SK_REPAIR ? CONN_ROLE_UNKNOWN : CONN_CLIENT;
}

/* From here on `c` is known from its begin, even if a scan met it first. */
static void begin_active(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	forgive_scan(t, c);
	c->start_ns = ev->hdr.ts;
	c->spans_len = 0;
	c->role = opener_role(&ev->hdr);
	c->facts |= c->role == CONN_CLIENT ? CONN_START_KNOWN : CONN_REPAIRED;
	c->facts |= emit_wanted(t, RECORD_STATE) ? CONN_STATE_DUE : 0;
	note_owner(t, c, ev);
	timeline_enter(c, ev->hdr.ts, WIRE_SYN_SENT, CONN_BY_LOCAL, CONN_EV_EVENT);
}

static void on_connect(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	if (c && c->state == WIRE_SYN_SENT && c->spans_len == 1 && conn_last_entry(c)->ev == CONN_EV_SCAN) {
		begin_active(t, c, ev);
		return;
	}
	if (c)
		conn_events_lost_end(t, c, ev->hdr.ts);
	c = table_add(t, ev->hdr.cookie, ev->hdr.ts, WIRE_SYN_SENT);
	if (!c)
		return;
	c->generation = table_next_generation(t, c->cookie);
	begin_active(t, c, ev);
}

/* A connection that is not tracked yet. That is no loss before the first scan is over, unless the table refused one. */
static struct conn *adopt(struct conn_table *t, const struct wire_state *ev)
{
	struct conn *c = table_add(t, ev->hdr.cookie, ev->hdr.ts, ev->hdr.old_state);

	if (!c)
		return NULL;
	c->generation = table_next_generation(t, c->cookie);
	if (ev->hdr.old_state == WIRE_SYN_SENT)
		c->role = opener_role(&ev->hdr);
	if (t->scan.any_done || t->lost[WIRE_LOST_TABLE])
		timeline_gap(t, c);
	facts_state(t, c, ev->hdr.old_state);
	timeline_enter(c, ev->hdr.ts, ev->hdr.old_state, CONN_BY_UNKNOWN, CONN_EV_INFERRED);
	conn_last_entry(c)->us_unknown = true;
	return c;
}

static struct conn *newcomer(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	const struct wire_ident *ident = wire_ident(&ev->hdr);

	if (ev->hdr.old_state != WIRE_SYN_RECV || child_role(ev) != CONN_SERVER)
		return adopt(t, ev);
	/* Of a Fast Open child they were counted for the connection. */
	if (ev->hdr.new_state == WIRE_ESTABLISHED && ident && ident->syn_retrans && !(ident->flags & WIRE_ID_FASTOPEN)) {
		half_open_add(&t->half_open, ident->netns, ident->local_port, 1, true);
		if (t->findings)
			half_open_add(&t->half_open_look, ident->netns, ident->local_port, 1, true);
	}
	c = c ?: table_add(t, ev->hdr.cookie, ev->hdr.ts, WIRE_SYN_RECV);
	if (c)
		child_begin(t, c, ev);
	return c;
}

/*
 * A scan may read a socket's state a moment after an event took its time, and so be ahead of that event. True if `ev` is now to
 * be applied, false if nothing is left to do.
 */
static bool scan_was_early(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	const struct wire_hdr *h = &ev->hdr;
	bool only = c->spans_len == 1;

	if (!only && (c->facts & CONN_SCAN_JUMP) && c->spans[c->spans_len - 2].state == h->old_state) {
		forgive_scan(t, c);
		c->spans_len--; /* the event knows it better */
		table_set_state(t, c, h->old_state);
		return true;
	}
	if (c->state != h->new_state) /* the scan is even further */
		return false;
	if (only && h->old_state == WIRE_SYN_RECV && child_role(ev) == CONN_SERVER) {
		forgive_scan(t, c);
		table_set_state(t, c, WIRE_SYN_RECV);
		child_begin(t, c, ev);
		return true;
	}
	if (only) { /* now the begin of its state is known */
		c->start_ns = h->ts;
		c->spans_len = 0;
		if (h->old_state == WIRE_SYN_SENT)
			c->role = opener_role(h);
		return true;
	}
	return false;
}

/* True if `ev`, which does not start where `c` is, is to be applied all the same. */
static bool reconcile(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	const struct wire_hdr *h = &ev->hdr;

	if (conn_last_entry(c)->ev == CONN_EV_SCAN && (c->state == h->new_state || fsm_reachable(h->new_state, c->state)))
		return scan_was_early(t, c, ev);
	timeline_gap(t, c);
	conn_last_entry(c)->us_unknown = true;
	facts_state(t, c, h->old_state);
	return c->state != h->new_state;
}

/* Seldom, and apart: inlined, it would slow down each event. */
static __attribute__((noinline)) void on_listen(struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	const struct listener_seen seen = {
		.cookie = ev->hdr.cookie,
		.ident = wire_ident(&ev->hdr),
		.process = wire_process(&ev->hdr),
		.listens = true,
		.epoch = t->listener_epoch,
	};
	bool known;

	if (c)
		conn_events_lost_end(t, c, ev->hdr.ts);
	if (ev->hdr.new_state != WIRE_LISTEN)
		listeners_remove(&t->listeners, ev->hdr.cookie);
	else if (seen.ident && listeners_put(&t->listeners, &seen, &known))
		table_refuse(t, ev->hdr.ts);
}

void conn_events_state(struct conn_table *t, const struct wire_state *ev)
{
	const struct wire_hdr *h = &ev->hdr;
	const struct fsm_cell *cell = fsm_step(h->old_state, h->new_state);
	struct conn *c;

	/* The child of a listener is identified by its transition out of SYN_RECV. */
	if (!h->cookie || cell->verdict == FSM_SAME || (h->old_state == WIRE_LISTEN && h->new_state == WIRE_SYN_RECV))
		return;
	if (h->new_state == WIRE_CLOSE)
		table_note_close(t, h->cookie, h->ts);
	c = closing_find(t, h->cookie);
	if (c && (c->facts & CONN_MINISOCK)) {
		if (h->old_state != WIRE_CLOSE &&
		    h->old_state != WIRE_SYN_SENT) { /* it is closed: only a broken stream has more */
			t->resyncs++;
			return;
		}
		table_end_life(t, c); /* a socket that stayed open begins another life */
		c = NULL;
	}
	if (h->old_state == WIRE_LISTEN || h->new_state == WIRE_LISTEN) {
		on_listen(t, c, ev);
	} else if (h->old_state == WIRE_CLOSE && h->new_state == WIRE_SYN_SENT) {
		on_connect(t, c, ev);
	} else if (h->old_state == WIRE_CLOSE) { /* no kernel does this */
		t->resyncs++;
	} else if (!c || (h->old_state == WIRE_SYN_RECV && child_is_early(c) && child_role(ev) == CONN_SERVER)) {
		c = newcomer(t, c, ev);
		if (c)
			advance(t, c, ev);
	} else if (c->state == h->old_state ? cell->verdict == FSM_LEGAL || reconcile(t, c, ev) : reconcile(t, c, ev)) {
		advance(t, c, ev);
	}
}

void conn_events_lost_end(struct conn_table *t, struct conn *c, uint64_t now)
{
	timeline_gap(t, c);
	conn_last_entry(c)->us_unknown = true;
	c->end = CONN_END_UNKNOWN;
	emit_finish(t, c, &(struct conn_last){.at_ns = now});
}

void conn_events_destroy(struct conn_table *t, const struct wire_hdr *ev)
{
	struct conn *c = table_find(t, ev->cookie);

	listeners_remove(&t->listeners, ev->cookie);
	if (!c || (c->facts & (CONN_HELD | CONN_MINISOCK))) /* a minisocket outlives the descriptor */
		return;
	/* The startup scan may find a socket after a CLOSE that was before us. */
	if (t->scan.active && !t->scan.any_done && c->spans_len == 1 && c->spans[0].ev == CONN_EV_SCAN &&
	    c->start_ns >= t->scan.begin_ns)
		table_remove(t, c);
	else
		conn_events_lost_end(t, c, ev->ts);
}

/* A repeat may be of many segments: a SYN or a FIN is in one of them, and the others are data. */
static struct conn_retransmits repeats_of(const struct wire_retransmit *ev)
{
	uint32_t segs = ev->segs ? ev->segs : 1;

	return (struct conn_retransmits){
		.syn = ev->segment == WIRE_SEG_SYN,
		.synack = ev->segment == WIRE_SEG_SYNACK,
		.fin = ev->segment == WIRE_SEG_FIN,
		.data = segs - (ev->segment != WIRE_SEG_DATA),
	};
}

static void count_repeats(struct conn *c, const struct conn_retransmits *repeats)
{
	c->retrans_syn = facts_capped(c->retrans_syn + repeats->syn, UINT8_MAX);
	c->retrans_synack = facts_capped(c->retrans_synack + repeats->synack, UINT8_MAX);
	c->retrans_fin = facts_capped(c->retrans_fin + repeats->fin, UINT8_MAX);
	c->retrans_data += repeats->data;
}

static void note_repeat(struct conn_table *t, struct conn *c, const struct wire_retransmit *ev)
{
	uint64_t us = conn_us_at(c, ev->hdr.ts);

	if (us && us < UINT32_MAX && repeats_note(&t->repeats, c->id, ev->segment, (uint32_t)us))
		c->proofs |= CONN_PROVEN_REPEAT_AT;
}

/*
 * Between two events the kernel counts the segments of the second. It does not where that failed early
 * (__tcp_retransmit_skb()), nor the SYN-ACK of a Fast Open child that has closed already (tcp_rtx_synack()). All else shows
 * that an event was lost.
 */
static void compare_total(struct conn_table *t, struct conn *c, const struct wire_retransmit *ev)
{
	bool failed = ev->hdr.kind == WIRE_RETRANSMIT_FAILED, may_not_count = failed || ev->segment == WIRE_SEG_SYNACK;
	uint32_t counted = ev->total - c->retrans_total;

	if (!ev->segs) {
		c->proofs |= CONN_PROVEN_UNCOUNTED;
		return;
	}
	c->retrans_total = ev->total;
	if (failed && counted)
		c->proofs |= CONN_PROVEN_UNSENT;
	if ((c->facts & CONN_START_KNOWN) && counted != ev->segs && (counted || !may_not_count))
		timeline_gap(t, c);
}

void conn_events_retransmit(struct conn_table *t, const struct wire_retransmit *ev)
{
	struct conn *c = table_find(t, ev->hdr.cookie) ?: child_early(t, &ev->hdr);
	const struct conn_retransmits repeats = repeats_of(ev);
	bool failed = ev->hdr.kind == WIRE_RETRANSMIT_FAILED;

	if (c && (c->facts & CONN_MINISOCK)) /* only a broken stream has that */
		c = NULL;
	if (c) {
		facts_ident(t, c, wire_ident(&ev->hdr));
		if (ev->segment == WIRE_SEG_SYN)
			facts_isn(c, ev->seq);
		compare_total(t, c, ev);
		if (!failed)
			count_repeats(c, &repeats);
		if (!failed && ev->segment != WIRE_SEG_DATA && !child_is_early(c))
			note_repeat(t, c, ev);
		if (c->facts & CONN_ID_KNOWN)
			emit_first_state(t, c);
	}
	if (failed)
		return;
	t->interval.syn += repeats.syn;
	t->interval.synack += repeats.synack;
	t->interval.data += repeats.data;
	t->interval.fin += repeats.fin;
	emit_retransmit(t, c, ev);
}

/* One that an older version recorded before the ->CLOSE mostly is. */
static bool reset_is_active(const struct conn *c, const struct wire_reset *ev)
{
	if (ev->form != WIRE_RESET_FORM_UNKNOWN)
		return ev->form == WIRE_RESET_ACTIVE;
	return !(c->facts & (CONN_HELD | CONN_MINISOCK));
}

/*
 * In SYN_SENT and SYN_RECV a reset answers a segment that does not fit, and the connection goes on. One that answers none ends
 * it. MPTCP may send two of them.
 */
static void sent_reset(struct conn *c, const struct wire_reset *ev)
{
	const struct wire_reset_number *number = wire_tail(&ev->hdr, sizeof(*number));
	bool opening = c->state == WIRE_SYN_SENT || c->state == WIRE_SYN_RECV;
	bool last = (c->facts & CONN_HELD) || !opening || ev->form == WIRE_RESET_ACTIVE;
	uint64_t since_ns = c->start_ns + (last ? conn_last_entry(c)->at_us * 1000 : 0);
	uint64_t us = ev->hdr.ts > since_ns ? (ev->hdr.ts - since_ns) / 1000 : 0;

	if (!c->resets_sent)
		c->reset_us = conn_capped_us(us);
	c->resets_sent = facts_capped(c->resets_sent + 1, CONN_RESETS_SENT_MAX);
	if (last)
		c->resets_last = facts_capped(c->resets_last + 1, CONN_RESETS_LAST_MAX);
	if (last && reset_is_active(c, ev))
		c->facts |= CONN_RST_ACTIVE;
	if (last && number && !(c->facts & CONN_MINISOCK)) {
		c->proofs |= CONN_PROVEN_FORM;
		c->live.reset_form = ev->form;
		c->live.reset_number = number->number;
	}
}

void conn_events_reset(struct conn_table *t, const struct wire_reset *ev)
{
	bool sent = ev->direction == WIRE_SENT;
	struct conn *c = table_find(t, ev->hdr.cookie) ?: child_early(t, &ev->hdr);

	(*(sent ? &t->interval.resets_sent : &t->interval.resets_received))++;
	if (c)
		facts_ident(t, c, wire_ident(&ev->hdr)); /* a refused connection's comes with the reset */
	if (c)
		closing_say(t, c);
	emit_reset(t, c, ev);
	if (!c)
		return;
	if (sent)
		sent_reset(c, ev);
	else
		c->resets_received = facts_capped(c->resets_received + 1, CONN_RESETS_RECEIVED_MAX);
	if (ev->reason)
		c->reset_reason = facts_capped(ev->reason, UINT16_MAX);
	if (c->facts & CONN_HELD)
		closing_reset(t, c, ev);
}

void conn_events_touch(struct conn_table *t, const struct wire_hdr *ev)
{
	conn_owner_touched(t, table_find(t, ev->cookie), ev);
}
