// SPDX-License-Identifier: GPL-2.0-only
/* The stack that opened a connection is found by its cookie, whatever else the stream holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "src/symbols/stack_table.h"
#include "src/format/format.h"
#include "src/core/wire_make.h"

static struct stack_table stack_table;

static int set_up(void **state)
{
	(void)state;
	memset(&stack_table, 0, sizeof(stack_table));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	stack_table_free(&stack_table);
	return 0;
}

static void stack(uint64_t number, enum wire_stack_note note, const char *frames)
{
	union wire_text_space buf;

	const struct wire_text head = {.hdr = {.kind = WIRE_STACK}, .key = number, .key2 = note};

	stack_table_feed(&stack_table, wire_make_text(&buf, &head, frames, strlen(frames)));
}

static void opened(uint64_t cookie, uint32_t number, bool accepted)
{
	const struct wire_opened event = {
		.hdr = {.cookie = cookie, .len = sizeof(event), .kind = WIRE_OPENED},
		.stack = number,
		.accepted = accepted,
	};

	stack_table_feed(&stack_table, &event.hdr);
}

static void expect(uint64_t cookie, const char *frames, bool accepted, enum wire_stack_note note)
{
	const struct record_stack *found = stack_table_find(&stack_table, cookie);

	assert_non_null(found);
	assert_string_equal(found->frames, frames);
	assert_int_equal(found->note, note);
	if (*frames)
		assert_int_equal(found->accepted, accepted);
}

static void about(uint64_t number, const char *frames, struct wire_stack_about about)
{
	const struct wire_text head = {.hdr = {.kind = WIRE_STACK}, .key = number};
	union wire_text_space buf;

	stack_table_feed(&stack_table, wire_make_path(&buf, &head, frames, &about));
}

/* An older recording has nothing behind the text, a later one perhaps hints of its own. */
static void what_is_known_of_it(void **state)
{
	(void)state;
	about(7, "a\nb", (struct wire_stack_about){WIRE_STACK_HINT_PYTHON, 12, 2, {0}});
	opened(1, 7, true);
	assert_int_equal(stack_table_find(&stack_table, 1)->about.hint, WIRE_STACK_HINT_PYTHON);
	assert_int_equal(stack_table_find(&stack_table, 1)->about.version, 12);
	assert_int_equal(stack_table_find(&stack_table, 1)->about.own, 2);
	stack(8, WIRE_STACK_WHOLE, "a\nb");
	opened(2, 8, true);
	assert_int_equal(stack_table_find(&stack_table, 2)->about.own, 0);
	about(9, "a\nb", (struct wire_stack_about){.hint = 200, .own = 2});
	opened(3, 9, true);
	assert_int_equal(stack_table_find(&stack_table, 3)->about.hint, WIRE_STACK_HINT_NONE);
	assert_int_equal(stack_table_find(&stack_table, 3)->about.own, 2);
}

static void nobody_asked(void **state)
{
	(void)state;
	opened(1, 1, true);
	assert_null(stack_table_find(&stack_table, 1));
}

static void found_by_cookie(void **state)
{
	(void)state;
	stack(0, WIRE_STACK_NOT_TAKEN, "");
	stack(1, WIRE_STACK_WHOLE, "accept\nmain");
	stack(2, WIRE_STACK_CUT, "connect");
	stack(3, WIRE_STACK_PROCESS_GONE, "");
	opened(10, 1, true);
	opened(11, 2, false);
	opened(12, 2, true);
	opened(13, 3, true);
	opened(14, 0, true);
	expect(10, "accept\nmain", true, WIRE_STACK_WHOLE);
	expect(11, "connect", false, WIRE_STACK_CUT);
	expect(12, "connect", true, WIRE_STACK_CUT);
	expect(13, "", true, WIRE_STACK_PROCESS_GONE);
	expect(14, "", true, WIRE_STACK_NOT_TAKEN);
	expect(15, "", true, WIRE_STACK_NOT_TAKEN);
	assert_ptr_equal(stack_table_find(&stack_table, 14), stack_table_find(&stack_table, 15));
	opened(10, 2, false); /* reconnected */
	expect(10, "connect", false, WIRE_STACK_CUT);
}

/* A number replaces the one with the same place; what had that one has none now, and not another's. */
static void made_room(void **state)
{
	(void)state;
	stack(0, WIRE_STACK_NOT_TAKEN, "");
	stack(7, WIRE_STACK_WHOLE, "first");
	opened(1, 7, true);
	stack(WIRE_STACKS_MAX + 7, WIRE_STACK_WHOLE, "second");
	opened(2, WIRE_STACKS_MAX + 7, false);
	opened(3, 2 * WIRE_STACKS_MAX + 7, false); /* of which nothing came */
	expect(1, "", false, WIRE_STACK_MADE_ROOM);
	expect(2, "second", false, WIRE_STACK_WHOLE);
	expect(3, "", true, WIRE_STACK_NOT_TAKEN);
}

/* Numbers that there are not, numbers that are given twice, and more connections than there is room for. */
static void hostile(void **state)
{
	(void)state;
	stack(0, WIRE_STACK_NOT_TAKEN, "");
	stack(WIRE_STACKS_MAX, WIRE_STACK_WHOLE, "beyond");
	stack(UINT64_MAX, WIRE_STACK_WHOLE, "beyond");
	opened(1, WIRE_STACKS_MAX, true);
	opened(2, UINT32_MAX, true);
	opened(3, 7, true);
	for (uint64_t cookie = 1; cookie <= 3; cookie++)
		expect(cookie, "", true, WIRE_STACK_NOT_TAKEN);
	stack(7, WIRE_STACK_WHOLE, "first");
	stack(7, WIRE_STACK_WHOLE, "second");
	expect(3, "second", true, WIRE_STACK_WHOLE);
	for (uint64_t cookie = 4; cookie < 1000000; cookie++)
		opened(cookie, 7, true);
	expect(999999, "second", true, WIRE_STACK_WHOLE);
	expect(3, "", true, WIRE_STACK_NOT_TAKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_known_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(found_by_cookie, set_up, tear_down),
		cmocka_unit_test_setup_teardown(made_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
