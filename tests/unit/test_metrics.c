// SPDX-License-Identifier: GPL-2.0-only
/* What records add up to, and the text that Prometheus reads: no series twice, few enough, and no counter that goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "src/format/metrics_text.h"

#define MINUTE 60000000000ull
#define SERIES_MOST 400

static struct metrics metrics;
static struct metrics_table table;
static struct metrics_self self;
static char text[METRICS_TEXT_MAX + 1];
static uint64_t minute;

static const char *reason_name(void *ctx, uint32_t reason)
{
	static char name[16];

	(void)ctx;
	snprintf(name, sizeof(name), "REASON_%u", reason);
	return reason == 63 ? NULL : name;
}

static void begin(enum metrics_by by)
{
	metrics_init(&metrics, by);
	table = (struct metrics_table){0};
	self = (struct metrics_self){.ring_size = 1000};
	minute = 1;
}

static const char *write_text(void)
{
	static const struct record_context context = {
		.version = "0.1.0", .kernel = "6.18.0", .arch = "x86_64", .reason_name = reason_name};
	const struct metrics_input in = {.metrics = &metrics, .table = &table, .self = &self, .context = &context};

	text[metrics_text(&in, text, METRICS_TEXT_MAX)] = '\0';
	return text;
}

static void has(const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(write_text(), whole))
		fail_msg("there is no line '%s'", line);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The number of series; each is there once, and has a value. */
static size_t count_series(void)
{
	static char *lines[8192];
	size_t n = 0;

	write_text();
	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *space = strrchr(line, ' ');

		if (*line == '#')
			continue;
		assert_true(n < sizeof(lines) / sizeof(lines[0]));
		assert_non_null(space);
		assert_true(space[1] >= '0' && space[1] <= '9');
		*space = '\0';
		lines[n++] = line;
	}
	qsort(lines, n, sizeof(lines[0]), by_text);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(lines[i - 1], lines[i]))
			fail_msg("'%s' is there twice", lines[i]);
	return n;
}

static void take(enum record_kind kind, const void *what, const struct record_owner *owner)
{
	struct record rec = sample_record(kind, what);

	metrics_take(&metrics, &rec, owner);
}

static void take_comm(const char *comm, unsigned int times)
{
	struct conn_record c = {.t = {.from = CONN_FROM_CONNECT}, .end = CONN_END_FIN, .start_known = true};

	memcpy(c.t.task.comm, comm, strnlen(comm, sizeof(c.t.task.comm)));
	while (times--)
		take(RECORD_CONNECTION, &c, NULL);
}

static void pass_minute(void)
{
	metrics_tick(&metrics, minute++ * MINUTE);
}

static void test_zeros(void **state)
{
	(void)state;
	begin(METRICS_BY_NONE);
	has("tcplife_connections{state=\"CLOSE_WAIT\"} 0");
	has("tcplife_connections_closed_total{reason=\"refused\"} 0");
	has("tcplife_state_duration_seconds_bucket{state=\"TIME_WAIT\",le=\"86400\"} 0");
	has("tcplife_handshake_duration_seconds_bucket{le=\"0.0001\"} 0");
	has("tcplife_handshake_duration_seconds_sum 0");
	has("tcplife_retransmitted_segments_total{kind=\"synack\"} 0");
	has("tcplife_resets_total{direction=\"sent\",reason=\"other\"} 0");
	has("tcplife_close_wait_leaks_total{cause=\"inherited\"} 0");
	has("tcplife_lost_total{stage=\"ring\"} 0");
	has("tcplife_listen_overflows_total 0");
	has("tcplife_build_info{version=\"0.1.0\",kernel=\"6.18.0\",arch=\"x86_64\"} 1");
	assert_null(strstr(write_text(), "tcplife_by_"));
}

