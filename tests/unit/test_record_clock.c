// SPDX-License-Identifier: GPL-2.0-only
/* Times of day when the wall clock is set, or goes on during a suspend, while a connection lives. */
#include "conn_story.h"

#include "src/core/record_clock.h"
#include "src/format/format.h"
#include "src/io/recording.h"
#include "src/pipeline/lines.h"
#include "src/pipeline/pipeline.h"

#define S 1000000000LL
#define DAY_S 86400LL

static char text[1 << 16];
static size_t text_len;

static bool put(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	assert_true(text_len + len < sizeof(text));
	memcpy(text + text_len, line, len);
	text_len += len;
	text[text_len] = '\0';
	return true;
}

static void feed(struct pipeline *p, const struct step *s)
{
	union story_event e;

	story_event(s, &e);
	pipeline_feed(p, &e.hdr);
}

static void feed_clock(struct pipeline *p, uint64_t us, int64_t offset_ns)
{
	struct wire_mark ev = {.hdr = {.ts = STORY_BEGIN_NS + us * 1000, .len = sizeof(ev), .kind = WIRE_CLOCK},
			       .value = offset_ns};

	pipeline_feed(p, &ev.hdr);
}

/* The clock is set back by a day in the middle of a life: its start was before that, its end is after. */
static void test_step_during_a_life(void **state)
{
	struct lines lines = {.config = {.format = &format_json, .put = put}};
	const struct record_consumer consumer = {.events = 1u << RECORD_CONNECTION, .ctx = &lines, .take = lines_take};
	const struct recording_header header = {.clock_offset_ns = 10 * DAY_S * S, .max_connections = 10};
	const struct pipeline_config config = {.header = &header, .consumers = &consumer, .consumers_len = 1};
	struct pipeline *p;

	(void)state;
	assert_int_equal(pipeline_new(&p, &config), 0);
	feed(p, &(struct step)T(0, CLOSE, SYN_SENT, .tgid = 10));
	feed(p, &(struct step)T(100, SYN_SENT, ESTABLISHED));
	feed_clock(p, 500000, 9 * DAY_S * S);
	feed(p, &(struct step)IS_RESET(1000000));
	pipeline_free(p);
	assert_non_null(strstr(text, "\"start\":\"1970-01-11T00:00:01.000000Z\""));
	assert_non_null(strstr(text, "\"end\":\"1970-01-10T00:00:02.000000Z\""));
	assert_non_null(strstr(text, "\"duration_us\":1000000,"));
}

/* More steps than there is room for: small ones go, the large one stays. */
static void test_many_steps(void **state)
{
	static struct record_context context = {.clock_offset_ns = 7 * S};
	uint64_t ts = 100;

	(void)state;
	assert_int_equal(record_wall_ns(&context, 5), 7 * S + 5);
	record_clock_set(&context, 50, DAY_S * S);
	for (int64_t i = 0; i < 1000; i++)
		record_clock_set(&context, ts++, DAY_S * S + i);
	assert_int_equal(context.clock.len, RECORD_CLOCK_STEPS);
	assert_int_equal(record_wall_ns(&context, 49), 7 * S + 49);
	assert_int_equal(record_wall_ns(&context, 50), DAY_S * S + 50);
	assert_int_equal(record_wall_ns(&context, 2000), DAY_S * S + 999 + 2000);
	record_clock_set(&context, 3, 0); /* a stream that goes back in time */
	assert_int_equal(record_wall_ns(&context, 49), 7 * S + 49);
	assert_int_equal(record_wall_ns(&context, 2000), 2000);
}

/* A stranger's stream: it ends at the last moment, and never turns over into another year. */
static void test_times_beyond_any_clock(void **state)
{
	(void)state;
	assert_true(record_clock_add(5, -7) == -2);
	assert_true(record_clock_add(UINT64_MAX, 0) == INT64_MAX);
	assert_true(record_clock_add(UINT64_MAX, 10) == INT64_MAX);
	assert_true(record_clock_add(10, INT64_MAX) == INT64_MAX);
	assert_true(record_clock_add(UINT64_MAX, INT64_MIN) == -1);
	assert_true(record_clock_add(1, INT64_MIN) == INT64_MIN + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_beyond_any_clock),
		cmocka_unit_test(test_step_during_a_life),
		cmocka_unit_test(test_many_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
