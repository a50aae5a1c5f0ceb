// SPDX-License-Identifier: GPL-2.0-only
/* The whole transition table against the short list of what Linux shows, and sequence arithmetic across the wrap. */
#include "src/core/fsm.h"
#include "src/core/seq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BIT(state) (1u << WIRE_##state)
#define HANDSHAKEN (BIT(FIN_WAIT1) | BIT(FIN_WAIT2) | BIT(CLOSING) | BIT(CLOSE_WAIT) | BIT(LAST_ACK) | BIT(CLOSE))

/* For each state: what may follow at once, and all that may ever follow in the same life. */
static const struct {
	unsigned int next, later;
} legal[WIRE_STATE_MAX] = {
	[WIRE_CLOSE] = {BIT(SYN_SENT) | BIT(LISTEN), 0},
	[WIRE_LISTEN] = {BIT(SYN_RECV) | BIT(CLOSE), BIT(SYN_RECV) | BIT(ESTABLISHED) | HANDSHAKEN},
	[WIRE_SYN_SENT] = {BIT(ESTABLISHED) | BIT(SYN_RECV) | BIT(CLOSE), BIT(SYN_RECV) | BIT(ESTABLISHED) | HANDSHAKEN},
	[WIRE_SYN_RECV] = {BIT(ESTABLISHED) | BIT(FIN_WAIT1) | BIT(CLOSE_WAIT) | BIT(CLOSE), BIT(ESTABLISHED) | HANDSHAKEN},
	[WIRE_ESTABLISHED] = {BIT(FIN_WAIT1) | BIT(CLOSE_WAIT) | BIT(CLOSE), HANDSHAKEN},
	[WIRE_FIN_WAIT1] = {BIT(FIN_WAIT2) | BIT(CLOSING) | BIT(CLOSE), BIT(FIN_WAIT2) | BIT(CLOSING) | BIT(CLOSE)},
	[WIRE_FIN_WAIT2] = {BIT(CLOSE), BIT(CLOSE)},
	[WIRE_CLOSING] = {BIT(CLOSE), BIT(CLOSE)},
	[WIRE_CLOSE_WAIT] = {BIT(LAST_ACK) | BIT(CLOSE), BIT(LAST_ACK) | BIT(CLOSE)},
	[WIRE_LAST_ACK] = {BIT(CLOSE), BIT(CLOSE)},
};

static bool is_minisocket(unsigned int state)
{
	return state == 0 || state == WIRE_TIME_WAIT || state == WIRE_NEW_SYN_RECV;
}

static void test_every_pair(void **state)
{
	(void)state;
	for (unsigned int from = 0; from < WIRE_STATE_MAX; from++) {
		for (unsigned int to = 0; to < WIRE_STATE_MAX; to++) {
			unsigned int verdict = fsm_step(from, to)->verdict, expected = FSM_IMPOSSIBLE;

			if (legal[from].next & 1u << to)
				expected = FSM_LEGAL;
			else if (from == to && !is_minisocket(from))
				expected = FSM_SAME;
			if (verdict != expected || fsm_reachable(from, to) != !!(legal[from].later & 1u << to))
				fail_msg("%u -> %u: verdict %u, reachable %d", from, to, verdict, fsm_reachable(from, to));
		}
	}
}

/* Who causes a change is in the table where the change alone shows it; a CLOSE needs the error number. */
static void test_causes(void **state)
{
	(void)state;
	for (unsigned int from = 0; from < WIRE_STATE_MAX; from++) {
		for (unsigned int to = 0; to < WIRE_STATE_MAX; to++) {
			const struct fsm_cell *cell = fsm_step(from, to);
			bool decided = cell->verdict == FSM_LEGAL && (to != WIRE_CLOSE || from == WIRE_LISTEN);

			if (decided != (cell->by != CONN_BY_UNKNOWN))
				fail_msg("%u -> %u: by %u", from, to, cell->by);
		}
	}
	assert_int_equal(fsm_step(WIRE_ESTABLISHED, WIRE_FIN_WAIT1)->by, CONN_BY_LOCAL);
	assert_int_equal(fsm_step(WIRE_CLOSE_WAIT, WIRE_LAST_ACK)->by, CONN_BY_LOCAL);
	assert_int_equal(fsm_step(WIRE_ESTABLISHED, WIRE_CLOSE_WAIT)->by, CONN_BY_PEER);
	assert_int_equal(fsm_step(WIRE_FIN_WAIT1, WIRE_CLOSING)->by, CONN_BY_PEER);
}

static void test_sequence_numbers(void **state)
{
	static const struct {
		uint32_t from, to;
		bool after;
		uint32_t pending;
	} rows[] = {
		{0, 0, false, 0},
		{0, 1, true, 1},
		{1, 0, false, 0},
		{0xffffffff, 0, true, 1},
		{0, 0xffffffff, false, 0},
		{0xfffffff0, 0x10, true, 0x20},
		{0x7fffffff, 0x80000000, true, 1},
		{0x80000000, 0x7fffffff, false, 0},
		{0, 0x7fffffff, true, 0x7fffffff},
		{5, 0x80000004, true, 0x7fffffff},
		{0xffffffff, 0x7ffffffe, true, 0x7fffffff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(seq_after(rows[i].to, rows[i].from), rows[i].after);
		assert_int_equal(seq_pending(rows[i].from, rows[i].to), rows[i].pending);
		assert_int_equal((uint32_t)(rows[i].from + seq_distance(rows[i].from, rows[i].to)), rows[i].to);
	}
}

/* The words of the output contract; a value beyond the table has none. */
static void test_names(void **state)
{
	(void)state;
	for (unsigned int s = 1; s < WIRE_STATE_MAX; s++)
		assert_non_null(conn_state_name(s));
	assert_string_equal(conn_state_name(WIRE_TIME_WAIT), "TIME_WAIT");
	assert_null(conn_state_name(0));
	assert_null(conn_state_name(WIRE_STATE_MAX));
	for (unsigned int end = 0; end < CONN_END_MAX; end++)
		assert_non_null(conn_end_name(end));
	for (unsigned int kind = 0; kind < RECORD_MAX; kind++)
		assert_non_null(record_kind_name(kind));
	for (unsigned int ev = 0; ev < CONN_EV_MAX; ev++)
		assert_non_null(conn_ev_name(ev));
	for (unsigned int stage = 1; stage < WIRE_LOST_MAX; stage++)
		assert_non_null(conn_lost_stage_name(stage));
	assert_null(conn_role_name(CONN_ROLE_UNKNOWN));
	assert_null(conn_side_name(CONN_SIDE_UNKNOWN));
	assert_null(conn_by_name(CONN_BY_UNKNOWN));
	assert_null(conn_close_kind_name(CONN_CLOSE_NONE));
	assert_null(conn_from_name(CONN_FROM_NONE));
	assert_null(conn_segment_name(0));
	assert_null(conn_trigger_name(WIRE_TRIGGER_UNKNOWN));
	assert_string_equal(conn_close_kind_name(CONN_CLOSE_THREE_SEGMENT), "three_segment");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_sequence_numbers),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
