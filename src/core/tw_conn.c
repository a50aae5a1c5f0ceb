// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between a connection's ->CLOSE and the end of its minisocket struct conn keeps only what the record needs: the last numbers
 * and counters. For the record they become again what they were at the ->CLOSE, so that segments and verdicts know one kind of
 * end.
 *
 * A minisocket begins in TIME_WAIT, or in FIN_WAIT2 if the peer's FIN is still to come: then FIN_WAIT2 goes on in the timeline.
 * By then the peer has acknowledged all that was sent, our FIN included: snd_una == snd_nxt == write_seq.
 *
 * With CONN_TW_SPLIT a connection in FIN_WAIT2 waits for the peer's FIN, which mostly comes a moment later: without the wait
 * nearly every record would be of an unfinished connection. If the queue is full, the oldest is emitted as it is, and counted.
 */
#include "tw_conn.h"

#include "delay.h"
#include "emit.h"
#include "facts.h"
#include "seq.h"
#include "timeline.h"

#include <string.h>

#define DUE_MAX_US ((1ULL << 48) - 1)
#define RESTARTS_MAX ((1U << 10) - 1)
#define FIN_WAIT_NS 2000000000ULL
#define FIN_SLOTS 1024u
#define FIN_SLOTS_MAX 65536u

/* By its start, since another connection may take its place in the table. */
struct waiting {
	uint64_t start_ns;
	uint32_t id;
};

int tw_conn_init(struct conn_table *t)
{
	return delay_new(&t->fins, FIN_SLOTS, sizeof(struct waiting));
}

static void fold(struct conn_table *t, struct conn *c, const struct conn_last *last)
{
	const struct conn_numbers *close = last->numbers;
	const struct wire_stats *stats = last->stats;
	struct conn_minisock *m = &c->mini;

	if (close) {
		m->flags |= MINI_CLOSE;
		m->close_state = close->state;
		m->close_flags = close->sk_flags;
		m->snd_nxt = close->snd_nxt;
		m->rcv_nxt = close->rcv_nxt;
		m->unread = seq_pending(close->copied_seq, close->rcv_nxt);
	}
	if (!stats)
		return;
	m->flags |= MINI_STATS;
	m->bytes_sent = stats->bytes_sent;
	m->bytes_acked = stats->bytes_acked;
	m->bytes_received = stats->bytes_received;
	m->segs_out = stats->segs_out;
	m->segs_in = stats->segs_in;
	m->srtt_us = stats->srtt_us;
	m->min_rtt_us = stats->min_rtt_us;
	m->mss = stats->mss < UINT16_MAX ? stats->mss : UINT16_MAX;
	m->ca = table_ca_id(t, stats->ca_name);
}

static enum conn_ev evidence(const struct conn *c)
{
	if (c->mini.flags & MINI_FOUND)
		return CONN_EV_SCAN;
	return (c->mini.flags & (MINI_INFERRED | MINI_STOPPED)) || c->mini.begin_is_upper_bound ? CONN_EV_INFERRED
												: CONN_EV_EVENT;
}

/* Since its start; while it is in FIN_WAIT2. */
static uint64_t fin_wait2_begin_us(const struct conn *c)
{
	return c->mini.due_us > c->mini.fin_wait2_us ? c->mini.due_us - c->mini.fin_wait2_us : 0;
}

/* It is inferred, and no scan has met it. */
static bool never_met(const struct conn *c)
{
	return (c->mini.flags & MINI_INFERRED) && !c->scan_epoch;
}

/* `at_ns` is 0 if it is not over, or nobody knows when it was. */
static struct conn_time_wait time_wait_of(const struct conn *c, uint64_t at_ns, enum wire_minisock_cause cause)
{
	const struct conn_entry *last = &c->spans[c->spans_len - 1];
	const struct conn_minisock *m = &c->mini;
	struct conn_time_wait tw = {.restarts = m->restarts, .end = cause, .ev = evidence(c)};
	uint64_t at_us = conn_us_at(c, at_ns), begin_us = fin_wait2_begin_us(c);

	/* FIN_WAIT2 may have had no minisocket: the kernel may have refused it. */
	tw.entered = c->state == WIRE_TIME_WAIT || !never_met(c);
	tw.restarts_unknown = c->state == WIRE_TIME_WAIT && !m->restarts && (m->restarts_unsure || never_met(c));
	tw.fin_wait2 = m->flags & MINI_FIN_WAIT2;
	tw.fin_wait2_us = m->fin_wait2_us;
	if (c->state == WIRE_FIN_WAIT2) {
		tw.fin_wait2_us_known = at_ns && !(m->flags & MINI_FOUND);
		tw.fin_wait2_us = at_us > begin_us ? at_us - begin_us : 0;
	} else {
		tw.fin_wait2_us_known = tw.fin_wait2 && !(m->flags & MINI_FOUND);
		tw.us_known = at_ns && last->state == WIRE_TIME_WAIT;
		tw.us = at_us > last->at_us ? at_us - last->at_us : 0;
	}
	if (!tw.us_known)
		tw.us = 0;
	if (!tw.fin_wait2_us_known)
		tw.fin_wait2_us = 0;
	return tw;
}

