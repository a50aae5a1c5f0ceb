// SPDX-License-Identifier: GPL-2.0-only
#include "metrics.h"

#include <string.h>

#define MS 1000ull /* in us, as the next one */
#define S (1000 * MS)
#define RANK_NS 60000000000ull

const uint64_t metrics_state_us[METRICS_BUCKETS] = {1 * MS, 10 * MS, 100 * MS, 1 * S,    10 * S,
						    60 * S, 300 * S, 3600 * S, 86400 * S};
const uint64_t metrics_handshake_us[METRICS_BUCKETS] = {100,      1 * MS, 10 * MS, 50 * MS, 100 * MS,
							250 * MS, 1 * S,  3 * S,   10 * S};

const char *metrics_by_name(unsigned int by)
{
#define NAME(value, name) [value] = name,
	static const char *const names[METRICS_BY_MAX] = {METRICS_BYS(NAME)};

	return by < METRICS_BY_MAX ? names[by] : NULL;
}

void metrics_init(struct metrics *m, enum metrics_by by)
{
	memset(m, 0, sizeof(*m));
	m->by_what = by;
	m->by.most = METRICS_BY_MOST;
	m->reasons.most = METRICS_REASONS_MOST;
}

uint32_t metrics_wants(void)
{
	return 1u << RECORD_CONNECTION | 1u << RECORD_RESET | 1u << RECORD_SUMMARY | 1u << RECORD_TIME_WAIT |
	       1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED;
}

static void observe(struct metrics_histogram *h, const uint64_t bounds[METRICS_BUCKETS], uint64_t us)
{
	unsigned int i = 0;

	while (i < METRICS_BUCKETS && us > bounds[i])
		i++;
	h->counts[i]++;
	h->sum_us += us;
}

/* NULL: nothing is counted by a key. */
static uint64_t *values_of(struct metrics *m, const struct conn_tuple *t, const struct record_owner *owner)
{
	static const char unknown[] = "unknown";
	const char *text = NULL;
	char port[5], *to = port + sizeof(port);

	if (m->by_what == METRICS_BY_NONE)
		return NULL;
	if (m->by_what == METRICS_BY_PROCESS && t->from != CONN_FROM_NONE)
		return metrics_top_find(&m->by, t->task.comm, strnlen(t->task.comm, sizeof(t->task.comm)));
	if (m->by_what == METRICS_BY_CGROUP && owner)
		text = owner->cgroup;
	if (m->by_what == METRICS_BY_LOCAL_PORT && t->id_known) {
		for (unsigned int left = t->id.local_port; left || to == port + sizeof(port); left /= 10)
			*--to = (char)('0' + left % 10);
		return metrics_top_find(&m->by, to, (size_t)(port + sizeof(port) - to));
	}
	text = text ? text : unknown;
	return metrics_top_find(&m->by, text, strlen(text));
}

static uint64_t sum_of(const struct conn_retransmits *r)
{
	return r->syn + r->synack + r->data + r->fin;
}

static bool was_established(const struct conn_record *c)
{
	for (unsigned int i = 0; i < c->timeline_len; i++)
		if (c->timeline[i].state == WIRE_ESTABLISHED || c->timeline[i].state == WIRE_CLOSE_WAIT)
			return true;
	return !c->start_known; /* what it was before is not known */
}

static void take_by(struct metrics *m, const struct conn_record *c, const struct record_owner *owner)
{
	uint64_t *values = values_of(m, &c->t, owner);

	if (!values)
		return;
	values[METRICS_BY_CONNECTIONS]++;
	values[METRICS_BY_FAILED] += !was_established(c);
	values[METRICS_BY_RESETS] += c->resets.sent + c->resets.received;
	values[METRICS_BY_RETRANSMITS] += sum_of(&c->retransmits);
	values[METRICS_BY_SENT] += c->stats_known ? c->payload_acked : 0;
	values[METRICS_BY_RECEIVED] += c->stats_known ? c->payload_received : 0;
	values[METRICS_BY_LIVED_US] += c->end_ns > c->start_ns ? (c->end_ns - c->start_ns) / 1000 : 0;
}

static void take_connection(struct metrics *m, const struct conn_record *c, const struct record_owner *owner)
{
	m->closed[c->end]++;
	for (unsigned int i = 0; i < c->timeline_len; i++)
		if (c->timeline[i].us_known)
			observe(&m->states[c->timeline[i].state], metrics_state_us, c->timeline[i].us);
	if (c->handshake_known)
		observe(&m->handshakes, metrics_handshake_us, c->handshake_us);
	take_by(m, c, owner);
}

static void take_reset(struct metrics *m, const struct conn_reset_record *r)
{
	metrics_top_find(&m->reasons, &r->reason, sizeof(r->reason))[r->direction == WIRE_RECEIVED] += r->count;
}

static void take_leak(struct metrics *m, const struct leak_record *leak, const struct record_owner *owner)
{
	uint64_t *values = values_of(m, &leak->socket->t, owner);

	if (leak->resumed) /* no new one */
		return;
	m->leaks[leak->socket->verdict.cause] += leak->count;
	if (values)
		values[METRICS_BY_LEAKS] += leak->count;
}

/* What only surveys count, one before each summary. */
static void take_summary(struct metrics *m, const struct conn_summary_record *s)
{
	struct conn_netns_rest sum = s->namespaces_rest;

	for (unsigned int i = 0; i < s->namespaces_len; i++)
		conn_netns_rest_add(&sum, &s->namespaces[i]);
	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++)
		m->netns[i] += sum.counts[i];
	m->ports_ppm = 0;
	for (unsigned int i = 0; i < s->ports_len; i++) {
		const struct conn_ports_row *row = &s->ports[i];
		uint64_t ppm = row->range ? row->in_use * 1000000ull / row->range : 0;

		if (ppm > m->ports_ppm)
			m->ports_ppm = (uint32_t)ppm;
	}
}

void metrics_take(struct metrics *m, const struct record *rec, const struct record_owner *owner)
{
	switch (rec->kind) {
	case RECORD_CONNECTION:
		take_connection(m, rec->conn, owner);
		break;
	case RECORD_TIME_WAIT:
		if (rec->time_wait->time_wait.us_known)
			observe(&m->states[WIRE_TIME_WAIT], metrics_state_us, rec->time_wait->time_wait.us);
		break;
	case RECORD_RESET:
		take_reset(m, rec->reset);
		break;
	case RECORD_CLOSE_WAIT_LEAK:
		take_leak(m, rec->leak, owner);
		break;
	case RECORD_CLOSE_WAIT_RESOLVED:
		m->resolved[rec->leak_resolved->resolution] += rec->leak_resolved->count;
		break;
	case RECORD_SUMMARY:
		take_summary(m, rec->summary);
		break;
	default:
		break;
	}
}

void metrics_tick(struct metrics *m, uint64_t now)
{
	if (now < m->ranked_ns + RANK_NS)
		return;
	m->ranked_ns = now;
	metrics_top_rank(&m->reasons);
	metrics_top_rank(&m->by);
}
