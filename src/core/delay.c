// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a process closes without a clean exchange of FINs, or data comes after its close, one question is open: was a reset
 * sent? The kernel sends it after the transition, a few microseconds later, or as soon as the closing task has its processor
 * back. Such a connection waits here until the reset comes or the stream has passed it by HOLD_NS.
 *
 * A ring in order of closing. If it is full the oldest is told as it stands: from 41 000 aborts a second on it has waited for
 * less.
 */
#include "delay.h"

#include "emit.h"
#include "minisock.h"
#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_NS 100000000ULL /* the period in which a control group may have used up its share of the processor */
#define HOLD_SLOTS 4096u

struct held {
	uint64_t due_ns;
	uint32_t id; /* CONN_NONE: told already */
	bool stats_known;
	struct wire_state close;
	struct wire_stats stats;
};

struct hold {
	uint32_t head, tail; /* run free, used modulo HOLD_SLOTS */
	struct held slots[HOLD_SLOTS];
};

int hold_new(struct hold **out)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	if (!hold)
		return -ENOMEM;
	*out = hold;
	return 0;
}

void hold_free(struct hold *hold)
{
	free(hold);
}

uint64_t hold_memory(const struct hold *hold)
{
	return sizeof(*hold);
}

static struct held *slot(struct hold *hold, uint32_t at)
{
	return &hold->slots[at % HOLD_SLOTS];
}

void hold_release(struct conn_table *t, struct conn *c)
{
	struct held *held = slot(t->hold, c->next);

	held->id = CONN_NONE;
	c->facts &= ~CONN_HELD;
	c->next = CONN_NONE;
	if (!minisock_unheld(t, c, &held->close, held->stats_known ? &held->stats : NULL))
		emit_finish(t, c, held->close.hdr.ts, &held->close, held->stats_known ? &held->stats : NULL, NULL);
}

/* True if there was one to tell, or a place to clear. */
static bool release_oldest(struct conn_table *t)
{
	struct hold *hold = t->hold;
	uint32_t id;

	if (hold->head == hold->tail)
		return false;
	id = slot(hold, hold->head++)->id;
	if (id != CONN_NONE)
		hold_release(t, table_by_id(t, id));
	return true;
}

/*
 * With an error the end came from outside (refused, reset, timed out, killed), and what the kernel sends then it has sent. But
 * data that comes when nobody can read it any more ends in tcp_reset(), too, and is answered after that.
 */
bool hold_wanted(const struct conn *c, const struct wire_state *close)
{
	return !close->err || (c->end == CONN_END_RST_RECEIVED && (close->hdr.shutdown & 1));
}

void hold_push(struct conn_table *t, struct conn *c, const struct wire_state *close)
{
	const struct wire_stats *stats = wire_stats(&close->hdr);
	struct hold *hold = t->hold;
	struct held *held;

	if (hold->tail - hold->head == HOLD_SLOTS)
		release_oldest(t);
	held = slot(hold, hold->tail);
	held->due_ns = t->now + HOLD_NS;
	held->id = c->id;
	held->close = *close;
	held->stats_known = stats;
	if (stats)
		held->stats = *stats;
	c->facts |= CONN_HELD;
	c->next = hold->tail++;
}

void hold_reset(struct conn_table *t, struct conn *c, const struct wire_reset *reset)
{
	const struct held *held = slot(t->hold, c->next);

	if (reset->direction != WIRE_SENT)
		return;
	if (c->end == CONN_END_RST_RECEIVED && c->resets_received) {
		/*
		 * The kernel answers a reset with nothing, so there was none: data came for a closed socket, which runs through
		 * tcp_reset() as if the peer had reset it, and then sends the reset that really went over the wire.
		 */
		c->resets_received--;
		if (t->interval.resets_received)
			t->interval.resets_received--;
		c->end = CONN_END_RST_SENT;
	} else if (!held->close.err && held->close.hdr.old_state != WIRE_SYN_SENT) {
		c->end = CONN_END_RST_SENT;
	}
	hold_release(t, c);
}

void hold_expire(struct conn_table *t)
{
	struct hold *hold = t->hold;

	while (hold->head != hold->tail && slot(hold, hold->head)->due_ns <= t->now)
		release_oldest(t);
}

void hold_drain(struct conn_table *t)
{
	while (release_oldest(t))
		;
}
