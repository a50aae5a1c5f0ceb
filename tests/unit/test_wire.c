// SPDX-License-Identifier: GPL-2.0-only
/* What counts as a well-formed event: every kind with every set of parts, every length, every number at its limits. */
#include "src/core/record_types.h"
#include "src/core/wire_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static _Alignas(8) uint8_t bytes[WIRE_MAX_LEN + 64];

static struct wire_hdr *hdr(void)
{
	return (void *)bytes;
}

#define LEAK_PARTS (WIRE_PART_TASK | WIRE_PART_IDENT)
#define BEHIND (WIRE_PART_PROOF | WIRE_PART_EXEC | WIRE_PART_PROGRAM) /* parts that any kind may have */

static bool is_text(unsigned int kind)
{
	return (kind >= WIRE_EXE && kind <= WIRE_META) || kind == WIRE_STACK;
}

static bool takes_parts(unsigned int kind)
{
	return (wire_from_kernel(kind) && kind != WIRE_EXIT) || kind == WIRE_LISTENER || kind == WIRE_KNOWN ||
	       kind == WIRE_STANDING || kind == WIRE_ENDED;
}

static size_t length(unsigned int kind, unsigned int parts)
{
	size_t size = wire_base_size(kind) + (is_text(kind) ? 8 : 0);

	size += parts & WIRE_PART_TASK ? sizeof(struct wire_task) : 0;
	size += parts & WIRE_PART_IDENT ? sizeof(struct wire_ident) : 0;
	size += parts & WIRE_PART_STATS ? sizeof(struct wire_stats) : 0;
	size += parts & WIRE_PART_PROOF ? sizeof(struct wire_proof) : 0;
	size += parts & WIRE_PART_EXEC ? sizeof(struct wire_exec) : 0;
	return size + (parts & WIRE_PART_PROGRAM ? sizeof(struct wire_program) : 0);
}

/* A good event of that kind. */
static void make(unsigned int kind, unsigned int parts)
{
	memset(bytes, 0, sizeof(bytes));
	hdr()->kind = kind;
	hdr()->parts = parts;
	hdr()->len = length(kind, parts);
	hdr()->old_state = hdr()->new_state = WIRE_ESTABLISHED;
	if (wire_ident(hdr()))
		((struct wire_ident *)wire_ident(hdr()))->family = AF_INET6;
	if (kind == WIRE_RETRANSMIT || kind == WIRE_RETRANSMIT_FAILED)
		((struct wire_retransmit *)bytes)->segment = WIRE_SEG_DATA;
	if (kind == WIRE_RESET)
		((struct wire_reset *)bytes)->direction = WIRE_SENT;
	if (kind == WIRE_SCAN_BEGIN)
		((struct wire_mark *)bytes)->value = WIRE_SCAN_STARTUP;
	if (kind == WIRE_AGGREGATE)
		((struct wire_aggregate *)bytes)->what = WIRE_AGG_RESET_SENT;
	if (kind == WIRE_MINISOCK) {
		((struct wire_minisock *)bytes)->what = WIRE_MINI_STARTED;
		hdr()->old_state = hdr()->new_state = WIRE_TIME_WAIT;
	}
	if (kind == WIRE_LOST)
		((struct wire_lost *)bytes)->stage = WIRE_LOST_RING;
	if (kind == WIRE_KNOWN || kind == WIRE_ENDED)
		hdr()->cookie = 1;
	if (kind == WIRE_ENDED)
		((struct wire_ended *)bytes)->count = 1;
	if (kind == WIRE_STANDING)
		((struct wire_standing *)bytes)->number = 1;
	if (kind == WIRE_BEFORE) {
		struct wire_before *before = (void *)bytes;

		before->written_wall_ns = 1;
		strcpy(before->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
		strcpy(before->instance, "0123456789ab");
	}
}

static bool valid(void)
{
	return wire_valid(hdr(), sizeof(bytes));
}

static void test_kinds_and_parts(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 256; kind++) {
		for (unsigned int parts = 0; parts < 256; parts++) {
			bool known = kind >= WIRE_STATE && kind < WIRE_KIND_MAX;
			unsigned int ours = is_text(kind) ? parts : parts & WIRE_PARTS_ALL; /* later versions may have others */
			bool expected = known && (!ours || takes_parts(kind));

			if (kind == WIRE_TOUCH)
				expected = expected && (parts & WIRE_PART_TASK);
			if (kind == WIRE_MINISOCK)
				expected = expected && !(ours & ~(WIRE_PART_IDENT | BEHIND));
			if (kind == WIRE_LISTENER)
				expected = ours & WIRE_PART_IDENT;
			if (kind == WIRE_KNOWN || kind == WIRE_STANDING || kind == WIRE_ENDED)
				expected = (ours & WIRE_PART_IDENT) && !(ours & WIRE_PART_STATS);
			if (kind == WIRE_LEAK)
				expected = (ours & ~BEHIND) == LEAK_PARTS;
			make(kind, parts);
			if (valid() != expected)
				fail_msg("kind %u parts %u: %d", kind, parts, !expected);
		}
	}
}