/* What is known of its end, from what is kept of it. */
struct unfolded {
	struct conn_numbers close;
	struct wire_stats stats;
	struct conn_last last;
};

static void unfold(const struct conn_table *t, const struct conn *c, const struct conn_time_wait *tw, struct unfolded *u)
{
	const struct conn_minisock *m = &c->mini;

	u->close = (struct conn_numbers){
		.closed = true,
		.state = m->close_state,
		.sk_flags = m->close_flags,
		.snd_una = m->snd_nxt,
		.snd_nxt = m->snd_nxt,
		.write_seq = m->snd_nxt,
		.rcv_nxt = m->rcv_nxt,
		.copied_seq = m->rcv_nxt - m->unread,
	};
	u->stats = (struct wire_stats){
		.bytes_sent = m->bytes_sent,
		.bytes_acked = m->bytes_acked,
		.bytes_received = m->bytes_received,
		.segs_out = m->segs_out,
		.segs_in = m->segs_in,
		.srtt_us = m->srtt_us,
		.min_rtt_us = m->min_rtt_us,
		.mss = m->mss,
	};
	memcpy(u->stats.ca_name, table_ca_name(t, m->ca), sizeof(u->stats.ca_name));
	u->last = (struct conn_last){
		.numbers = m->flags & MINI_CLOSE ? &u->close : NULL,
		.stats = m->flags & MINI_STATS ? &u->stats : NULL,
		.tw = tw,
	};
}

static void emit_unfolded(struct conn_table *t, struct conn *c, uint64_t now, const struct conn_time_wait *tw)
{
	struct unfolded u;

	unfold(t, c, tw, &u);
	u.last.at_ns = now;
	emit_connection(t, c, &u.last);
	c->mini.flags |= MINI_EMITTED;
}

void tw_conn_fill(const struct conn_table *t, const struct conn *c, uint64_t now, struct conn_record *ret)
{
	const struct conn_time_wait tw = time_wait_of(c, 0, WIRE_CAUSE_UNKNOWN);
	struct unfolded u;

	unfold(t, c, &tw, &u);
	u.last.at_ns = now;
	emit_fill(t, c, c->end, &u.last, ret);
}

/* It is over. With CONN_TW_SPLIT the connection has its record already, or gets it now, apart from TIME_WAIT. */
static void emit_end(struct conn_table *t, struct conn *c, uint64_t now, const struct conn_time_wait *tw)
{
	if (!(c->mini.flags & MINI_EMITTED))
		emit_unfolded(t, c, now, tw);
	if (t->config.time_wait == CONN_TW_SPLIT && tw->entered)
		emit_time_wait(t, c, now, tw);
}

/* With CONN_TW_SPLIT: the connection, which has no record yet, as it stands. */
static void emit_split(struct conn_table *t, struct conn *c, uint64_t now)
{
	const struct conn_time_wait tw = time_wait_of(c, 0, WIRE_CAUSE_UNKNOWN);

	emit_unfolded(t, c, now, &tw);
}

/* NULL: it has its record. */
static struct conn *still_waiting(const struct conn_table *t, const struct waiting *w)
{
	struct conn *c = table_by_id(t, w->id);
	bool same = c->cookie && c->start_ns == w->start_ns && (c->facts & CONN_MINISOCK);

	return same && !(c->mini.flags & MINI_EMITTED) ? c : NULL;
}

/* False: none was due. UINT64_MAX: its time is not over. */
static bool release_oldest(struct conn_table *t, uint64_t due_ns)
{
	const struct waiting *w = delay_take(t->fins, due_ns);
	struct conn *c = w ? still_waiting(t, w) : NULL;

	if (c && due_ns == UINT64_MAX)
		table_hurry(t, c);
	if (c)
		emit_split(t, c, t->now);
	return w;
}

void tw_conn_expire(struct conn_table *t, uint64_t now)
{
	while (release_oldest(t, now))
		;
}

bool tw_conn_any_waits(const struct conn_table *t)
{
	for (uint32_t place = delay_first(t->fins); place != delay_end(t->fins); place++) {
		if (still_waiting(t, delay_at(t->fins, place)))
			return true;
	}
	return false;
}

