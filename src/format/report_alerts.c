// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaks. For each alert_id the sum of `count` in close_wait_leak less that in close_wait_resolved is the number of sockets that
 * leak. An instance that starts raises again what still leaks, under the same ids: that replaces what was known of them.
 */
#include "report_part.h"

#include <stdio.h>
#include <string.h>

#define COUNT_MAX UINT32_MAX /* so that no sum of lines overflows */

static struct report_alert *find_alert(struct report *r, const char *id)
{
	for (unsigned int i = 0; i < r->alerts_len; i++)
		if (!strncmp(r->alerts[i].id, id, sizeof(r->alerts[i].id) - 1))
			return &r->alerts[i];
	return NULL;
}

static struct report_alert *make_alert(struct report *r, const char *id)
{
	struct report_alert *alert = find_alert(r, id);

	if (alert)
		return alert;
	if (r->alerts_len == REPORT_ALERTS) {
		r->alerts_dropped++;
		return NULL;
	}
	alert = &r->alerts[r->alerts_len++];
	memset(alert, 0, sizeof(*alert));
	report_copy(alert->id, sizeof(alert->id), id);
	return alert;
}

static void change(struct report *r, const struct report_record *rec, const struct report_key *group, int64_t by)
{
	struct report_row *row = report_top_find(&r->groups, group), *host = report_host(r, rec, 0);

	host->values[ROW_LEAKING] += (uint64_t)by;
	if (!row)
		return;
	row->values[GROUP_LEAKING] += (uint64_t)by;
	report_series_change(report_top_series(&r->groups, row), &r->axis, rec->ts_us, by);
}

static uint64_t count_of(const struct report_record *rec)
{
	uint64_t count = report_uint(rec->object, "count");

	return !count ? 1 : count < COUNT_MAX ? count : COUNT_MAX;
}

/* By process and what the leak is about, as connections that end are. */
static struct report_row *group_row(struct report *r, const struct report_record *rec, struct report_key *ret_key)
{
	const char *dependency = report_text(rec->object, "dependency", NULL);
	struct report_key key = {0};

	report_key_of(&key, rec->host);
	report_key_process(&key, &r->line->end.rec.t);
	if (dependency)
		report_key_of(&key, dependency);
	else
		report_key_dependency(&key, &r->line->end.rec.t);
	*ret_key = key;
	return report_top_row(&r->groups, &key, count_of(rec) * report_uint(rec->object, "in_state_us"));
}

static unsigned int cause_of(const json_t *object)
{
	const char *word = report_text(object, "cause", "");

	for (unsigned int i = 0; i < LEAK_CAUSE_MAX; i++)
		if (leak_cause_name(i) && !strcmp(leak_cause_name(i), word))
			return i;
	return LEAK_UNSEEN;
}

bool report_cause_certain(const json_t *object)
{
	return !json_is_false(json_object_get(object, "cause_certain"));
}

void report_leak(struct report *r, const struct report_record *rec)
{
	uint64_t age = report_uint(rec->object, "in_state_us");
	struct report_alert *alert = make_alert(r, report_text(rec->object, "alert_id", ""));
	struct report_key key;
	struct report_row *row;

	report_cover_time(r, rec->ts_us, rec->ts_us);
	row = group_row(r, rec, &key);
	row->example = r->line->end.rec.t;
	row->values[GROUP_CAUSE] = cause_of(rec->object);
	row->values[GROUP_CAUSE_CERTAIN] = report_cause_certain(rec->object);
	if (age > row->values[GROUP_AGE_US])
		row->values[GROUP_AGE_US] = age;
	report_example_leaking(r, rec, age);
	if (!alert)
		return;
	if (alert->open && strcmp(alert->instance, rec->instance) != 0) { /* raised again */
		change(r, rec, &alert->group, -alert->open);
		alert->open = 0;
		alert->some_gone = true;
	} else {
		row->values[GROUP_LEAKED] += count_of(rec);
	}
	report_copy(alert->instance, sizeof(alert->instance), rec->instance);
	if (!strcmp(report_text(rec->object, "conn_id", ""), report_text(rec->object, "alert_id", "")))
		alert->since_us = rec->ts_us - (int64_t)age;
	alert->group = key;
	alert->open += (int64_t)count_of(rec);
	change(r, rec, &key, (int64_t)count_of(rec));
}

/* The count with `resumed`, which comes first, is without the sockets that ended before it. */
static bool is_of_before(const struct report_alert *alert, const struct report_record *rec)
{
	return !strcmp(alert->instance, rec->instance) &&
	       (json_object_get(rec->object, "ended_after") || json_object_get(rec->object, "from_before"));
}

void report_resolved(struct report *r, const struct report_record *rec)
{
	struct report_alert *alert = find_alert(r, report_text(rec->object, "alert_id", ""));
	int64_t gone = (int64_t)count_of(rec);

	report_example_over(r);
	if (!alert || is_of_before(alert, rec))
		return;
	if (gone > alert->open)
		gone = alert->open;
	report_cover_time(r, rec->ts_us, rec->ts_us);
	change(r, rec, &alert->group, -gone);
	alert->open -= gone;
	alert->some_gone = true;
	report_example_left(r, alert);
	if (!alert->open)
		*alert = r->alerts[--r->alerts_len];
}

/* Up to when the records of its run say that it leaks. */
static int64_t seen_until(const struct report *r, const struct report_alert *alert)
{
	for (unsigned int i = 0; i < r->instances_len; i++)
		if (!strcmp(r->instances[i].name, alert->instance) && r->instances[i].last_us < r->cover.last_us)
			return r->instances[i].last_us;
	return r->cover.last_us;
}

uint64_t report_leak_age(const struct report *r, const struct report_key *group)
{
	int64_t oldest = 0;

	for (unsigned int i = 0; i < r->alerts_len; i++) {
		const struct report_alert *alert = &r->alerts[i];
		int64_t age = alert->since_us ? seen_until(r, alert) - alert->since_us : 0;

		if (age > oldest && alert->group.len == group->len && !memcmp(alert->group.text, group->text, group->len))
			oldest = age;
	}
	return (uint64_t)oldest;
}

void report_leaks_age(struct report *r)
{
	for (unsigned int i = 0; i < r->leaking.len; i++) {
		struct report_example *e = &r->leaking.items[i];
		const struct report_alert *alert = find_alert(r, e->alert);
		struct conn_span *last = &e->end.rec.timeline[e->end.rec.timeline_len - 1];
		bool leaks = alert && (alert->since_us || !alert->some_gone); /* else it may be among those that are gone */
		int64_t grown = leaks ? seen_until(r, alert) - ladder_end_us(&e->end) : 0;

		if (grown > 0) {
			e->end.age_us += e->end.age_us ? (uint64_t)grown : 0;
			last->us += (uint64_t)grown;
			e->end.rec.end_ns += (uint64_t)grown * 1000;
		}
		e->rank = last->us;
	}
}

uint64_t report_leaking(const struct report *r)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < r->alerts_len; i++)
		sum += (uint64_t)r->alerts[i].open;
	return sum;
}
