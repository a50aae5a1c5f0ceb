// SPDX-License-Identifier: GPL-2.0-only
/* Connections: the states that they went through, how they ended, and what they did to whom. */
#include "report_part.h"

#include <string.h>

#include "put.h"
#include "src/core/findings.h"

#define WINDOW_US ((int64_t)(FINDING_WINDOW_NS / 1000))

/* Keys */

void report_key_dependency(struct report_key *key, const struct conn_tuple *t)
{
	struct label label;

	label_init(&label);
	if (!t->id_known)
		buf_str(&label.b, "-");
	else if (t->role == CONN_SERVER)
		put_text_uint(&label.b, ":", t->id.local_port);
	else
		put_endpoint(&label.b, &t->id, false, '-');
	report_key_add(key, label.text, label_len(&label));
}

void report_key_process(struct report_key *key, const struct conn_tuple *t)
{
	if (t->from == CONN_FROM_NONE)
		report_key_of(key, "-");
	else
		report_key_add(key, t->task.comm, strnlen(t->task.comm, WIRE_COMM_LEN));
}

/* The diagram */

static void count_states(struct report *r, const struct conn_record *c)
{
	const struct conn_span *span = c->timeline;

	if (!c->timeline_len) {
		r->cover.no_timeline++;
		return;
	}
	for (unsigned int i = 0; i < c->timeline_len; i++, span++) {
		r->cover.spans++;
		r->cover.spans_inferred += span->ev == CONN_EV_INFERRED;
		r->cover.spans_scanned += span->ev == CONN_EV_SCAN;
		if (span->us_known && span->ev != CONN_EV_SCAN) /* of what a scan found the begin is not known */
			report_hist_add(&r->states[span->state], span->us);
		else
			r->us_unknown[span->state]++;
	}
	if (travelled_add(&r->travelled, c))
		report_hist_add(&r->states[WIRE_TIME_WAIT], c->time_wait.us);
}

/* CLOSE_WAIT by process and dependency, TIME_WAIT by destination, over time */

static void hold_close_wait(struct report *r, const struct report_record *rec, const struct conn_span *span)
{
	const struct ladder_end *end = &r->line->end;
	int64_t from = end->start_us + (int64_t)span->at_us, to = from + (int64_t)span->us;
	struct report_key key = {0};
	struct report_row *row;

	if (!span->us_known || !span->us)
		return;
	report_key_of(&key, rec->host);
	report_key_process(&key, &end->rec.t);
	report_key_dependency(&key, &end->rec.t);
	report_cover_time(r, from, to);
	row = report_top_row(&r->groups, &key, span->us);
	row->values[GROUP_SPANS]++;
	row->values[GROUP_US] += span->us;
	if (span->us > row->values[GROUP_LONGEST_US])
		row->values[GROUP_LONGEST_US] = span->us;
	report_series_hold(report_top_series(&r->groups, row), &r->axis, from, to);
}

static void hold_time_wait(struct report *r, const struct report_record *rec, struct report_row *peer)
{
	const struct conn_time_wait *tw = &r->line->end.rec.time_wait;
	int64_t from;

	if (!tw->entered || !tw->us_known)
		return;
	peer->values[ROW_TIME_WAIT]++;
	peer->values[ROW_TIME_WAIT_US] += tw->us;
	from = rec->ts_us - (int64_t)tw->us;
	report_cover_time(r, from, rec->ts_us);
	report_series_hold(report_top_series(&r->peers, peer), &r->axis, from, rec->ts_us);
}

/* Of a service */

static struct report_row *peer_row(struct report *r, const struct report_record *rec, uint64_t weight)
{
	const struct conn_tuple *t = &r->line->end.rec.t;
	struct report_key key = {0};

	report_key_of(&key, rec->host);
	report_key_of(&key, conn_role_name(t->role) ?: "-");
	report_key_dependency(&key, t);
	return report_top_row(&r->peers, &key, weight);
}

/* A worst number, with all that there was in the same window. */
static void keep_worst(uint64_t now, uint64_t total, uint64_t *worst, uint64_t *total_then)
{
	if (now < *worst || !now)
		return;
	*worst = now;
	*total_then = total;
}

static void count_in_window(struct report_row *row, const struct report_record *rec, const struct conn_record *c)
{
	struct report_window *now = &row->now;
	int64_t number = rec->ts_us / WINDOW_US;

	if (now->number != number)
		*now = (struct report_window){.number = number};
	now->total++;
	now->refused += c->end == CONN_END_REFUSED;
	now->resets += c->end == CONN_END_RST_SENT || c->end == CONN_END_RST_RECEIVED;
	now->unanswered += c->end == CONN_END_TIMEOUT && c->timeline_len == 1 && c->timeline[0].state == WIRE_SYN_SENT;
	keep_worst(now->refused, now->total, &row->worst.refused, &row->total_of[0]);
	keep_worst(now->resets, now->total, &row->worst.resets, &row->total_of[1]);
	keep_worst(now->unanswered, now->total, &row->worst.unanswered, &row->total_of[2]);
}

