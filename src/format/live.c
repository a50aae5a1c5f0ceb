// SPDX-License-Identifier: GPL-2.0-only
#include "live.h"

#include "fmt.h"
#include "json_write.h"
#include "put.h"

#define DATA "data: "
#define DATA_LEN (sizeof(DATA) - 1)
#define WORD_MAX 80u /* bytes of an event for a name[pid], an address with its port, or a word */
#define HOST_MAX 256u
#define MESSAGE_MAX 900u

static uint64_t less(uint64_t from, uint64_t by)
{
	return from > by ? from - by : 0;
}

static void put_label(struct buf *b, struct jsonw_key key, const struct label *label)
{
	jsonw_text(b, key, label->text, label_len(label), WORD_MAX);
}

static void put_text(struct buf *b, struct jsonw_key key, const char *text, size_t max)
{
	jsonw_text(b, key, text, text ? strlen(text) : 0, max);
}

/* Whose it is, and between whom: as text, in which nothing is left that does not print. */
static void put_tuple(struct buf *b, const struct conn_tuple *t)
{
	struct label label;

	label_init(&label);
	if (t->from == CONN_FROM_NONE)
		buf_char(&label.b, '-');
	else
		put_process(&label.b, t, WIRE_COMM_LEN * 4, false);
	put_label(b, KEY("process"), &label);
	for (int local = 1; local >= 0; local--) {
		label_init(&label);
		if (t->id_known)
			put_endpoint(&label.b, &t->id, local, '-');
		else
			buf_char(&label.b, '-');
		put_label(b, local ? KEY("local") : KEY("peer"), &label);
	}
}

static void put_states(struct buf *b, const struct metrics_table *table)
{
	jsonw_open(b, KEY("states"), '{');
	for (unsigned int i = 0; i < WIRE_STATE_MAX; i++) {
		uint64_t count = table->by_state[i];

		if (i == WIRE_SYN_RECV) /* two of the kernel's states with one name */
			count += table->by_state[WIRE_NEW_SYN_RECV];
		if (conn_state_name(i) && i != WIRE_CLOSE && i != WIRE_NEW_SYN_RECV)
			jsonw_uint_named(b, conn_state_name(i), count);
	}
	jsonw_close(b, '}');
}

static void put_ways(struct buf *b, const struct travelled *d)
{
	jsonw_open(b, KEY("ways"), '[');
	for (unsigned int from = 0; from < WIRE_STATE_MAX; from++) {
		for (unsigned int to = 0; to < WIRE_STATE_MAX; to++) {
			if (!d->edges[from][to])
				continue;
			jsonw_open(b, KEY_NONE, '[');
			jsonw_word(b, KEY_NONE, conn_state_name(from));
			jsonw_word(b, KEY_NONE, conn_state_name(to));
			jsonw_uint(b, KEY_NONE, d->edges[from][to]);
			jsonw_close(b, ']');
		}
	}
	jsonw_close(b, ']');
}

static void put_cause(struct buf *b, const char *name, uint64_t count)
{
	if (!count)
		return;
	jsonw_open(b, KEY_NONE, '[');
	jsonw_word(b, KEY_NONE, name ?: "unknown");
	jsonw_uint(b, KEY_NONE, count);
	jsonw_close(b, ']');
}

