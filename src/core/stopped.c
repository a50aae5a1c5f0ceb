// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timer hooks show a timer that is set anew as stopped and started, and one that fires as stopped and expired, microseconds
 * apart: only a stop that nothing follows is a death. A ring in order of stopping, as hold.c has one; if it is full the oldest
 * is believed to be dead: 4096 in 10 ms are 400 000 a second.
 */
#include "stopped.h"

#include "minisock.h"

#include <errno.h>
#include <stdlib.h>

#define WAIT_NS 10000000ULL
#define SLOTS 4096u

struct slot {
	uint32_t id; /* CONN_NONE: taken */
	struct wire_minisock ev;
};

struct stopped {
	uint32_t head, tail; /* run free, used modulo SLOTS */
	struct slot slots[SLOTS];
};

int stopped_new(struct stopped **out)
{
	struct stopped *stopped = calloc(1, sizeof(*stopped));

	if (!stopped)
		return -ENOMEM;
	*out = stopped;
	return 0;
}

void stopped_free(struct stopped *stopped)
{
	free(stopped);
}

uint64_t stopped_memory(const struct stopped *stopped)
{
	return sizeof(*stopped);
}

static struct slot *slot_at(struct stopped *stopped, uint32_t at)
{
	return &stopped->slots[at % SLOTS];
}

/* True if there was a slot to free. */
static bool release_oldest(struct conn_table *t)
{
	struct stopped *stopped = t->stopped;
	struct slot *slot = slot_at(stopped, stopped->head);
	struct wire_minisock ev = slot->ev;
	uint32_t id = slot->id;

	if (stopped->head == stopped->tail)
		return false;
	stopped->head++;
	if (id != CONN_NONE) {
		table_by_id(t, id)->mini.flags &= ~MINI_STOPPED;
		minisock_died(t, table_by_id(t, id), &ev);
	}
	return true;
}

void stopped_push(struct conn_table *t, struct conn *c, const struct wire_minisock *ev)
{
	struct stopped *stopped = t->stopped;

	stopped_take(t, c);
	if (stopped->tail - stopped->head == SLOTS)
		release_oldest(t);
	*slot_at(stopped, stopped->tail) = (struct slot){.id = c->id, .ev = *ev};
	c->stopped_at = stopped->tail++;
	c->mini.flags |= MINI_STOPPED;
}

const struct wire_minisock *stopped_take(struct conn_table *t, struct conn *c)
{
	struct slot *slot = slot_at(t->stopped, c->stopped_at);

	if (!(c->mini.flags & MINI_STOPPED))
		return NULL;
	c->mini.flags &= ~MINI_STOPPED;
	slot->id = CONN_NONE;
	return &slot->ev;
}

void stopped_expire(struct conn_table *t)
{
	struct stopped *stopped = t->stopped;

	while (stopped->head != stopped->tail && slot_at(stopped, stopped->head)->ev.hdr.ts + WAIT_NS <= t->now)
		release_oldest(t);
}

void stopped_drain(struct conn_table *t)
{
	while (release_oldest(t))
		;
}
