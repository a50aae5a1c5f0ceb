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
#include "metrics.h"
#include "ports.h"
#include "queues.h"

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
	if (ev->what == WIRE_AGG_HALF_OPEN) {
		half_open_add(&t->half_open, ev->netns, ev->local_port, ev->count, false);
		if (t->findings)
			half_open_add(&t->half_open_look, ev->netns, ev->local_port, ev->count, false);
	}
	emit_aggregate(t, ev);
}

/* 0 if there is none. */
static uint64_t close_wait_oldest_us(const struct conn_table *t, uint64_t now)
{
	uint64_t since_ns;

	if (t->close_wait.head == CONN_NONE)
		return 0;
	since_ns = alerts_oldest_ns(t->alerts, conn_entered_ns(table_by_id(t, t->close_wait.head)));
	return (now > since_ns ? now - since_ns : 0) / 1000;
}

/* Of connections now; what is closed only waits for its record. */
static void fill_states(const struct conn_table *t, uint64_t by_state[WIRE_STATE_MAX])
{
	memcpy(by_state, t->by_state, sizeof(t->by_state));
	by_state[WIRE_CLOSE] = 0;
	by_state[WIRE_LISTEN] = pool_count(&t->listeners.by_cookie);
}

static struct table_totals totals(const struct conn_table *t)
{
	const struct table_interval *in = &t->interval;
	struct table_totals sum = t->totals;

	sum.opened += in->opened;
	sum.retransmits.syn += in->syn;
	sum.retransmits.synack += in->synack;
	sum.retransmits.data += in->data;
	sum.retransmits.fin += in->fin;
	return sum;
}

void summary_metrics(const struct conn_table *t, uint64_t now, struct metrics_table *ret)
{
	const struct table_totals sum = totals(t);

	*ret = (struct metrics_table){
		.tracked = t->tracked,
		.opened = sum.opened,
		.retransmits = sum.retransmits,
		.leaks_open = alerts_open(t->alerts),
		.close_wait_oldest_us = close_wait_oldest_us(t, now),
	};
	memcpy(ret->lost, t->lost, sizeof(ret->lost));
	fill_states(t, ret->by_state);
}

bool summary_due(const struct conn_table *t, uint64_t now)
{
	uint64_t since_ns = t->interval.since_ns;

	return t->config.summary_ns && now >= since_ns && now - since_ns >= t->config.summary_ns;
}

void summary_look(struct conn_table *t, uint64_t now, struct conn_summary_record *ret)
{
	*ret = (struct conn_summary_record){
		.time_wait = {.on = t->tier != WIRE_TIER_OFF && t->config.time_wait != CONN_TW_OFF,
			      .alive = t->by_state[WIRE_TIME_WAIT]},
		.close_wait_over_known = t->config.leak_threshold_ns,
		.close_wait_over = alerts_open(t->alerts),
		.close_wait_any = t->close_wait.head != CONN_NONE,
		.close_wait_oldest_us = close_wait_oldest_us(t, now),
	};
	fill_states(t, ret->by_state);
	half_open_take(&t->half_open, ret);
	queues_take(t, t->interval.since_ns, ret);
	netns_counts_take(&t->netns_counts, t->interval.since_ns, ret);
	ports_fill(t, ret);
}

void summary_emit(struct conn_table *t, uint64_t now, struct conn_summary_record *sum)
{
	const struct table_interval *in = &t->interval;

	sum->interval_us = in->since_ns ? (now - in->since_ns) / 1000 : 0;
	sum->opened = in->opened;
	sum->closed = in->closed;
	sum->retransmits = (struct conn_retransmits){in->syn, in->synack, in->data, in->fin};
	sum->resets_sent = in->resets_sent;
	sum->resets_received = in->resets_received;
	sum->time_wait.entered = in->tw_entered;
	sum->time_wait.early = in->tw_early;
	memcpy(sum->time_wait.ended, in->tw_ended, sizeof(in->tw_ended));
	sum->events_in = in->events_in;
	memcpy(sum->lost, in->lost, sizeof(sum->lost));
	sum->rss_bytes = t->rss_bytes;
	sum->cpu_us = t->cpu_us;
	emit_record(t, &(struct record){.kind = RECORD_SUMMARY, .ts = now, .summary = sum});
	t->totals = totals(t);
	t->interval = (struct table_interval){.since_ns = now};
}

void summary_tick(struct conn_table *t, const struct wire_tick *ev)
{
	struct conn_summary_record sum;

	t->rss_bytes = ev->rss_bytes;
	t->cpu_us = ev->cpu_us;
	if (!summary_due(t, ev->hdr.ts))
		return;
	summary_look(t, ev->hdr.ts, &sum);
	summary_emit(t, ev->hdr.ts, &sum);
}
