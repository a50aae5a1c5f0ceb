// SPDX-License-Identifier: GPL-2.0-only
#include "live_view.h"

#include "src/core/conn.h"
#include "src/core/open_conns.h"
#include "src/format/live.h"
#include "src/host/clock.h"
#include "src/io/metrics_server.h"
#include "src/pipeline/live.h"
#include "status_findings.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_NS 1000000000ull
#define EVENT_MAX_NS (4 * EVENT_NS) /* below what the page takes for silence */
#define SHARE 50                    /* a look at a million connections costs 2 % of a processor, too */

_Static_assert(OPEN_CONNS_NEWEST == LIVE_CONNS_MAX, "the newest are all that is shown");

struct live_view_run {
	struct live_view_config config;
	struct travelled travelled;
	struct top_leaks leaks;
	uint64_t closed, failed;
	bool watched; /* as of the last tick */
	uint64_t next_ns;
	struct live_conn ended[LIVE_CONNS_MAX]; /* a ring, filled while watched */
	uint64_t ended_count;

	/* Of one event. */
	struct live_conn conns[LIVE_CONNS_MAX];
	size_t conns_len;
	struct status_findings standing;
	struct status_finding findings[STATUS_FINDINGS_MAX];
	char event[LIVE_EVENT_MAX];
};

struct live_view_run *live_view_new(const struct live_view_config *config)
{
	struct live_view_run *run = calloc(1, sizeof(*run));

	if (run)
		run->config = *config;
	return run;
}

void live_view_free(struct live_view_run *run)
{
	if (!run)
		return;
	top_leaks_free(&run->leaks);
	free(run);
}

/* Records */

static void take_conn(struct live_view_run *run, const struct conn_record *c)
{
	(void)travelled_add(&run->travelled, c);
	run->closed++;
	run->failed += travelled_failed(c->end);
	if (!run->watched)
		return;
	run->ended[run->ended_count++ % LIVE_CONNS_MAX] = (struct live_conn){
		.t = c->t,
		.at_ns = c->end_ns,
		.at_known = true,
		.over = true,
		.end = c->end,
		.lived_known = c->duration_known,
		.lived_us = c->end_ns > c->start_ns ? (c->end_ns - c->start_ns) / 1000 : 0,
	};
}

/* record_consumer.take */
static void take(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct live_view_run *run = ctx;

	(void)context, (void)owner;
	if (rec->kind == RECORD_CONNECTION)
		take_conn(run, rec->conn);
	else if (rec->kind == RECORD_TIME_WAIT)
		travelled_add_time_wait(&run->travelled, &rec->time_wait->time_wait);
	else
		top_leaks_take(&run->leaks, rec);
}

/* An event */

/* Those that did something last stand in front; the oldest has to leave. */
static void put_conn(struct live_view_run *run, const struct live_conn *conn)
{
	size_t at = run->conns_len, move;

	if (at == LIVE_CONNS_MAX && run->conns[at - 1].at_ns >= conn->at_ns)
		return;
	while (at && run->conns[at - 1].at_ns < conn->at_ns)
		at--;
	move = run->conns_len < LIVE_CONNS_MAX ? run->conns_len++ - at : LIVE_CONNS_MAX - 1 - at;
	memmove(&run->conns[at + 1], &run->conns[at], move * sizeof(run->conns[0]));
	run->conns[at] = *conn;
}

static void look(struct live_view_run *run)
{
	const struct conn_table *table = pipeline_table(live_pipeline(run->config.live));
	uint64_t kept = run->ended_count < LIVE_CONNS_MAX ? run->ended_count : LIVE_CONNS_MAX;
	struct open_conn open[OPEN_CONNS_NEWEST];

	run->conns_len = open_conns_newest(table, open);
	for (size_t i = 0; i < run->conns_len; i++)
		run->conns[i] = (struct live_conn){
			.t = open[i].t, .at_ns = open[i].entered_ns, .at_known = open[i].entered_known, .state = open[i].state};
	for (uint64_t i = 0; i < kept; i++)
		put_conn(run, &run->ended[i]);
	status_findings_clear(&run->standing);
	conn_table_findings(table, status_findings_add, &run->standing);
	top_leaks_sort(&run->leaks);
}

static void publish(struct live_view_run *run, const struct record_context *context, uint64_t now)
{
	const struct conn_table *table = pipeline_table(live_pipeline(run->config.live));
	struct metrics_table numbers;
	struct pipeline_stats stats;
	struct live_view view;
	size_t len;

	look(run);
	conn_table_metrics(table, now, &numbers);
	pipeline_stats(live_pipeline(run->config.live), &stats);
	view = (struct live_view){
		.context = context,
		.now = now,
		.now_wall_ns = (int64_t)now + clock_wall_offset_ns(),
		.start_wall_ns = run->config.start_wall_ns,
		.events = stats.events,
		.closed = run->closed,
		.failed = run->failed,
		.table = &numbers,
		.travelled = &run->travelled,
		.leaks = &run->leaks,
		.findings_watched = run->config.findings,
		.findings_count = run->standing.count,
		.findings = run->findings,
		.findings_len = status_findings_list(&run->standing, context, run->findings),
		.conns = run->conns,
		.conns_len = run->conns_len,
	};
	len = live_event(&view, run->event, sizeof(run->event));
	if (len)
		metrics_server_publish_live(run->config.server, run->event, len);
}

/* record_consumer.tick */
static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct live_view_run *run = ctx;
	uint64_t begun_ns, pause_ns;

	if (now < run->next_ns || now == UINT64_MAX)
		return;
	run->watched = metrics_server_watched(run->config.server);
	if (!run->watched) {
		run->ended_count = 0; /* "while this page was open" */
		return;
	}
	begun_ns = clock_now_ns();
	publish(run, context, now);
	pause_ns = SHARE * (clock_now_ns() - begun_ns);
	run->next_ns = now + (pause_ns < EVENT_NS ? EVENT_NS : pause_ns < EVENT_MAX_NS ? pause_ns : EVENT_MAX_NS);
}

struct record_consumer live_view_consumer(struct live_view_run *run)
{
	return (struct record_consumer){
		.events = 1u << RECORD_CONNECTION | 1u << RECORD_TIME_WAIT | 1u << RECORD_CLOSE_WAIT_LEAK |
			  1u << RECORD_CLOSE_WAIT_RESOLVED,
		.ctx = run,
		.take = take,
		.tick = tick,
	};
}
