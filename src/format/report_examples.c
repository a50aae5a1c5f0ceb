// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that are drawn one by one: the longest, those that leak the longest, and of each way to fail a sample that does
 * not depend on when they failed (the ones of the largest hash of their id).
 */
#include "report_part.h"

#include <stdio.h>
#include <string.h>

void report_examples_init(struct report *r)
{
	r->longest = (struct report_examples){.max = REPORT_LONGEST, .items = r->longest_items};
	r->leaking = (struct report_examples){.max = REPORT_LEAKING, .items = r->leaking_items};
	for (unsigned int end = 0; end < CONN_END_MAX; end++)
		r->failed[end] = (struct report_examples){.max = REPORT_FAILED, .items = r->failed_items[end]};
}

/* A socket may live more than once; where a begin is not known, it is taken for the same life. */
bool report_example_same(const struct ladder_end *a, const struct ladder_end *b)
{
	return a->rec.t.cookie == b->rec.t.cookie && a->rec.t.generation == b->rec.t.generation && !strcmp(a->boot, b->boot) &&
	       (!a->rec.start_known || !b->rec.start_known || a->start_us == b->start_us);
}

static struct report_example *find(struct report_examples *list, const struct ladder_end *end)
{
	for (unsigned int i = 0; i < list->len; i++)
		if (report_example_same(&list->items[i].end, end))
			return &list->items[i];
	return NULL;
}

static struct report_example *least(struct report_examples *list)
{
	struct report_example *min = list->items;

	for (unsigned int i = 1; i < list->len; i++)
		if (list->items[i].rank < min->rank)
			min = &list->items[i];
	return min;
}

/* NULL: others rank higher. */
static struct report_example *keep(struct report *r, struct report_examples *list, const struct report_record *rec,
				   uint64_t rank)
{
	struct report_example *e = find(list, &r->line->end);

	if (!e && list->len < list->max)
		e = &list->items[list->len++];
	else if (!e && least(list)->rank < rank)
		e = least(list);
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->rank = rank;
	e->end = r->line->end;
	e->final = rec->kind == RECORD_CONNECTION;
	report_copy(e->host, sizeof(e->host), rec->host);
	report_copy(e->cgroup, sizeof(e->cgroup), r->line->cgroup);
	return e;
}

void report_example_longest(struct report *r, const struct report_record *rec)
{
	const struct conn_record *c = &r->line->end.rec;

	r->longest.of += rec->kind == RECORD_CONNECTION;
	keep(r, &r->longest, rec, (c->end_ns - c->start_ns) / 1000);
}

/* splitmix64's last step */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void report_example_failed(struct report *r, const struct report_record *rec)
{
	const struct conn_record *c = &r->line->end.rec;

	r->failed[c->end].of++;
	keep(r, &r->failed[c->end], rec, mix(c->t.cookie ^ c->start_ns));
}

/* The descriptor, with its process if the connection's own is another one, and how many more hold it. */
static void keep_holder(struct report_example *e, const json_t *holders)
{
	const json_t *first = json_array_get(holders, 0);
	size_t more = json_array_size(holders);
	uint64_t pid = report_uint(first, "pid");
	char who[48] = "", others[32] = "";

	if (!json_is_integer(json_object_get(first, "fd")))
		return;
	if (pid != e->end.rec.t.task.tgid)
		snprintf(who, sizeof(who), "held by %.16s[%u] ", report_text(first, "comm", "-"), (unsigned int)pid);
	if (more > 1)
		snprintf(others, sizeof(others), " and %zu more", more - 1);
	snprintf(e->holder, sizeof(e->holder), "%sfd %u%s", who, (unsigned int)report_uint(first, "fd"), others);
}

/* An alert has no timeline: CLOSE_WAIT alone is known, from some time until now. */
void report_example_leaking(struct report *r, const struct report_record *rec, uint64_t in_state_us)
{
	struct conn_record *c = &r->line->end.rec;
	struct report_example *e;

	if ((int64_t)in_state_us > rec->ts_us) /* before 1970 */
		in_state_us = (uint64_t)rec->ts_us;
	r->leaking.of += report_uint(rec->object, "count") ?: 1;
	c->timeline_len = 1;
	r->line->end.start_us = rec->ts_us - (int64_t)in_state_us;
	c->start_ns = (uint64_t)r->line->end.start_us * 1000;
	c->end_ns = (uint64_t)rec->ts_us * 1000;
	c->start_known = c->duration_known = false;
	r->line->end.age_us = in_state_us;
	r->line->end.age_is_lower_bound = json_is_true(json_object_get(rec->object, "age_is_lower_bound"));
	r->line->end.of_alert = true;
	c->timeline[0] = (struct conn_span){.state = WIRE_CLOSE_WAIT,
					    .us = in_state_us,
					    .us_known = true,
					    .ev = r->line->end.age_is_lower_bound ? CONN_EV_SCAN : CONN_EV_EVENT};
	e = keep(r, &r->leaking, rec, in_state_us);
	if (!e)
		return;
	report_copy(e->alert, sizeof(e->alert), report_text(rec->object, "alert_id", ""));
	report_copy(e->cause, sizeof(e->cause) - strlen(REPORT_LIKELY), report_text(rec->object, "cause", ""));
	strcat(e->cause, *e->cause && !report_cause_certain(rec->object) ? REPORT_LIKELY : "");
	report_copy(e->hint, sizeof(e->hint), report_text(rec->object, "hint", ""));
	keep_holder(e, json_object_get(rec->object, "holders"));
}

void report_example_grown(struct report *r)
{
	struct report_example *e = find(&r->leaking, &r->line->end);
	const struct conn_record *c = &r->line->end.rec;

	if (e && c->timeline_len && c->timeline[c->timeline_len - 1].state == WIRE_CLOSE_WAIT)
		e->end = r->line->end;
}

void report_example_left(struct report *r, const struct report_alert *alert)
{
	struct report_examples *list = &r->leaking;
	int64_t kept = 0;

	for (unsigned int i = 0; i < list->len;) {
		if (strcmp(list->items[i].alert, alert->id) != 0 || ++kept <= alert->open)
			i++;
		else
			list->items[i] = list->items[--list->len];
	}
}

void report_example_over(struct report *r)
{
	struct report_example *e = find(&r->leaking, &r->line->end);

	if (e)
		*e = r->leaking.items[--r->leaking.len];
}