/* Ids are made of what a WIRE_BEFORE says, and tables are indexed by what a WIRE_KNOWN says. */
static void test_state_of_the_run_before(void **state)
{
	struct wire_before *before = (void *)bytes;
	struct wire_known *known = (void *)bytes;

	(void)state;
	make(WIRE_BEFORE, 0);
	before->boot_id[3] = '"';
	assert_false(valid());
	make(WIRE_BEFORE, 0);
	memset(before->boot_id, 'a', sizeof(before->boot_id));
	assert_false(valid());
	make(WIRE_BEFORE, 0);
	before->instance[12] = '0';
	assert_false(valid());
	make(WIRE_BEFORE, 0);
	before->instance[11] = '\0';
	assert_false(valid());
	make(WIRE_BEFORE, 0);
	before->written_wall_ns = -1;
	assert_false(valid());
	make(WIRE_KNOWN, WIRE_PART_IDENT);
	known->cause = LEAK_CAUSE_MAX;
	assert_false(valid());
	make(WIRE_KNOWN, WIRE_PART_IDENT);
	known->role = CONN_ROLE_MAX;
	assert_false(valid());
	make(WIRE_KNOWN, WIRE_PART_IDENT | WIRE_PART_TASK);
	known->from = CONN_FROM_MAX;
	assert_false(valid());
	make(WIRE_KNOWN, WIRE_PART_IDENT);
	known->from = CONN_FROM_SCAN; /* and no process */
	assert_false(valid());
	make(WIRE_KNOWN, WIRE_PART_IDENT);
	hdr()->cookie = 0;
	assert_false(valid());
	make(WIRE_STANDING, WIRE_PART_IDENT);
	((struct wire_standing *)bytes)->id = FINDING_MAX;
	assert_false(valid());
	make(WIRE_STANDING, WIRE_PART_IDENT);
	((struct wire_standing *)bytes)->cause = LEAK_CAUSE_MAX;
	assert_false(valid());
	make(WIRE_STANDING, WIRE_PART_IDENT);
	((struct wire_standing *)bytes)->opener_comm[WIRE_COMM_LEN - 1] = 'x';
	assert_false(valid());
}

static void test_lengths(void **state)
{
	(void)state;
	for (unsigned int kind = WIRE_STATE; kind < WIRE_KIND_MAX; kind++) {
		unsigned int parts = kind == WIRE_TOUCH                            ? WIRE_PART_TASK
				     : kind == WIRE_LEAK                           ? LEAK_PARTS
				     : kind == WIRE_LISTENER || kind >= WIRE_KNOWN ? WIRE_PART_IDENT
										   : 0;
		size_t good = length(kind, parts);

		for (size_t len = 0; len <= good + 64; len++) {
			bool expected = len >= good && len % 8 == 0; /* what a later version has put behind it */

			make(kind, parts);
			hdr()->len = len;
			if (valid() != expected)
				fail_msg("kind %u len %zu of %zu: %d", kind, len, good, !expected);
		}
		make(kind, parts);
		for (size_t avail = 0; avail <= good; avail++)
			assert_int_equal(wire_valid(hdr(), avail), avail == good);
	}
}