static void count_in_row(struct report_row *row, const struct conn_record *c)
{
	const struct conn_retransmits *again = &c->retransmits;

	row->example = c->t;
	row->values[ROW_CONNECTIONS]++;
	row->values[ROW_FAILED] += travelled_failed(c->end);
	row->values[ROW_RESETS] += c->resets.sent + c->resets.received;
	row->values[ROW_RETRANSMITTED] += again->syn + again->synack + again->data + again->fin;
}

static void count_rows(struct report *r, const struct report_record *rec)
{
	const struct conn_record *c = &r->line->end.rec;
	struct report_row *host = report_host(r, rec, 1), *peer = peer_row(r, rec, 1);
	struct report_key key = {0};

	report_key_of(&key, rec->host);
	report_key_process(&key, &c->t);
	count_in_row(report_top_row(&r->processes, &key, 1), c);
	count_in_row(host, c);
	host->values[ROW_INCOMPLETE] += !c->complete;
	count_in_row(peer, c);
	count_in_window(peer, rec, c);
	hold_time_wait(r, rec, peer);
}

static void count_resets(struct report *r, const struct conn_record *c, const char *reason)
{
	unsigned int state = c->timeline_len ? c->timeline[c->timeline_len - 1].state : WIRE_CLOSE;
	struct report_key key = {0};

	if (c->resets.sent)
		r->resets_by_state[0][state] += c->resets.sent;
	if (c->resets.received)
		r->resets_by_state[1][state] += c->resets.received;
	if (!c->resets.sent || !*reason)
		return;
	report_key_of(&key, reason);
	report_top_row(&r->reasons, &key, c->resets.sent)->values[0] += c->resets.sent;
}

static void count_retransmits(struct report *r, const struct conn_retransmits *again)
{
	r->again.syn += again->syn;
	r->again.synack += again->synack;
	r->again.data += again->data;
	r->again.fin += again->fin;
	if (r->instance)
		r->instance->again += again->syn + again->synack + again->data + again->fin;
	r->again_connections += again->syn || again->synack || again->data || again->fin;
}

void report_connection(struct report *r, const struct report_record *rec)
{
	struct conn_record *c = &r->line->end.rec;

	if (rec->kind == RECORD_PROGRESS) {
		report_example_grown(r);
		report_example_longest(r, rec);
		return;
	}
	c->final = true; /* --detail short does not say so */
	r->cover.incomplete += !c->complete;
	r->cover.older += !c->start_known;
	r->ends[c->end]++;
	if (c->handshake_known)
		report_hist_add(&r->handshakes[c->t.role], c->handshake_us);
	count_states(r, c);
	for (unsigned int i = 0; i < c->timeline_len; i++)
		if (c->timeline[i].state == WIRE_CLOSE_WAIT)
			hold_close_wait(r, rec, &c->timeline[i]);
	count_rows(r, rec);
	count_resets(r, c, r->line->end.reset_reason);
	count_retransmits(r, &c->retransmits);
	report_example_over(r);
	report_example_longest(r, rec);
	if (travelled_failed(c->end))
		report_example_failed(r, rec);
}

void report_time_wait(struct report *r, const struct report_record *rec)
{
	const struct conn_time_wait *tw = &r->line->end.rec.time_wait;

	if (!tw->entered)
		return;
	travelled_add_time_wait(&r->travelled, tw);
	if (tw->us_known)
		report_hist_add(&r->states[WIRE_TIME_WAIT], tw->us);
	hold_time_wait(r, rec, peer_row(r, rec, 0));
}

void report_reset(struct report *r, const struct report_record *rec)
{
	struct report_key key = {0};
	const char *reason = report_text(rec->object, "reason", NULL);

	if (json_object_get(rec->object, "conn_id") || !reason) /* a connection's are in its own record */
		return;
	report_key_of(&key, reason);
	report_top_row(&r->reasons, &key, report_uint(rec->object, "count"))->values[1] += report_uint(rec->object, "count");
}

void report_retransmit(struct report *r, const struct report_record *rec)
{
	const char *trigger = report_text(rec->object, "trigger", "");
	uint64_t count = report_uint(rec->object, "count");

	if (r->instance)
		r->instance->again_records += count;
	for (unsigned int i = 0; i <= WIRE_TRIGGER_TLP; i++)
		if (!strcmp(conn_trigger_name(i) ?: "", trigger)) /* null is not known, which has no name */
			r->triggers[i] += count;
}
