// SPDX-License-Identifier: GPL-2.0-only
/* Alerts of CLOSE_WAIT: when they are raised, how few records stand for how many sockets, and how they end. */
#include "sample.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/core/conn.h"
#include "src/core/wire_read.h"

#define S SAMPLE_S
#define THRESHOLD (10 * S)
#define BEGIN (1000 * S)
#define NAMES_MAX 4096

static struct conn_table *table;
static uint64_t leaks, leaks_told, ends, ends_told; /* records, and the sockets that they stand for */
static struct leak_socket last;
static struct leak_record last_leak;
static uint64_t least_open;        /* group_open of all records */
static int64_t open_as[NAMES_MAX]; /* of each alert's name: raised and not resolved */
static struct leak_alert names[NAMES_MAX];
static size_t names_len;
static struct leak_resolved_record last_end;
static struct conn_tuple last_end_tuple;
static struct conn_summary_record last_summary;

static void count_open(struct leak_alert name, int64_t change)
{
	size_t i = 0;

	while (i < names_len && (names[i].id != name.id || names[i].is_group != name.is_group))
		i++;
	if (i == names_len) {
		assert_true(names_len < NAMES_MAX);
		names[names_len++] = name;
	}
	open_as[i] += change;
	assert_true(open_as[i] >= 0); /* none is resolved that was not raised */
}

static void all_names_resolved(void)
{
	for (size_t i = 0; i < names_len; i++)
		assert_int_equal(open_as[i], 0);
}

