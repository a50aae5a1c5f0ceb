// SPDX-License-Identifier: GPL-2.0-only
/* Alerts over a restart: what one table keeps is fed into the next one. */
#include "sample.h"

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
#define STOP (BEGIN + 30 * S)
#define START (BEGIN + 50 * S) /* of the next run */
#define PID 200
#define KEPT_MAX 64
#define RECORDS_MAX 64

#define WRITTEN_WALL_NS INT64_C(1700000000000000000)
#define MANY 20000

static struct conn_table *table;
static uint64_t before_written_ns = STOP; /* by the run before */
static union {
	struct wire_hdr hdr;
	char bytes[256];
} kept[KEPT_MAX];
static size_t kept_len;
static struct leak_record leaks[RECORDS_MAX];
static struct leak_socket sockets[RECORDS_MAX];
static struct leak_resolved_record ends[RECORDS_MAX];
static char boots[RECORDS_MAX][40];
static size_t leaks_len, ends_len;

static void on_record(void *ctx, const struct record *rec)
{
	(void)ctx;
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK) {
		assert_true(leaks_len < RECORDS_MAX);
		sockets[leaks_len] = *rec->leak->socket;
		leaks[leaks_len++] = *rec->leak;
	} else if (rec->kind == RECORD_CLOSE_WAIT_RESOLVED) {
		assert_true(ends_len < RECORDS_MAX);
		ends[ends_len] = *rec->leak_resolved;
		if (rec->leak_resolved->boot_id) {
			snprintf(boots[ends_len], sizeof(boots[0]), "%s", rec->leak_resolved->boot_id);
			ends[ends_len].boot_id = boots[ends_len];
		}
		ends_len++;
	}
}

static void new_table(void)
{
	const struct conn_config config = {
		.max_connections = MANY,
		.leak_threshold_ns = THRESHOLD,
		.wanted = 1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED,
	};

	conn_table_free(table);
	assert_int_equal(conn_table_new(&table, &config, on_record, NULL), 0);
	leaks_len = ends_len = 0;
}

static int set_up(void **state)
{
	(void)state;
	new_table();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	conn_table_free(table);
	table = NULL;
	return 0;
}

static void feed(const struct wire_hdr *ev)
{
	assert_true(wire_valid(ev, ev->len));
	conn_table_feed(table, ev);
}

static void mark(unsigned int kind, uint64_t ts, int64_t value, uint8_t reach)
{
	struct wire_mark ev = {.hdr = {.ts = ts, .len = sizeof(ev), .kind = kind, .new_state = reach}, .value = value};

	feed(&ev.hdr);
}

static void tick(uint64_t ts)
{
	struct wire_tick ev = {.hdr = {.ts = ts, .len = sizeof(ev), .kind = WIRE_TICK}};

	feed(&ev.hdr);
}

/* The addresses of a socket follow from its cookie. */
static struct wire_ident ident_of(uint64_t cookie)
{
	struct conn_tuple t = {0};

	sample_addresses(&t, AF_INET, "::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", (uint16_t)(40000 + cookie % 1000));
	return t.id;
}

struct state_event {
	struct wire_state wire;
	struct wire_ident ident;
};

static void change(uint64_t ts, uint64_t cookie, unsigned int from, unsigned int to)
{
	struct state_event ev = {.wire = {.hdr = {.ts = ts,
						  .cookie = cookie,
						  .len = sizeof(ev),
						  .kind = WIRE_STATE,
						  .parts = WIRE_PART_IDENT,
						  .old_state = from,
						  .new_state = to,
						  .sk_flags = WIRE_SK_DONE,
						  .shutdown = to == WIRE_CLOSE_WAIT ? 1 : 3}},
				 .ident = ident_of(cookie)};

	feed(&ev.wire.hdr);
}

struct scan_event {
	struct wire_scan wire;
	struct wire_ident ident;
};

