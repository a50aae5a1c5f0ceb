// SPDX-License-Identifier: GPL-2.0-only
/* When segments were sent last, of the few connections that repeat some. */
#include "src/core/repeats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct hash_key hash_key;

static struct conn_segment segment(enum conn_dir dir, enum conn_flags flags, uint32_t n)
{
	return (struct conn_segment){.dir = dir, .flags = flags, .n = n, .at_us = 100, .at_known = true};
}

static void the_last_one(void **state)
{
	struct conn_record rec = {.segments_len = 4};
	struct pool repeats;

	(void)state;
	assert_int_equal(repeats_init(&repeats, &hash_key), 0);
	assert_true(repeats_note(&repeats, 7, WIRE_SEG_SYN, 1000));
	assert_true(repeats_note(&repeats, 7, WIRE_SEG_SYN, 3000));
	assert_true(repeats_note(&repeats, 7, WIRE_SEG_FIN, 9000));
	rec.segments[0] = segment(CONN_OUT, CONN_FLAGS_SYN, 3);
	rec.segments[1] = segment(CONN_IN, CONN_FLAGS_SYN, 2);
	rec.segments[2] = segment(CONN_OUT, CONN_FLAGS_SYN_ACK, 2);
	rec.segments[3] = segment(CONN_OUT, CONN_FLAGS_FIN_ACK, 1);
	repeats_fill(&repeats, 8, &rec);
	assert_false(rec.segments[0].last_known);
	repeats_fill(&repeats, 7, &rec);
	assert_true(rec.segments[0].last_known);
	assert_int_equal(rec.segments[0].at_us_last, 3000);
	assert_false(rec.segments[1].last_known); /* the peer's */
	assert_false(rec.segments[2].last_known); /* no time is known */
	assert_false(rec.segments[3].last_known); /* sent once, as far as is known */
	repeats_forget(&repeats, 8);
	repeats_forget(&repeats, 7);
	assert_int_equal(pool_count(&repeats), 0);
	rec.segments[0].last_known = false;
	repeats_fill(&repeats, 7, &rec);
	assert_false(rec.segments[0].last_known);
	pool_free(&repeats);
}

static void bounded(void **state)
{
	struct pool repeats;

	(void)state;
	assert_int_equal(repeats_init(&repeats, &hash_key), 0);
	for (uint32_t id = 1; id <= REPEATS_MAX; id++)
		assert_true(repeats_note(&repeats, id, WIRE_SEG_SYN, id));
	assert_false(repeats_note(&repeats, REPEATS_MAX + 1, WIRE_SEG_SYN, 1));
	assert_true(repeats_note(&repeats, REPEATS_MAX, WIRE_SEG_FIN, 1));
	repeats_forget(&repeats, 1);
	assert_true(repeats_note(&repeats, REPEATS_MAX + 1, WIRE_SEG_SYN, 1));
	pool_free(&repeats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
