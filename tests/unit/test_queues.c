// SPDX-License-Identifier: GPL-2.0-only
/* Accept queues in the summary: which listeners have a row, what they dropped since when, and who cannot be pushed out. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/core/conn.h"
#include "src/core/rows.h"
#include "src/core/wire_read.h"

#define S SAMPLE_S

static struct conn_summary_record last;
static unsigned int summaries;

static void take(void *ctx, const struct record *rec)
{
	(void)ctx;
	if (rec->kind != RECORD_SUMMARY)
		return;
	last = *rec->summary;
	summaries++;
}

static struct conn_table *new_table(void)
{
	const struct conn_config config = {.max_connections = 8, .summary_ns = S, .wanted = 1u << RECORD_SUMMARY};
	struct conn_table *table;

	summaries = 0;
	assert_int_equal(conn_table_new(&table, &config, take, NULL), 0);
	return table;
}

struct listening {
	struct wire_listener wire;
	struct wire_ident ident;
};

struct reading {
	uint64_t ts, cookie;
	uint32_t queue, limit, drops;
	uint8_t old, new; /* 0: LISTEN */
	uint32_t netns;   /* 0: 1 */
};

static void feed_reading(struct conn_table *table, struct reading r)
{
	struct listening ev = {
		.wire = {.hdr = {.ts = r.ts,
				 .cookie = r.cookie,
				 .len = sizeof(ev),
				 .kind = WIRE_LISTENER,
				 .parts = WIRE_PART_IDENT,
				 .old_state = r.old ? r.old : WIRE_LISTEN,
				 .new_state = r.new ? r.new : WIRE_LISTEN},
			 .at = {.queue = r.queue, .limit = r.limit, .drops = r.drops}},
		.ident = {.netns = r.netns ? r.netns : 1, .local_port = (uint16_t)(1000 + r.cookie), .family = AF_INET6},
	};

	assert_true(wire_valid(&ev.wire.hdr, sizeof(ev)));
	conn_table_feed(table, &ev.wire.hdr);
}

static void feed_state(struct conn_table *table, uint64_t ts, uint64_t cookie, uint8_t old, uint8_t new)
{
	struct {
		struct wire_state state;
		struct wire_task task;
		struct wire_ident ident;
	} ev = {
		.state = {.hdr = {.ts = ts,
				  .cookie = cookie,
				  .len = sizeof(ev),
				  .kind = WIRE_STATE,
				  .parts = WIRE_PART_TASK | WIRE_PART_IDENT,
				  .old_state = old,
				  .new_state = new}},
		.task = {.tgid = 7, .start_ns = 1, .comm = "server"},
		.ident = {.netns = 1, .local_port = (uint16_t)(1000 + cookie), .family = AF_INET6},
	};

	assert_true(wire_valid(&ev.state.hdr, sizeof(ev)));
	conn_table_feed(table, &ev.state.hdr);
}

static void tick(struct conn_table *table, uint64_t ts)
{
	struct wire_tick ev = {.hdr = {.ts = ts, .len = sizeof(ev), .kind = WIRE_TICK}};
	unsigned int before = summaries;

	last = (struct conn_summary_record){0};
	conn_table_feed(table, &ev.hdr);
	assert_int_equal(summaries, before + 1);
}

static void expect_row(unsigned int at, uint16_t port, uint64_t drops, uint64_t interval_us)
{
	assert_true(at < last.listeners_len);
	assert_int_equal(last.listeners[at].local_port, port);
	assert_int_equal(last.listeners[at].drops, drops);
	assert_int_equal(last.listeners[at].interval_us, interval_us);
}

/* What a listener older than the tool dropped before the first reading is nobody's; later only the difference counts. */
static void test_drops(void **state)
{
	struct conn_table *t = new_table();

	(void)state;
	feed_reading(t, (struct reading){.ts = S, .cookie = 1, .drops = UINT32_MAX - 1});
	feed_reading(t, (struct reading){.ts = S, .cookie = 2, .queue = 5, .limit = 4});
	tick(t, 2 * S);
	assert_int_equal(last.listeners_len, 1); /* full; whether it dropped anything is not known */
	expect_row(0, 1002, 0, 0);
	feed_reading(t, (struct reading){.ts = 3 * S, .cookie = 1, .drops = 3}); /* the counter has 32 bits */
	feed_reading(t, (struct reading){.ts = 3 * S, .cookie = 2, .queue = 4, .limit = 4});
	tick(t, 3 * S);
	assert_int_equal(last.listeners_len, 1);
	expect_row(0, 1001, 5, 2000000);
	feed_reading(t, (struct reading){.ts = 4 * S, .cookie = 1, .drops = 3});
	tick(t, 4 * S);
	assert_int_equal(last.listeners_len, 0);
	tick(t, 5 * S); /* no survey came before it */
	assert_int_equal(last.listeners_len, 0);
	conn_table_free(t);
}

