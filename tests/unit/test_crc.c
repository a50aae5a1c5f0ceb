// SPDX-License-Identifier: GPL-2.0-only
/* src/io/crc.c gives zlib's CRC, whatever the length, the alignment and what was before. */
#include "src/io/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <zlib.h>

#include <cmocka.h>

#define SIZE 1024

static uint8_t data[SIZE];

/* xorshift: any bytes, the same in every run. */
static void fill(void)
{
	uint64_t x = 88172645463325252;

	for (size_t i = 0; i < SIZE; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = (uint8_t)x;
	}
}

static void test_every_length(void **state)
{
	(void)state;
	for (size_t at = 0; at < 17; at++) {
		for (size_t len = 0; len + at <= SIZE; len++)
			assert_int_equal(crc_add(0, data + at, len), crc32(0, data + at, (uInt)len));
	}
}

static void test_goes_on(void **state)
{
	(void)state;
	for (size_t split = 0; split <= SIZE; split++)
		assert_int_equal(crc_add(crc_add(7, data, split), data + split, SIZE - split), crc32(7, data, SIZE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_goes_on),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
