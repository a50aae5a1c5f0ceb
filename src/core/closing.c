// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a process closes without a clean exchange of FINs, or data arrives after its close, a reset may follow. The kernel sends
 * it after the transition: microseconds later, or when the closing task runs again. Such a connection waits until the reset
 * comes or WAIT_NS of the stream have passed.
 *
 * If the queue is full, the oldest is emitted as it is, not complete, and counted: above 655,000 aborts a second the wait is
 * shorter, and a reset that comes then is not known. So many come at once where TIME_WAITs overflow.
 */
#include "closing.h"

#include "delay.h"
#include "emit.h"
#include "minisock.h"
#include "verdict.h"

#define WAIT_NS 100000000ULL /* the period in which a control group may have used up its share of the processor */
#define SLOTS 1024u
#define SLOTS_MAX 65536u

struct closed {
	uint32_t id; /* CONN_NONE: emitted already */
	bool stats_known;
	enum conn_by by;
	bool state_due; /* its ->CLOSE, which may turn out to be none: FIN_WAIT2 goes on without a socket */
	uint64_t at_ns;
	struct conn_numbers numbers;
	struct wire_stats stats;
};

int closing_init(struct conn_table *t)
{
	return delay_new(&t->resets, SLOTS, sizeof(struct closed));
}

/* The event is ->CLOSE, too, where TIME_WAIT follows without a socket. */
static void say_close(struct conn_table *t, struct conn *c, const struct conn_last *last, enum conn_by by)
{
	const struct conn_numbers *close = last->numbers;
	bool waits = verdict_is_clean(c, close) && verdict_time_waits(close);
	const struct wire_hdr step = {
		.ts = last->at_ns, .old_state = close->state, .new_state = waits ? WIRE_TIME_WAIT : WIRE_CLOSE};

	emit_state(t, c, &step, by, waits ? CONN_EV_INFERRED : CONN_EV_EVENT);
}

/* As it stands: no reset came, or it was taken into account. */
static void release(struct conn_table *t, struct conn *c, struct closed *closed)
{
	const struct conn_last last = {
		.at_ns = closed->at_ns,
		.numbers = &closed->numbers,
		.stats = closed->stats_known ? &closed->stats : NULL,
	};

	closed->id = CONN_NONE;
	c->facts &= ~CONN_HELD;
	c->next = CONN_NONE;
	if (minisock_after_closing(t, c, &last))
		return;
	if (closed->state_due)
		say_close(t, c, &last, closed->by);
	emit_finish(t, c, &last);
}

void closing_say(struct conn_table *t, struct conn *c)
{
	struct closed *closed = c->facts & CONN_HELD ? delay_at(t->resets, c->next) : NULL;

	if (c->facts & CONN_ID_KNOWN)
		emit_first_state(t, c);
	if (!closed)
		return;
	if (closed->state_due)
		say_close(t, c, &(struct conn_last){.at_ns = closed->at_ns, .numbers = &closed->numbers}, closed->by);
	closed->state_due = false;
}

void closing_stop(struct conn_table *t)
{
	struct closed *closed;

	closing_expire(t, t->now);
	while ((closed = delay_take(t->resets, UINT64_MAX))) {
		struct conn *c = closed->id != CONN_NONE ? table_by_id(t, closed->id) : NULL;

		if (!c)
			continue;
		conn_count_gap(c);
		release(t, c, closed);
	}
}

void closing_expire(struct conn_table *t, uint64_t now)
{
	struct closed *closed;

	while ((closed = delay_take(t->resets, now))) {
		if (closed->id != CONN_NONE)
			release(t, table_by_id(t, closed->id), closed);
	}
}

static void keep(struct conn_table *t, struct conn *c, const struct conn_last *last, enum conn_by by)
{
	struct closed *closed;

	if (delay_full_at(&t->resets, SLOTS_MAX)) {
		closed = delay_take(t->resets, UINT64_MAX);
		if (closed->id != CONN_NONE) {
			table_hurry(t, table_by_id(t, closed->id));
			release(t, table_by_id(t, closed->id), closed);
		}
	}
	closed = delay_push(t->resets, t->now + WAIT_NS, &c->next);
	closed->id = c->id;
	closed->by = by;
	closed->state_due = minisock_may_follow(t, c, last);
	closed->at_ns = last->at_ns;
	closed->numbers = *last->numbers;
	closed->stats_known = last->stats;
	if (last->stats)
		closed->stats = *last->stats;
	c->facts |= CONN_HELD;
}

void closing_begin(struct conn_table *t, struct conn *c, const struct conn_last *last, enum conn_by by)
{
	if (!minisock_may_follow(t, c, last))
		say_close(t, c, last, by);
	table_set_state(t, c, WIRE_CLOSE);
	if (verdict_reset_may_follow(c, last->numbers))
		keep(t, c, last, by);
	else
		emit_finish(t, c, last);
}

void closing_reset(struct conn_table *t, struct conn *c, const struct wire_reset *reset)
{
	struct closed *closed = delay_at(t->resets, c->next);

	if (reset->direction != WIRE_SENT)
		return;
	if (c->end == CONN_END_RST_RECEIVED && c->resets_received) {
		/*
		 * The kernel does not answer a reset, so none was received: data arrived for a closed socket. The kernel then
		 * runs tcp_reset() as if the peer had sent one, and sends a reset itself.
		 */
		c->resets_received--;
		if (t->interval.resets_received)
			t->interval.resets_received--;
		c->end = CONN_END_RST_SENT;
	} else if (!closed->numbers.err && closed->numbers.state != WIRE_SYN_SENT) {
		c->end = CONN_END_RST_SENT;
	}
	release(t, c, closed);
}

struct conn *closing_find(struct conn_table *t, uint64_t cookie)
{
	struct conn *c = table_find(t, cookie);

	if (!c || !(c->facts & CONN_HELD))
		return c;
	release(t, c, delay_at(t->resets, c->next));
	return table_find(t, cookie);
}

void closing_minisock(struct conn_table *t, const struct wire_minisock *ev)
{
	struct conn *c = delay_first(t->resets) != delay_end(t->resets) ? table_find(t, ev->hdr.cookie) : NULL;
	struct closed *closed = c && (c->facts & CONN_HELD) ? delay_at(t->resets, c->next) : NULL;

	if (closed && closed->numbers.snd_nxt == ev->snd_nxt)
		release(t, c, closed);
}