/* One that begins has dropped nothing yet, whatever its socket did before; one that ends is read as it does. */
static void test_begin_and_end(void **state)
{
	struct conn_table *t = new_table();

	(void)state;
	feed_state(t, S + 1, 3, WIRE_CLOSE, WIRE_LISTEN);
	feed_reading(t, (struct reading){.ts = S + 1, .cookie = 3, .drops = 40, .old = WIRE_CLOSE});
	feed_reading(t, (struct reading){.ts = S + S / 2, .cookie = 3, .queue = 1, .limit = 4, .drops = 42, .new = WIRE_CLOSE});
	feed_state(t, S + S / 2, 3, WIRE_LISTEN, WIRE_CLOSE);
	tick(t, 2 * S + 1);
	assert_int_equal(last.listeners_len, 1);
	expect_row(0, 1003, 2, 499999);
	assert_true(last.listeners[0].ended);
	assert_int_equal(last.listeners[0].task.tgid, 7);
	assert_int_equal(last.by_state[WIRE_LISTEN], 0);
	tick(t, 3 * S + 1);
	assert_int_equal(last.listeners_len, 0);
	conn_table_free(t);
}

/* A thousand listeners that overflow, and end, and begin later, do not push out the one that listened before them. */
static void test_pushed_out(void **state)
{
	struct conn_table *t = new_table();
	uint64_t sum = 0;
	bool found = false;

	(void)state;
	feed_reading(t, (struct reading){.ts = S, .cookie = 1});
	tick(t, 2 * S);
	for (uint64_t cookie = 100; cookie < 1100; cookie++) {
		feed_reading(t, (struct reading){.ts = 2 * S + cookie, .cookie = cookie, .old = WIRE_CLOSE});
		feed_reading(t, (struct reading){.ts = 3 * S,
						 .cookie = cookie,
						 .queue = 5,
						 .drops = 1000,
						 .new = cookie % 2 ? WIRE_CLOSE : WIRE_LISTEN});
		if (cookie % 2)
			feed_state(t, 3 * S, cookie, WIRE_LISTEN, WIRE_CLOSE);
	}
	feed_reading(t, (struct reading){.ts = 3 * S, .cookie = 1, .drops = 1});
	tick(t, 3 * S);
	assert_int_equal(last.listeners_len, CONN_SUMMARY_ROWS);
	for (unsigned int i = 0; i < last.listeners_len; i++) {
		found |= last.listeners[i].local_port == 1001;
		sum += last.listeners[i].drops;
	}
	assert_true(found);
	assert_int_equal(last.listeners_rest.count, 1001 - CONN_SUMMARY_ROWS);
	assert_int_equal(sum + last.listeners_rest.drops, 1000 * 1000 + 1);
	conn_table_free(t);
}

struct counted {
	uint64_t ts;
	uint32_t netns;
	uint64_t cookie, sent;
	bool first;
	uint16_t unknown;
};

static void feed_counts(struct conn_table *table, struct counted c)
{
	struct wire_netns ev = {
		.hdr = {.ts = c.ts, .len = sizeof(ev), .kind = WIRE_NETNS},
		.netns = c.netns,
		.known = (1u << WIRE_NETNS_COUNTS) - 1 - c.unknown,
		.first = c.first,
		.cookie = c.cookie,
		.counts = {[WIRE_NETNS_COOKIES_SENT] = c.sent},
	};

	assert_true(wire_valid(&ev.hdr, sizeof(ev)));
	conn_table_feed(table, &ev.hdr);
}

static void expect_namespace(unsigned int at, uint32_t netns, uint64_t sent, uint64_t interval_us)
{
	assert_true(at < last.namespaces_len);
	assert_int_equal(last.namespaces[at].netns, netns);
	assert_int_equal(last.namespaces[at].counts[WIRE_NETNS_COOKIES_SENT], sent);
	assert_int_equal(last.namespaces[at].interval_us, interval_us);
}

