// SPDX-License-Identifier: GPL-2.0-only
/* What the records say of the tool and of the host: hooks that were missing, losses, totals. */
#include "report_part.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "put.h"
#include "src/core/findings.h"

static void add_hook(struct report *r, const json_t *item)
{
	const char *name = report_text(item, "name", ""), *why = report_text(item, "why", "");
	struct report_hook *hook;

	for (unsigned int i = 0; i < r->hooks_len; i++)
		if (!strncmp(r->hooks[i].name, name, sizeof(r->hooks[i].name) - 1))
			return;
	if (r->hooks_len == REPORT_HOOKS)
		return;
	hook = &r->hooks[r->hooks_len++];
	report_copy(hook->name, sizeof(hook->name), name);
	report_copy(hook->why, sizeof(hook->why), why);
}

void report_meta(struct report *r, const struct report_record *rec)
{
	const json_t *item;
	size_t i;

	if (report_uint(rec->object, "sample") > r->cover.sample)
		r->cover.sample = report_uint(rec->object, "sample");
	json_array_foreach(json_object_get(rec->object, "hooks"), i, item)
	{
		if (json_is_false(json_object_get(item, "ok")) && strncmp(report_text(item, "why", ""), "not needed", 10) != 0)
			add_hook(r, item);
	}
}

void report_lost(struct report *r, const struct report_record *rec)
{
	const char *stage = report_text(rec->object, "stage", "");
	uint64_t count = report_uint(rec->object, "count");

	for (unsigned int i = 0; i < WIRE_LOST_MAX; i++)
		if (conn_lost_stage_name(i) && !strcmp(conn_lost_stage_name(i), stage))
			r->cover.lost[i] += count;
	report_host(r, rec, 0)->values[ROW_LOST] += count;
}

static void set_addr(uint8_t addr[16], const char *text)
{
	memset(addr, 0, 16);
	if (inet_pton(AF_INET6, text, addr) == 1)
		return;
	memset(addr + 10, 0xff, 2);
	inet_pton(AF_INET, text, addr + 12);
}

/* Of a peer that no connection is known of. */
static void set_example(struct conn_tuple *t, const char *local, const char *peer, uint16_t port)
{
	t->role = CONN_CLIENT;
	t->id_known = true;
	t->id.family = strchr(peer, ':') ? AF_INET6 : AF_INET;
	t->id.peer_port = port;
	set_addr(t->id.local_addr, local);
	set_addr(t->id.peer_addr, peer);
}

/* The peers of a summary's `ports`: who opened more connections to one than half of the ports that there are. */
static void take_ports(struct report *r, const struct report_record *rec, const json_t *item)
{
	uint64_t in_use = report_uint(item, "in_use"), range = report_uint(item, "range");
	const char *addr = report_text(item, "peer_addr", ""), *local = report_text(item, "local_addr", "");
	struct report_key key = {0};
	struct report_row *row;
	char peer[64];

	if (!range)
		return;
	snprintf(peer, sizeof(peer), strchr(addr, ':') ? "[%s]:%u" : "%s:%u", addr,
		 (unsigned int)(report_uint(item, "peer_port") & UINT16_MAX));
	report_key_of(&key, rec->host);
	report_key_of(&key, conn_role_name(CONN_CLIENT));
	report_key_of(&key, peer);
	row = report_top_row(&r->peers, &key, 1);
	if (in_use <= row->values[ROW_PORTS])
		return;
	if (!row->values[ROW_CONNECTIONS])
		set_example(&row->example, local, addr, (uint16_t)report_uint(item, "peer_port"));
	row->values[ROW_PORTS] = in_use;
	row->values[ROW_PORT_RANGE] = range;
	row->values[ROW_PORTS_PERCENT] = in_use * 100 / range;
}

/* What a listener of a summary shows. */
static void judge_listener(struct report *r, const struct report_record *rec, const json_t *item)
{
	struct finding_record f = {.id = FINDING_ACCEPT_QUEUE_FULL, .about = FINDING_LOCAL_PORT, .t.id_known = true};
	const char *listener = report_text(json_object_get(item, "process"), "comm", "");

	if (!json_is_true(json_object_get(item, "full")))
		return;
	f.t.id.local_port = (uint16_t)report_uint(item, "local_port");
	f.count = report_uint(item, "queue");
	f.limit = report_uint(item, "queue_limit") + 1;
	if (finding_judge(&f, false))
		report_finding_write(r, &f, &(struct report_where){rec->host, listener});
}

static void judge_half_open(struct report *r, const struct report_record *rec, const json_t *item)
{
	uint64_t interval = report_uint(rec->object, "interval_us"), window = FINDING_WINDOW_NS / 1000;
	struct finding_record f = {
		.id = FINDING_HALF_OPEN_PILE, .about = FINDING_LOCAL_PORT, .t.id_known = true, .window_ns = FINDING_WINDOW_NS};

	f.t.id.local_port = (uint16_t)report_uint(item, "local_port");
	f.count = report_uint(item, "count");
	if (interval > window)
		f.count = (uint64_t)((double)f.count * (double)window / (double)interval);
	if (finding_judge(&f, false))
		report_finding_write(r, &f, &(struct report_where){rec->host, ""});
}

void report_summary(struct report *r, const struct report_record *rec)
{
	const json_t *item;
	size_t i;

	if (json_object_get(rec->object, "diagnosis"))
		report_host(r, rec, 0)->values[ROW_DIAGNOSED] = 1;
	json_array_foreach(json_object_get(rec->object, "ports"), i, item) take_ports(r, rec, item);
	json_array_foreach(json_object_get(rec->object, "listeners"), i, item) judge_listener(r, rec, item);
	json_array_foreach(json_object_get(rec->object, "half_open"), i, item) judge_half_open(r, rec, item);
}
