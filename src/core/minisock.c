// SPDX-License-Identifier: GPL-2.0-only
/*
 * TIME_WAIT from what a tier shows of it.
 *
 * fentry, timer: a minisocket begins (STARTED) microseconds before the ->CLOSE of its socket, may begin again, and ends. If its
 * timer is set again into the same bucket of the kernel's wheel, no timer hook fires. But TIME_WAIT is always set to 60 s, so
 * its due time gives the time at which it was set, to a tick of the kernel (1 to 10 ms, never late). A due time that is later
 * than the known one shows at least one begin that no hook has shown; how many is not known. Ticks are compared where the event
 * has them. Else the time must be later by more than jiffies can lag where a hypervisor takes a processor away.
 *
 * So a FIN that comes to a minisocket in FIN_WAIT2, with a hook or without, may be a repeated one: its time is the latest
 * possible begin of TIME_WAIT. Where the kernel noted the begin, that is known. And if FIN_WAIT2 lasts less than 60 s
 * (tcp_fin_timeout), its due time shows that no FIN has moved it before.
 *
 * The timer hooks show a timer that is set again as stopped and started, one that fires as stopped and expired, and one that is
 * deleted as ended, if the kernel's stack shows that. A stop that nothing follows until the timer would have fired is an end,
 * too, which is inferred.
 *
 * scan: the begin is inferred from the ->CLOSE. Scans find it while it lives, and no longer find it when it is gone.
 */
#include "minisock.h"

#include "emit.h"
#include "facts.h"
#include "timeline.h"
#include "tw_conn.h"
#include "verdict.h"
#include "wire_read.h"

#define SECOND_NS 1000000000LL
#define MS_NS 1000000ULL
#define TICK_NS 10000000LL     /* of a kernel with HZ=100 */
#define TICKS_NS 16000000000LL /* 16 bits of ticks are more, with HZ=1000 too */
#define STALLED_NS 60000000LL  /* jiffies wait for one processor's ticks; after five, others' do (MAX_STALLED_JIFFIES) */
#define LATE_NS 15000000000LL  /* the wheel rounds up by 5.1 s at most */

static bool is_on(const struct conn_table *t)
{
	return t->tier != WIRE_TIER_OFF && t->config.time_wait != CONN_TW_OFF;
}

static bool has_hooks(const struct conn_table *t)
{
	return t->tier == WIRE_TIER_FENTRY || t->tier == WIRE_TIER_TIMER;
}

static int64_t due_of(const struct wire_minisock *ev)
{
	return (int64_t)(ev->hdr.ts + (uint64_t)ev->remaining_ns); /* a hostile sum may turn over */
}

/* Its timer was set again since, and no hook showed it; fentry always does. */
static bool is_later(const struct conn_table *t, const struct conn *c, const struct wire_minisock *ev)
{
	int64_t later_ns = (int64_t)((uint64_t)due_of(ev) - (uint64_t)tw_conn_due_ns(c));

	if (ev->expires && c->expires && later_ns < TICKS_NS && later_ns > -TICKS_NS)
		return (int16_t)(ev->expires - c->expires) > 0;
	return t->tier != WIRE_TIER_FENTRY && later_ns > STALLED_NS;
}

/* When TIME_WAIT's timer was set, if `ev` is of TIME_WAIT; not in the future, whatever the stream says. */
static int64_t set_at(const struct wire_minisock *ev)
{
	int64_t at = (int64_t)(ev->hdr.ts + (uint64_t)ev->remaining_ns - TW_CONN_2MSL_NS);

	return at < (int64_t)ev->hdr.ts ? at : (int64_t)ev->hdr.ts;
}

/* When TIME_WAIT began, as `ev` of TIME_WAIT shows it; `by_ns` is the latest possible. */
static struct tw_begin begin_of(const struct wire_minisock *ev, int64_t by_ns)
{
	uint64_t ms = ev->hdr.ts / MS_NS, ago = ev->entered_ms ? ev->entered_ms - 1 : 0;
	int64_t at_ns;