static void put_forced(struct buf *b, const struct travelled *d)
{
	jsonw_open(b, KEY("forced"), '[');
	for (unsigned int state = 0; state < WIRE_STATE_MAX; state++) {
		if (!travelled_forced(d, state))
			continue;
		jsonw_open(b, KEY_NONE, '{');
		jsonw_word(b, KEY("from"), conn_state_name(state));
		jsonw_uint(b, KEY("count"), travelled_forced(d, state));
		jsonw_open(b, KEY("why"), '[');
		for (unsigned int i = 0; i < CONN_END_MAX; i++)
			put_cause(b, conn_end_name(i), d->forced[state][i]);
		for (unsigned int i = 0; i < WIRE_CAUSE_MAX; i++)
			put_cause(b, conn_tw_end_name(i), d->forced_time_wait[state][i]);
		jsonw_close(b, ']');
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

static void put_leaks(struct buf *b, const struct live_view *v)
{
	size_t len = v->leaks->len < LIVE_LEAKS_MAX ? v->leaks->len : LIVE_LEAKS_MAX;

	jsonw_uint(b, KEY("leaking"), v->table->leaks_open);
	jsonw_uint(b, KEY("leaks_not_shown"), v->leaks->len - len + v->leaks->left_out);
	jsonw_open(b, KEY("leaks"), '[');
	for (size_t i = 0; i < len; i++) {
		const struct top_leak *leak = &v->leaks->items[i];

		jsonw_open(b, KEY_NONE, '{');
		put_tuple(b, &leak->socket.t);
		jsonw_uint(b, KEY("count"), leak->count);
		jsonw_word(b, KEY("cause"), leak_cause_name(leak->socket.verdict.cause));
		jsonw_bool(b, KEY("certain"), leak->socket.verdict.certain);
		jsonw_uint(b, KEY("age_us"), (leak->socket.age_ns + less(v->now, leak->aged_ns)) / 1000);
		jsonw_bool(b, KEY("at_least"), leak->socket.age_is_lower_bound);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

static void put_findings(struct buf *b, const struct live_view *v)
{
	jsonw_bool(b, KEY("findings_watched"), v->findings_watched);
	jsonw_uint(b, KEY("findings_count"), v->findings_count);
	jsonw_open(b, KEY("findings"), '[');
	for (size_t i = 0; i < v->findings_len; i++) {
		const struct status_finding *f = &v->findings[i];

		jsonw_open(b, KEY_NONE, '{');
		jsonw_word(b, KEY("finding"), f->id);
		jsonw_word(b, KEY("severity"), f->severity);
		put_text(b, KEY("message"), f->message, MESSAGE_MAX);
		jsonw_time(b, KEY("since"), f->since_wall_ns);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

static void put_conns(struct buf *b, const struct live_view *v)
{
	jsonw_open(b, KEY("connections"), '[');
	for (size_t i = 0; i < v->conns_len; i++) {
		const struct live_conn *c = &v->conns[i];

		jsonw_open(b, KEY_NONE, '{');
		jsonw_word(b, KEY("state"), c->over ? NULL : conn_state_name(c->state));
		jsonw_word(b, KEY("end"), c->over ? conn_end_name(c->end) : NULL);
		put_tuple(b, &c->t);
		jsonw_uint_if(b, KEY("ago_us"), c->at_known, less(v->now, c->at_ns) / 1000);
		jsonw_uint_if(b, KEY("lived_us"), c->over && c->lived_known, c->lived_us);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

static uint64_t sum_of(const uint64_t lost[WIRE_LOST_MAX])
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < WIRE_LOST_MAX; i++)
		sum += lost[i];
	return sum;
}

size_t live_event(const struct live_view *v, char *text, size_t size)
{
	struct buf b;
	size_t len;

	memcpy(text, DATA, DATA_LEN);
	buf_init(&b, text + DATA_LEN, size - DATA_LEN - JSONW_SLACK);
	jsonw_open(&b, KEY_NONE, '{');
	jsonw_time(&b, KEY("time"), v->now_wall_ns);
	jsonw_time(&b, KEY("start"), v->start_wall_ns);
	jsonw_uint(&b, KEY("at_us"), v->now / 1000);
	put_text(&b, KEY("host"), v->context->hostname, HOST_MAX);
	jsonw_uint(&b, KEY("events"), v->events);
	jsonw_uint(&b, KEY("opened"), v->table->opened);
	jsonw_uint(&b, KEY("closed"), v->closed);
	jsonw_uint(&b, KEY("failed"), v->failed);
	jsonw_uint(&b, KEY("lost"), sum_of(v->table->lost));
	put_states(&b, v->table);
	put_ways(&b, v->travelled);
	put_forced(&b, v->travelled);
	put_leaks(&b, v);
	put_findings(&b, v);
	put_conns(&b, v);
	jsonw_close(&b, '}');
	len = jsonw_end(&b);
	if (!len)
		return 0;
	text[DATA_LEN + len] = '\n'; /* behind the line's own: the event is over */
	return DATA_LEN + len + 1;
}
