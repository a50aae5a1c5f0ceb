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

static struct pipeline *open_pipeline(const struct recording_header *header)
{
	static struct lines lines;
	static const struct record_consumer consumer = {.events = 1u << RECORD_CONNECTION, .ctx = &lines, .take = lines_take};
	const struct pipeline_config config = {.header = header, .consumers = &consumer, .consumers_len = 1};
	struct pipeline *p;

	text_len = 0;
	lines = (struct lines){.config = {.format = &format_json, .put = put}};
	assert_int_equal(pipeline_new(&p, &config), 0);
	return p;
}

/* The clock is set back by a day in the middle of a life: its start was before that, its end is after. */
static void test_step_during_a_life(void **state)
{
	const struct recording_header header = {.clock_offset_ns = 10 * DAY_S * S, .max_connections = 10};
	struct pipeline *p = open_pipeline(&header);

	(void)state;
	feed(p, &(struct step)T(0, CLOSE, SYN_SENT, .tgid = 10));
	feed(p, &(struct step)T(100, SYN_SENT, ESTABLISHED));
	feed_clock(p, 500000, 9 * DAY_S * S);
	feed(p, &(struct step)IS_RESET(1000000));
	pipeline_free(p);
	assert_non_null(strstr(text, "\"start\":\"1970-01-11T00:00:01.000000Z\""));
	assert_non_null(strstr(text, "\"end\":\"1970-01-10T00:00:02.000000Z\""));
	assert_non_null(strstr(text, "\"duration_us\":1000000,"));
}

/*
 * The processes of two connections started after 2 s and 3 s of CLOCK_BOOTTIME (1000 ns for each number of a pid), which is a
 * second ahead: one before the clock was set, the other after it. With `boot` the event says what became of CLOCK_BOOTTIME; an
 * older recording does not.
 */
static void check_processes(const struct wire_clock_boot *boot, const char *first, const char *second)
{
	const struct recording_header header = {
		.clock_offset_ns = 10 * DAY_S * S, .boot_offset_ns = 10 * DAY_S * S - S, .max_connections = 10};
	struct {
		struct wire_mark mark;
		struct wire_clock_boot boot;
	} clock = {.mark = {.hdr = {.ts = STORY_BEGIN_NS + S / 2,
				    .len = boot ? sizeof(clock) : sizeof(clock.mark),
				    .kind = WIRE_CLOCK},
			    .value = 10 * DAY_S * S + 3600 * S},
		   .boot = boot ? *boot : (struct wire_clock_boot){0}};
	struct pipeline *p = open_pipeline(&header);

	feed(p, &(struct step)T(0, CLOSE, SYN_SENT, .tgid = 2000000));
	feed(p, &(struct step)T(100, SYN_SENT, ESTABLISHED));
	feed(p, &(struct step)IS_RESET(200000));
	pipeline_feed(p, &clock.mark.hdr);
	feed(p, &(struct step)T(600000, CLOSE, SYN_SENT, .tgid = 3000000));
	feed(p, &(struct step)T(600100, SYN_SENT, ESTABLISHED));
	feed(p, &(struct step)IS_RESET(1000000));
	pipeline_free(p);
	assert_non_null(strstr(text, first));
	assert_non_null(strstr(text, second));
}

static void test_processes_and_a_step(void **state)
{
	const struct wire_clock_boot set = {10 * DAY_S * S - S + 3600 * S}, slept = {10 * DAY_S * S - S};
	const char *first = "\"start\":\"1970-01-11T00:00:01.000000Z\"", *same = "\"start\":\"1970-01-11T00:00:02.000000Z\"";

	(void)state;
	check_processes(&set, first, "\"start\":\"1970-01-11T01:00:02.000000Z\"");
	check_processes(&slept, first, same);
	check_processes(NULL, first, same);
}

static struct record_context context = {.clock_offset_ns = 7 * S, .boot_offset_ns = 6 * S};

/* CLOCK_BOOTTIME is a second ahead of CLOCK_MONOTONIC. */
static void set_clock(uint64_t ts, int64_t offset_ns)
{
	record_clock_set(&context, (struct record_clock_step){ts, offset_ns, offset_ns - S});
}

/* More steps than there is room for: small ones go, the large one stays. */
static void test_many_steps(void **state)
{
	uint64_t ts = 100;

	(void)state;
	assert_int_equal(record_wall_ns(&context, 5), 7 * S + 5);
	set_clock(50, DAY_S * S);
	for (int64_t i = 0; i < 1000; i++)
		set_clock(ts++, DAY_S * S + i);
	assert_int_equal(context.clock.len, RECORD_CLOCK_STEPS);
	assert_int_equal(record_wall_ns(&context, 49), 7 * S + 49);
	assert_int_equal(record_wall_ns(&context, 50), DAY_S * S + 50);
	assert_int_equal(record_wall_ns(&context, 2000), DAY_S * S + 999 + 2000);
	assert_int_equal(record_boot_wall_ns(&context, S + 49), 7 * S + 49);
	assert_int_equal(record_boot_wall_ns(&context, S + 50), DAY_S * S + 50);
	assert_int_equal(record_boot_wall_ns(&context, S + 2000), DAY_S * S + 999 + 2000);
	assert_int_equal(record_boot_wall_ns(&context, 0), 6 * S);
	assert_true(record_boot_wall_ns(&context, UINT64_MAX) > 0);
	set_clock(3, 0); /* a stream that goes back in time */
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

/* Somebody set the clock between two runs: what the first one knew is of the time of day that it had then. */
static void test_the_run_before(void **state)
{
	const struct recording_header header = {.clock_offset_ns = 10 * DAY_S * S, .max_connections = 10};
	struct wire_before before = {
		.hdr = {.ts = STORY_BEGIN_NS, .len = sizeof(before), .kind = WIRE_BEFORE},
		.written_ns = STORY_BEGIN_NS - 1000,
		.written_wall_ns = 11 * DAY_S * S + STORY_BEGIN_NS - 1000,
		.boot_id = "0123456789abcdef",
		.instance = "0123456789ab",
	};

	(void)state;
	for (int other_boot = 0; other_boot < 2; other_boot++) {
		struct pipeline *p = open_pipeline(&header);
		const struct record_context *run = pipeline_record_context(p);

		before.flags = other_boot ? WIRE_BEFORE_OTHER_BOOT : 0;
		pipeline_feed(p, &before.hdr);
		assert_int_equal(record_wall_ns(run, 5000), (other_boot ? 10 : 11) * DAY_S * S + 5000);
		assert_int_equal(record_wall_ns(run, STORY_BEGIN_NS), 10 * DAY_S * S + STORY_BEGIN_NS);
		pipeline_free(p);
	}
}

/* A millisecond either way, and the ends of what a stranger may send. */
static void test_what_has_moved(void **state)
{
	(void)state;
	assert_false(record_clock_moved(5 * S, 5 * S + 999999));
	assert_false(record_clock_moved(5 * S, 5 * S - 999999));
	assert_true(record_clock_moved(5 * S, 5 * S + 1000000));
	assert_true(record_clock_moved(5 * S, 5 * S - 1000000));
	assert_true(record_clock_moved(INT64_MIN, INT64_MAX) && record_clock_moved(INT64_MAX, INT64_MIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_beyond_any_clock),
		cmocka_unit_test(test_step_during_a_life),
		cmocka_unit_test(test_processes_and_a_step),
		cmocka_unit_test(test_the_run_before),
		cmocka_unit_test(test_many_steps),
		cmocka_unit_test(test_what_has_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