	if (!ev->entered_ms || ago > ms)
		return (struct tw_begin){.at_ns = by_ns, .at_is_upper_bound = true, .restarts_unsure = true};
	at_ns = (int64_t)((ms - ago) * MS_NS + MS_NS / 2);
	if (at_ns > by_ns)
		at_ns = by_ns;
	return (struct tw_begin){.at_ns = at_ns, .restarts_unsure = set_at(ev) - at_ns > TICK_NS};
}

static struct table_begun *begun_slot(struct conn_table *t, uint64_t cookie)
{
	return &t->begun[(cookie * 0x9e3779b97f4a7c15ULL) >> 56];
}
_Static_assert(TABLE_BEGUN == 256, "8 bits of the hash");

static void announce(struct conn_table *t, struct conn *c, const struct wire_minisock *ev)
{
	const struct conn_begun begun = {.ts = ev->hdr.ts,
					 .remaining_ns = ev->remaining_ns,
					 .snd_nxt = ev->snd_nxt,
					 .expires = ev->expires,
					 .what = ev->what,
					 .state = ev->hdr.new_state};

	if (c)
		c->live.begun = begun;
	else
		*begun_slot(t, ev->hdr.cookie) = (struct table_begun){.cookie = ev->hdr.cookie, .begun = begun};
}

/* What was announced of the minisocket of `c`; what is 0 if nothing was. */
static struct conn_begun take_begun(struct conn_table *t, struct conn *c)
{
	struct table_begun *slot = begun_slot(t, c->cookie);
	struct conn_begun begun = c->live.begun;

	if (!begun.what && slot->cookie == c->cookie)
		begun = slot->begun;
	if (slot->cookie == c->cookie)
		*slot = (struct table_begun){0};
	c->live.begun = (struct conn_begun){0};
	return begun;
}

/* Applies what the due time shows and no event has shown. */
static void recover(struct conn_table *t, struct conn *c, const struct wire_minisock *ev)
{
	const struct tw_begin begin = begin_of(ev, set_at(ev));

	if (ev->hdr.new_state != WIRE_TIME_WAIT) {
		if (ev->what == WIRE_MINI_FOUND)
			tw_conn_set_due(t, c, due_of(ev), ev->expires);
		return;
	}
	if (c->state == WIRE_FIN_WAIT2)
		tw_conn_fin(t, c, &begin, ev->rcv_nxt);
	else if (is_later(t, c, ev))
		tw_conn_restart(c);
	else
		return;
	tw_conn_set_due(t, c, due_of(ev), ev->expires);
}

/* A timer hook, or fentry, shows a FIN that came to a minisocket in FIN_WAIT2. Is it the first? */
static void first_fin(struct conn_table *t, struct conn *c, const struct wire_minisock *ev, bool stopped)
{
	struct tw_begin begin = begin_of(ev, (int64_t)ev->hdr.ts);
	/* One that came before would have moved the timer that was stopped behind 60 s from there. */
	bool none_before = stopped && tw_conn_due_ns(c) < tw_conn_fin_wait2_ns(c) + (int64_t)TW_CONN_2MSL_NS - SECOND_NS;

	if (t->tier == WIRE_TIER_FENTRY || none_before)
		begin = (struct tw_begin){.at_ns = (int64_t)ev->hdr.ts};
	tw_conn_fin(t, c, &begin, ev->rcv_nxt);
}

/* The timer is set: the peer's FIN came, or 2 MSL start again. */
static void started(struct conn_table *t, struct conn *c, const struct wire_minisock *ev)
{
	bool stopped = c->mini.flags & MINI_STOPPED;

	c->mini.flags &= ~MINI_STOPPED;
	if (ev->hdr.new_state == WIRE_TIME_WAIT && c->state == WIRE_FIN_WAIT2)
		first_fin(t, c, ev, stopped);
	else if (c->state == WIRE_TIME_WAIT)
		tw_conn_restart(c);
	tw_conn_set_due(t, c, due_of(ev), ev->expires);
}

/* Its ->CLOSE was lost, and the numbers with it. The minisocket's begin was seen. */
static void adopt_lost_close(struct conn_table *t, struct conn *c)
{
	const struct conn_begun begun = c->live.begun;

	timeline_gap(t, c);
	conn_last_entry(c)->us_unknown = true;
	facts_state(t, c, WIRE_FIN_WAIT2);
	c->end = CONN_END_FIN;
	tw_conn_enter(t, c, begun.state, &(struct conn_last){.at_ns = begun.ts}, 0);
	c->mini.snd_nxt = begun.snd_nxt;
	tw_conn_set_due(t, c, (int64_t)(begun.ts + (uint64_t)begun.remaining_ns), begun.expires);
}

