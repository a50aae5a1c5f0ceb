// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merges scans with the stream. A scan shows states without their begin. A state ahead of the known one shows that an event was
 * lost; a state behind it was read before an event that has come since.
 *
 * A scan shows a socket once per descriptor and once in its namespace's table, so each connection has the number of the scan
 * that counted it. After a resync scan a connection that is older than the scan and was not found is gone, and its end was
 * lost. A tracked socket that is found as a minisocket or closed does not count as found: its ->CLOSE will come, or was lost.
 *
 * The kernel reports a change just before it makes it (inet_sk_state_store()), so that a scan may read the state that a socket
 * has left with its last event. It has its record: what is found then is its shadow, and no new connection.
 */
#include "scan.h"

#include "child.h"
#include "conn_events.h"
#include "conn_owner.h"
#include "emit.h"
#include "facts.h"
#include "fsm.h"
#include "listener.h"
#include "minisock.h"
#include "progress.h"
#include "timeline.h"
#include "tw_conn.h"
#include "wire_read.h"

#include <string.h>

#define ALONE_NS 1000000000ull    /* between two scans for listeners whose process has ended */
#define DOUBTED_NS 10000000000ull /* the same for one that may have been handed over while its process lives */

static uint8_t next_epoch(uint8_t epoch)
{
	return epoch == UINT8_MAX ? 1 : epoch + 1;
}

void scan_begin(struct conn_table *t, const struct wire_mark *ev)
{
	bool sockets = ev->value != WIRE_SCAN_MINISOCKS && ev->value != WIRE_SCAN_LISTENERS;
	uint8_t epoch = sockets ? next_epoch(t->scan.epoch) : t->scan.epoch;
	bool any_done = t->scan.any_done;

	t->mini_epoch = next_epoch(t->mini_epoch);
	if (ev->value != WIRE_SCAN_MINISOCKS)
		t->listener_epoch = next_epoch(t->listener_epoch);
	if (!t->begun_ns)
		t->begun_ns = ev->hdr.ts;
	t->scan = (struct table_scan){
		.active = true, .any_done = any_done, .epoch = epoch, .cause = ev->value, .begin_ns = ev->hdr.ts};
}

static void count(struct conn_table *t, unsigned int state)
{
	t->scan.sockets++;
	t->scan.by_state[state]++;
}

static void found_listener(struct conn_table *t, const struct wire_hdr *h)
{
	const struct listener_seen seen = {
		.cookie = h->cookie, .ident = wire_ident(h), .process = wire_process(h), .epoch = t->listener_epoch};
	bool known;

	if (!seen.ident || (table_just_closed(t, h->cookie, h->ts) && !listeners_find(&t->listeners, h->cookie)))
		return;
	if (listeners_put(&t->listeners, &seen, &known))
		table_refuse(t, h->ts);
	else if (!known)
		count(t, WIRE_LISTEN);
}

static struct conn *found_new(struct conn_table *t, const struct wire_state *ev)
{
	const struct wire_hdr *h = &ev->hdr;
	struct conn *c = table_just_closed(t, h->cookie, h->ts) ? NULL : table_add(t, h->cookie, h->ts, h->old_state);

	if (!c)
		return NULL;
	c->generation = table_next_generation(t, c->cookie);
	if (h->old_state == WIRE_SYN_SENT && !(h->sk_flags & WIRE_SK_REPAIR))
		c->role = CONN_CLIENT;
	else if (h->old_state == WIRE_SYN_RECV)
		c->role = child_role(ev);
	facts_state(t, c, h->old_state);
	timeline_enter(c, h->ts, h->old_state, CONN_BY_UNKNOWN, CONN_EV_SCAN);
	c->spans[0].us_unknown = true;
	if (t->scan.any_done) { /* an earlier scan or the stream should have shown it */
		timeline_gap(t, c);
		c->facts |= CONN_SCAN_JUMP;
	}
	return c;
}

static void found_ahead(struct conn_table *t, struct conn *c, const struct wire_hdr *h)
{
	struct wire_hdr jump = *h;

	jump.old_state = c->state;
	jump.new_state = h->old_state;
	timeline_gap(t, c);
	facts_state(t, c, h->old_state);
	emit_state(t, c, &jump, CONN_BY_UNKNOWN, CONN_EV_SCAN);
	timeline_enter(c, h->ts, h->old_state, CONN_BY_UNKNOWN, CONN_EV_SCAN);
	conn_last_entry(c)->us_unknown = true;
	if (!(c->facts & CONN_TRUNCATED))
		c->facts |= CONN_SCAN_JUMP;
	table_set_state(t, c, h->old_state);
}

