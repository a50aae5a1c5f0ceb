// SPDX-License-Identifier: GPL-2.0-only
/* A look at the table: how many sockets of which process are in which state. */
#include "src/core/conn.h"
#include "src/core/metrics.h"
#include "src/host/self.h"
#include "src/pipeline/live.h"
#include "src/pipeline/select.h"
#include "top_run.h"

#include <string.h>

int top_look_init(struct top_run *t)
{
	struct hash_key hash_key;

	self_hash_key(&hash_key);
	return top_init(&t->top, &hash_key);
}

void top_look_free(struct top_run *t)
{
	top_free(&t->top);
	top_leaks_free(&t->leaks);
	findings_kept_free(&t->findings);
	for (unsigned int i = 0; i < TOP_VIEWS; i++)
		page_free(&t->pages[i]);
}

bool top_selects(struct top_run *t, const struct open_conn *conn)
{
	const struct selection *select = &t->options->select;
	struct record_owner owner = {0};

	if (selection_asks_cgroup(select))
		pipeline_describe(live_pipeline(t->run.live), &conn->t, &owner);
	return selection_matches_tuple(select, &conn->t, &owner) &&
	       selection_filter_matches(select, &conn->t, &owner, 1u << conn->state);
}

/* An open_conn_fn. */
static void count(void *ctx, const struct open_conn *conn)
{
	struct top_run *t = ctx;

	if (top_selects(t, conn))
		top_add(&t->top, conn);
}

static void fill_head(struct top_run *t, uint64_t now)
{
	struct metrics_table table;
	struct top_head *h = &t->head;

	conn_table_metrics(pipeline_table(live_pipeline(t->run.live)), now, &table);
	memcpy(h->before, h->by_state, sizeof(h->before));
	memcpy(h->by_state, table.by_state, sizeof(h->by_state));
	memcpy(h->lost, table.lost, sizeof(h->lost));
	h->hostname = t->context->hostname;
	h->foreign_pids = t->context->foreign_pids;
	h->opened = table.opened - t->opened;
	h->interval_us = t->looks ? (now - t->looked_ns) / 1000 : 0;
	t->opened = table.opened;
	h->alerts = true;
	h->leaks = t->leaks.sockets;
	h->findings = t->findings.len;
	h->critical = 0;
	for (size_t i = 0; i < t->findings.len; i++)
		h->critical += t->findings.items[i].finding.severity == FINDING_CRITICAL;
}

void top_look(struct top_run *t, uint64_t now)
{
	const struct conn_table *table = pipeline_table(live_pipeline(t->run.live));

	fill_head(t, now);
	top_begin(&t->top);
	open_conns_each(table, count, t);
	open_listeners_each(table, count, t);
	top_end(&t->top);
	if (t->view == TOP_CONNECTIONS)
		top_conns_fill(t);
	else if (t->view == TOP_LADDER)
		top_ladder_fill(t, now);
	t->looks++;
	t->looked_ns = now;
}