/* Older than us: of a TIME_WAIT the kernel's note, or else its timer, shows when it began. */
static void adopt_found(struct conn_table *t, const struct wire_minisock *ev)
{
	bool time_wait = ev->hdr.new_state == WIRE_TIME_WAIT;
	const struct tw_begin begin = begin_of(ev, set_at(ev));
	int64_t at_ns = time_wait ? begin.at_ns : (int64_t)ev->hdr.ts;
	bool older = time_wait && at_ns < (int64_t)t->begun_ns; /* the first scan failed, or had no room */
	struct conn *c;

	/* Later scans find what was emitted early, too, and shadows (scan.c). Nothing makes room for what is older than us. */
	if (t->scan.any_done &&
	    (t->scan.cause != WIRE_SCAN_RESYNC || t->early || table_just_closed(t, ev->hdr.cookie, ev->hdr.ts)))
		return;
	if (t->tracked >= t->config.max_connections)
		return;
	c = table_add(t, ev->hdr.cookie, at_ns > 0 ? at_ns : 0, WIRE_CLOSE);
	if (!c)
		return;
	facts_ident(t, c, wire_ident(&ev->hdr));
	if (!time_wait)
		facts_state(t, c, WIRE_FIN_WAIT2);
	if (t->scan.any_done)
		timeline_gap(t, c);
	c->end = CONN_END_FIN;
	timeline_enter(c, c->start_ns, ev->hdr.new_state, CONN_BY_UNKNOWN, CONN_EV_SCAN);
	c->spans[0].us_unknown = !time_wait;
	tw_conn_enter(t, c, ev->hdr.new_state, &(struct conn_last){.at_ns = c->start_ns},
		      MINI_FOUND | (older || table_was_emitted(t, c->cookie) ? MINI_EMITTED : 0));
	c->mini.snd_nxt = ev->snd_nxt;
	c->mini.restarts_unsure = !time_wait || begin.restarts_unsure;
	tw_conn_set_due(t, c, due_of(ev), ev->expires);
	c->scan_epoch = t->mini_epoch;
}

/* The socket lives, as far as is known. Its ->CLOSE is about to come, or was lost: then a resync ends it. */
static bool close_is_due(const struct conn_table *t, const struct wire_minisock *ev)
{
	const struct conn *c = table_find(t, ev->hdr.cookie);
	const struct wire_ident *ident = wire_ident(&ev->hdr);

	return c && !(c->facts & CONN_MINISOCK) && (!ident || tw_conn_has_tuple(t, c, ident));
}

static void found(struct conn_table *t, struct conn *c, const struct wire_minisock *ev)
{
	if (!c || c->scan_epoch != t->mini_epoch) {
		t->scan.sockets++;
		t->scan.by_state[ev->hdr.new_state]++;
	}
	if (!is_on(t) || !ev->hdr.cookie)
		return;
	if (c) {
		c->scan_epoch = t->mini_epoch;
		c->mini.flags &= ~MINI_STOPPED;
		recover(t, c, ev);
	} else if (!close_is_due(t, ev)) {
		adopt_found(t, ev);
	}
}

static void died(struct conn_table *t, struct conn *c, const struct wire_minisock *ev)
{
	c->mini.flags &= ~MINI_STOPPED;
	table_note_close(t, c->cookie, ev->hdr.ts);
	recover(t, c, ev);
	tw_conn_end(t, c, ev->hdr.ts, ev->cause);
}

/* Its due time may show a begin that no hook has shown. Older recordings have deletions as stops. */
static void stopped(struct conn_table *t, struct conn *c, const struct wire_minisock *ev)
{
	int64_t us;

	if (ev->cause != WIRE_CAUSE_UNKNOWN && ev->cause != WIRE_CAUSE_RESET) {
		died(t, c, ev);
		return;
	}
	if (ev->hdr.new_state == WIRE_TIME_WAIT && is_later(t, c, ev))
		recover(t, c, ev);
	us = ((int64_t)ev->hdr.ts - tw_conn_due_ns(c)) / 1000;
	c->stop_us = us < INT32_MIN ? INT32_MIN : us > INT32_MAX ? INT32_MAX : us;
	c->mini.stop_cause = ev->cause;
	c->mini.stop_time_wait = ev->hdr.new_state == WIRE_TIME_WAIT;
	c->mini.flags |= MINI_STOPPED;
}

