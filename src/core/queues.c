// SPDX-License-Identifier: GPL-2.0-only
/*
 * A row is worth a listener whose accept queue was full when it was read last, or that dropped segments since the summary
 * before. One that ends has a last reading as it does. Of those that ended in an interval, QUEUES_ENDED are kept; beyond, the
 * youngest is counted with the rest: whoever opens and closes listeners pushes out his own.
 */
#include "queues.h"

#include "rows.h"
#include "table.h"
#include "wire_read.h"

#include <stdlib.h>

static bool is_worth_a_row(const struct conn_listener_row *row)
{
	return row->drops || conn_queue_is_full(&row->at);
}

static void add_rest(struct conn_listeners_rest *rest, const struct conn_listener_row *row)
{
	rest->count++;
	rest->drops += row->drops;
}

static void keep_ended(struct queues_ended *ended, struct conn_listener_row row)
{
	struct conn_listener_row *youngest = ended->rows;

	row.ended = true;
	if (ended->len < QUEUES_ENDED) {
		ended->rows[ended->len++] = row;
		return;
	}
	for (unsigned int i = 1; i < ended->len; i++) {
		if (ended->rows[i].began_ns > youngest->began_ns)
			youngest = &ended->rows[i];
	}
	add_rest(&ended->rest, youngest->began_ns > row.began_ns ? youngest : &row);
	if (youngest->began_ns > row.began_ns)
		*youngest = row;
}

void queues_listener(struct conn_table *t, const struct wire_listener *ev)
{
	const struct listener_seen seen = {.cookie = ev->hdr.cookie, .ident = wire_ident(&ev->hdr), .epoch = t->listener_epoch};
	bool ends = ev->hdr.new_state != WIRE_LISTEN, known;
	struct conn_listener_row row;

	if (!ev->hdr.cookie)
		return;
	if (!listeners_find(&t->listeners, seen.cookie) && !ends && listeners_put(&t->listeners, &seen, &known))
		table_refuse(t, ev->hdr.ts);
	listeners_read(&t->listeners, &ev->hdr, &ev->at);
	if (ends && listeners_row(&t->listeners, listeners_find(&t->listeners, seen.cookie), &row) && is_worth_a_row(&row))
		keep_ended(&t->ended_queues, row);
}

/* Full ones count before all others. */
static struct row candidate(const struct conn_listener_row *row, uint32_t id)
{
	uint64_t full = conn_queue_is_full(&row->at) ? UINT64_C(1) << 63 : 0;

	return (struct row){.count = full | row->drops, .since = row->began_ns, .group = row->netns, .id = id};
}

/* Rows of listeners have their id; those of ended ones follow, from listeners_end() on. */
static void fill_row(const struct listeners *ls, const struct queues_ended *ended, uint32_t id, struct conn_listener_row *row)
{
	if (id >= listeners_end(ls))
		*row = ended->rows[id - listeners_end(ls)];
	else
		listeners_row(ls, id, row);
}

static void take(const struct listeners *ls, const struct queues_ended *ended, struct row *rows, size_t len,
		 struct conn_summary_record *sum)
{
	struct conn_listener_row row;

	sum->listeners_len = rows_choose(rows, len, CONN_SUMMARY_ROWS);
	for (size_t i = 0; i < len; i++) {
		fill_row(ls, ended, rows[i].id, &row);
		if (i < sum->listeners_len)
			sum->listeners[i] = row;
		else
			add_rest(&sum->listeners_rest, &row);
	}
}

void queues_take(struct conn_table *t, uint64_t since_ns, struct conn_summary_record *sum)
{
	struct queues_ended *ended = &t->ended_queues;
	uint32_t end = listeners_end(&t->listeners);
	struct row *rows = calloc(end + ended->len, sizeof(*rows));
	struct conn_listener_row row;
	size_t len = 0;

	sum->listeners_rest = ended->rest;
	for (uint32_t id = 1; rows && id < end; id++) {
		if (listeners_row(&t->listeners, id, &row) && is_worth_a_row(&row) && row.read_ns >= since_ns)
			rows[len++] = candidate(&row, id);
	}
	for (unsigned int i = 0; rows && i < ended->len; i++)
		rows[len++] = candidate(&ended->rows[i], end + i);
	if (rows)
		take(&t->listeners, ended, rows, len, sum);
	free(rows);
	listeners_reported(&t->listeners);
	*ended = (struct queues_ended){0};
}

void queues_full(const struct listeners *ls, queues_wanted_fn wanted, void *ctx, struct conn_summary_record *sum)
{
	struct row *rows = calloc(listeners_end(ls), sizeof(*rows));
	struct conn_listener_row row;
	size_t len = 0;

	for (uint32_t id = 1; rows && id < listeners_end(ls); id++) {
		if (listeners_row(ls, id, &row) && conn_queue_is_full(&row.at) && (!wanted || wanted(ctx, &row)))
			rows[len++] = candidate(&row, id);
	}
	if (rows)
		take(ls, NULL, rows, len, sum);
	free(rows);
}