/* All that one text can have. */
static void test_few_enough(void **state)
{
	(void)state;
	begin(METRICS_BY_NONE);
	self.outputs_len = METRICS_OUTPUTS_MAX;
	for (size_t i = 0; i < METRICS_OUTPUTS_MAX; i++)
		self.outputs[i].kind = "kafka";
	for (uint32_t reason = 0; reason < 64; reason++)
		take(RECORD_RESET, &(struct conn_reset_record){.direction = WIRE_SENT, .reason = reason, .count = 1}, NULL);
	assert_in_range(count_series(), 200, SERIES_MOST);
	begin(METRICS_BY_PROCESS);
	for (unsigned int i = 0; i < 2000; i++) {
		char comm[16];

		snprintf(comm, sizeof(comm), "worker-%u", i);
		take_comm(comm, 1);
	}
	assert_in_range(count_series(), 51 * METRICS_BY_VALUES, SERIES_MOST + 51 * METRICS_BY_VALUES);
}

static void test_connections(void **state)
{
	struct conn_record c = {
		.end = CONN_END_FIN,
		.handshake_known = true,
		.handshake_us = 50000, /* a bucket has its end */
		.timeline_len = 3,
		.timeline = {{.state = WIRE_SYN_SENT, .us = 50001, .us_known = true},
			     {.state = WIRE_ESTABLISHED, .us = 90000000, .us_known = true},
			     {.state = WIRE_CLOSE_WAIT, .us = 7}},
	};

	(void)state;
	begin(METRICS_BY_NONE);
	take(RECORD_CONNECTION, &c, NULL);
	c.handshake_us = 20000000;
	take(RECORD_CONNECTION, &c, NULL);
	take(RECORD_TIME_WAIT, &(struct conn_time_wait_record){.time_wait = {.us_known = true, .us = 60000000}}, NULL);
	take(RECORD_TIME_WAIT, &(struct conn_time_wait_record){.time_wait = {.us = 1}}, NULL);
	has("tcplife_connections_closed_total{reason=\"fin\"} 2");
	has("tcplife_handshake_duration_seconds_bucket{le=\"0.01\"} 0");
	has("tcplife_handshake_duration_seconds_bucket{le=\"0.05\"} 1");
	has("tcplife_handshake_duration_seconds_bucket{le=\"10\"} 1");
	has("tcplife_handshake_duration_seconds_bucket{le=\"+Inf\"} 2");
	has("tcplife_handshake_duration_seconds_count 2");
	has("tcplife_handshake_duration_seconds_sum 20.05");
	has("tcplife_state_duration_seconds_bucket{state=\"SYN_SENT\",le=\"0.1\"} 2");
	has("tcplife_state_duration_seconds_bucket{state=\"ESTABLISHED\",le=\"60\"} 0");
	has("tcplife_state_duration_seconds_sum{state=\"ESTABLISHED\"} 180");
	has("tcplife_state_duration_seconds_count{state=\"CLOSE_WAIT\"} 0"); /* what is not known is not counted */
	has("tcplife_state_duration_seconds_bucket{state=\"TIME_WAIT\",le=\"60\"} 1");
	has("tcplife_state_duration_seconds_count{state=\"TIME_WAIT\"} 1");
}

