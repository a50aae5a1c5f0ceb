// SPDX-License-Identifier: GPL-2.0-only
/* JSON lines back to records: what was written is read, and what cannot be a record is refused with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "src/format/json_read.h"
#include "src/format/ladder.h"

static char line[FORMAT_LINE_MAX + 1], why[JSON_READ_WHY_LEN];
static struct json_read got;

static void write_line_of(const struct conn_record *c, enum format_detail detail)
{
	const struct record rec = {.kind = c->final ? RECORD_CONNECTION : RECORD_PROGRESS, .ts = c->end_ns, .conn = c};
	const struct format_options options = {.detail = detail};

	const struct format_input in = {
		.context = &sample_context, .options = &options, .rec = &rec, .owner = &sample_owner, .seq = 1};

	line[format_json.format(&in, line, FORMAT_LINE_MAX)] = '\0';
}

static void write_line(const struct conn_record *c)
{
	write_line_of(c, FORMAT_FULL);
}

static int read_back(void)
{
	return json_read_line(line, strlen(line), &got, why);
}

static void assert_same_ladder(const struct conn_record *c)
{
	static char written[LADDER_MAX + 1], read[LADDER_MAX + 1];
	struct ladder_end end = {.rec = *c,
				 .start_us = (int64_t)(c->start_ns + (uint64_t)sample_context.clock_offset_ns) / 1000};
	struct ladder ladder = {.left = &end};

	memcpy(end.boot, sample_context.boot_id, LADDER_BOOT_LEN);
	written[ladder_draw(&ladder, written, LADDER_MAX)] = '\0';
	ladder.left = &got.end;
	read[ladder_draw(&ladder, read, LADDER_MAX)] = '\0';
	assert_string_equal(read, written);
}

static void test_round_trip(void **state)
{
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	memcpy(c.t.task.comm, "a\xff\x1b\"\\\xe4\xb8\xad", 8);
	c.time_wait = (struct conn_time_wait){
		.entered = true, .us_known = true, .us = 60000000, .restarts = 2, .end = WIRE_CAUSE_EXPIRED};
	write_line(&c);
	assert_int_equal(read_back(), 1);
	assert_same_ladder(&c);
	assert_string_equal(got.cgroup, sample_owner.cgroup);
	assert_int_equal(got.end.rec.t.cookie, c.t.cookie);
	assert_memory_equal(&got.end.rec.timeline, &c.timeline, sizeof(c.timeline));
	assert_memory_equal(got.end.rec.t.task.comm, c.t.task.comm, sizeof(c.t.task.comm));
	assert_memory_equal(&got.end.rec.time_wait, &c.time_wait, sizeof(c.time_wait));

	sample_addresses(&c.t, AF_INET6, "2001:db8::1", 1, "2001:db8::2", 65535);
	c.t.role = CONN_SERVER;
	c.time_wait.restarts = 0;
	c.time_wait.restarts_unknown = true;
	write_line(&c);
	assert_int_equal(read_back(), 1);
	assert_same_ladder(&c);
	assert_memory_equal(&got.end.rec.time_wait, &c.time_wait, sizeof(c.time_wait));
}

static void test_least(void **state)
{
	struct conn_record c;

	(void)state;
	sample_unknown(&c);
	write_line(&c);
	assert_int_equal(read_back(), 1);
	assert_false(got.end.rec.start_known);
	assert_int_equal(got.end.rec.t.from, CONN_FROM_NONE);
	assert_int_equal(got.end.rec.gaps, 2);
}

/* Without a family: the addresses themselves say which one it is. */
static void test_short_detail(void **state)
{
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	c.retransmits = (struct conn_retransmits){.syn = 1, .synack = 2, .data = 3, .fin = 4};
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		if (ipv6)
			sample_addresses(&c.t, AF_INET6, "2001:db8::1", 1, "2001:db8::2", 65535);
		write_line_of(&c, FORMAT_SHORT);
		assert_null(strstr(line, "family"));
		assert_int_equal(read_back(), 1);
		assert_true(got.end.rec.t.id_known);
		assert_memory_equal(got.end.rec.t.id.peer_addr, c.t.id.peer_addr, sizeof(c.t.id.peer_addr));
		assert_memory_equal(&got.end.rec.retransmits, &c.retransmits, sizeof(c.retransmits));
	}
}

static void test_other_records(void **state)
{
	(void)state;
	strcpy(line, "{\"event\":\"summary\",\"opened\":1}");
	assert_int_equal(read_back(), 0);
}