/* What exists at the start: `count` sockets in CLOSE_WAIT. */
static void start_scan(uint64_t ts, uint64_t from, uint64_t count)
{
	mark(WIRE_SCAN_BEGIN, ts, WIRE_SCAN_STARTUP, 0);
	for (uint64_t cookie = from; cookie < from + count; cookie++) {
		struct scan_event ev = {.wire = {.s.hdr = {.ts = ts,
							   .cookie = cookie,
							   .len = sizeof(ev),
							   .kind = WIRE_SCAN,
							   .parts = WIRE_PART_IDENT,
							   .old_state = WIRE_CLOSE_WAIT,
							   .new_state = WIRE_CLOSE_WAIT},
						 .fd = -1},
					.ident = ident_of(cookie)};

		feed(&ev.wire.s.hdr);
	}
	mark(WIRE_SCAN_END, ts, 1, 0);
}

struct stuck {
	struct wire_leak wire;
	struct wire_task task;
	struct wire_ident ident;
};

/* A leak scan that finds `count` sockets, for which the kernel proves an age of `age_ns`. */
static void leak_scan(uint64_t ts, uint64_t from, uint64_t count, uint64_t age_ns, uint8_t reach)
{
	mark(WIRE_LEAK_BEGIN, ts, 0, 0);
	for (uint64_t cookie = from; cookie < from + count; cookie++) {
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
				 .flags = WIRE_LEAK_ACCEPTED,
				 .since_ack_ns = age_ns,
				 .since_data_ns = age_ns},
			.task = {.tgid = PID, .start_ns = PID, .comm = "server"},
			.ident = ident_of(cookie),
		};

		feed(&ev.wire.s.hdr);
	}
	mark(WIRE_LEAK_END, ts, 1, reach);
}

/* An event_fn. */
static void keep(void *ctx, const struct wire_hdr *ev)
{
	(void)ctx;
	assert_true(kept_len < KEPT_MAX && ev->len <= sizeof(kept[0]));
	assert_true(wire_valid(ev, ev->len));
	memcpy(&kept[kept_len++], ev, ev->len);
}

/* `count` sockets leak, and the run ends at STOP. */
static void first_run(uint64_t count)
{
	for (uint64_t cookie = 1; cookie <= count; cookie++)
		change(BEGIN, cookie, WIRE_ESTABLISHED, WIRE_CLOSE_WAIT);
	leak_scan(BEGIN + 20 * S, 1, count, S, WIRE_REACH_WHOLE);
	assert_int_equal(leaks_len, count > 5 ? 6 : count);
	tick(STOP);
	kept_len = 0;
	conn_table_keep(table, true, keep, NULL);
	assert_int_equal(kept_len, count);
}

/* The next run is told what was kept. */
static void next_run(uint32_t flags)
{
	struct wire_before before = {.hdr = {.ts = START, .len = sizeof(before), .kind = WIRE_BEFORE},
				     .written_ns = before_written_ns,
				     .written_wall_ns = WRITTEN_WALL_NS,
				     .flags = flags,
				     .boot_id = "01234567-89ab-cdef-0123-456789abcdef",
				     .instance = "0123456789ab"};

	new_table();
	feed(&before.hdr);
	for (size_t i = 0; i < kept_len; i++) {
		kept[i].hdr.ts = START;
		feed(&kept[i].hdr);
	}
}

/* The same id, and the age that the run before saw begin. */
static void goes_on(void **state)
{
	(void)state;
	first_run(1);
	next_run(WIRE_BEFORE_ENDED);
	assert_true(conn_table_wants_leak_scan(table, START));
	start_scan(START, 1, 1);
	leak_scan(START + S, 1, 1, 2 * S, WIRE_REACH_WHOLE);
	assert_int_equal(leaks_len, 1);
	assert_true(leaks[0].resumed);
	assert_int_equal(leaks[0].alert.id, 1);
	assert_false(leaks[0].alert.is_group);
	assert_int_equal(sockets[0].age_ns, 51 * S);
	assert_false(sockets[0].age_is_lower_bound);
	assert_true(sockets[0].age_from_before);
	assert_int_equal(sockets[0].t.task.tgid, PID);
	leak_scan(START + 20 * S, 1, 1, 2 * S, WIRE_REACH_WHOLE);
	assert_int_equal(leaks_len, 1);
	change(START + 30 * S, 1, WIRE_CLOSE_WAIT, WIRE_LAST_ACK);
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].alert.id, 1);
	assert_int_equal(ends[0].in_state_ns, 80 * S);
	assert_int_equal(ends[0].after_wall_ns, 0);
	assert_int_not_equal(ends[0].resolution, LEAK_WHILE_DOWN);
}