static void test_troubles(void **state)
{
	struct leak_socket socket = {.verdict.cause = LEAK_EOF_UNREAD};
	struct conn_summary_record sum = {
		.namespaces_len = 1,
		.namespaces = {{.known = 1u << WIRE_NETNS_OVERFLOWS, .counts = {[WIRE_NETNS_OVERFLOWS] = 3}}},
		.namespaces_rest = {.count = 1, .counts = {[WIRE_NETNS_OVERFLOWS] = 4}},
		.ports_len = 2,
		.ports = {{.in_use = 30, .range = 40}, {.in_use = 70, .range = 100}},
	};

	(void)state;
	begin(METRICS_BY_NONE);
	take(RECORD_RESET, &(struct conn_reset_record){.direction = WIRE_RECEIVED, .count = 1}, NULL);
	take(RECORD_RESET, &(struct conn_reset_record){.direction = WIRE_SENT, .reason = 5, .count = 40}, NULL);
	take(RECORD_RESET, &(struct conn_reset_record){.direction = WIRE_SENT, .reason = 63, .count = 2}, NULL);
	take(RECORD_CLOSE_WAIT_LEAK, &(struct leak_record){.socket = &socket, .count = 9}, NULL);
	take(RECORD_CLOSE_WAIT_RESOLVED, &(struct leak_resolved_record){.resolution = LEAK_CLOSED, .count = 8}, NULL);
	take(RECORD_SUMMARY, &sum, NULL);
	has("tcplife_resets_total{direction=\"received\",reason=\"unknown\"} 1");
	has("tcplife_resets_total{direction=\"sent\",reason=\"REASON_5\"} 40");
	has("tcplife_resets_total{direction=\"sent\",reason=\"63\"} 2");
	has("tcplife_close_wait_leaks_total{cause=\"eof_unread\"} 9");
	has("tcplife_close_wait_resolved_total{resolution=\"closed\"} 8");
	has("tcplife_listen_overflows_total 7");
	has("tcplife_ephemeral_ports_used_ratio 0.75");
	sum.ports_len = 0;
	take(RECORD_SUMMARY, &sum, NULL);
	has("tcplife_listen_overflows_total 14");
	has("tcplife_ephemeral_ports_used_ratio 0");
}

static void test_self(void **state)
{
	(void)state;
	begin(METRICS_BY_NONE);
	table = (struct metrics_table){
		.opened = 5, .leaks_open = 2, .close_wait_oldest_us = 1500000, .lost[WIRE_LOST_WRITE] = 1};
	table.by_state[WIRE_TIME_WAIT] = 7;
	self = (struct metrics_self){.level = LEVEL_COUNTS,
				     .cpu_us = 1250000,
				     .helpers_cpu_us = 750000,
				     .ring_used = 2000,
				     .ring_size = 1000,
				     .start_wall_ns = 1700000000500000000};
	self.outputs_len = 2;
	self.outputs[0] = (struct metrics_output){.kind = "file", .written = 9, .queued = 1, .queue_size = 3};
	self.outputs[1] = (struct metrics_output){.kind = "kafka", .dropped = 2, .lost = 3, .left_out = 4};
	has("tcplife_connections{state=\"TIME_WAIT\"} 7");
	has("tcplife_connections_opened_total 5");
	has("tcplife_close_wait_leaks 2");
	has("tcplife_close_wait_oldest_seconds 1.5");
	has("tcplife_lost_total{stage=\"queue\"} 2");
	has("tcplife_lost_total{stage=\"write\"} 4");
	has("tcplife_output_records_total{output=\"1\",kind=\"file\"} 9");
	has("tcplife_output_queue_used_ratio{output=\"1\",kind=\"file\"} 0.333333");
	has("tcplife_output_queue_used_ratio{output=\"2\",kind=\"kafka\"} 0");
	has("tcplife_output_left_out_total{output=\"2\",kind=\"kafka\"} 4");
	has("tcplife_level 3");
	has("tcplife_cpu_seconds_total 1.25");
	has("tcplife_helpers_cpu_seconds_total 0.75");
	has("tcplife_ring_used_ratio 1");
	has("tcplife_start_time_seconds 1700000000.5");
}

/* Names are anybody's: two of them never become one series. */
static void test_hostile_names(void **state)
{
	static const char *const comms[] = {"a\nb", "a\\x0ab", "a\\\nb",   "\"} 1",    "other", "unknown",
					    "\xff", "\\xff",   "\\x5cxff", "\x1b[31m", "{}"};
	struct conn_record none = {.end = CONN_END_FIN, .start_known = true};

	(void)state;
	begin(METRICS_BY_PROCESS);
	for (size_t i = 0; i < sizeof(comms) / sizeof(comms[0]); i++)
		take_comm(comms[i], 1);
	take(RECORD_CONNECTION, &none, NULL);
	has("tcplife_by_connections_total{process=\"a\\\\x0ab\"} 1");
	has("tcplife_by_connections_total{process=\"a\\\\x5cx0ab\"} 1");
	has("tcplife_by_connections_total{process=\"\\\"} 1\"} 1");
	has("tcplife_by_connections_total{process=\"other\"} 1");
	has("tcplife_by_connections_total{process=\"unknown\"} 2");
	for (const char *c = text; *c; c++)
		assert_true((unsigned char)*c >= ' ' || *c == '\n');
	count_series();
}

