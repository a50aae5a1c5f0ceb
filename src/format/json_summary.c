// SPDX-License-Identifier: GPL-2.0-only
/* The lists of a summary that may make a line too long: what is left out for that is counted with the rest. */
#include "json_common.h"

static void json_listener_process(struct json *j, const struct wire_task *task)
{
	size_t len = strnlen(task->comm, sizeof(task->comm));
	struct buf *b = &j->b;

	if (!task->tgid) {
		jsonw_null(b, KEY("process"));
		return;
	}
	jsonw_open(b, KEY("process"), '{');
	jsonw_uint(b, KEY("pid"), task->tgid);
	if (!jsonw_text(b, KEY("comm"), task->comm, len, FORMAT_LINE_MAX))
		jsonw_hex_bytes(b, KEY("comm_hex"), task->comm, len);
	jsonw_close(b, '}');
}

static void json_listener(struct json *j, const struct conn_listener_row *row)
{
	struct buf *b = &j->b;

	jsonw_open(b, KEY_NONE, '{');
	jsonw_uint(b, KEY("netns"), row->netns);
	jsonw_addr(b, KEY("local_addr"), row->local_addr, row->ipv4);
	jsonw_uint(b, KEY("local_port"), row->local_port);
	json_listener_process(j, &row->task);
	jsonw_uint(b, KEY("queue"), row->at.queue);
	jsonw_uint(b, KEY("queue_limit"), row->at.limit);
	jsonw_bool(b, KEY("full"), conn_queue_is_full(&row->at));
	jsonw_uint(b, KEY("attempts"), row->at.attempts);
	if (row->at.fastopen_limit) {
		jsonw_uint(b, KEY("fastopen_queue"), row->at.fastopen);
		jsonw_uint(b, KEY("fastopen_queue_limit"), row->at.fastopen_limit);
	}
	jsonw_uint_if(b, KEY("drops"), row->interval_us != 0, row->drops);
	jsonw_uint_if(b, KEY("interval_us"), row->interval_us != 0, row->interval_us);
	jsonw_uint(b, KEY("drops_total"), row->at.drops);
	if (row->mptcp)
		jsonw_bool(b, KEY("mptcp"), true);
	if (row->ended)
		jsonw_bool(b, KEY("ended"), true);
	jsonw_close(b, '}');
}

size_t json_summary_len(const struct conn_summary_record *s)
{
	return s->listeners_len + s->namespaces_len;
}

/* How many rows of listeners are left out, and how many of namespaces: in turns. */
static void share_drop(const struct json *j, const struct conn_summary_record *s, unsigned int *ret_listeners,
		       unsigned int *ret_namespaces)
{
	unsigned int listeners = (j->drop + 1) / 2, namespaces = j->drop / 2;

	if (listeners > s->listeners_len) {
		namespaces += listeners - s->listeners_len;
		listeners = s->listeners_len;
	}
	if (namespaces > s->namespaces_len) {
		listeners += namespaces - s->namespaces_len;
		namespaces = s->namespaces_len;
	}
	*ret_listeners = listeners < s->listeners_len ? listeners : s->listeners_len;
	*ret_namespaces = namespaces;
}

void json_listeners(struct json *j, const struct conn_summary_record *s)
{
	struct conn_listeners_rest rest = s->listeners_rest;
	unsigned int drop, others, i;
	struct buf *b = &j->b;

	share_drop(j, s, &drop, &others);
	if (!s->listeners_len && !rest.count)
		return;
	jsonw_open(b, KEY("listeners"), '[');
	for (i = 0; i < s->listeners_len - drop; i++)
		json_listener(j, &s->listeners[i]);
	jsonw_close(b, ']');
	for (; i < s->listeners_len; i++) {
		rest.count++;
		rest.drops += s->listeners[i].drops;
	}
	jsonw_open(b, KEY("listeners_rest"), '{');
	jsonw_uint(b, KEY("count"), rest.count);
	jsonw_uint(b, KEY("drops"), rest.drops);
	jsonw_close(b, '}');
}

static const char *const count_keys[] = {
	[WIRE_NETNS_COOKIES_SENT] = "syncookies_sent",
	[WIRE_NETNS_COOKIES_RECV] = "syncookies_recv",
	[WIRE_NETNS_COOKIES_FAILED] = "syncookies_failed",
	[WIRE_NETNS_OVERFLOWS] = "listen_overflows",
	[WIRE_NETNS_DROPS] = "listen_drops",
	[WIRE_NETNS_REQQ_DROP] = "reqq_full_drop",
	[WIRE_NETNS_REQQ_COOKIES] = "reqq_full_docookies",
};
_Static_assert(sizeof(count_keys) / sizeof(count_keys[0]) == WIRE_NETNS_COUNTS, "a count has no key");

static void json_counts(struct json *j, uint16_t known, const uint64_t counts[WIRE_NETNS_COUNTS])
{
	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++)
		jsonw_uint_named_if(&j->b, count_keys[i], known & 1u << i, counts[i]);
}

void json_namespaces(struct json *j, const struct conn_summary_record *s)
{
	struct conn_netns_rest rest = s->namespaces_rest;
	unsigned int drop, others, i;
	struct buf *b = &j->b;

	share_drop(j, s, &others, &drop);
	if (!s->namespaces_len && !rest.count)
		return;
	jsonw_open(b, KEY("namespaces"), '[');
	for (i = 0; i < s->namespaces_len - drop; i++) {
		const struct conn_netns_row *row = &s->namespaces[i];

		jsonw_open(b, KEY_NONE, '{');
		jsonw_uint(b, KEY("netns"), row->netns);
		jsonw_uint_if(b, KEY("interval_us"), row->interval_us != 0, row->interval_us);
		json_counts(j, row->known, row->counts);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
	for (; i < s->namespaces_len; i++)
		conn_netns_rest_add(&rest, &s->namespaces[i]);
	jsonw_open(b, KEY("namespaces_rest"), '{');
	jsonw_uint(b, KEY("count"), rest.count);
	json_counts(j, UINT16_MAX, rest.counts);
	jsonw_close(b, '}');
}
