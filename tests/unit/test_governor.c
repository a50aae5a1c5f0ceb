// SPDX-License-Identifier: GPL-2.0-only
/* When a run steps down and up: one limit and two, at the limit, between two levels, and with limits that are taken back. */
#include "src/pipeline/governor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S 1000000000ull
#define MIB (1ull << 20)
#define PERCENT 10000u /* in millionths of a CPU */
#define WINDOW_S (GOVERNOR_WINDOW_NS / S)
#define UP_S (GOVERNOR_UP_NS / S)

/* A run that is looked at once a second. */
struct run {
	struct governor governor;
	struct governor_limits limits;
	uint64_t now, cpu_ns;
	unsigned int steps;
	struct record_level_step last;
};

static bool judge(struct run *r, uint64_t memory_mib)
{
	const struct governor_sample sample = {r->now, r->cpu_ns, memory_mib * MIB};

	return governor_judge(&r->governor, &r->limits, &sample, &r->last);
}

static struct run begin(uint64_t cpu_percent, uint64_t memory_mib)
{
	struct run r = {.limits = {cpu_percent * PERCENT, memory_mib * MIB}, .now = 1000 * S, .cpu_ns = 5 * S};

	assert_false(judge(&r, 0));
	return r;
}

static void go_on(struct run *r, uint64_t seconds, uint64_t cpu_percent, uint64_t memory_mib)
{
	for (; seconds; seconds--) {
		r->now += S;
		r->cpu_ns += cpu_percent * S / 100;
		r->steps += judge(r, memory_mib);
	}
}

static void assert_step(const struct run *r, enum level_reason reason, enum record_level from, enum record_level to)
{
	assert_int_equal(r->last.reason, reason);
	assert_int_equal(r->last.from, from);
	assert_int_equal(r->last.to, to);
	assert_int_equal(r->governor.level, to);
}

static void stays_within(void **state)
{
	struct run r = begin(5, 100);

	(void)state;
	go_on(&r, 1000, 5, 100);
	assert_int_equal(r.steps, 0);
}

static void down_to_the_last(void **state)
{
	struct run r = begin(5, 0);

	(void)state;
	go_on(&r, WINDOW_S - 1, 8, 900);
	assert_int_equal(r.steps, 0);
	go_on(&r, 1, 8, 900);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_FULL, LEVEL_STANDARD);
	assert_int_equal(r.last.measured, 8 * PERCENT);
	assert_int_equal(r.last.limit, 5 * PERCENT);
	go_on(&r, WINDOW_S, 8, 900);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_STANDARD, LEVEL_SHORT);
	go_on(&r, WINDOW_S, 8, 900);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_SHORT, LEVEL_COUNTS);
	go_on(&r, 100 * WINDOW_S, 8, 900);
	assert_int_equal(r.steps, 3);
}

/* Each step up has its own wait. Between three quarters of the limit and the limit nothing changes. */
static void up_when_well_below(void **state)
{
	struct run r = begin(8, 0);

	(void)state;
	go_on(&r, 2 * WINDOW_S, 9, 0);
	assert_int_equal(r.governor.level, LEVEL_SHORT);
	go_on(&r, 100 * UP_S, 7, 0);
	assert_int_equal(r.steps, 2);
	go_on(&r, UP_S - 1, 6, 0);
	assert_int_equal(r.steps, 2);
	go_on(&r, 1, 6, 0);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_SHORT, LEVEL_STANDARD);
	assert_int_equal(r.last.measured, 6 * PERCENT);
	go_on(&r, UP_S - 1, 6, 0);
	assert_int_equal(r.steps, 3);
	go_on(&r, 1, 6, 0);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_STANDARD, LEVEL_FULL);
	go_on(&r, 100 * UP_S, 6, 0);
	assert_int_equal(r.steps, 4);
}