/* Five have an alert of their own and two are in their group's: each stays where it was. */
static void groups_go_on(void **state)
{
	uint64_t single = 0, counted = 0, group = 0;

	(void)state;
	first_run(7);
	group = leaks[5].alert.id;
	next_run(0);
	start_scan(START, 1, 7);
	leak_scan(START + S, 1, 7, 2 * S, WIRE_REACH_WHOLE);
	for (size_t i = 0; i < leaks_len; i++) {
		assert_true(leaks[i].resumed);
		assert_int_equal(leaks[i].group_open, 7);
		single += !leaks[i].alert.is_group;
		if (leaks[i].alert.is_group) {
			assert_int_equal(leaks[i].alert.id, group);
			counted += leaks[i].count;
		}
	}
	assert_int_equal(single, 5);
	assert_int_equal(counted, 2);
	for (uint64_t cookie = 1; cookie <= 7; cookie++)
		change(START + 30 * S, cookie, WIRE_CLOSE_WAIT, WIRE_LAST_ACK);
	tick(START + 31 * S);
	assert_int_equal(ends_len, 6);
	assert_int_equal(ends[5].count, 2);
	assert_int_equal(ends[5].alert.id, group);
}

/* A socket that no scan finds is gone, and between which times is said. */
static void gone_while_down(void **state)
{
	(void)state;
	first_run(2);
	next_run(0);
	start_scan(START, 2, 1);
	leak_scan(START + S, 2, 1, 2 * S, WIRE_REACH_WHOLE);
	assert_int_equal(leaks_len, 1);
	assert_int_equal(leaks[0].alert.id, 2);
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].alert.id, 1);
	assert_int_equal(ends[0].resolution, LEAK_WHILE_DOWN);
	assert_int_equal(ends[0].in_state_ns, 30 * S);
	assert_true(ends[0].age_is_lower_bound);
	assert_int_equal(ends[0].after_wall_ns, WRITTEN_WALL_NS);
	assert_null(ends[0].boot_id);
	assert_false(conn_table_wants_leak_scan(table, START + 2 * S)); /* nothing waits */
}

/* A scan that failed shows of no socket that it is gone, and the next run still knows the alert. */
static void not_resolved_by_half_a_scan(void **state)
{
	(void)state;
	first_run(1);
	next_run(0);
	start_scan(START, 1, 0);
	leak_scan(START + S, 1, 0, 0, WIRE_REACH_PART);
	assert_int_equal(leaks_len + ends_len, 0);
	assert_false(conn_table_wants_leak_scan(table, START + 2 * S));
	assert_true(conn_table_wants_leak_scan(table, START + 62 * S));
	kept_len = 0;
	conn_table_keep(table, true, keep, NULL);
	assert_int_equal(kept_len, 1);
	assert_int_equal(((struct wire_known *)&kept[0])->unseen_s, 21); /* from STOP on */
	leak_scan(START + 62 * S, 1, 0, 0, WIRE_REACH_HELD); /* a process held it: it would be met in any namespace */
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].resolution, LEAK_WHILE_DOWN);
}