static void test_keys(void **state)
{
	struct record_owner owner = {.cgroup = "/system.slice/a.service"};
	struct conn_record c = {.t = {.id_known = true, .id.local_port = 65535},
				.end = CONN_END_REFUSED,
				.start_known = true,
				.resets = {1, 2, 0},
				.end_ns = 2500000000};
	char longest[4 * METRICS_TOP_KEY_MAX];

	(void)state;
	begin(METRICS_BY_LOCAL_PORT);
	take(RECORD_CONNECTION, &c, NULL);
	c.t.id.local_port = 0;
	take(RECORD_CONNECTION, &c, NULL);
	has("tcplife_by_failed_connections_total{local_port=\"65535\"} 1");
	has("tcplife_by_resets_total{local_port=\"65535\"} 3");
	has("tcplife_by_connection_seconds_total{local_port=\"0\"} 2.5");
	begin(METRICS_BY_CGROUP);
	take(RECORD_CONNECTION, &c, &owner);
	take(RECORD_CONNECTION, &c, NULL);
	has("tcplife_by_connections_total{cgroup=\"/system.slice/a.service\"} 1");
	has("tcplife_by_connections_total{cgroup=\"unknown\"} 1");
	/* The worst that a text can be asked for has room. */
	for (unsigned int i = 0; i < 60; i++) {
		memset(longest, i % 2 ? '\\' : '\x01', sizeof(longest));
		snprintf(longest, 8, "/%u", i);
		longest[3] = '\x02';
		longest[sizeof(longest) - 1] = '\0';
		owner.cgroup = longest;
		take(RECORD_CONNECTION, &c, &owner);
	}
	assert_in_range(count_series(), 51 * METRICS_BY_VALUES, SERIES_MOST + 51 * METRICS_BY_VALUES);
}

static uint64_t sum(void)
{
	uint64_t all = metrics.by.others[0];

	for (uint32_t i = 0; i < metrics.by.len; i++)
		all += metrics.by.rows[i].shown ? metrics.by.rows[i].values[0] : 0;
	return all;
}

/* Who comes late and is common gets series of its own, from 0 on; `other` never goes back. */
static void test_the_commonest(void **state)
{
	uint64_t others;
	char comm[16];

	(void)state;
	begin(METRICS_BY_PROCESS);
	for (unsigned int i = 0; i < METRICS_BY_MOST; i++) {
		snprintf(comm, sizeof(comm), "early-%u", i);
		take_comm(comm, 1);
	}
	take_comm("late", 1000);
	has("tcplife_by_connections_total{process=\"other\"} 1000");
	assert_int_equal(sum(), METRICS_BY_MOST + 1000);
	others = metrics.by.others[0];
	pass_minute();
	has("tcplife_by_connections_total{process=\"late\"} 0");
	take_comm("late", 5);
	has("tcplife_by_connections_total{process=\"late\"} 5");
	assert_int_equal(metrics.by.others[0], others);
	assert_int_equal(metrics.by.shown, METRICS_BY_MOST);
	/* A flood of names that are seen once does not drive out those that go on. */
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(comm, sizeof(comm), "once-%u", i);
		take_comm(comm, 1);
		if (i % 100 == 0) {
			take_comm("late", 20);
			pass_minute();
		}
		assert_true(metrics.by.others[0] >= others);
		others = metrics.by.others[0];
	}
	has("tcplife_by_connections_total{process=\"late\"} 1005");
	assert_int_equal(metrics.by.len, METRICS_TOP_KEYS);
	count_series();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeros),    cmocka_unit_test(test_few_enough),    cmocka_unit_test(test_connections),
		cmocka_unit_test(test_troubles), cmocka_unit_test(test_self),          cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_keys),     cmocka_unit_test(test_the_commonest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