static void found_connection(struct conn_table *t, const struct wire_scan *ev)
{
	const struct wire_hdr *h = &ev->s.hdr;
	const struct wire_ident *ident = wire_ident(h);
	struct conn *c = table_find(t, h->cookie);

	if (c && (c->facts & CONN_MINISOCK) && ident && !tw_conn_has_tuple(t, c, ident))
		c = NULL;                                  /* the socket's next life */
	if (c && (c->facts & (CONN_HELD | CONN_MINISOCK))) /* closed since */
		return;
	if (!c)
		c = found_new(t, &ev->s);
	else if (fsm_reachable(c->state, h->old_state))
		found_ahead(t, c, h);
	if (!c)
		return;
	if (!(c->facts & CONN_ID_KNOWN) && ident && ident->local_port) /* in SYN_SENT the port may not be chosen yet */
		facts_ident(t, c, ident);
	if (!ev->torn)
		facts_role(c, &ev->s);
	conn_owner_state(t, c, h);
	conn_owner_saw(t, c, h, CONN_FROM_SCAN);
	if (c->scan_epoch != t->scan.epoch) {
		c->scan_epoch = t->scan.epoch;
		count(t, c->state);
		progress_found(t, c, &ev->s);
	}
}

void scan_found(struct conn_table *t, const struct wire_scan *ev)
{
	const struct wire_hdr *h = &ev->s.hdr;

	t->scan.holders += wire_process(h).task.tgid != 0;
	switch (h->old_state) {
	case WIRE_LISTEN:
		found_listener(t, h);
		break;
	case WIRE_TIME_WAIT:    /* in older recordings; see minisock.c */
	case WIRE_NEW_SYN_RECV: /* met in the namespace's table only, so once */
		count(t, h->old_state);
		break;
	case WIRE_CLOSE:
		break;
	default:
		if (h->cookie)
			found_connection(t, ev);
	}
}

/* What the scan should have found: older than the scan, and no event since has shown that it lives. */
static void sweep(struct conn_table *t, uint64_t now)
{
	struct conn *next;

	for (struct conn *c = table_next(t, NULL); c; c = next) {
		next = table_next(t, c);
		if (!(c->facts & (CONN_HELD | CONN_MINISOCK)) && c->scan_epoch != t->scan.epoch &&
		    conn_entered_ns(c) < t->scan.begin_ns)
			conn_events_lost_end(t, c, now);
	}
	listeners_sweep(&t->listeners, t->listener_epoch);
}

/* What a scan that failed has not met may live all the same. */
void scan_end(struct conn_table *t, const struct wire_mark *ev)
{
	bool whole = !ev->hdr.new_state;
	struct conn_snapshot_record snapshot = {
		.cause = t->scan.cause,
		.namespaces = ev->value,
		.sockets = t->scan.sockets,
		.took_us = (ev->hdr.ts > t->scan.begin_ns ? ev->hdr.ts - t->scan.begin_ns : 0) / 1000,
	};

	if (!t->scan.active)
		return;
	t->scan.active = false;
	if (whole && (t->scan.cause <= WIRE_SCAN_RESYNC || t->scan.cause == WIRE_SCAN_MINISOCKS))
		minisock_scanned(t);
	t->scan.any_done |= t->scan.cause < WIRE_SCAN_MINISOCKS;
	if (t->scan.holders || t->scan.cause == WIRE_SCAN_LISTENERS) {
		if (whole)
			listeners_held(&t->listeners, t->listener_epoch);
		t->holders_ns = ev->hdr.ts;
	}
	if (whole && t->scan.cause == WIRE_SCAN_RESYNC)
		sweep(t, ev->hdr.ts);
	progress_scanned(t);
	if (t->scan.cause > WIRE_SCAN_RESYNC || !emit_wanted(t, RECORD_SNAPSHOT))
		return;
	memcpy(snapshot.by_state, t->scan.by_state, sizeof(snapshot.by_state));
	emit_record(t, &(struct record){.kind = RECORD_SNAPSHOT, .ts = ev->hdr.ts, .snapshot = &snapshot});
}

bool scan_listeners_due(const struct conn_table *t, uint64_t now)
{
	uint64_t since_ns = now - t->holders_ns;

	return (t->listeners.left_alone && since_ns >= ALONE_NS) ||
	       (t->listeners.doubted && since_ns >= DOUBTED_NS << t->listeners.fruitless);
}