/* Replaces the first `from` in a good line. */
static void spoil(const char *from, const char *to)
{
	static char copy[sizeof(line)];
	struct conn_record c;
	char *at;

	sample_connection(&c);
	write_line(&c);
	at = strstr(line, from);
	assert_non_null(at);
	snprintf(copy, sizeof(copy), "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
	strcpy(line, copy);
}

/* A selection compares bytes. */
static void test_exact_bytes(void **state)
{
	(void)state;
	spoil("\"cgroup\":", "\"cgroup_hex\":\"2fff61\",\"cgroup\":");
	assert_int_equal(read_back(), 1);
	assert_true(got.has_cgroup);
	assert_string_equal(got.cgroup, "/\xff"
					"a");
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} rows[] = {
		{"{", "", "not JSON"},
		{"\"event\":\"connection\"", "\"event\":null", "the key event is missing"},
		{"7c9e6679.2a01", "7c9e6679-2a01", "conn_id"},
		{"7c9e6679.2a01", "7c9e6679.", "conn_id"},
		{"7c9e6679.2a01", "7c9e6679.12345678123456781", "conn_id"},
		{"\"conn_id\"", "\"id\"", "conn_id"},
		{"\"local_port\":40000", "\"local_port\":65536", "local_port is not an integer from 0 to 65535"},
		{"\"local_port\":40000", "\"local_port\":-1", "local_port"},
		{"\"local_port\":40000", "\"local_port\":\"40000\"", "local_port"},
		{"10.0.0.1", "10.0.0.256", "local_addr is not an address"},
		{"\"ipv4\"", "\"ipv6\"", "address of its family"},
		{"\"ipv4\"", "\"ipv5\"", "neither ipv4 nor ipv6"},
		{"\"role\":\"client\"", "\"role\":\"boss\"", "role has a value"},
		{"\"curl\"", "\"seventeen letters\"", "comm has more than 16 bytes"},
		{"\"comm\":\"curl\"", "\"comm_hex\":\"zz\"", "comm_hex is not hex"},
		{"\"cgroup\":", "\"cgroup_hex\":\"2\",\"cgroup\":", "cgroup_hex is not hex"},
		{"\"state\":\"SYN_SENT\"", "\"state\":\"SYN\"", "state has a value"},
		{"\"state\":\"SYN_SENT\",", "", "no state"},
		{"\"flags\":\"SYN\"", "\"flags\":\"URG\"", "flags has a value"},
		{"\"seq\":0,\"ack\"", "\"seq\":9007199254740992,\"ack\"", "seq is not an integer"},
		{"\"timeline\":[", "\"timeline\":7,\"x\":[", "timeline is not a list"},
		{"\"process\":{", "\"process\":[],\"x\":{", "process is not an object"},
		{"\"start\":\"2026-01-02T03:04:05.0", "\"start\":\"1926-01-02T03:04:05.0", "start is not a time"},
		{"\"start\":\"2026-01-02T03:04:05.0", "\"start\":\"2026-01-02 03:04:05.0", "start is not a time"},
		{"\"start\":\"2026-01-02T03:04:05.0", "\"start\":\"2026-1-2T3:04:05.0", "start is not a time"},
		{"\"start\":\"2026-01-02T03:04:05.0", "\"start\":\"2026-13-02T03:04:05.0", "start is not a time"},
		{"\"start\":\"2026-01-02T03:04:05.0", "\"start\":\"2026-01-02T24:04:05.0", "start is not a time"},
		{"\"ts\":", "\"t\":", "ts is missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spoil(rows[i].from, rows[i].to);
		why[0] = '\0';
		if (read_back() >= 0 || !strstr(why, rows[i].why))
			fail_msg("'%s' for '%s': '%s', which should speak of '%s'", rows[i].to, rows[i].from, why, rows[i].why);
	}
}

/* Every cut and every changed byte: no crash, and a record or a reason. */
static void test_damaged(void **state)
{
	struct conn_record c;
	size_t len;

	(void)state;
	sample_connection(&c);
	write_line(&c);
	len = strlen(line);
	for (size_t i = 0; i + 1 < len; i++)
		assert_int_equal(json_read_line(line, i, &got, why) < 0, true);
	for (size_t i = 0; i < len; i++) {
		char saved = line[i];
		line[i] = (char)(saved ^ (1 << i % 8));
		why[0] = '\0';
		if (json_read_line(line, len, &got, why) < 0)
			assert_true(why[0]);
		line[i] = saved;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_least),       cmocka_unit_test(test_other_records),
		cmocka_unit_test(test_short_detail), cmocka_unit_test(test_exact_bytes), cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
