// SPDX-License-Identifier: GPL-2.0-only
/* Names of users, from a file that anybody may have broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/host/user.h"

static char path[] = "/tmp/test_user_XXXXXX";

static void put(FILE *file, char byte, size_t count)
{
	while (count--)
		fputc(byte, file);
}

static int set_up(void **state)
{
	FILE *file = fdopen(mkstemp(path), "w");

	(void)state;
	assert_non_null(file);
	fputs("root:x:0:0:root:/root:/bin/bash\n"
	      "twice:x:0:0::/:\n"
	      ":x:5:5::/:\n"
	      "short\n"
	      "shorter:x\n"
	      "signed:x:-1:0::/:\n"
	      "letters:x:12a:0::/:\n"
	      "large:x:4294967296:0::/:\n"
	      "most:x:4294967295:0::/:\n",
	      file);
	fputs("long:x:7:7:", file); /* longer than a line may be, and what looks like a line in it is none */
	put(file, 'a', 1012);
	fputs("evil:x:8:8::/:\nname", file);
	put(file, 'e', 100);
	fputs(":x:9:9::/:\nlast:x:10:", file);
	fclose(file);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void names(void **state)
{
	struct users *users = users_new(path);

	(void)state;
	assert_non_null(users);
	assert_string_equal(users_name(users, 0), "root");
	assert_string_equal(users_name(users, 4294967295), "most");
	assert_string_equal(users_name(users, 7), "long");
	assert_string_equal(users_name(users, 10), "last");
	for (uint32_t uid = 1; uid < 100; uid++) {
		if (uid != 7 && uid != 10)
			assert_null(users_name(users, uid));
	}
	users_free(users);
}

static void no_file(void **state)
{
	(void)state;
	assert_null(users_new("/nowhere/passwd"));
	assert_null(users_name(NULL, 0));
	users_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(no_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
