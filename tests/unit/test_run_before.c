/* SPDX-License-Identifier: GPL-2.0-only */
/* What the end of a file says of the run before, whoever wrote the file. */
#include "src/io/run_before.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_NS INT64_C(1767323045123456000) /* 2026-01-02T03:04:05.123456Z */
#define HEAD(time, event)                                                                                                      \
	"{\"ts\":\"" time "\",\"event\":\"" event "\",\"schema_version\":\"1.1\",\"instance\":\"0123456789ab\",\"seq\":0"
#define TIME "2026-01-02T03:04:04.123456Z"
#define START HEAD(TIME, "meta") ",\"what\":\"start\",\"pad\":\"" PAD "\"}\n"
#define STOP HEAD(TIME, "meta") ",\"what\":\"stop\"}\n"
#define CONNECTION HEAD(TIME, "connection") "}\n"
#define TEN "0123456789"
#define PAD TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static bool look(const char *text, size_t len, struct format_before *ret)
{
	int fd = memfd_create("before", MFD_CLOEXEC);
	bool known;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	known = run_before(fd, NOW_NS, ret);
	close(fd);
	return known;
}

static void ends(void **state)
{
	static const struct {
		const char *text;
		bool known, ended_known, ended;
	} rows[] = {
		{"", false, false, false},
		{STOP, true, true, true},
		{CONNECTION STOP, true, true, true},
		{START CONNECTION, true, true, false},
		{CONNECTION, true, false, false},
		{START CONNECTION "{\"ts\":\"20", true, true, false},   /* torn */
		{START CONNECTION "{\"ts\":\"20\n", true, true, false}, /* and ended by the next run */
		{STOP "{\"ts\":\"20\n", false, false, false},           /* of a run that nobody knows */
		{"no record\n", false, false, false},
		{HEAD("2026-13-02T03:04:04.123456Z", "meta") "}\n", false, false, false},
	};
	struct format_before before;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&before, 0, sizeof(before));
		if (look(rows[i].text, strlen(rows[i].text), &before) != rows[i].known)
			fail_msg("row %zu", i);
		if (!rows[i].known)
			continue;
		assert_string_equal(before.instance, "0123456789ab");
		assert_int_equal(before.down_us, 1000000);
		if (before.ended_known != rows[i].ended_known || (before.ended_known && before.ended != rows[i].ended))
			fail_msg("row %zu", i);
	}
}

/* More than 64 MB after the only `meta`, which a rotation left at the begin. */
static void meta_at_the_begin(void **state)
{
	static const char start[] = START, last[] = CONNECTION;
	int fd = memfd_create("before", MFD_CLOEXEC);
	struct format_before before = {0};

	(void)state;
	for (int has_meta = 1; has_meta >= 0; has_meta--) {
		assert_int_equal(ftruncate(fd, 0), 0);
		if (has_meta)
			assert_int_equal(pwrite(fd, start, sizeof(start) - 1, 0), sizeof(start) - 1);
		assert_int_equal(ftruncate(fd, 80 << 20), 0);
		assert_int_equal(pwrite(fd, "\n", 1, (80 << 20) - 20000), 1);
		for (int i = 0; i < 300; i++)
			assert_int_equal(
				pwrite(fd, last, sizeof(last) - 1, (80 << 20) - 20000 + 1 + i * (long)(sizeof(last) - 1)),
				sizeof(last) - 1);
		assert_int_equal(ftruncate(fd, (80 << 20) - 20000 + 1 + 300 * (long)(sizeof(last) - 1)), 0);
		assert_true(run_before(fd, NOW_NS, &before));
		assert_int_equal(before.ended_known, has_meta);
		assert_false(before.ended);
	}
	close(fd);
}

/* No time overflows, and no bytes are believed to be text. */
static void hostile(void **state)
{
	static const char future[] = HEAD("2262-01-01T00:00:00.000000Z", "meta") "}\n",
			  far[] = HEAD("9999-12-31T23:59:59.999999Z", "meta") "}\n", zeros[] = "\n\0\0\0}\n";
	static char longest[100000];
	struct format_before before;

	(void)state;
	assert_true(look(future, sizeof(future) - 1, &before));
	assert_int_equal(before.down_us, 0);
	assert_false(look(far, sizeof(far) - 1, &before));
	assert_false(look(zeros, sizeof(zeros) - 1, &before));
	memset(longest, 'x', sizeof(longest));
	assert_false(look(longest, sizeof(longest), &before));
	memset(longest, '\n', sizeof(longest));
	assert_false(look(longest, sizeof(longest), &before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ends), cmocka_unit_test(meta_at_the_begin),
					   cmocka_unit_test(hostile)};

	return cmocka_run_group_tests_name("run_before", tests, NULL, NULL);
}
