// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes in events by kind and hands out records. The other files of the core, each above those that it uses:
 *
 *   progress      what goes on                  scan        what exists already       summary    losses and sums
 *   open_conns    what is open now              top, top_leaks  counts and leaks of it by process
 *   finding_watch, finding_scan  what is wrong  finding_set, finding_tally, finding_drain, finding_keep  of findings
 *   findings      their limits
 *   conn_events   what an event changes         closing     closes that wait for a reset
 *   minisock      TIME_WAIT as a tier shows it  tw_conn     what is kept of it meanwhile
 *   alert         who leaks CLOSE_WAIT          alert_resume, alert_keep  over a restart of the tool
 *   alert_group   few records for many          leak, leak_group  a leak scan, its groups
 *   emit          connection -> record          verdict     what a connection was
 *   segments      its SYNs, ACKs, FINs, resets  repeats     when one was sent last
 *   facts         what numbers prove            proofs      what stamps prove
 *   timeline      its states                    conn_owner  whose it is
 *   table         memory and look-up            listener    who listens
 *   ports, half_open, queues, netns_counts  for the summary
 *   fsm           what may follow what          wire_read   is an event well-formed
 *   index, intern, delay, rows  containers
 */
#include "conn.h"

#include "alert.h"
#include "alert_keep.h"
#include "alert_resume.h"
#include "closing.h"
#include "conn_events.h"
#include "delay.h"
#include "finding_watch.h"
#include "listener.h"
#include "metrics.h"
#include "minisock.h"
#include "ports.h"
#include "progress.h"
#include "queues.h"
#include "repeats.h"
#include "scan.h"
#include "summary.h"
#include "tw_conn.h"
#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void leaves_close_wait(struct conn_table *t, struct conn *c)
{
	alerts_left(t, c, NULL); /* unless an event has shown how */
}

int conn_table_new(struct conn_table **out, const struct conn_config *config, conn_emit_fn emit, void *ctx)
{
	struct conn_table *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->config = *config;
	t->emit = emit;
	t->ctx = ctx;
	t->leaves_close_wait = leaves_close_wait;
	t->make_room = tw_conn_make_room;
	err = table_init(t) ?: closing_init(t) ?: tw_conn_init(t) ?: listeners_init(&t->listeners, &config->hash_key)
		?: netns_counts_init(&t->netns_counts, &config->hash_key)
		?: alerts_new(&t->alerts, config) ?: intern_init(&t->places, &config->hash_key)
		?: intern_init(&t->processes, &config->hash_key) ?: repeats_init(&t->repeats, &config->hash_key)
		?: findings_new(t);
	if (err) {
		conn_table_free(t);
		return err;
	}
	*out = t;
	return 0;
}

void conn_table_free(struct conn_table *t)
{
	if (!t)
		return;
	table_destroy(t);
	delay_free(t->resets);
	delay_free(t->fins);
	listeners_free(&t->listeners);
	netns_counts_free(&t->netns_counts);
	findings_free(t);
	alerts_free(t->alerts);
	pool_free(&t->places);
	pool_free(&t->processes);
	pool_free(&t->repeats);
	free(t);
}

static void on_tick(struct conn_table *t, const struct wire_tick *ev)
{
	summary_refused(t, ev->hdr.ts);
	alerts_tick(t);
	minisock_tick(t, ev->hdr.ts);
	progress_tick(t, ev->hdr.ts);
	findings_tick(t, ev->hdr.ts);
	summary_tick(t, ev);
}

static void pass_time(struct conn_table *t, const struct wire_hdr *ev)
{
	if (!t->interval.since_ns)
		t->interval.since_ns = ev->ts;
	if (ev->ts > t->now)
		t->now = ev->ts;
	if (wire_from_kernel(ev->kind)) {
		t->events_in++;
		t->interval.events_in++;
	}
	if (delay_is_due(t->resets, t->now))
		closing_expire(t, t->now);
	if (delay_is_due(t->fins, t->now))
		tw_conn_expire(t, t->now);
}

/* What the run itself found out. */
static void feed_collected(struct conn_table *table, const struct wire_hdr *ev)
{
	switch (ev->kind) {
	case WIRE_PORT_RANGE:
		ports_set_range(table, (const struct wire_port_range *)ev);
		break;
	case WIRE_NETNS:
		netns_counts_read(&table->netns_counts, (const struct wire_netns *)ev);
		break;
	case WIRE_TW_TIER:
		table->tier = ((const struct wire_mark *)ev)->value;
		break;
	case WIRE_AGGREGATE:
		summary_aggregate(table, (const struct wire_aggregate *)ev);
		break;
	case WIRE_LOST:
		summary_lost(table, (const struct wire_lost *)ev);
		break;
	case WIRE_BEFORE:
	case WIRE_KNOWN:
	case WIRE_ENDED:
		alerts_before_feed(table, ev);
		break;
	case WIRE_STANDING:
		if (alerts_before_same_boot(table->alerts))
			findings_restore(table, (const struct wire_standing *)ev);
		break;
	case WIRE_TICK:
		on_tick(table, (const struct wire_tick *)ev);
		break;
	}
}