/* A run that ends before its first scan has not seen it: the time is that of the run before it. */
static void seen_by_the_run_before_that(void **state)
{
	(void)state;
	first_run(1);
	next_run(0);
	tick(START + 5 * S);
	kept_len = 0;
	conn_table_keep(table, true, keep, NULL);
	assert_int_equal(kept_len, 1);
	before_written_ns = START + 5 * S;
	next_run(0);
	leak_scan(START + 10 * S, 1, 0, 0, WIRE_REACH_WHOLE);
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].in_state_ns, 30 * S);
	assert_int_equal(ends[0].after_wall_ns, WRITTEN_WALL_NS - (int64_t)(25 * S));
	before_written_ns = STOP;
}

/* An event_fn. */
static void count(void *ctx, const struct wire_hdr *ev)
{
	*(size_t *)ctx += ((const struct wire_known *)ev)->flags & WIRE_KNOWN_ALERT;
}

/* As many as there is room for. */
static void bounded(void **state)
{
	size_t alerts = 0;

	(void)state;
	for (uint64_t cookie = 1; cookie <= MANY; cookie++)
		change(BEGIN, cookie, WIRE_ESTABLISHED, WIRE_CLOSE_WAIT);
	leak_scan(BEGIN + 20 * S, 1, MANY, S, WIRE_REACH_WHOLE);
	tick(STOP);
	conn_table_keep(table, true, count, &alerts);
	assert_int_equal(alerts, 16384);
}

/* It is closed between the start and the first leak scan: it goes on, and then it ends as any other. */
static void closed_before_the_first_scan(void **state)
{
	(void)state;
	first_run(1);
	next_run(0);
	start_scan(START, 1, 1);
	change(START + S, 1, WIRE_CLOSE_WAIT, WIRE_LAST_ACK);
	assert_int_equal(leaks_len, 1);
	assert_true(leaks[0].resumed);
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].alert.id, 1);
	assert_int_equal(ends[0].in_state_ns, 51 * S);
	assert_false(ends[0].age_is_lower_bound);
}

static void host_restarted(void **state)
{
	(void)state;
	first_run(7);
	next_run(WIRE_BEFORE_OTHER_BOOT);
	tick(START + S);
	assert_int_equal(ends_len, 6);
	for (size_t i = 0; i < ends_len; i++) {
		assert_int_equal(ends[i].resolution, LEAK_HOST_RESTART);
		assert_memory_equal(ends[i].boot_id, "01234567", BOOT_DIGITS);
		assert_int_equal(ends[i].in_state_ns, 30 * S);
	}
	assert_true(ends[5].alert.is_group);
	assert_int_equal(ends[5].count, 2);
}

/* What a state says of another boot is compared with no clock of this one. */
static void host_restarted_after_ages(void **state)
{
	(void)state;
	first_run(1);
	before_written_ns = UINT64_MAX;
	next_run(WIRE_BEFORE_OTHER_BOOT);
	tick(START + S);
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].in_state_ns, WIRE_AGE_NS_MAX);
	before_written_ns = STOP;
}

/* What a kill leaves: five alerts of their own, and of the group's four sockets one end with a record and two without. */
static uint64_t killed_while_ends_wait(void)
{
	uint64_t changes, group;

	first_run(9);
	group = leaks[5].alert.id;
	change(STOP + S, 6, WIRE_CLOSE_WAIT, WIRE_LAST_ACK);
	tick(STOP + S);
	assert_int_equal(ends_len, 1);
	change(STOP + 2 * S, 7, WIRE_CLOSE_WAIT, WIRE_LAST_ACK);
	change(STOP + 2 * S, 8, WIRE_CLOSE_WAIT, WIRE_LAST_ACK);
	tick(STOP + 3 * S);
	assert_int_equal(ends_len, 1); /* at most one a minute */
	changes = conn_table_kept_changes(table);
	kept_len = 0;
	conn_table_keep(table, false, keep, NULL);
	assert_int_equal(kept_len, 1 + 6);
	assert_int_equal(kept[0].hdr.kind, WIRE_ENDED);
	tick(STOP + 70 * S); /* now they have a record, so what was kept is out of date */
	assert_int_equal(ends_len, 2);
	assert_int_equal(ends[1].count, 2);
	assert_int_not_equal(conn_table_kept_changes(table), changes);
	return group;
}