/* Before the run: not counted. A new namespace, also one with a number that another had: all of it. */
static void test_namespaces(void **state)
{
	struct conn_table *t = new_table();

	(void)state;
	feed_counts(t, (struct counted){.ts = S, .netns = 5, .cookie = 1, .sent = 100, .first = true});
	tick(t, 2 * S); /* a replay may have summaries between surveys */
	assert_int_equal(last.namespaces_len, 0);
	feed_counts(t, (struct counted){.ts = 3 * S, .netns = 5, .cookie = 1, .sent = 107, .unknown = 1u << WIRE_NETNS_DROPS});
	feed_counts(t, (struct counted){.ts = 3 * S, .netns = 6, .cookie = 2, .sent = 0});
	tick(t, 3 * S);
	assert_int_equal(last.namespaces_len, 1);
	expect_namespace(0, 5, 7, 2000000);
	assert_false(last.namespaces[0].known & 1u << WIRE_NETNS_DROPS);
	feed_counts(t, (struct counted){.ts = 4 * S, .netns = 5, .cookie = 3, .sent = 300});
	feed_counts(t, (struct counted){.ts = 4 * S, .netns = 6, .cookie = 2, .sent = 4});
	tick(t, 4 * S);
	assert_int_equal(last.namespaces_len, 2);
	expect_namespace(0, 5, 300, 0);
	expect_namespace(1, 6, 4, 1000000);
	feed_counts(t, (struct counted){.ts = 5 * S, .netns = 5, .cookie = 3, .sent = 300});
	tick(t, 5 * S);
	assert_int_equal(last.namespaces_len, 0);
	conn_table_free(t);
}

/* Ten thousand namespaces that count more do not push out the one that was there before, and nothing is left out. */
static void test_namespaces_pushed_out(void **state)
{
	struct conn_table *t = new_table();
	uint64_t sum = 0;
	bool found = false;

	(void)state;
	feed_counts(t, (struct counted){.ts = S, .netns = 5, .cookie = 1, .first = true});
	for (uint32_t netns = 10000; netns < 14096; netns++)
		feed_counts(t, (struct counted){.ts = 2 * S, .netns = netns, .cookie = netns, .sent = 10});
	feed_counts(t, (struct counted){.ts = 2 * S, .netns = 5, .cookie = 1, .sent = 1});
	tick(t, 2 * S);
	for (unsigned int i = 0; i < last.namespaces_len; i++) {
		found |= last.namespaces[i].netns == 5;
		sum += last.namespaces[i].counts[WIRE_NETNS_COOKIES_SENT];
	}
	assert_true(found);
	assert_int_equal(last.namespaces_len, CONN_SUMMARY_ROWS);
	assert_int_equal(last.namespaces_rest.count, 4097 - CONN_SUMMARY_ROWS); /* one had no room */
	assert_int_equal(sum + last.namespaces_rest.counts[WIRE_NETNS_COOKIES_SENT], 4095 * 10 + 1);
	conn_table_free(t);
}

static bool chosen(const struct row *rows, size_t len, uint32_t id)
{
	for (size_t i = 0; i < len; i++) {
		if (rows[i].id == id)
			return true;
	}
	return false;
}

/* The oldest, the most, and the first of each group; the same in whatever order they come. */
static void test_rows(void **state)
{
	enum { OLD = 1, MOST, OTHER, ROWS = 5000 };
	static struct row rows[ROWS];
	size_t len;

	(void)state;
	for (int backwards = 0; backwards < 2; backwards++) {
		for (uint32_t i = 0; i < ROWS; i++)
			rows[backwards ? ROWS - 1 - i : i] = (struct row){
				.count = i == OLD || i == OTHER ? 1
					 : i == MOST            ? 5000000
								: 1000 + i,
				.since = i == OLD ? 5 : 1000 + (ROWS - i),
				.group = i == OTHER ? 2 : 1,
				.id = i,
			};
		len = rows_choose(rows, ROWS, 16);
		assert_int_equal(len, 16);
		assert_true(chosen(rows, len, OLD) && chosen(rows, len, MOST) && chosen(rows, len, OTHER));
		assert_true(chosen(rows, 4, OLD) && chosen(rows, 4, MOST) && chosen(rows, 4, OTHER));
	}
	assert_int_equal(rows_choose(rows, 3, 16), 3);
	assert_int_equal(rows_choose(rows, 0, 16), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_begin_and_end),
		cmocka_unit_test(test_pushed_out),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_namespaces_pushed_out),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
