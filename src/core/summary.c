// SPDX-License-Identifier: GPL-2.0-only
/*
 * Losses and sums. A lost event may have been of any connection that lived then. WIRE_LOST stands in the stream where the loss
 * began: all tracked connections count it, by comparing loss_epoch with its value at their birth, and so do those that begin
 * before the loss is over.
 */
#include "summary.h"

#include "alert.h"
#include "emit.h"
#include "half_open.h"
#include "listener.h"
#include "ports.h"

#include <string.h>

void summary_lost(struct conn_table *t, const struct wire_lost *ev)
{
	bool events = ev->stage == WIRE_LOST_HOOK || ev->stage == WIRE_LOST_RING;
	struct conn_lost_record lost = {.stage = ev->stage, .count = ev->count, .from_ns = ev->hdr.ts};
	uint64_t until_ns = ev->until_ns > ev->hdr.ts ? ev->until_ns : ev->hdr.ts;

	t->lost[ev->stage] += ev->count;
	t->interval.lost[ev->stage] += ev->count;
	if (events) {
		t->loss_epoch++;
		if (until_ns > t->loss_until_ns)
			t->loss_until_ns = until_ns;
		lost.connections_affected = t->tracked;
	}
	lost.total = t->lost[ev->stage];
	emit_record(t, &(struct record){.kind = RECORD_LOST, .ts = until_ns, .lost = &lost});
}

void summary_refused(struct conn_table *t, uint64_t now)
{
	struct conn_lost_record lost = {
		.stage = WIRE_LOST_TABLE,
		.count = t->refused,
		.total = t->lost[WIRE_LOST_TABLE],
		.from_ns = t->refused_from_ns,
	};

	if (!t->refused)
		return;
	t->refused = 0;
	emit_record(t, &(struct record){.kind = RECORD_LOST, .ts = now, .lost = &lost});
}

void summary_aggregate(struct conn_table *t, const struct wire_aggregate *ev)
{
	if (ev->what == WIRE_AGG_SYNACK_RETRANSMIT)
		t->interval.synack += ev->count;
	else if (ev->what == WIRE_AGG_RESET_SENT)
		t->interval.resets_sent += ev->count;
	else if (ev->what == WIRE_AGG_HALF_OPEN)
		half_open_add(&t->half_open, ev->netns, ev->local_port, ev->count, false);
	emit_aggregate(t, ev);
}

static void fill_close_wait(const struct conn_table *t, uint64_t now, struct conn_summary_record *sum)
{
	const struct conn *oldest;
	uint64_t since_ns;

	if (t->close_wait.head == CONN_NONE)
		return;
	oldest = table_by_id(t, t->close_wait.head);
	since_ns = alerts_oldest_ns(t->alerts, conn_entered_ns(oldest));
	sum->close_wait_any = true;
	sum->close_wait_oldest_us = (now > since_ns ? now - since_ns : 0) / 1000;
}

bool summary_due(const struct conn_table *t, uint64_t now)
{
	uint64_t since_ns = t->interval.since_ns;

	return t->config.summary_ns && now >= since_ns && now - since_ns >= t->config.summary_ns;
}

void summary_tick(struct conn_table *t, const struct wire_tick *ev)
{
	const struct table_interval *in = &t->interval;
	uint64_t now = ev->hdr.ts;
	struct conn_summary_record sum = {
		.interval_us = (now - in->since_ns) / 1000,
		.opened = in->opened,
		.closed = in->closed,
		.retransmits = {in->syn, in->synack, in->data, in->fin},
		.resets_sent = in->resets_sent,
		.resets_received = in->resets_received,
		.time_wait = {.on = t->tier != WIRE_TIER_OFF && t->config.time_wait != CONN_TW_OFF,
			      .entered = in->tw_entered,
			      .early = in->tw_early,
			      .alive = t->by_state[WIRE_TIME_WAIT]},
		.close_wait_over_known = t->config.leak_threshold_ns,
		.close_wait_over = alerts_open(t->alerts),
		.events_in = in->events_in,
		.rss_bytes = ev->rss_bytes,
		.cpu_us = ev->cpu_us,
	};

	if (!summary_due(t, now))
		return;
	memcpy(sum.by_state, t->by_state, sizeof(sum.by_state));
	sum.by_state[WIRE_CLOSE] = 0; /* those only wait for their record */
	sum.by_state[WIRE_LISTEN] = pool_count(&t->listeners.by_cookie);
	memcpy(sum.time_wait.ended, in->tw_ended, sizeof(in->tw_ended));
	memcpy(sum.lost, in->lost, sizeof(sum.lost));
	fill_close_wait(t, now, &sum);
	half_open_take(&t->half_open, &sum);
	ports_fill(t, &sum);
	emit_record(t, &(struct record){.kind = RECORD_SUMMARY, .ts = now, .summary = &sum});
	t->interval = (struct table_interval){.since_ns = now};
}