static void ends_that_waited(void **state)
{
	uint64_t group = killed_while_ends_wait();

	(void)state;
	next_run(0);
	tick(START + S);
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].alert.id, group);
	assert_true(ends[0].alert.is_group);
	assert_int_equal(ends[0].count, 2);
	assert_int_equal(ends[0].resolution, LEAK_CLOSED);
	assert_int_equal(ends[0].in_state_ns, 32 * S);
	assert_true(ends[0].from_before);
	assert_int_equal(ends[0].after_wall_ns, 0);
	assert_null(ends[0].boot_id);
	tick(START + 100 * S);
	assert_int_equal(ends_len, 1);
	kept_len = 0;
	conn_table_keep(table, false, keep, NULL);
	for (size_t i = 0; i < kept_len; i++)
		assert_int_equal(kept[i].hdr.kind, WIRE_KNOWN); /* it has its record now */
}

/* Each record is of one run: how many that has seen end. */
static void no_record_is_of_two_runs(void **state)
{
	(void)state;
	killed_while_ends_wait();
	next_run(0);
	start_scan(START, 9, 1);
	leak_scan(START, 9, 1, 2 * S, WIRE_REACH_WHOLE);
	leaks_len = ends_len = 0;
	feed(&kept[0].hdr);
	change(START + S, 9, WIRE_CLOSE_WAIT, WIRE_LAST_ACK);
	tick(START + 100 * S);
	assert_int_equal(ends_len, 2);
	assert_true(ends[0].from_before);
	assert_int_equal(ends[0].count, 2);
	assert_false(ends[1].from_before);
	assert_int_equal(ends[1].count, 1);
}

/* Killed, then the host restarts, and the run after that is killed, too, before it has written any record. */
static void ends_that_waited_for_two_runs(void **state)
{
	uint64_t group = killed_while_ends_wait();

	(void)state;
	next_run(WIRE_BEFORE_OTHER_BOOT);
	kept_len = 0;
	conn_table_keep(table, false, keep, NULL);
	next_run(0);
	tick(START + S);
	assert_int_equal(ends_len, 2); /* those that waited, and the one that was open; the others had records of their own */
	for (size_t i = 0; i < ends_len; i++) {
		assert_int_equal(ends[i].alert.id, group);
		assert_memory_equal(ends[i].boot_id, "01234567", BOOT_DIGITS);
		assert_int_equal(ends[i].resolution == LEAK_CLOSED ? 2 : 1, ends[i].count);
		assert_int_equal(ends[i].resolution == LEAK_CLOSED, ends[i].after_wall_ns == 0);
	}
}

/* A state that somebody edited. */
static void hostile_ends(void **state)
{
	struct wire_ended *ended = (void *)&kept[0], good;

	(void)state;
	killed_while_ends_wait();
	good = *ended;
	assert_true(wire_valid(&kept[0].hdr, kept[0].hdr.len));
#define REFUSED(field, value)                                                                                                  \
	do {                                                                                                                   \
		ended->field = value;                                                                                          \
		assert_false(wire_valid(&kept[0].hdr, kept[0].hdr.len));                                                       \
		*ended = good;                                                                                                 \
	} while (0)
	REFUSED(count, 0);
	REFUSED(count, UINT64_MAX);
	REFUSED(in_state_ns, UINT64_MAX);
	REFUSED(after_wall_ns, -1);
	REFUSED(resolution, LEAK_RESOLUTION_MAX);
	REFUSED(known.cause, LEAK_CAUSE_MAX);
	REFUSED(known.hdr.cookie, 0);
	REFUSED(boot_id[0], 'x');
	memset(ended->boot_id, 'a', sizeof(ended->boot_id));
	assert_false(wire_valid(&kept[0].hdr, kept[0].hdr.len));
}

