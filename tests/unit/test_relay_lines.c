// SPDX-License-Identifier: GPL-2.0-only
/* What a relay makes of a pipe's bytes, and what the tracer keeps of them: whole lines in pieces of any size. */
#include "src/io/relay_lines.h"
#include "src/io/relay_page.h"
#include "src/io/relay_retain.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct relay_lines lines;
static int pipe_fds[2];

static int setup(void **state)
{
	(void)state;
	memset(&lines, 0, sizeof(lines));
	assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

static void feed(const char *data, size_t len)
{
	assert_int_equal(write(pipe_fds[1], data, len), len);
	assert_int_equal(relay_lines_read(&lines, pipe_fds[0]), len);
}

static void expect(const char *expected, size_t len)
{
	const char *line;
	size_t got;

	assert_true(relay_lines_next(&lines, &line, &got));
	assert_int_equal(got, len);
	if (len)
		assert_memory_equal(line, expected, len);
}

static void expect_none(void)
{
	const char *line;
	size_t len;

	assert_false(relay_lines_next(&lines, &line, &len));
}

static void test_lines_in_pieces(void **state)
{
	(void)state;
	feed("one\ntw", 6);
	expect("one\n", 4);
	expect_none();
	assert_true(relay_lines_torn(&lines));
	feed("o\n\n", 3);
	expect("two\n", 4);
	expect("\n", 1);
	expect_none();
	assert_false(relay_lines_torn(&lines));
	close(pipe_fds[1]);
	assert_int_equal(relay_lines_read(&lines, pipe_fds[0]), 0);
}

/* It is dropped as it comes, and is one line: the next one stands for itself. */
static void test_a_line_that_is_too_long(void **state)
{
	static char data[RELAY_LINE_MAX + 1];

	(void)state;
	memset(data, 'x', sizeof(data));
	for (int i = 0; i < 20; i++) { /* more than the buffer holds */
		feed(data, sizeof(data));
		expect_none();
		assert_true(relay_lines_torn(&lines));
	}
	feed("end\nnext\n", 9);
	expect(NULL, 0);
	expect("next\n", 5);

	data[RELAY_LINE_MAX] = '\n'; /* by one byte */
	feed(data, sizeof(data));
	expect(NULL, 0);
	data[RELAY_LINE_MAX - 1] = '\n'; /* just not */
	feed(data, RELAY_LINE_MAX);
	expect(data, RELAY_LINE_MAX);
	assert_false(relay_lines_torn(&lines));
}

static void drop_and_expect(struct retain *r, uint64_t upto, const char *left)
{
	char all[64];
	const char *data;
	size_t len = 0, n;

	retain_drop(r, upto);
	for (; (n = retain_at(r, len, &data)) > 0; len += n)
		memcpy(all + len, data, n);
	assert_int_equal(len, strlen(left));
	assert_memory_equal(all, left, len);
}

static void test_what_is_kept(void **state)
{
	struct retain r;

	(void)state;
	assert_int_equal(retain_open(&r, 16), 0);
	retain_add(&r, "1\n22\n333", 8);
	assert_int_equal(retain_room(&r), 8);
	drop_and_expect(&r, 1, "22\n333");
	drop_and_expect(&r, 1, "22\n333");
	assert_int_equal(r.first, 2);
	retain_cut(&r, 3); /* the queue writes that line again */
	drop_and_expect(&r, 1, "22\n");
	for (int i = 0; i < 20; i++) { /* around the end of the ring, at each offset */
		retain_add(&r, "abcd\n", 5);
		drop_and_expect(&r, r.first, "abcd\n");
	}
	assert_int_equal(r.first, 22);
	drop_and_expect(&r, 1000, ""); /* a relay that claims more than there is */
	assert_int_equal(r.first, 23);
	retain_cut(&r, 5);
	assert_int_equal(retain_room(&r), 16);
	retain_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_line_that_is_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