/* Nothing has followed: it died then. */
static void died_silently(struct conn_table *t, struct conn *c)
{
	const struct tw_begin begin = {
		.at_ns = tw_conn_due_ns(c) + c->stop_us * 1000LL, .at_is_upper_bound = true, .restarts_unsure = true};

	if (c->mini.stop_time_wait && c->state == WIRE_FIN_WAIT2)
		tw_conn_fin(t, c, &begin, c->mini.rcv_nxt + 1);
	tw_conn_end(t, c, (uint64_t)begin.at_ns, c->mini.stop_cause);
}

void minisock_stop(struct conn_table *t, struct conn *c, uint64_t now)
{
	if ((c->mini.flags & MINI_STOPPED) && tw_conn_due_ns(c) <= (int64_t)now)
		died_silently(t, c);
}

/* Of no life whose ->CLOSE was seen. It begins, and the ->CLOSE follows at once; or that was lost. */
static struct conn *unclosed(struct conn_table *t, const struct wire_minisock *ev)
{
	struct conn *c = table_find(t, ev->hdr.cookie);
	bool lives = c && !(c->facts & (CONN_MINISOCK | CONN_HELD));

	if (ev->what == WIRE_MINI_STARTED || ev->what == WIRE_MINI_REFUSED) {
		announce(t, lives ? c : NULL, ev);
		return NULL;
	}
	if (!lives || c->live.begun.what != WIRE_MINI_STARTED || c->live.begun.snd_nxt != ev->snd_nxt)
		return NULL;
	adopt_lost_close(t, c);
	return c;
}

void minisock_event(struct conn_table *t, const struct wire_minisock *ev)
{
	struct conn *c = table_find_minisock(t, ev->hdr.cookie, ev->snd_nxt);

	if (c && ev->local_port && (c->facts & CONN_ID_KNOWN) && ev->local_port != c->local_port)
		c = NULL;
	if (ev->what == WIRE_MINI_FOUND) {
		found(t, c, ev);
		return;
	}
	if (!is_on(t) || !ev->hdr.cookie)
		return;
	if (!c)
		c = unclosed(t, ev);
	if (!c)
		return;
	switch (ev->what) {
	case WIRE_MINI_STARTED:
		started(t, c, ev);
		break;
	case WIRE_MINI_STOPPED:
		stopped(t, c, ev);
		break;
	case WIRE_MINI_ENDED:
		died(t, c, ev);
		break;
	}
}

/* No event of it is missing. */
static bool all_seen(const struct conn_table *t, const struct conn *c)
{
	return t->scan.any_done && !c->gaps && c->loss_epoch == t->loss_epoch;
}

/* The hooks have just shown a begin, or that there was none. */
static bool close_with_hooks(struct conn_table *t, struct conn *c, const struct conn_last *last)
{
	struct conn_begun begun = take_begun(t, c);
	bool shown = begun.what && begun.ts <= last->at_ns && begun.snd_nxt == last->numbers->snd_nxt;

	if (shown && begun.what == WIRE_MINI_STARTED) {
		tw_conn_enter(t, c, begun.state, last, 0);
		tw_conn_set_due(t, c, (int64_t)(begun.ts + (uint64_t)begun.remaining_ns), begun.expires);
		return true;
	}
	if (shown) {
		emit_step(t, c, &(struct emit_step){last->at_ns, WIRE_CLOSE, CONN_BY_PEER, CONN_EV_EVENT});
		tw_conn_refused(t, c, begun.state, last, CONN_EV_EVENT);
		return true;
	}
	if (!all_seen(t, c))
		return false;
	/* The timer hooks show no refusal. But no event is missing and no timer was set: the kernel refused it. */
	if (t->tier == WIRE_TIER_TIMER && verdict_is_clean(c, last->numbers)) {
		emit_step(t, c, &(struct emit_step){last->at_ns, WIRE_CLOSE, CONN_BY_PEER, CONN_EV_EVENT});
		tw_conn_refused(t, c, WIRE_TIME_WAIT, last, CONN_EV_INFERRED);
		return true;
	}
	/* By us, and no minisocket waits for the peer's FIN. Without hooks for a refusal minisock_after_closing() decides. */
	if (t->tier == WIRE_TIER_FENTRY && c->end == CONN_END_FIN && !verdict_is_clean(c, last->numbers))
		c->end = CONN_END_ABORTED;
	return false;
}