/* A short time in between that is not well below begins the wait again. */
static void interrupted(void **state)
{
	struct run r = begin(8, 0);

	(void)state;
	go_on(&r, WINDOW_S, 9, 0);
	for (int i = 0; i < 50; i++) {
		go_on(&r, UP_S - WINDOW_S, 1, 0);
		go_on(&r, WINDOW_S, 7, 0);
	}
	assert_int_equal(r.steps, 1);
}

/* At full it takes more than the limit, at standard little: steps become rare, and no more than that. */
static void no_flapping(void **state)
{
	struct run r = begin(5, 0);
	unsigned int early;

	(void)state;
	for (int i = 0; i < 600; i++)
		go_on(&r, 1, r.governor.level == LEVEL_FULL ? 8 : 2, 0);
	early = r.steps;
	assert_in_range(early, 6, 14);
	for (int i = 0; i < 6000; i++)
		go_on(&r, 1, r.governor.level == LEVEL_FULL ? 8 : 2, 0);
	assert_in_range(r.steps - early, 10, 24);
	assert_int_equal(r.governor.up_ns, GOVERNOR_UP_MAX_NS);

	/* A step up that holds makes the next one as quick as at first. */
	go_on(&r, 3 * GOVERNOR_UP_MAX_NS / S, 1, 0);
	assert_int_equal(r.governor.level, LEVEL_FULL);
	go_on(&r, WINDOW_S, 8, 0);
	assert_int_equal(r.governor.level, LEVEL_STANDARD);
	go_on(&r, UP_S, 1, 0);
	assert_int_equal(r.governor.level, LEVEL_FULL);
}

/* The wait is for both; the reason of a step up is that of the step down before. */
static void both_limits(void **state)
{
	struct run r = begin(5, 100);

	(void)state;
	go_on(&r, WINDOW_S, 1, 101);
	assert_step(&r, LEVEL_BY_MEMORY, LEVEL_FULL, LEVEL_STANDARD);
	assert_int_equal(r.last.measured, 101 * MIB);
	assert_int_equal(r.last.limit, 100 * MIB);
	go_on(&r, 10 * UP_S, 5, 50);
	go_on(&r, 10 * UP_S, 1, 80);
	assert_int_equal(r.steps, 1);
	go_on(&r, WINDOW_S, 6, 10);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_STANDARD, LEVEL_SHORT);
	go_on(&r, UP_S, 1, 75);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_SHORT, LEVEL_STANDARD);
}

/* What is taken back is no limit: it goes up as if it were kept. */
static void without_limits(void **state)
{
	struct run r = begin(5, 100);

	(void)state;
	go_on(&r, 2 * WINDOW_S, 80, 200);
	assert_int_equal(r.governor.level, LEVEL_SHORT);
	r.limits = (struct governor_limits){0};
	go_on(&r, 2 * UP_S, 80, 200);
	assert_step(&r, LEVEL_BY_CPU, LEVEL_STANDARD, LEVEL_FULL);
	assert_int_equal(r.last.limit, 0);
}

/* The loop was stopped for an hour, and CPU time never goes back, but what is measured of it might. */
static void strange_clocks(void **state)
{
	struct run r = begin(5, 0);

	(void)state;
	r.now += 3600 * S;
	r.cpu_ns += 30 * S;
	assert_false(judge(&r, 0));
	assert_int_equal(r.governor.used[LEVEL_BY_CPU], 30 * 1000000 / 3600);
	r.cpu_ns = 0;
	go_on(&r, WINDOW_S, 0, 0);
	assert_int_equal(r.governor.used[LEVEL_BY_CPU], 0);
	r.now -= 100 * S;
	go_on(&r, 2 * WINDOW_S, 0, 0);
	assert_int_equal(r.steps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_within),   cmocka_unit_test(down_to_the_last), cmocka_unit_test(up_when_well_below),
		cmocka_unit_test(interrupted),    cmocka_unit_test(no_flapping),      cmocka_unit_test(both_limits),
		cmocka_unit_test(without_limits), cmocka_unit_test(strange_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
