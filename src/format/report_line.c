// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line: which record it is, and which part takes it. report_conn.c counts connections, report_alerts.c leaks, report_runs.c
 * what is about the tool itself; report_findings.c says what is wrong and report_examples.c keeps connections to be drawn.
 */
#include "report_part.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rfc3339.h"
#include "utf8.h"

#define UINT_LAST ((INT64_C(1) << 53) - 1) /* no record has a larger one */

const char *report_text(const json_t *object, const char *key, const char *instead)
{
	return json_string_value(json_object_get(object, key)) ?: instead;
}

uint64_t report_uint(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > UINT_LAST)
		return 0;
	return (uint64_t)json_integer_value(value);
}

void report_copy(char *to, size_t size, const char *text)
{
	size_t len = strlen(text), used = 0, step;
	uint32_t code;

	while (used < len && (step = utf8_decode(text + used, len - used, &code)) && used + step < size)
		used += step;
	memcpy(to, text, used);
	to[used] = '\0';
}

void report_key_of(struct report_key *key, const char *text)
{
	report_key_add(key, text, strlen(text));
}

struct report_row *report_host(struct report *r, const struct report_record *rec, uint64_t weight)
{
	struct report_key key = {0};

	report_key_of(&key, rec->host);
	return report_top_row(&r->hosts, &key, weight);
}

void report_cover_time(struct report *r, int64_t from_us, int64_t to_us)
{
	struct report_axis old;

	if (!report_axis_cover(&r->axis, from_us, to_us, &old))
		return;
	for (unsigned int i = 0; i < r->groups.len; i++)
		report_series_fit(&r->group_series[i], &old, &r->axis);
	for (unsigned int i = 0; i < r->peers.len; i++)
		report_series_fit(&r->peer_series[i], &old, &r->axis);
}

void report_init(struct report *r, int64_t since_us, int64_t until_us)
{
	r->since_us = since_us;
	r->until_us = until_us;
	r->groups.series = r->group_series;
	r->peers.series = r->peer_series;
	report_examples_init(r);
}

/* A number of `seq` that nobody has is a record that did not arrive. */
static void number(struct report *r, const struct report_record *rec)
{
	uint64_t seq = report_uint(rec->object, "seq");
	struct report_instance *instance = r->instances;

	while (instance < r->instances + r->instances_len && strncmp(instance->name, rec->instance, sizeof(instance->name) - 1))
		instance++;
	if (instance == r->instances + r->instances_len) {
		if (r->instances_len == REPORT_INSTANCES) {
			r->instance = NULL;
			return;
		}
		r->instances_len++;
		report_copy(instance->name, sizeof(instance->name), rec->instance);
		instance->least = instance->most = seq;
	}
	r->instance = instance;
	instance->seen++;
	if (rec->ts_us > instance->last_us)
		instance->last_us = rec->ts_us;
	if (seq < instance->least)
		instance->least = seq;
	if (seq > instance->most)
		instance->most = seq;
	if (rec->kind == RECORD_META && !strcmp(report_text(rec->object, "what", ""), "stop"))
		instance->stopped = true;
}

static void take(struct report *r, const struct report_record *rec)
{
	static void (*const takers[RECORD_MAX])(struct report *, const struct report_record *) = {
		[RECORD_CONNECTION] = report_connection,
		[RECORD_PROGRESS] = report_connection,
		[RECORD_RETRANSMIT] = report_retransmit,
		[RECORD_RESET] = report_reset,
		[RECORD_TIME_WAIT] = report_time_wait,
		[RECORD_CLOSE_WAIT_LEAK] = report_leak,
		[RECORD_CLOSE_WAIT_RESOLVED] = report_resolved,
		[RECORD_META] = report_meta,
		[RECORD_LOST] = report_lost,
		[RECORD_SUMMARY] = report_summary,
		[RECORD_FINDING] = report_finding,
	};

	if (rec->kind < RECORD_MAX && takers[rec->kind])
		takers[rec->kind](r, rec);
}

static bool has_connection(enum record_kind kind)
{
	return 1u << kind & (1u << RECORD_CONNECTION | 1u << RECORD_PROGRESS | 1u << RECORD_TIME_WAIT |
			     1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED);
}

/* Its enum record_kind, or -EINVAL. */
static int read_object(struct report_parsed *p)
{
	int kind = json_read_kind(p->object, p->why);

	if (kind < 0)
		return kind;
	if (!rfc3339_read(report_text(p->object, "ts", ""), &p->ts_us)) {
		snprintf(p->why, sizeof(p->why), "ts is not a time like 2026-01-02T03:04:05.000000Z");
		return -EINVAL;
	}
	if (kind < RECORD_MAX && has_connection((enum record_kind)kind) && json_read_record(p->object, &p->line, p->why))
		return -EINVAL;
	return kind;
}

void report_parse(struct report_parsed *ret, const char *line, size_t len)
{
	json_error_t error;

	ret->object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	ret->kind = ret->object ? read_object(ret) : -EINVAL;
	if (!ret->object)
		snprintf(ret->why, sizeof(ret->why), "not JSON: %.100s", error.text);
}

void report_forget(struct report_parsed *parsed)
{
	json_decref(parsed->object);
	parsed->object = NULL;
}

bool report_take(struct report *r, struct report_parsed *parsed)
{
	struct report_record rec = {
		.object = parsed->object,
		.kind = (enum record_kind)parsed->kind,
		.ts_us = parsed->ts_us,
		.host = report_text(parsed->object, "host", ""),
		.instance = report_text(parsed->object, "instance", ""),
	};

	r->cover.lines++;
	if (parsed->kind < 0) {
		r->cover.bad++;
		return false;
	}
	r->line = &parsed->line;
	number(r, &rec);
	if (rec.ts_us < r->since_us || rec.ts_us > r->until_us) {
		r->cover.outside++;
		return true;
	}
	r->cover.records++;
	r->cover.kinds[rec.kind]++;
	if (!r->cover.first_us || rec.ts_us < r->cover.first_us)
		r->cover.first_us = rec.ts_us;
	if (rec.ts_us > r->cover.last_us)
		r->cover.last_us = rec.ts_us;
	take(r, &rec);
	return true;
}
