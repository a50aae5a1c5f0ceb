// SPDX-License-Identifier: GPL-2.0-only
/* Alerts of CLOSE_WAIT: when they are raised, how few records stand for how many sockets, and how they end. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/core/conn.h"
#include "src/core/wire_read.h"

#define S SAMPLE_S
#define THRESHOLD (10 * S)
#define BEGIN (1000 * S)

static struct conn_table *table;
static uint64_t leaks, leaks_told, ends, ends_told; /* records, and the sockets that they stand for */
static struct leak_socket last;
static struct leak_record last_leak;
static struct leak_resolved_record last_end;
static struct conn_tuple last_end_tuple;
static struct conn_summary_record last_summary;

static void on_record(void *ctx, const struct record *rec)
{
	(void)ctx;
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK) {
		leaks++;
		leaks_told += rec->leak->count;
		last_leak = *rec->leak;
		last = *rec->leak->socket;
	} else if (rec->kind == RECORD_CLOSE_WAIT_RESOLVED) {
		ends++;
		ends_told += rec->leak_resolved->count;
		last_end = *rec->leak_resolved;
		last_end_tuple = *rec->leak_resolved->t;
	} else if (rec->kind == RECORD_SUMMARY) {
		last_summary = *rec->summary;
	}
}

static int set_up(void **state)
{
	const struct conn_config config = {
		.max_connections = 100000,
		.summary_ns = S,
		.leak_threshold_ns = THRESHOLD,
		.wanted = 1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED | 1u << RECORD_SUMMARY,
	};

	(void)state;
	leaks = leaks_told = ends = ends_told = 0;
	return conn_table_new(&table, &config, on_record, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	conn_table_free(table);
	return 0;
}

static void feed(const struct wire_hdr *ev)
{
	assert_true(wire_valid(ev, ev->len));
	conn_table_feed(table, ev);
}

static void tick(uint64_t ts)
{
	struct wire_tick ev = {.hdr = {.ts = ts, .len = sizeof(ev), .kind = WIRE_TICK}};

	feed(&ev.hdr);
}

static void mark(unsigned int kind, uint64_t ts, int64_t value)
{
	struct wire_mark ev = {.hdr = {.ts = ts, .len = sizeof(ev), .kind = kind}, .value = value};

	feed(&ev.hdr);
}

struct state_event {
	struct wire_state wire;
	struct wire_task task;
};

static void change(uint64_t ts, uint64_t cookie, unsigned int from, unsigned int to, uint32_t pid, uint8_t flags)
{
	struct state_event ev = {.wire = {.hdr = {.ts = ts,
						  .cookie = cookie,
						  .len = sizeof(ev.wire),
						  .kind = WIRE_STATE,
						  .old_state = from,
						  .new_state = to,
						  .sk_flags = flags}},
				 .task = {.tgid = pid, .start_ns = pid, .comm = "server"}};

	if (pid) {
		ev.wire.hdr.parts = WIRE_PART_TASK;
		ev.wire.hdr.len = sizeof(ev);
	}
	feed(&ev.wire.hdr);
}

/* A connection that the peer closes at `ts`. */
static void leak(uint64_t ts, uint64_t cookie)
{
	change(ts - 2000, cookie, WIRE_SYN_RECV, WIRE_ESTABLISHED, 0, 0);
	change(ts, cookie, WIRE_ESTABLISHED, WIRE_CLOSE_WAIT, 0, WIRE_SK_DONE);
}

static void leaked(uint64_t ts, uint64_t from, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		leak(ts, from + i);
}

struct stuck {
	struct wire_leak wire;
	struct wire_task task;
	struct wire_ident ident;
};

static void found(uint64_t ts, uint64_t cookie, uint32_t pid, uint64_t age_ns)
{
	struct conn_tuple t = {0};
	struct stuck ev = {
		.wire = {.s = {.hdr = {.ts = ts,
				       .cookie = cookie,
				       .len = sizeof(ev),
				       .kind = WIRE_LEAK,
				       .parts = WIRE_PART_TASK | WIRE_PART_IDENT,
				       .old_state = WIRE_CLOSE_WAIT,
				       .new_state = WIRE_CLOSE_WAIT},
			       .rcv_nxt = 1},
			 .fd = 7,
			 .since_ack_ns = age_ns,
			 .since_data_ns = age_ns},
		.task = {.tgid = pid, .start_ns = pid, .comm = "server"},
	};

	sample_addresses(&t, AF_INET, "::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", 40000);
	ev.ident = t.id;
	feed(&ev.wire.s.hdr);
}

static void scan(uint64_t ts, uint64_t from, uint64_t count, uint32_t pid, uint64_t age_ns)
{
	mark(WIRE_LEAK_BEGIN, ts, 0);
	for (uint64_t i = 0; i < count; i++)
		found(ts, from + i, pid, age_ns);
	mark(WIRE_LEAK_END, ts, 1);
}

static void wants(uint64_t ts, bool expected)
{
	assert_int_equal(conn_table_wants_leak_scan(table, ts), expected);
}

/* Emitted once, when it passes the threshold, with the age that the event proves; and when it is closed. */
static void life_of_an_alert(void **state)
{
	(void)state;
	wants(BEGIN, false);
	leak(BEGIN, 1);
	wants(BEGIN, true); /* those older than the tool are scanned at once */
	scan(BEGIN + S, 1, 1, 200, S);
	assert_int_equal(leaks, 0);
	wants(BEGIN + 9 * S, false);
	wants(BEGIN + 10 * S, true);
	scan(BEGIN + 11 * S, 1, 1, 200, S); /* keepalive: the stamps say less than we saw */
	assert_int_equal(leaks, 1);
	assert_int_equal(last.age_ns, 11 * S);
	assert_false(last.age_is_lower_bound);
	assert_int_equal(last.t.task.tgid, 200);
	assert_int_equal(last.t.role, CONN_SERVER);
	assert_int_equal(last.verdict.cause, LEAK_EOF_UNREAD);
	assert_int_equal(last_leak.count, 1);
	assert_int_equal(last_leak.alert_cookie, 1);
	assert_int_equal(last_leak.group_open, 1);
	wants(BEGIN + 30 * S, false);
	scan(BEGIN + 30 * S, 1, 1, 200, S);
	assert_int_equal(leaks, 1);
	tick(BEGIN + 31 * S);
	assert_int_equal(last_summary.close_wait_over, 1);
	assert_int_equal(last_summary.close_wait_oldest_us, 31000000);

	change(BEGIN + 40 * S, 1, WIRE_CLOSE_WAIT, WIRE_LAST_ACK, 200, WIRE_SK_DONE);
	assert_int_equal(ends, 1);
	assert_int_equal(last_end.resolution, LEAK_CLOSED);
	assert_int_equal(last_end.in_state_ns, 40 * S);
	assert_int_equal(last_end.alert_cookie, 1);
	assert_int_equal(last_end_tuple.cookie, 1);
	tick(BEGIN + 41 * S);
	assert_int_equal(last_summary.close_wait_over, 0);
	wants(BEGIN + 60 * S, false);
}

static void short_ones_cost_nothing(void **state)
{
	(void)state;
	leak(BEGIN, 1);
	scan(BEGIN + S, 1, 1, 200, S);
	change(BEGIN + 5 * S, 1, WIRE_CLOSE_WAIT, WIRE_LAST_ACK, 200, WIRE_SK_DONE);
	wants(BEGIN + 20 * S, false);
	assert_int_equal(leaks + ends, 0);
}

/* Older than the tool: the kernel's stamps say how old at least, and when it will be due. */
static void older_than_the_tool(void **state)
{
	(void)state;
	leak(BEGIN, 3); /* as late as this in our list */
	leak(BEGIN, 4);
	mark(WIRE_LEAK_BEGIN, BEGIN + S, 0);
	found(BEGIN + S, 3, 200, S);
	found(BEGIN + S, 4, 200, S);
	mark(WIRE_LEAK_END, BEGIN + S, 1);
	wants(BEGIN + 2 * S, false);
	wants(BEGIN + 10 * S, true);
}

static void causes_of_the_end(void **state)
{
	static const struct {
		unsigned int to;
		uint32_t pid;
		uint8_t flags;
		enum leak_resolution how;
	} rows[] = {
		{WIRE_LAST_ACK, 200, 0, LEAK_CLOSED},
		{WIRE_LAST_ACK, 200, WIRE_SK_EXITING, LEAK_PROCESS_EXIT},
		{WIRE_CLOSE, 200, 0, LEAK_CLOSED}, /* with data unread */
		{WIRE_CLOSE, 200, WIRE_SK_EXITING, LEAK_PROCESS_EXIT},
		{WIRE_CLOSE, 0, 0, LEAK_RESET},
		{WIRE_CLOSE, 0, WIRE_SK_EXITING, LEAK_RESET}, /* a softirq in whatever exits */
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

	(void)state;
	leaked(BEGIN, 1, ROWS);
	mark(WIRE_LEAK_BEGIN, BEGIN + 20 * S, 0);
	for (size_t i = 0; i < ROWS; i++)
		found(BEGIN + 20 * S, 1 + i, 200 + (uint32_t)i, S);
	mark(WIRE_LEAK_END, BEGIN + 20 * S, 1);
	assert_int_equal(leaks, ROWS);
	for (size_t i = 0; i < ROWS; i++) {
		change(BEGIN + 30 * S, 1 + i, WIRE_CLOSE_WAIT, rows[i].to, rows[i].pid, rows[i].flags | WIRE_SK_DONE);
		assert_int_equal(ends, 1 + i);
		assert_int_equal(last_end.resolution, rows[i].how);
	}
}

/* 10,000 leaks of a process are six records, and their ends too; what the process does later is emitted in time, and all is
 * counted. */
static void many_are_few_records(void **state)
{
	uint64_t before;

	(void)state;
	leaked(BEGIN, 1, 10000);
	scan(BEGIN + 20 * S, 1, 10000, 200, S);
	assert_int_equal(leaks, 6);
	assert_int_equal(leaks_told, 10000);
	assert_int_equal(last_leak.count, 9995);
	assert_int_equal(last_leak.group_open, 10000);
	assert_int_equal(last_leak.alert_cookie, 1);

	leaked(BEGIN + 21 * S, 20001, 500); /* more, in the same minute: later */
	mark(WIRE_LEAK_BEGIN, BEGIN + 33 * S, 0);
	for (uint64_t i = 0; i < 500; i++)
		found(BEGIN + 33 * S, 20001 + i, 200, S);
	mark(WIRE_LEAK_END, BEGIN + 33 * S, 1);
	tick(BEGIN + 34 * S);
	assert_int_equal(leaks, 6);
	tick(BEGIN + 81 * S);
	assert_int_equal(leaks, 7);
	assert_int_equal(leaks_told, 10500);
	assert_true(last_leak.growth_known);
	assert_true(last_leak.growth_per_min > 0);

	before = leaks;
	for (uint64_t i = 0; i < 10000; i++)
		change(BEGIN + 90 * S + i, 1 + i, WIRE_CLOSE_WAIT, WIRE_LAST_ACK, 200, WIRE_SK_DONE | WIRE_SK_EXITING);
	for (uint64_t i = 0; i < 500; i++)
		change(BEGIN + 91 * S + i, 20001 + i, WIRE_CLOSE_WAIT, WIRE_LAST_ACK, 200, WIRE_SK_DONE | WIRE_SK_EXITING);
	tick(BEGIN + 92 * S);
	assert_int_equal(ends, 6);
	assert_int_equal(ends_told, 10500);
	assert_int_equal(last_end.resolution, LEAK_PROCESS_EXIT);
	assert_int_equal(leaks, before);
}

/* 2,000 processes with one each: the budget of records holds, and the stop emits the rest, but no end. */
static void many_groups(void **state)
{
	struct conn_table_stats stats;

	(void)state;
	leaked(BEGIN, 1, 2000);
	mark(WIRE_LEAK_BEGIN, BEGIN + 20 * S, 0);
	for (uint64_t i = 0; i < 2000; i++)
		found(BEGIN + 20 * S, 1 + i, 200 + (uint32_t)i, S);
	mark(WIRE_LEAK_END, BEGIN + 20 * S, 1);
	assert_in_range(leaks, 1, 60);
	tick(BEGIN + 30 * S);
	assert_in_range(leaks, 1, 60);
	tick(BEGIN + 81 * S);
	assert_in_range(leaks, 61, 120);
	conn_table_stop(table, BEGIN + 82 * S);
	assert_int_equal(leaks_told, 2000);
	assert_int_equal(ends_told, 0); /* they go on */
	conn_table_stats(table, &stats);
	assert_int_equal(stats.leaks_open, 2000);
}

/* Old enough, and the scan does not find it: emitted, with nothing known of it. */
static void unseen(void **state)
{
	(void)state;
	leak(BEGIN, 1);
	scan(BEGIN + 20 * S, 1, 0, 0, 0);
	assert_int_equal(leaks, 1);
	assert_int_equal(last.verdict.cause, LEAK_UNSEEN);
	assert_false(last.verdict.certain);
	assert_int_equal(last.age_ns, 20 * S);
	wants(BEGIN + 21 * S, false);
}

/* Its end was lost, and found out by a scan of all sockets. */
static void lost_end(void **state)
{
	(void)state;
	leak(BEGIN, 1);
	scan(BEGIN + 20 * S, 1, 1, 200, S);
	mark(WIRE_SCAN_BEGIN, BEGIN + 30 * S, WIRE_SCAN_RESYNC);
	mark(WIRE_SCAN_END, BEGIN + 30 * S, 1);
	assert_int_equal(ends, 1);
	assert_int_equal(last_end.resolution, LEAK_CLOSED);
}

int main(void)
{
#define ALERT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ALERT_TEST(life_of_an_alert),
		ALERT_TEST(short_ones_cost_nothing),
		ALERT_TEST(older_than_the_tool),
		ALERT_TEST(causes_of_the_end),
		ALERT_TEST(many_are_few_records),
		ALERT_TEST(many_groups),
		ALERT_TEST(unseen),
		ALERT_TEST(lost_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