static void on_record(void *ctx, const struct record *rec)
{
	(void)ctx;
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK) {
		leaks++;
		leaks_told += rec->leak->count;
		last_leak = *rec->leak;
		least_open = last_leak.group_open < least_open ? last_leak.group_open : least_open;
		count_open(rec->leak->alert, (int64_t)rec->leak->count);
		last = *rec->leak->socket;
	} else if (rec->kind == RECORD_CLOSE_WAIT_RESOLVED) {
		ends++;
		ends_told += rec->leak_resolved->count;
		last_end = *rec->leak_resolved;
		count_open(last_end.alert, -(int64_t)last_end.count);
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
	least_open = UINT64_MAX;
	names_len = 0;
	memset(open_as, 0, sizeof(open_as));
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

/* How a socket leaves CLOSE_WAIT; pid 0: in a softirq. */
struct leaving {
	unsigned int to;
	uint32_t pid;
	uint8_t flags, shutdown;
	uint16_t err;
};

static void change(uint64_t ts, uint64_t cookie, unsigned int from, const struct leaving *how)
{
	struct state_event ev = {
		.wire = {.hdr = {.ts = ts,
				 .cookie = cookie,
				 .len = sizeof(ev.wire),
				 .kind = WIRE_STATE,
				 .old_state = from,
				 .new_state = how->to,
				 .sk_flags = how->flags | (from != WIRE_SYN_RECV ? WIRE_SK_DONE : WIRE_SK_ORPHAN),
				 .shutdown = how->shutdown},
			 .err = how->err},
		.task = {.tgid = how->pid, .start_ns = how->pid, .comm = "server"}};

	if (how->pid) {
		ev.wire.hdr.parts = WIRE_PART_TASK;
		ev.wire.hdr.len = sizeof(ev);
	}
	feed(&ev.wire.hdr);
}

/* A connection that the peer closes at `ts`. */
static void leak(uint64_t ts, uint64_t cookie)
{
	change(ts - 2000, cookie, WIRE_SYN_RECV, &(struct leaving){.to = WIRE_ESTABLISHED});
	change(ts, cookie, WIRE_ESTABLISHED, &(struct leaving){.to = WIRE_CLOSE_WAIT, .shutdown = 1});
}

static const struct leaving closed = {WIRE_LAST_ACK, 200, 0, 3, 0}, exited = {WIRE_LAST_ACK, 200, WIRE_SK_EXITING, 3, 0},
			    timed_out = {WIRE_CLOSE, 0, 0, 1, ETIMEDOUT};

static void left(uint64_t ts, uint64_t from, uint64_t count, const struct leaving *how)
{
	for (uint64_t i = 0; i < count; i++)
		change(ts + i, from + i, WIRE_CLOSE_WAIT, how);
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
	assert_int_equal(last_leak.alert.id, 1);
	assert_int_equal(last_leak.group_open, 1);
	wants(BEGIN + 30 * S, false);
	scan(BEGIN + 30 * S, 1, 1, 200, S);
	assert_int_equal(leaks, 1);
	tick(BEGIN + 31 * S);
	assert_int_equal(last_summary.close_wait_over, 1);
	assert_int_equal(last_summary.close_wait_oldest_us, 31000000);

	left(BEGIN + 40 * S, 1, 1, &closed);
	assert_int_equal(ends, 1);
	assert_int_equal(last_end.resolution, LEAK_CLOSED);
	assert_int_equal(last_end.in_state_ns, 40 * S);
	assert_int_equal(last_end.alert.id, 1);
	assert_int_equal(last_end_tuple.cookie, 1);
	tick(BEGIN + 41 * S);
	assert_int_equal(last_summary.close_wait_over, 0);
	wants(BEGIN + 60 * S, false);
}

static void failed_scan(uint64_t ts)
{
	struct wire_mark end = {.hdr = {.ts = ts, .len = sizeof(end), .kind = WIRE_LEAK_END, .new_state = WIRE_REACH_PART}};

	mark(WIRE_LEAK_BEGIN, ts, 0);
	feed(&end.hdr);
}

/* What half a scan did not meet waits for the next one, which knows who holds it. */
static void failed_scan_settles_nothing(void **state)
{
	(void)state;
	leak(BEGIN, 1);
	failed_scan(BEGIN + 11 * S);
	assert_int_equal(leaks, 0);
	wants(BEGIN + 12 * S, true);
	scan(BEGIN + 12 * S, 1, 1, 200, S);
	assert_int_equal(leaks, 1);
	assert_int_equal(last.t.task.tgid, 200);
	failed_scan(BEGIN + 20 * S);
	tick(BEGIN + 21 * S);
	assert_int_equal(ends, 0);
}

/* If no scan works there is an alert all the same. */
static void scans_that_all_fail(void **state)
{
	(void)state;
	leak(BEGIN, 1);
	failed_scan(BEGIN + 11 * S);
	failed_scan(BEGIN + 16 * S);
	assert_int_equal(leaks, 0);
	failed_scan(BEGIN + 21 * S);
	assert_int_equal(leaks, 1);
	assert_int_equal(last.verdict.cause, LEAK_UNSEEN);
	wants(BEGIN + 22 * S, false);
}

static void short_ones_cost_nothing(void **state)
{
	(void)state;
	leak(BEGIN, 1);
	scan(BEGIN + S, 1, 1, 200, S);
	left(BEGIN + 5 * S, 1, 1, &closed);
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

/* tcp_reset() and the timers may run in the task of the socket's owner: in release_sock(), with what waited in the backlog. */
static void ways_of_ending(void **state)
{
	static const struct {
		struct leaving leaving;
		enum leak_resolution how;
	} rows[] = {
		{{WIRE_LAST_ACK, 200, 0, 3, 0}, LEAK_CLOSED},
		{{WIRE_LAST_ACK, 200, WIRE_SK_EXITING, 3, 0}, LEAK_PROCESS_EXIT},
		{{WIRE_CLOSE, 200, 0, 3, 0}, LEAK_CLOSED},            /* with data unread */
		{{WIRE_CLOSE, 200, 0, 3, EHOSTUNREACH}, LEAK_CLOSED}, /* an old error of IP_RECVERR */
		{{WIRE_CLOSE, 200, WIRE_SK_EXITING, 3, 0}, LEAK_PROCESS_EXIT},
		{{WIRE_CLOSE, 200, 0, 1, 0}, LEAK_CLOSED}, /* connect(AF_UNSPEC), close() of its listener */
		{{WIRE_CLOSE, 0, 0, 1, EPIPE}, LEAK_RESET},
		{{WIRE_CLOSE, 200, 0, 1, EPIPE}, LEAK_RESET},
		{{WIRE_CLOSE, 0, WIRE_SK_EXITING, 1, EPIPE}, LEAK_RESET}, /* a softirq in whatever exits */
		{{WIRE_CLOSE, 300, 0, 1, ECONNABORTED}, LEAK_RESET},      /* ss -K */
		{{WIRE_CLOSE, 0, 0, 1, ETIMEDOUT}, LEAK_TIMEOUT},
		{{WIRE_CLOSE, 200, 0, 1, ETIMEDOUT}, LEAK_TIMEOUT},
		{{WIRE_CLOSE, 0, 0, 1, EHOSTUNREACH}, LEAK_TIMEOUT}, /* with an ICMP answer to what was sent last */
		{{WIRE_CLOSE, 0, 0, 1, 0}, LEAK_UNKNOWN},
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
		left(BEGIN + 30 * S, 1 + i, 1, &rows[i].leaving);
		assert_int_equal(ends, 1 + i);
		assert_int_equal(last_end.resolution, rows[i].how);
	}
}

/*
 * Seven leaks of one process: five have an alert each, and two are in their group's, whose name no socket has. Each is resolved
 * under the name that it was raised with, once, and the two of the group by a record for each way of ending.
 */
static void alone_or_in_the_group(void **state)
{
	(void)state;
	leaked(BEGIN, 1, 7);
	scan(BEGIN + 20 * S, 1, 7, 200, S);
	assert_int_equal(leaks, 6);
	assert_true(last_leak.alert.is_group);
	assert_int_equal(last_leak.count, 2);
	left(BEGIN + 30 * S, 6, 1, &timed_out);
	left(BEGIN + 31 * S, 7, 1, &closed);
	assert_int_equal(ends, 0);
	tick(BEGIN + 90 * S);
	assert_int_equal(ends, 2);
	left(BEGIN + 91 * S, 1, 5, &exited);
	assert_int_equal(ends, 7);
	assert_false(last_end.alert.is_group);
	assert_int_equal(ends_told, 7);
	all_names_resolved();
}

/* One more than have an alert of their own: it is in the group, and so is its end, though the count is 1. */
static void the_only_one_of_a_group(void **state)
{
	(void)state;
	leaked(BEGIN, 1, 6);
	scan(BEGIN + 20 * S, 1, 6, 200, S);
	assert_int_equal(leaks, 6);
	assert_true(last_leak.alert.is_group);
	assert_int_equal(last_leak.count, 1);
	left(BEGIN + 30 * S, 6, 1, &closed);
	tick(BEGIN + 90 * S);
	assert_int_equal(ends, 1);
	assert_true(last_end.alert.is_group);
	left(BEGIN + 100 * S, 1, 5, &closed);
	all_names_resolved();
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
	assert_int_equal(least_open, 10000); /* the same in all alerts of the scan */
	assert_true(last_leak.alert.is_group);

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
	left(BEGIN + 90 * S, 1, 10000, &exited);
	left(BEGIN + 91 * S, 20001, 500, &exited);
	tick(BEGIN + 92 * S);
	assert_int_equal(ends, 6);
	assert_int_equal(ends_told, 10500);
	assert_int_equal(last_end.resolution, LEAK_PROCESS_EXIT);
	assert_int_equal(leaks, before);
	all_names_resolved();
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
	assert_int_equal(names_len, 2000); /* one process each, and each record names it */
}

/* Hundreds of processes that go on leaking share the records of a minute: each has its turn, and no end is without its leak. */
static void groups_take_turns(void **state)
{
	enum { PROCESSES = 100, EACH = 10 };

	(void)state;
	leaked(BEGIN, 1, PROCESSES * EACH);
	mark(WIRE_LEAK_BEGIN, BEGIN + 20 * S, 0);
	for (uint64_t i = 0; i < PROCESSES * EACH; i++)
		found(BEGIN + 20 * S, 1 + i, 200 + (uint32_t)(i % PROCESSES), S);
	mark(WIRE_LEAK_END, BEGIN + 20 * S, 1);
	for (uint64_t s = 30; s < 300; s += 10)
		tick(BEGIN + s * S);
	assert_int_equal(leaks_told, PROCESSES * EACH);
	left(BEGIN + 310 * S, 1, PROCESSES * EACH, &closed);
	for (uint64_t s = 320; s < 600; s += 10)
		tick(BEGIN + s * S);
	assert_int_equal(ends_told, PROCESSES * EACH);
	all_names_resolved();
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
	assert_int_equal(last_end.resolution, LEAK_UNKNOWN);
}

int main(void)
{
#define ALERT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ALERT_TEST(life_of_an_alert),
		ALERT_TEST(failed_scan_settles_nothing),
		ALERT_TEST(scans_that_all_fail),
		ALERT_TEST(short_ones_cost_nothing),
		ALERT_TEST(older_than_the_tool),
		ALERT_TEST(ways_of_ending),
		ALERT_TEST(alone_or_in_the_group),
		ALERT_TEST(the_only_one_of_a_group),
		ALERT_TEST(many_are_few_records),
		ALERT_TEST(many_groups),
		ALERT_TEST(groups_take_turns),
		ALERT_TEST(unseen),
		ALERT_TEST(lost_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
