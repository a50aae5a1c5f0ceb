// SPDX-License-Identifier: GPL-2.0-only
/*
 * A document is read as far as this version knows it: a key that is not there, or is of another type, reads as 0 or as none,
 * and a list is cut. Who writes it may be a newer version, or anybody who has the socket's name.
 */
#include "status.h"

#include "rfc3339.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAJOR "1."
#define DELETE '\x7f'
#define DELETE_ESCAPED "\\u007f"

struct status_document {
	struct status status;
	json_t *root;
	struct status_hook hooks[STATUS_HOOKS_MAX];
	struct status_output outputs[STATUS_OUTPUTS_MAX];
	struct status_lost lost[STATUS_LOST_MAX];
	struct status_finding findings[STATUS_FINDINGS_MAX];
	struct status_option options[STATUS_OPTIONS_MAX];
	const char *problems[STATUS_PROBLEMS_MAX];
};

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static uint64_t number(const json_t *value)
{
	json_int_t n = json_integer_value(value);

	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t count_of(const json_t *object, const char *key)
{
	return number(json_object_get(object, key));
}

static int64_t time_of(const json_t *object, const char *key)
{
	const char *value = text(object, key);
	int64_t us = 0;

	return value && rfc3339_read(value, &us) ? us * 1000 : 0;
}

/* Where a text is expected without which there is no sense. */
static const char *name_of(const json_t *object, const char *key)
{
	return text(object, key) ?: "?";
}

static const json_t *list_of(const json_t *object, const char *key, size_t max, size_t *ret_len)
{
	const json_t *list = json_object_get(object, key);

	*ret_len = json_array_size(list) < max ? json_array_size(list) : max;
	return list;
}

static void read_hooks(struct status_document *d)
{
	const json_t *list = list_of(d->root, "hooks", STATUS_HOOKS_MAX, &d->status.hooks_len);

	for (size_t i = 0; i < d->status.hooks_len; i++) {
		const json_t *item = json_array_get(list, i);
		const char *state = name_of(item, "state");

		d->hooks[i] = (struct status_hook){
			.name = name_of(item, "name"),
			.type = name_of(item, "type"),
			.attached = !strcmp(state, "attached"),
			.not_needed = !strcmp(state, "not_needed"),
			.why = text(item, "why") ?: "",
		};
	}
	d->status.hooks = d->hooks;
}

static void read_outputs(struct status_document *d)
{
	const json_t *list = list_of(d->root, "outputs", STATUS_OUTPUTS_MAX, &d->status.outputs_len);

	for (size_t i = 0; i < d->status.outputs_len; i++) {
		const json_t *item = json_array_get(list, i);

		d->outputs[i] = (struct status_output){
			.name = name_of(item, "name"),
			.kind = name_of(item, "kind"),
			.delivered = count_of(item, "delivered"),
			.waiting = count_of(item, "waiting"),
			.lag_us = count_of(item, "lag_us"),
			.success_wall_ns = time_of(item, "last_success"),
			.dropped = count_of(item, "dropped"),
			.lost = count_of(item, "lost"),
			.earlier_waiting = count_of(item, "earlier_waiting"),
			.error = text(item, "error"),
			.failing_wall_ns = time_of(item, "failing_since"),
		};
	}
	d->status.outputs = d->outputs;
}

static void read_lost(struct status_document *d)
{
	json_t *lost = json_object_get(d->root, "lost"), *value;
	size_t n = 0;
	const char *key;

	json_object_foreach(lost, key, value)
	{
		if (n < STATUS_LOST_MAX)
			d->lost[n++] = (struct status_lost){.stage = key, .count = number(value)};
	}
	d->status.lost = d->lost;
	d->status.lost_len = n;
}

static void read_counts(struct status_document *d)
{
	const json_t *table = json_object_get(d->root, "table"), *ring = json_object_get(d->root, "ring");
	const json_t *self = json_object_get(d->root, "self");
	struct status *s = &d->status;

	s->events = count_of(d->root, "events");
	s->connections = count_of(table, "connections");
	s->max_connections = count_of(table, "max_connections");
	s->table_bytes = count_of(table, "bytes");
	s->leaks_open = count_of(table, "leaks_open");
	s->ring_used = count_of(ring, "used");
	s->ring_highest = count_of(ring, "highest");
	s->ring_bytes = count_of(ring, "bytes");
	s->cpu_us = count_of(self, "cpu_us");
	s->cpu_recent_ppm = count_of(self, "cpu_recent_ppm");
	s->helpers_cpu_us = count_of(self, "helpers_cpu_us");
	s->rss_bytes = count_of(self, "rss_bytes");
	s->level = name_of(self, "level");
}

static void read_findings(struct status_document *d)
{
	const json_t *findings = json_object_get(d->root, "findings");
	const json_t *list = list_of(findings, "list", STATUS_FINDINGS_MAX, &d->status.findings_len);

	d->status.findings_watched = json_is_object(findings);
	d->status.findings_count = count_of(findings, "count");
	for (size_t i = 0; i < d->status.findings_len; i++) {
		const json_t *item = json_array_get(list, i);

		d->findings[i] = (struct status_finding){
			.id = name_of(item, "finding"),
			.severity = name_of(item, "severity"),
			.message = name_of(item, "message"),
			.since_wall_ns = time_of(item, "since"),
			.pid = count_of(item, "pid"),
			.comm = name_of(item, "comm"),
		};
	}
	d->status.findings = d->findings;
}

static void read_texts(struct status_document *d)
{
	const json_t *options = list_of(d->root, "options", STATUS_OPTIONS_MAX, &d->status.options_len);
	const json_t *problems = list_of(d->root, "problems", STATUS_PROBLEMS_MAX, &d->status.problems_len);

	for (size_t i = 0; i < d->status.options_len; i++) {
		const json_t *item = json_array_get(options, i);

		d->options[i] = (struct status_option){.name = name_of(item, "name"), .value = text(item, "value")};
	}
	for (size_t i = 0; i < d->status.problems_len; i++)
		d->problems[i] = json_string_value(json_array_get(problems, i)) ?: "?";
	d->status.options = d->options;
	d->status.problems = d->problems;
	d->status.filter = text(d->root, "filter");
}

static bool is_status(const json_t *root, char why[STATUS_WHY])
{
	const char *version = text(root, "status_version");

	if (!version)
		snprintf(why, STATUS_WHY, "it is not the status of a run: the key status_version is missing");
	else if (strncmp(version, MAJOR, strlen(MAJOR)) != 0)
		snprintf(why, STATUS_WHY, "it is of the version %.20s, and this program reads " MAJOR "x", version);
	else
		return true;
	return false;
}

struct status_document *status_read(const char *data, size_t len, char why[STATUS_WHY])
{
	struct status_document *d = calloc(1, sizeof(*d));
	json_error_t error;

	if (!d) {
		snprintf(why, STATUS_WHY, "out of memory");
		return NULL;
	}
	d->root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
	if (!d->root)
		snprintf(why, STATUS_WHY, "it is not JSON: %.100s", error.text);
	if (!d->root || !is_status(d->root, why)) {
		status_document_free(d);
		return NULL;
	}
	d->status = (struct status){
		.version = name_of(d->root, "version"),
		.hostname = name_of(d->root, "hostname"),
		.instance = text(d->root, "instance"),
		.pid = count_of(d->root, "pid"),
		.start_wall_ns = time_of(d->root, "since"),
		.now_wall_ns = time_of(d->root, "now"),
		.uptime_us = count_of(d->root, "uptime_us"),
	};
	read_hooks(d);
	read_outputs(d);
	read_lost(d);
	read_counts(d);
	read_findings(d);
	read_texts(d);
	return d;
}

const struct status *status_of(const struct status_document *d)
{
	return &d->status;
}

/* jansson leaves this one control character as it is, which only strings can have. */
static char *escape_delete(const char *line)
{
	size_t n = 0;
	char *escaped, *p;

	for (const char *c = line; *c; c++)
		n += *c == DELETE;
	escaped = p = malloc(strlen(line) + n * strlen(DELETE_ESCAPED) + 1);
	for (const char *c = line; escaped && *c; c++)
		if (*c == DELETE)
			p = stpcpy(p, DELETE_ESCAPED);
		else
			*p++ = *c;
	if (escaped)
		*p = '\0';
	return escaped;
}

char *status_document_line(const struct status_document *d)
{
	char *line = json_dumps(d->root, JSON_COMPACT | JSON_ENSURE_ASCII), *escaped = line ? escape_delete(line) : NULL;

	free(line);
	return escaped;
}

void status_document_free(struct status_document *d)
{
	if (!d)
		return;
	json_decref(d->root);
	free(d);
}
