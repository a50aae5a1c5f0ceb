// SPDX-License-Identifier: GPL-2.0-only
/* What a scan found comes out in its order, also where the buffer's end is reached, and a full queue says so. */
#include "src/kernel/scan_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/wire.h"

static struct scan_queue queue;

static int set_up(void **state)
{
	(void)state;
	return scan_queue_open(&queue);
}

static int tear_down(void **state)
{
	(void)state;
	scan_queue_close(&queue);
	return 0;
}

static bool put(uint64_t ts)
{
	const struct wire_mark mark = {.hdr = {.ts = ts, .len = sizeof(mark), .kind = WIRE_SCAN_BEGIN}, .value = (int64_t)ts};

	return scan_queue_put(&queue, &mark.hdr);
}

static void take(uint64_t ts)
{
	const struct wire_mark *mark = (const void *)scan_queue_head(&queue);

	assert_non_null(mark);
	assert_int_equal(mark->hdr.ts, ts);
	assert_int_equal(mark->value, ts);
	scan_queue_take(&queue);
}

static void in_order(void **state)
{
	uint64_t put_ts = 0, taken = 0;

	(void)state;
	assert_null(scan_queue_head(&queue));
	for (unsigned int round = 0; round < 10000; round++) { /* several times the buffer */
		for (unsigned int i = 0; i < 100; i++)
			assert_true(put(++put_ts));
		while (taken + 50 < put_ts) /* some always wait */
			take(++taken);
	}
	while (taken < put_ts)
		take(++taken);
	assert_null(scan_queue_head(&queue));
}

static void full(void **state)
{
	uint64_t put_ts = 0, taken = 0;

	(void)state;
	while (put(put_ts + 1))
		put_ts++;
	assert_in_range(put_ts, 10000, 1000000);
	take(++taken);
	assert_true(put(++put_ts));
	assert_false(put(put_ts + 1));
	while (taken < put_ts)
		take(++taken);
	assert_null(scan_queue_head(&queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
