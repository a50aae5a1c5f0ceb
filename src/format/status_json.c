// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include "fmt.h"
#include "json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION "1.0" /* of the document: a new key raises the minor number, anything else the major one */
#define NAME_BYTES 256
#define VALUE_BYTES 192
#define WHY_BYTES 240
#define MESSAGE_BYTES 640
#define COMM_BYTES 96 /* of 15, each of which may take six */

static void text(struct buf *b, struct jsonw_key key, const char *value, size_t max)
{
	jsonw_text(b, key, value, value ? strlen(value) : 0, max);
}

/* What is wrong */

static bool hook_problem(const struct status_hook *hook, char sentence[STATUS_PROBLEM_MAX])
{
	if (hook->attached || hook->not_needed)
		return false;
	snprintf(sentence, STATUS_PROBLEM_MAX, "the hook %.64s is not attached%s%.*s", hook->name, *hook->why ? ": " : "",
		 WHY_BYTES, hook->why);
	return true;
}

static bool output_problem(const struct status_output *output, char sentence[STATUS_PROBLEM_MAX])
{
	char since[FMT_TIME_LEN + 1];

	if (!output->error)
		return false;
	*fmt_time(since, output->failing_wall_ns) = '\0';
	snprintf(sentence, STATUS_PROBLEM_MAX, "the output %.*s does not take its records since %s: %.*s", NAME_BYTES,
		 output->name, since, WHY_BYTES, output->error);
	return true;
}

static bool loss_problem(const struct status *s, char sentence[STATUS_PROBLEM_MAX])
{
	size_t len = (size_t)snprintf(sentence, STATUS_PROBLEM_MAX, "lost since the start:"), n = 0;

	for (size_t i = 0; i < s->lost_len && len < STATUS_PROBLEM_MAX; i++)
		if (s->lost[i].count)
			len += (size_t)snprintf(sentence + len, STATUS_PROBLEM_MAX - len, "%s %s %" PRIu64, n++ ? "," : "",
						s->lost[i].stage, s->lost[i].count);
	return n;
}

static bool level_problem(const struct status *s, char sentence[STATUS_PROBLEM_MAX])
{
	if (!strcmp(s->level, "full"))
		return false;
	snprintf(sentence, STATUS_PROBLEM_MAX,
		 "the level is %s: the run used more than --cpu-limit or --memory-limit, so it writes less", s->level);
	return true;
}

bool status_problem(const struct status *s, size_t *at, char sentence[STATUS_PROBLEM_MAX])
{
	size_t hooks = s->outputs_len + 2, end = hooks + s->hooks_len;
	bool found = false;

	for (; *at < end && !found; ++*at)
		found = *at < s->outputs_len    ? output_problem(&s->outputs[*at], sentence)
			: *at == s->outputs_len ? level_problem(s, sentence)
			: *at < hooks           ? loss_problem(s, sentence)
						: hook_problem(&s->hooks[*at - hooks], sentence);
	return found;
}

static void write_problems(struct buf *b, const struct status *s)
{
	char sentence[STATUS_PROBLEM_MAX];
	size_t at = 0, n = 0;

	jsonw_open(b, KEY("problems"), '[');
	for (; status_problem(s, &at, sentence); n++)
		if (n < STATUS_PROBLEMS_MAX)
			text(b, KEY_NONE, sentence, STATUS_PROBLEM_MAX);
	jsonw_close(b, ']');
	jsonw_bool(b, KEY("well"), !n);
}

/* All of it */