bool minisock_close(struct conn_table *t, struct conn *c, const struct conn_last *last)
{
	if (!is_on(t) || (last->numbers->state != WIRE_FIN_WAIT2 && last->numbers->state != WIRE_CLOSING))
		return false;
	if (has_hooks(t))
		return close_with_hooks(t, c, last);
	if (!verdict_is_clean(c, last->numbers))
		return false;
	tw_conn_enter(t, c, WIRE_TIME_WAIT, last, MINI_INFERRED);
	return true;
}

bool minisock_may_follow(const struct conn_table *t, const struct conn *c, const struct conn_last *last)
{
	return is_on(t) && t->tier == WIRE_TIER_SCAN && c->end == CONN_END_FIN && last->numbers->state == WIRE_FIN_WAIT2;
}

bool minisock_after_closing(struct conn_table *t, struct conn *c, const struct conn_last *last)
{
	if (minisock_may_follow(t, c, last)) {
		tw_conn_enter(t, c, WIRE_FIN_WAIT2, last, MINI_INFERRED);
		return true;
	}
	if (!is_on(t) || t->tier != WIRE_TIER_TIMER || c->end != CONN_END_FIN || last->numbers->state != WIRE_FIN_WAIT2 ||
	    !all_seen(t, c))
		return false;
	/* No timer was set, and no reset followed as it would where the kernel gives FIN_WAIT2 up: tcp_time_wait() failed. */
	tw_conn_refused(t, c, WIRE_FIN_WAIT2, last, CONN_EV_INFERRED);
	return true;
}

/* It began before the scan, and the scan did not find it. */
static void missed(struct conn_table *t, struct conn *c)
{
	bool expires = c->state == WIRE_TIME_WAIT && tw_conn_due_ns(c) <= (int64_t)t->now;

	if (c->mini.flags & MINI_STOPPED) {
		died_silently(t, c);
	} else if (has_hooks(t)) {
		timeline_gap(t, c);
		tw_conn_cut(t, c, t->now, CONN_END_UNKNOWN);
	} else if (expires) {
		tw_conn_end(t, c, tw_conn_due_ns(c), WIRE_CAUSE_EXPIRED);
	} else {
		tw_conn_cut(t, c, t->now, CONN_END_UNKNOWN);
	}
}

void minisock_scanned(struct conn_table *t)
{
	uint32_t next;

	if (!is_on(t) || (has_hooks(t) && t->scan.cause != WIRE_SCAN_RESYNC))
		return;
	for (uint32_t id = t->minisocks.head; id != CONN_NONE; id = next) {
		struct conn *c = table_by_id(t, id);

		next = c->next;
		if (c->scan_epoch != t->mini_epoch && conn_entered_ns(c) + TICK_NS < t->scan.begin_ns)
			missed(t, c);
	}
}

void minisock_tick(struct conn_table *t, uint64_t now)
{
	while (t->minisocks.head != CONN_NONE) {
		struct conn *c = table_by_id(t, t->minisocks.head);

		if ((int64_t)(now - (uint64_t)tw_conn_due_ns(c)) < LATE_NS)
			break;
		if (c->mini.flags & MINI_STOPPED) {
			died_silently(t, c);
			continue;
		}
		if (has_hooks(t))
			timeline_gap(t, c);
		if (has_hooks(t) || c->state != WIRE_TIME_WAIT)
			tw_conn_cut(t, c, now, CONN_END_UNKNOWN);
		else
			tw_conn_end(t, c, tw_conn_due_ns(c), WIRE_CAUSE_EXPIRED);
	}
}
