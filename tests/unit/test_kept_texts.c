// SPDX-License-Identifier: GPL-2.0-only
/* The last texts of many, in their order. */
#include "src/cmd/kept_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_last_three(void **state)
{
	struct kept_texts kept;

	(void)state;
	assert_int_equal(kept_texts_init(&kept, 3), 0);
	assert_int_equal(kept_texts_len(&kept), 0);
	for (char letter = 'a'; letter <= 'h'; letter++) {
		assert_int_equal(kept_texts_add(&kept, (char[]){letter, letter}, 2, (unsigned int)letter), 0);
		assert_int_equal(kept_texts_len(&kept), letter < 'c' ? letter - 'a' + 1 : 3);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(kept_texts_get(&kept, i)->len, 2);
		assert_int_equal(kept_texts_get(&kept, i)->height, 'f' + (int)i);
		assert_int_equal(kept_texts_get(&kept, i)->data[0], 'f' + (int)i);
	}
	kept_texts_free(&kept);
}

static void nothing(void **state)
{
	struct kept_texts kept;

	(void)state;
	assert_int_equal(kept_texts_init(&kept, 0), 0);
	assert_int_equal(kept_texts_len(&kept), 0);
	kept_texts_free(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_three),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
