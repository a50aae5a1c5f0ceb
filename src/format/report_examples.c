// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that are drawn one by one: the longest, those that leak the longest, and of each way to fail a sample that does
 * not depend on when they failed (the ones of the largest hash of their id).
 */
#include "report_part.h"

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
	struct report_example *e = find(list, &r->line.end);

	if (!e && list->len < list->max)
		e = &list->items[list->len++];
	else if (!e && least(list)->rank < rank)
		e = least(list);
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->rank = rank;
	e->end = r->line.end;
	e->final = rec->kind == RECORD_CONNECTION;
	report_copy(e->host, sizeof(e->host), rec->host);
	report_copy(e->cgroup, sizeof(e->cgroup), r->line.cgroup);
	return e;
}

void report_example_longest(struct report *r, const struct report_record *rec)
{
	const struct conn_record *c = &r->line.end.rec;

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
	const struct conn_record *c = &r->line.end.rec;

	r->failed[c->end].of++;
	keep(r, &r->failed[c->end], rec, mix(c->t.cookie ^ c->start_ns));
}

/* An alert has no timeline: CLOSE_WAIT alone is known, from some time until now. */
void report_example_leaking(struct report *r, const struct report_record *rec, uint64_t in_state_us)
{
	struct conn_record *c = &r->line.end.rec;
	struct report_example *e;

	if ((int64_t)in_state_us > rec->ts_us) /* before 1970 */
		in_state_us = (uint64_t)rec->ts_us;
	r->leaking.of += report_uint(rec->object, "count") ?: 1;
	c->timeline_len = 1;
	c->timeline[0] = (struct conn_span){.state = WIRE_CLOSE_WAIT, .us = in_state_us, .ev = CONN_EV_SCAN};
	r->line.end.start_us = rec->ts_us - (int64_t)in_state_us;
	c->start_ns = (uint64_t)r->line.end.start_us * 1000;
	c->end_ns = (uint64_t)rec->ts_us * 1000;
	c->start_known = c->duration_known = false;
	e = keep(r, &r->leaking, rec, in_state_us);
	if (!e)
		return;
	report_copy(e->cause, sizeof(e->cause), report_text(rec->object, "cause", ""));
	report_copy(e->hint, sizeof(e->hint), report_text(rec->object, "hint", ""));
}

void report_example_over(struct report *r)
{
	struct report_example *e = find(&r->leaking, &r->line.end);

	if (e)
		*e = r->leaking.items[--r->leaking.len];
}
