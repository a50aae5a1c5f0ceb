// SPDX-License-Identifier: GPL-2.0-only
/* Consumers of records side by side on one stream, each with its own records; and what becomes of a line that is refused. */
#include "src/pipeline/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/io/recording.h"
#include "src/pipeline/lines.h"
#include "src/pipeline/select.h"

#define RECORDING "tests/replay/half_close.rec"
#define LEAKS "tests/replay/leaks.rec"
#define CONNECTIONS (1u << RECORD_CONNECTION)
#define TRANSITIONS (1u << RECORD_STATE)

struct output {
	struct lines lines;
	unsigned int refuse; /* each line with this number, from 1; 0: none */
	unsigned int offered;
	size_t len;
	char text[1 << 18];
};

static struct output table, json, alone;

static bool put(void *ctx, const char *line, size_t len)
{
	struct output *o = ctx;

	if (o->refuse && ++o->offered == o->refuse)
		return false;
	assert_true(o->len + len < sizeof(o->text));
	memcpy(o->text + o->len, line, len);
	o->len += len;
	o->text[o->len] = '\0';
	return true;
}

static struct record_consumer consumer(struct output *o, const struct format *format, uint32_t events)
{
	memset(o, 0, sizeof(*o));
	o->lines.config = (struct lines_config){.format = format, .put = put, .ctx = o};
	return (struct record_consumer){.events = events, .ctx = &o->lines, .take = lines_take};
}

static void run(const struct record_consumer *consumers, size_t len)
{
	struct pipeline_config config = {.consumers = consumers, .consumers_len = len};
	char why[RECORDING_WHY_LEN] = "";
	struct recording *recording;
	struct pipeline *pipeline;

	assert_int_equal(recording_open(&recording, RECORDING, why), 0);
	config.header = recording_header(recording);
	assert_int_equal(pipeline_new(&pipeline, &config), 0);
	assert_int_equal(recording_read(recording, pipeline_feed, pipeline, why), 0);
	pipeline_free(pipeline);
	recording_close(recording);
}

static unsigned int count(const struct output *o, const char *word)
{
	unsigned int n = 0;

	for (const char *at = o->text; (at = strstr(at, word)); at++)
		n++;
	return n;
}

static void side_by_side(void **state)
{
	const struct record_consumer by_itself = consumer(&alone, &format_text, CONNECTIONS);
	const struct record_consumer both[] = {
		consumer(&table, &format_text, CONNECTIONS),
		consumer(&json, &format_json, CONNECTIONS | TRANSITIONS),
	};

	(void)state;
	run(&by_itself, 1);
	run(both, 2);
	assert_true(alone.len > 0);
	assert_string_equal(table.text, alone.text);
	assert_int_equal(table.lines.seq, 2);
	assert_int_equal(count(&json, "\"event\":\"connection\""), 2);
	assert_true(count(&json, "\"event\":\"state\"") > 2);
	assert_int_equal(json.lines.seq, count(&json, "\n"));
}

/* One consumer's selection is nobody else's. */
static void selections(void **state)
{
	const struct selection nothing = {.cookie = UINT64_MAX}, everything = {0};
	struct record_consumer both[] = {
		consumer(&table, &format_text, CONNECTIONS),
		consumer(&json, &format_json, CONNECTIONS),
	};

	(void)state;
	both[0].select = &nothing;
	both[1].select = &everything;
	run(both, 2);
	assert_int_equal(table.lines.seq, 0);
	assert_int_equal(json.lines.seq, 2);
}

/* seq numbers the lines that the output took: a gap in it is never ours. */
static void refused_line(void **state)
{
	const struct record_consumer one = consumer(&json, &format_json, CONNECTIONS | TRANSITIONS);
	char word[32];

	(void)state;
	json.refuse = 3;
	run(&one, 1);
	assert_true(json.lines.seq >= 5);
	assert_int_equal(json.offered, json.lines.seq + 1);
	for (unsigned int seq = 0; seq < json.lines.seq; seq++) {
		snprintf(word, sizeof(word), "\"seq\":%u,\"host\"", seq);
		assert_int_equal(count(&json, word), 1);
	}
}

struct ticks {
	unsigned int records, ticks, over;
};

static void count_record(void *ctx, const struct record_context *context, const struct record *rec,
			 const struct record_owner *owner)
{
	(void)context, (void)rec, (void)owner;
	((struct ticks *)ctx)->records++;
}

static void count_tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct ticks *t = ctx;

	assert_non_null(context);
	t->ticks += now != UINT64_MAX;
	t->over += now == UINT64_MAX;
}

/* Time passes for each consumer that keeps something back, and the end of the stream comes once. */
static void ticks(void **state)
{
	struct ticks seen = {0};
	const struct record_consumer two[] = {
		{.events = 0, .ctx = &seen, .take = count_record, .tick = count_tick},
		consumer(&json, &format_json, CONNECTIONS),
	};

	(void)state;
	run(two, 2);
	assert_int_equal(seen.records, 0);
	assert_true(seen.ticks > 0);
	assert_int_equal(seen.over, 1);
}

struct until_leak {
	struct pipeline *pipeline;
	struct ticks seen;
	unsigned int fed, most;
};

/* An event_fn: stops behind the event that raised the alert. */
static void feed_until_leak(void *ctx, const struct wire_hdr *ev)
{
	struct until_leak *u = ctx;

	if (u->seen.records || u->fed == u->most)
		return;
	pipeline_feed(u->pipeline, ev);
	u->fed++;
}

static uint64_t leaks_that_go_on(struct until_leak *u, const struct selection *select, uint32_t events)
{
	const struct record_consumer consumers[] = {
		{.events = events, .select = select, .ctx = &u->seen, .take = count_record},
		{.ctx = &u->seen}, /* waits for ticks alone */
	};
	struct pipeline_config config = {.consumers = consumers, .consumers_len = 2};
	char why[RECORDING_WHY_LEN] = "";
	struct recording *recording;
	struct pipeline_stats stats;

	assert_int_equal(recording_open(&recording, LEAKS, why), 0);
	config.header = recording_header(recording);
	config.conn.leak_threshold_ns = 500000000;
	assert_int_equal(pipeline_new(&u->pipeline, &config), 0);
	assert_int_equal(recording_read(recording, feed_until_leak, u, why), 0);
	pipeline_stop(u->pipeline, UINT64_MAX / 2);
	pipeline_stats(u->pipeline, &stats);
	pipeline_free(u->pipeline);
	recording_close(recording);
	return stats.leaks_open;
}

/* What the last line of a run says: of what is selected, whether its records are wanted or not. */
static void open_leaks(void **state)
{
	const struct selection ipv6 = {.ipv6 = true}, ipv4 = {.ipv4 = true};
	struct until_leak u = {.most = UINT32_MAX};

	(void)state;
	assert_int_equal(leaks_that_go_on(&u, &ipv4, 1u << RECORD_CLOSE_WAIT_LEAK), 1);
	assert_int_equal(u.seen.records, 1);
	u = (struct until_leak){.most = u.fed};
	assert_int_equal(leaks_that_go_on(&u, &ipv6, 1u << RECORD_CLOSE_WAIT_LEAK), 0);
	u = (struct until_leak){.most = u.most};
	assert_int_equal(leaks_that_go_on(&u, &ipv4, 1u << RECORD_CLOSE_WAIT_RESOLVED), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(side_by_side), cmocka_unit_test(selections), cmocka_unit_test(refused_line),
		cmocka_unit_test(ticks),        cmocka_unit_test(open_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