static void test_parts_are_found(void **state)
{
	const uint8_t *base = bytes + sizeof(struct wire_state), *end;

	(void)state;
	make(WIRE_STATE, WIRE_PARTS_ALL);
	assert_ptr_equal(wire_task(hdr()), base);
	assert_ptr_equal(wire_ident(hdr()), base + sizeof(struct wire_task));
	assert_ptr_equal(wire_stats(hdr()), base + sizeof(struct wire_task) + sizeof(struct wire_ident));
	end = bytes + hdr()->len - sizeof(struct wire_program);
	assert_ptr_equal(wire_proof(hdr()), end - sizeof(struct wire_exec) - sizeof(struct wire_proof));
	assert_ptr_equal(wire_exec(hdr()), end - sizeof(struct wire_exec));
	assert_ptr_equal(wire_program(hdr()), end);
	make(WIRE_STATE, WIRE_PART_TASK | WIRE_PART_STATS);
	assert_null(wire_ident(hdr()));
	assert_ptr_equal(wire_stats(hdr()), base + sizeof(struct wire_task));
	make(WIRE_STATE, WIRE_PART_STATS);
	assert_null(wire_task(hdr()));
	assert_ptr_equal(wire_stats(hdr()), base);
}

/* What a later version may have put behind the parts. */
static void test_tail(void **state)
{
	size_t good = length(WIRE_STATE, WIRE_PARTS_ALL);

	(void)state;
	make(WIRE_STATE, WIRE_PARTS_ALL);
	assert_null(wire_tail(hdr(), 8)); /* an older version has put nothing there */
	hdr()->len = good + 16;
	assert_true(valid());
	assert_ptr_equal(wire_tail(hdr(), 8), bytes + good);
	assert_ptr_equal(wire_tail(hdr(), 16), bytes + good);
	assert_null(wire_tail(hdr(), 24));
	assert_ptr_equal(wire_program(hdr()), bytes + good - sizeof(struct wire_program));
	hdr()->parts |= WIRE_PARTS_ALL + 1; /* a part that stands between what is known and the tail */
	assert_true(valid());
	assert_null(wire_tail(hdr(), 8));
	make(WIRE_TICK, 0);
	assert_null(wire_tail(hdr(), 8));
	hdr()->len += 8;
	assert_ptr_equal(wire_tail(hdr(), 8), bytes + sizeof(struct wire_tick));
}

static void test_states(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < 256; s++) {
		bool any = s >= 1 && s < WIRE_STATE_MAX, full = any && s != WIRE_TIME_WAIT && s != WIRE_NEW_SYN_RECV;

		make(WIRE_STATE, 0);
		hdr()->old_state = s;
		assert_int_equal(valid(), full);
		make(WIRE_STATE, 0);
		hdr()->new_state = s;
		assert_int_equal(valid(), full);
		make(WIRE_SCAN, 0);
		hdr()->old_state = s;
		assert_int_equal(valid(), any);
		make(WIRE_SCAN, 0);
		hdr()->new_state = s;
		assert_int_equal(valid(), any);
		make(WIRE_MINISOCK, 0);
		hdr()->old_state = s;
		assert_int_equal(valid(), s == WIRE_TIME_WAIT);
		make(WIRE_MINISOCK, 0);
		hdr()->new_state = s;
		assert_int_equal(valid(), s == WIRE_TIME_WAIT || s == WIRE_FIN_WAIT2);
	}
}

static bool in_range(unsigned int value, unsigned int first, unsigned int last)
{
	return value >= first && value <= last;
}

/* One byte of a base struct, tried with all values. */
#define CHECK_BYTE(kind_, type, field, first, last)                                                                            \
	for (unsigned int v = 0; v < 256; v++) {                                                                               \
		make(kind_, 0);                                                                                                \
		((struct type *)bytes)->field = v;                                                                             \
		assert_int_equal(valid(), in_range(v, first, last));                                                           \
	}