static void write_hooks(struct buf *b, const struct status *s)
{
	jsonw_open(b, KEY("hooks"), '[');
	for (size_t i = 0; i < s->hooks_len && i < STATUS_HOOKS_MAX; i++) {
		const struct status_hook *hook = &s->hooks[i];

		jsonw_open(b, KEY_NONE, '{');
		text(b, KEY("name"), hook->name, NAME_BYTES);
		text(b, KEY("type"), hook->type, NAME_BYTES);
		jsonw_word(b, KEY("state"), hook->attached ? "attached" : hook->not_needed ? "not_needed" : "missing");
		text(b, KEY("why"), *hook->why ? hook->why : NULL, WHY_BYTES);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

static void write_output(struct buf *b, const struct status_output *o)
{
	jsonw_open(b, KEY_NONE, '{');
	text(b, KEY("name"), o->name, NAME_BYTES);
	jsonw_word(b, KEY("kind"), o->kind);
	jsonw_uint(b, KEY("delivered"), o->delivered);
	jsonw_uint(b, KEY("waiting"), o->waiting);
	jsonw_uint(b, KEY("lag_us"), o->lag_us);
	jsonw_time_if(b, KEY("last_success"), o->success_wall_ns, o->success_wall_ns);
	jsonw_uint(b, KEY("dropped"), o->dropped);
	jsonw_uint(b, KEY("lost"), o->lost);
	jsonw_uint(b, KEY("earlier_waiting"), o->earlier_waiting);
	jsonw_time_if(b, KEY("failing_since"), o->error, o->failing_wall_ns);
	text(b, KEY("error"), o->error, WHY_BYTES);
	jsonw_close(b, '}');
}

static void write_counts(struct buf *b, const struct status *s)
{
	jsonw_uint(b, KEY("events"), s->events);
	jsonw_open(b, KEY("lost"), '{');
	for (size_t i = 0; i < s->lost_len && i < STATUS_LOST_MAX; i++)
		jsonw_uint_named(b, s->lost[i].stage, s->lost[i].count);
	jsonw_close(b, '}');
	jsonw_open(b, KEY("table"), '{');
	jsonw_uint(b, KEY("connections"), s->connections);
	jsonw_uint(b, KEY("max_connections"), s->max_connections);
	jsonw_uint(b, KEY("bytes"), s->table_bytes);
	jsonw_uint(b, KEY("leaks_open"), s->leaks_open);
	jsonw_close(b, '}');
	jsonw_open(b, KEY("ring"), '{');
	jsonw_uint(b, KEY("used"), s->ring_used);
	jsonw_uint(b, KEY("highest"), s->ring_highest);
	jsonw_uint(b, KEY("bytes"), s->ring_bytes);
	jsonw_close(b, '}');
	jsonw_open(b, KEY("self"), '{');
	jsonw_uint(b, KEY("cpu_us"), s->cpu_us);
	jsonw_uint(b, KEY("cpu_recent_ppm"), s->cpu_recent_ppm);
	jsonw_uint(b, KEY("helpers_cpu_us"), s->helpers_cpu_us);
	jsonw_uint(b, KEY("rss_bytes"), s->rss_bytes);
	jsonw_word(b, KEY("level"), s->level);
	jsonw_close(b, '}');
}

static void write_findings(struct buf *b, const struct status *s)
{
	if (!s->findings_watched) {
		jsonw_null(b, KEY("findings"));
		return;
	}
	jsonw_open(b, KEY("findings"), '{');
	jsonw_uint(b, KEY("count"), s->findings_count);
	jsonw_open(b, KEY("list"), '[');
	for (size_t i = 0; i < s->findings_len && i < STATUS_FINDINGS_MAX; i++) {
		jsonw_open(b, KEY_NONE, '{');
		jsonw_word(b, KEY("finding"), s->findings[i].id);
		jsonw_word(b, KEY("severity"), s->findings[i].severity);
		jsonw_time(b, KEY("since"), s->findings[i].since_wall_ns);
		jsonw_uint_if(b, KEY("pid"), s->findings[i].pid, s->findings[i].pid);
		text(b, KEY("comm"), s->findings[i].pid ? s->findings[i].comm : NULL, COMM_BYTES);
		text(b, KEY("message"), s->findings[i].message, MESSAGE_BYTES);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
	jsonw_close(b, '}');
}

static void write_options(struct buf *b, const struct status *s)
{
	jsonw_open(b, KEY("options"), '[');
	for (size_t i = 0; i < s->options_len && i < STATUS_OPTIONS_MAX; i++) {
		jsonw_open(b, KEY_NONE, '{');
		jsonw_word(b, KEY("name"), s->options[i].name);
		text(b, KEY("value"), s->options[i].value, VALUE_BYTES);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
	text(b, KEY("filter"), s->filter, NAME_BYTES);
}

size_t status_json(const struct status *s, char *space, size_t size)
{
	struct buf buf, *b = &buf;

	buf_init(b, space, size);
	jsonw_open(b, KEY_NONE, '{');
	jsonw_word(b, KEY("status_version"), VERSION);
	text(b, KEY("version"), s->version, NAME_BYTES);
	jsonw_uint(b, KEY("pid"), s->pid);
	text(b, KEY("hostname"), s->hostname, NAME_BYTES);
	text(b, KEY("instance"), s->instance, NAME_BYTES);
	jsonw_time(b, KEY("since"), s->start_wall_ns);
	jsonw_time(b, KEY("now"), s->now_wall_ns);
	jsonw_uint(b, KEY("uptime_us"), s->uptime_us);
	write_problems(b, s);
	write_counts(b, s);
	jsonw_open(b, KEY("outputs"), '[');
	for (size_t i = 0; i < s->outputs_len && i < STATUS_OUTPUTS_MAX; i++)
		write_output(b, &s->outputs[i]);
	jsonw_close(b, ']');
	write_hooks(b, s);
	write_findings(b, s);
	write_options(b, s);
	jsonw_close(b, '}');
	return jsonw_end(b);
}