/* If its socket is still open, that may connect again. */
static void forget(struct conn_table *t, struct conn *c)
{
	if (!(c->mini.flags & MINI_FOUND) && !(c->mini.close_flags & WIRE_SK_DEAD))
		table_end_life(t, c);
	table_remove(t, c);
}

static void begin_time_wait(struct conn_table *t, struct conn *c, uint64_t at_ns)
{
	t->interval.tw_entered++;
	emit_step(t, c, &(struct emit_step){at_ns, WIRE_TIME_WAIT, CONN_BY_PEER, evidence(c)});
	timeline_enter(c, at_ns, WIRE_TIME_WAIT, CONN_BY_PEER, evidence(c));
}

void tw_conn_enter(struct conn_table *t, struct conn *c, unsigned int state, const struct conn_last *last, uint8_t flags)
{
	struct conn *crowded = table_crowded(t, c->cookie);
	const struct conn_live live = c->live;
	uint64_t at_ns = last->at_ns;
	uint32_t place;

	if (crowded)
		tw_conn_early(t, crowded);
	c->facts &= ~CONN_SCAN_JUMP;
	c->mini = (struct conn_minisock){
		.flags = flags,
		.restarts_unsure = !!(flags & MINI_FOUND),
		.fin_us = live.fin_us,
		.fin_behind = live.fin_behind,
	};
	c->expires = 0;
	c->proofs &= ~(CONN_PROVEN_FORM | CONN_PROVEN_ACK_AT); /* of `live` */
	if (c->state != WIRE_CLOSING)                          /* the mark is no longer needed: facts_close() */
		c->mark_seq = live.ack_seq;
	fold(t, c, last);
	c->scan_epoch = 0;
	if (state == WIRE_FIN_WAIT2)
		c->mini.flags |= MINI_FIN_WAIT2;
	else if (!(flags & MINI_FOUND))
		begin_time_wait(t, c, at_ns);
	table_set_state(t, c, state);
	c->mini.due_us = conn_us_at(c, at_ns);
	tw_conn_set_due(t, c, (int64_t)(at_ns + TW_CONN_2MSL_NS), 0);
	if ((flags & MINI_FOUND) && !t->scan.any_done) /* it closed before us, and an earlier run may have its record */
		c->mini.flags |= MINI_EMITTED;
	if (t->config.time_wait != CONN_TW_SPLIT || (c->mini.flags & MINI_EMITTED))
		return;
	if (state == WIRE_TIME_WAIT) {
		emit_split(t, c, at_ns);
	} else {
		if (delay_full_at(&t->fins, FIN_SLOTS_MAX))
			release_oldest(t, UINT64_MAX);
		*(struct waiting *)delay_push(t->fins, t->now + FIN_WAIT_NS, &place) = (struct waiting){c->start_ns, c->id};
	}
}

int64_t tw_conn_fin_wait2_ns(const struct conn *c)
{
	return (int64_t)(c->start_ns + fin_wait2_begin_us(c) * 1000);
}

int64_t tw_conn_due_ns(const struct conn *c)
{
	return (int64_t)(c->start_ns + c->mini.due_us * 1000);
}

void tw_conn_set_due(struct conn_table *t, struct conn *c, int64_t due_ns, uint16_t expires)
{
	uint64_t old_us = c->mini.due_us;
	uint64_t due_us = due_ns > 0 ? conn_us_at(c, (uint64_t)due_ns) : 0;

	if (due_us > DUE_MAX_US)
		due_us = DUE_MAX_US;
	c->mini.due_us = due_us;
	c->expires = expires;
	if (c->state == WIRE_FIN_WAIT2) /* its begin stays */
		c->mini.fin_wait2_us += due_us - old_us;
	table_list_minisock(t, c);
}

void tw_conn_fin(struct conn_table *t, struct conn *c, const struct tw_begin *begin, uint32_t rcv_nxt)
{
	struct conn_minisock *m = &c->mini;
	uint64_t begin_us = fin_wait2_begin_us(c), at_us = begin->at_ns > 0 ? conn_us_at(c, (uint64_t)begin->at_ns) : 0;

	m->fin_wait2_us = at_us > begin_us ? at_us - begin_us : 0;
	m->begin_is_upper_bound = begin->at_is_upper_bound;
	m->restarts_unsure = begin->restarts_unsure;
	m->rcv_nxt = rcv_nxt;
	m->unread += m->flags & MINI_CLOSE ? 1 : 0; /* an unread FIN is not payload: emit.c takes it off */
	m->bytes_received++;
	c->facts |= CONN_FIN_PEER;
	if (c->facts & CONN_FIN_LOCAL)
		c->facts |= CONN_FIN_APART; /* the minisocket began with the ACK of ours, or later */
	c->end = CONN_END_FIN;
	begin_time_wait(t, c, at_us * 1000 + c->start_ns);
	table_set_state(t, c, WIRE_TIME_WAIT);
	tw_conn_set_due(t, c, (int64_t)(c->start_ns + at_us * 1000 + TW_CONN_2MSL_NS), 0);
	if (t->config.time_wait == CONN_TW_SPLIT && !(m->flags & MINI_EMITTED))
		emit_split(t, c, c->start_ns + at_us * 1000);
}