/* Apart: most events are WIRE_STATE, and what the others need would slow them down. */
static __attribute__((noinline)) void feed_other(struct conn_table *table, const struct wire_hdr *ev)
{
	switch (ev->kind) {
	case WIRE_DESTROY:
		conn_events_destroy(table, ev);
		break;
	case WIRE_RETRANSMIT:
	case WIRE_RETRANSMIT_FAILED:
		conn_events_retransmit(table, (const struct wire_retransmit *)ev);
		break;
	case WIRE_RESET:
		conn_events_reset(table, (const struct wire_reset *)ev);
		break;
	case WIRE_TOUCH:
		conn_events_touch(table, ev);
		break;
	case WIRE_SCAN:
		scan_found(table, (const struct wire_scan *)ev);
		break;
	case WIRE_EXIT:
		listeners_exited(&table->listeners, (const struct wire_exit *)ev);
		alerts_scan(table, ev);
		break;
	case WIRE_LISTENER:
		queues_listener(table, (const struct wire_listener *)ev);
		break;
	case WIRE_SCAN_BEGIN:
		scan_begin(table, (const struct wire_mark *)ev);
		break;
	case WIRE_SCAN_END:
		scan_end(table, (const struct wire_mark *)ev);
		break;
	case WIRE_LEAK_BEGIN:
	case WIRE_LEAK:
	case WIRE_LEAK_END:
		alerts_scan(table, ev);
		if (ev->kind == WIRE_LEAK_END)
			findings_scanned(table, ev->ts);
		break;
	case WIRE_MINISOCK:
		closing_minisock(table, (const struct wire_minisock *)ev);
		minisock_event(table, (const struct wire_minisock *)ev);
		break;
	default:
		feed_collected(table, ev);
	}
}

void conn_table_feed(struct conn_table *table, const struct wire_hdr *ev)
{
	pass_time(table, ev);
	if (ev->kind == WIRE_STATE)
		conn_events_state(table, (const struct wire_state *)ev);
	else
		feed_other(table, ev);
}

static void stop_minisocks(struct conn_table *t, uint64_t now)
{
	struct conn *next;

	for (struct conn *c = table_next(t, NULL); c; c = next) {
		next = table_next(t, c);
		if (c->facts & CONN_MINISOCK)
			minisock_stop(t, c, now);
	}
}

static void cut_all(struct conn_table *t, uint64_t now)
{
	struct conn *next;

	for (struct conn *c = table_next(t, NULL); c; c = next) {
		next = table_next(t, c);
		if (c->facts & CONN_MINISOCK) {
			tw_conn_cut(t, c, now, CONN_END_DAEMON_STOP);
			continue;
		}
		progress_stop(t, c, now);
		table_remove(t, c);
	}
}

/* The last summary shows what there is before all is cut, and counts the records that are written for that. */
void conn_table_stop(struct conn_table *table, uint64_t now)
{
	struct conn_summary_record sum;
	bool sums = table->config.summary_ns;

	if (now > table->now)
		table->now = now;
	closing_stop(table);
	summary_refused(table, now);
	findings_stop(table, now);
	stop_minisocks(table, now);
	if (sums)
		summary_look(table, table->now, &sum);
	alerts_stop(table);
	cut_all(table, now);
	if (sums)
		summary_emit(table, table->now, &sum);
	table->config.summary_ns = 0; /* at the end of a recording there is a second stop */
}

bool conn_table_wants_minisocks(const struct conn_table *table)
{
	return tw_conn_any_waits(table);
}

void conn_table_openers(const struct conn_table *table, opener_fn fn, void *ctx)
{
	alerts_openers(table, fn, ctx);
}

bool conn_table_wants_leak_scan(const struct conn_table *table, uint64_t now)
{
	return alerts_want_scan(table, now) || findings_want_scan(table, now);
}

bool conn_table_wants_listeners(const struct conn_table *table, uint64_t now)
{
	return scan_listeners_due(table, now);
}

bool conn_table_wants_survey(const struct conn_table *table, uint64_t now)
{
	return summary_due(table, now) || findings_want_survey(table, now);
}

void conn_table_stats(const struct conn_table *t, struct conn_table_stats *ret_stats)
{
	struct findings_stats findings;

	findings_stats(t, &findings);
	*ret_stats = (struct conn_table_stats){
		.events_in = t->events_in,
		.tracked = t->tracked,
		.resyncs = t->resyncs,
		.memory_bytes = sizeof(*t) + table_memory(t) + delay_memory(t->resets) + delay_memory(t->fins) +
				listeners_memory(&t->listeners) + netns_counts_memory(&t->netns_counts) +
				alerts_memory(t->alerts) + pool_memory(&t->places) + pool_memory(&t->processes) +
				pool_memory(&t->repeats) + findings_memory(t),
		.leaks_open = t->leaks_open,
		.finding_scans = findings.scans,
		.findings_left_out = findings.left_out,
		.generations_forgotten = t->ended_forgotten,
		.time_wait_early = t->early,
	};
	memcpy(ret_stats->lost, t->lost, sizeof(ret_stats->lost));
}

void conn_table_metrics(const struct conn_table *t, uint64_t now, struct metrics_table *ret)
{
	struct conn_table_stats stats;

	conn_table_stats(t, &stats);
	summary_metrics(t, now, ret);
	ret->memory_bytes = stats.memory_bytes;
}

void conn_table_keep(const struct conn_table *table, bool at_stop, event_fn fn, void *ctx)
{
	alerts_keep(table, at_stop, fn, ctx);
	findings_keep(table, fn, ctx);
}

void conn_table_findings(const struct conn_table *table, finding_fn fn, void *ctx)
{
	findings_each(table, fn, ctx);
}

uint64_t conn_table_kept_changes(const struct conn_table *table)
{
	return alerts_changes(table->alerts) + findings_changes(table);
}