static void test_enums(void **state)
{
	(void)state;
	CHECK_BYTE(WIRE_RETRANSMIT, wire_retransmit, segment, WIRE_SEG_SYN, WIRE_SEG_FIN)
	CHECK_BYTE(WIRE_RETRANSMIT, wire_retransmit, trigger, WIRE_TRIGGER_UNKNOWN, WIRE_TRIGGER_TLP)
	CHECK_BYTE(WIRE_RESET, wire_reset, direction, WIRE_SENT, WIRE_RECEIVED)
	CHECK_BYTE(WIRE_AGGREGATE, wire_aggregate, what, WIRE_AGG_SYNACK_RETRANSMIT, WIRE_AGG_HALF_OPEN)
	CHECK_BYTE(WIRE_LOST, wire_lost, stage, WIRE_LOST_HOOK, WIRE_LOST_STACK_TABLE)
	CHECK_BYTE(WIRE_SCAN_BEGIN, wire_mark, value, WIRE_SCAN_STARTUP, WIRE_SCAN_LISTENERS)
	CHECK_BYTE(WIRE_MINISOCK, wire_minisock, what, WIRE_MINI_STARTED, WIRE_MINI_FOUND)
	CHECK_BYTE(WIRE_MINISOCK, wire_minisock, cause, WIRE_CAUSE_UNKNOWN, WIRE_CAUSE_RESET_SENT)
	CHECK_BYTE(WIRE_STACK, wire_text, key2, WIRE_STACK_WHOLE, WIRE_STACK_MADE_ROOM)
	CHECK_BYTE(WIRE_TW_TIER, wire_mark, value, WIRE_TIER_OFF, WIRE_TIER_SCAN)
	make(WIRE_SCAN_BEGIN, 0);
	((struct wire_mark *)bytes)->value = INT64_MIN + WIRE_SCAN_STARTUP;
	assert_false(valid());
	make(WIRE_SCAN_END, 0);
	((struct wire_mark *)bytes)->value = -1;
	assert_false(valid());
	make(WIRE_CLOCK, 0);
	((struct wire_mark *)bytes)->value = -1; /* before 1970 since boot: odd, but a clock may be wrong */
	assert_true(valid());
	for (unsigned int family = 0; family < 256; family++) {
		make(WIRE_STATE, WIRE_PART_IDENT);
		((struct wire_ident *)wire_ident(hdr()))->family = family;
		assert_int_equal(valid(), family == AF_INET || family == AF_INET6);
	}
}

static void test_texts_end(void **state)
{
	struct wire_text *text = (void *)bytes;

	(void)state;
	make(WIRE_EXE, 0);
	memset(text->text, 'x', 8);
	assert_false(valid());
	text->text[7] = 0;
	assert_true(valid());
	make(WIRE_EXE, 0);
	hdr()->len = sizeof(*text);
	assert_false(valid());
	make(WIRE_META, 0);
	hdr()->len = WIRE_MAX_LEN;
	assert_true(valid());
	hdr()->len = WIRE_MAX_LEN + 8;
	assert_false(valid());

	make(WIRE_HOOK, 0); /* three texts */
	memcpy(text->text, "a\0b\0ccc", 8);
	assert_true(valid());
	memcpy(text->text, "a\0bbccc", 8);
	assert_false(valid());

	make(WIRE_STATE, WIRE_PARTS_ALL);
	((struct wire_task *)wire_task(hdr()))->comm[WIRE_COMM_LEN - 1] = 'x';
	assert_false(valid());
	make(WIRE_STATE, WIRE_PARTS_ALL);
	((struct wire_stats *)wire_stats(hdr()))->ca_name[WIRE_CA_LEN - 1] = 'x';
	assert_false(valid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_and_parts),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_state_of_the_run_before),
		cmocka_unit_test(test_parts_are_found),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_enums),
		cmocka_unit_test(test_texts_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