void tw_conn_restart(struct conn *c)
{
	if (c->mini.restarts < RESTARTS_MAX)
		c->mini.restarts++;
}

bool tw_conn_has_tuple(const struct conn_table *t, const struct conn *c, const struct wire_ident *ident)
{
	return c->local_port == ident->local_port && c->peer_port == ident->peer_port &&
	       !memcmp(c->peer_addr, ident->peer_addr, sizeof(c->peer_addr)) &&
	       !memcmp(conn_place(t, c)->local_addr, ident->local_addr, sizeof(ident->local_addr));
}

/* In FIN_WAIT2 the connection itself ends here, without the peer's FIN. */
static enum conn_end end_of(const struct conn *c, enum wire_minisock_cause cause)
{
	static const enum conn_end ends[WIRE_CAUSE_MAX] = {
		[WIRE_CAUSE_EXPIRED] = CONN_END_TIMEOUT,    [WIRE_CAUSE_KILLED] = CONN_END_ABORTED,
		[WIRE_CAUSE_OVERFLOW] = CONN_END_ABORTED,   [WIRE_CAUSE_NETNS_GONE] = CONN_END_NETNS_GONE,
		[WIRE_CAUSE_RESET] = CONN_END_RST_RECEIVED, [WIRE_CAUSE_RESET_SENT] = CONN_END_RST_SENT,
	};

	return c->state == WIRE_TIME_WAIT ? CONN_END_FIN : ends[cause];
}

void tw_conn_end(struct conn_table *t, struct conn *c, uint64_t at_ns, enum wire_minisock_cause cause)
{
	static const enum conn_by by[WIRE_CAUSE_MAX] = {
		[WIRE_CAUSE_EXPIRED] = CONN_BY_TIMER,
		[WIRE_CAUSE_RESET] = CONN_BY_PEER,
		[WIRE_CAUSE_RESET_SENT] = CONN_BY_LOCAL,
		[WIRE_CAUSE_KILLED] = CONN_BY_LOCAL,
	};
	struct conn_time_wait tw = time_wait_of(c, at_ns, cause);

	if (tw.entered)
		emit_step(
			t, c,
			&(struct emit_step){at_ns, WIRE_CLOSE, by[cause],
					    c->mini.flags & (MINI_INFERRED | MINI_STOPPED) ? CONN_EV_INFERRED : CONN_EV_EVENT});
	if (c->state == WIRE_TIME_WAIT)
		t->interval.tw_ended[cause == WIRE_CAUSE_RESET_SENT ? WIRE_CAUSE_RESET : cause]++;
	c->end = end_of(c, cause);
	emit_end(t, c, at_ns, &tw);
	forget(t, c);
}

void tw_conn_cut(struct conn_table *t, struct conn *c, uint64_t now, enum conn_end why)
{
	struct conn_time_wait tw = time_wait_of(c, 0, WIRE_CAUSE_UNKNOWN);

	c->mini.flags |= MINI_CUT;
	c->end = c->state == WIRE_TIME_WAIT ? CONN_END_FIN : why;
	emit_end(t, c, now, &tw);
	forget(t, c);
}

void tw_conn_early(struct conn_table *t, struct conn *c)
{
	t->early++;
	t->interval.tw_early++;
	tw_conn_cut(t, c, t->now, CONN_END_UNKNOWN);
}

void tw_conn_make_room(struct conn_table *t)
{
	if (t->minisocks.head != CONN_NONE)
		tw_conn_early(t, table_by_id(t, t->minisocks.head));
}

void tw_conn_refused(struct conn_table *t, struct conn *c, unsigned int state, const struct conn_last *last, enum conn_ev ev)
{
	const struct conn_time_wait tw = {
		.entered = true,
		.us_known = state == WIRE_TIME_WAIT,
		.fin_wait2 = state == WIRE_FIN_WAIT2,
		.fin_wait2_us_known = state == WIRE_FIN_WAIT2,
		.end = WIRE_CAUSE_OVERFLOW,
		.ev = ev,
	};
	struct conn_last with_tw = *last;

	with_tw.tw = &tw;
	t->interval.tw_ended[WIRE_CAUSE_OVERFLOW]++; /* as the kernel's TCPTimeWaitOverflow */
	c->end = CONN_END_FIN;
	emit_finish(t, c, &with_tw);
}
