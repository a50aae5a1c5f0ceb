// SPDX-License-Identifier: GPL-2.0-only
#include "travelled.h"

bool travelled_failed(enum conn_end end)
{
	return end != CONN_END_UNKNOWN && end != CONN_END_FIN && end != CONN_END_DAEMON_STOP;
}

static bool is_over(enum conn_end end)
{
	return end != CONN_END_UNKNOWN && end != CONN_END_DAEMON_STOP;
}

/* TIME_WAIT, and a FIN_WAIT2 without a socket: over when the record says why. */
static void leave_minisocket(struct travelled *d, unsigned int state, const struct conn_time_wait *tw)
{
	bool natural = state == WIRE_TIME_WAIT && (tw->end == WIRE_CAUSE_EXPIRED || tw->end == WIRE_CAUSE_REUSED);

	if (tw->end == WIRE_CAUSE_UNKNOWN)
		d->left_open[state]++;
	else if (natural)
		d->edges[state][WIRE_CLOSE]++;
	else
		d->forced_time_wait[state][tw->end]++;
}

/* A timeline that was cut may lack TIME_WAIT; its length is known all the same. */
static bool lacks_time_wait(unsigned int state, const struct conn_record *c)
{
	const struct conn_time_wait *tw = &c->time_wait;

	return !travelled_failed(c->end) && state != WIRE_TIME_WAIT && tw->entered && tw->us_known &&
	       tw->end != WIRE_CAUSE_OVERFLOW;
}

static void leave_last(struct travelled *d, unsigned int state, const struct conn_record *c)
{
	if (c->time_wait.entered && (state == WIRE_TIME_WAIT || state == WIRE_FIN_WAIT2) && !travelled_failed(c->end))
		leave_minisocket(d, state, &c->time_wait);
	else if (!is_over(c->end))
		d->left_open[state]++;
	else if (travelled_failed(c->end))
		d->forced[state][c->end]++;
	else
		d->edges[state][WIRE_CLOSE]++;
}

bool travelled_add(struct travelled *d, const struct conn_record *c)
{
	const struct conn_span *span = c->timeline;
	bool lacks;

	if (!c->timeline_len)
		return false;
	if (c->start_known)
		d->edges[span->state == WIRE_SYN_RECV ? WIRE_LISTEN : WIRE_CLOSE][span->state]++;
	for (unsigned int i = 1; i < c->timeline_len; i++, span++)
		d->edges[span->state][span[1].state]++;
	lacks = lacks_time_wait(span->state, c);
	if (lacks)
		d->edges[span->state][WIRE_TIME_WAIT]++;
	leave_last(d, lacks ? WIRE_TIME_WAIT : span->state, c);
	return lacks;
}

void travelled_add_time_wait(struct travelled *d, const struct conn_time_wait *tw)
{
	unsigned int state = tw->fin_wait2 && !tw->us_known ? WIRE_FIN_WAIT2 : WIRE_TIME_WAIT;

	if (!tw->entered)
		return;
	if (d->left_open[state])
		d->left_open[state]--; /* its connection record counted it there */
	leave_minisocket(d, state, tw);
}

uint64_t travelled_forced(const struct travelled *d, unsigned int state)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < CONN_END_MAX; i++)
		sum += d->forced[state][i];
	for (unsigned int i = 0; i < WIRE_CAUSE_MAX; i++)
		sum += d->forced_time_wait[state][i];
	return sum;
}