/* The same cookie, but other addresses: it has connected again. The old alert is over, and the new life is young. */
static void another_life(void **state)
{
	struct wire_known *known = (void *)&kept[0];

	(void)state;
	first_run(1);
	((struct wire_ident *)((char *)(known + 1) + sizeof(struct wire_task)))->local_port++;
	next_run(0);
	start_scan(START, 1, 1);
	leak_scan(START + S, 1, 1, 2 * S, WIRE_REACH_WHOLE);
	assert_int_equal(leaks_len, 0);
	assert_int_equal(ends_len, 1);
	assert_int_equal(ends[0].resolution, LEAK_WHILE_DOWN);
}

/* No alert yet, but its FIN was seen: the age stays exact, and the alert comes in time. */
static void young_ones_keep_their_age(void **state)
{
	(void)state;
	change(BEGIN, 1, WIRE_ESTABLISHED, WIRE_CLOSE_WAIT);
	tick(BEGIN + 5 * S);
	kept_len = 0;
	conn_table_keep(table, true, keep, NULL);
	assert_int_equal(kept_len, 1);
	next_run(0);
	start_scan(START, 1, 1);
	leak_scan(START + S, 1, 1, S, WIRE_REACH_WHOLE);
	assert_int_equal(leaks_len, 1);
	assert_false(leaks[0].resumed);
	assert_int_equal(sockets[0].age_ns, 51 * S);
	assert_false(sockets[0].age_is_lower_bound);
	assert_true(sockets[0].age_from_before);
}

/* A file may have been edited: an age that the kernel's stamps exceed is not believed, nor one that begins in the future. */
static void wrong_ages(void **state)
{
	(void)state;
	first_run(1);
	next_run(0);
	start_scan(START, 1, 1);
	leak_scan(START + S, 1, 1, 70 * S, WIRE_REACH_WHOLE);
	assert_int_equal(sockets[0].age_ns, 70 * S);
	assert_true(sockets[0].age_is_lower_bound);

	((struct wire_known *)&kept[0])->since_ns = UINT64_MAX;
	next_run(0);
	start_scan(START, 1, 1);
	leak_scan(START + S, 1, 1, 2 * S, WIRE_REACH_WHOLE);
	assert_int_equal(sockets[0].age_ns, 2 * S);
}

/* Killed before the group's record was due: no record has counted the sockets, so that the next run's is none of a resumed one.
 */
static void counted_later(void **state)
{
	(void)state;
	first_run(7);
	for (uint64_t cookie = 8; cookie <= 10; cookie++)
		change(STOP, cookie, WIRE_ESTABLISHED, WIRE_CLOSE_WAIT);
	leak_scan(STOP + 11 * S, 1, 10, S, WIRE_REACH_WHOLE); /* in the same minute: three wait */
	kept_len = 0;
	conn_table_keep(table, false, keep, NULL);
	assert_int_equal(kept_len, 10);
	next_run(0);
	start_scan(START, 1, 10);
	leak_scan(START + S, 1, 10, 2 * S, WIRE_REACH_WHOLE);
	assert_int_equal(leaks_len, 7);
	for (size_t i = 0; i < leaks_len; i++) {
		if (leaks[i].alert.is_group)
			assert_int_equal(leaks[i].count, leaks[i].resumed ? 2 : 3);
	}
}

int main(void)
{
#define RESUME_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		RESUME_TEST(goes_on),
		RESUME_TEST(groups_go_on),
		RESUME_TEST(gone_while_down),
		RESUME_TEST(not_resolved_by_half_a_scan),
		RESUME_TEST(seen_by_the_run_before_that),
		RESUME_TEST(bounded),
		RESUME_TEST(closed_before_the_first_scan),
		RESUME_TEST(host_restarted),
		RESUME_TEST(host_restarted_after_ages),
		RESUME_TEST(ends_that_waited),
		RESUME_TEST(no_record_is_of_two_runs),
		RESUME_TEST(ends_that_waited_for_two_runs),
		RESUME_TEST(hostile_ends),
		RESUME_TEST(another_life),
		RESUME_TEST(young_ones_keep_their_age),
		RESUME_TEST(wrong_ages),
		RESUME_TEST(counted_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
