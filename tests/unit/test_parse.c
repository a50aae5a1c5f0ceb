// SPDX-License-Identifier: GPL-2.0-only
/* The notations of the command line: one row per value, good ones with what they mean, bad ones that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bpf/wire.h"
#include "src/cli/options.h"
#include "src/cli/parse.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND 1000000000ULL

/* Outputs must stay as they are when a value is refused. */
#define UNTOUCHED 0x5a5a5a5a

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns; /* 0: refused */
	} rows[] = {
		{"500ms", SECOND / 2},
		{"1ms", SECOND / 1000},
		{"30s", 30 * SECOND},
		{"007s", 7 * SECOND},
		{"5m", 300 * SECOND},
		{"2h", 7200 * SECOND},
		{"87600h", 87600 * 3600 * SECOND},
		{"87601h", 0},
		{"0", 0},
		{"0s", 0},
		{"0ms", 0},
		{"30", 30 * SECOND},
		{"1.5s", 3 * SECOND / 2},
		{"0.25h", 900 * SECOND},
		{"1.001s", SECOND + SECOND / 1000},
		{"2.5", 5 * SECOND / 2},
		{"1d", 24 * 3600 * SECOND},
		{"3650d", 3650 * 24 * 3600 * SECOND},
		{"3650.1d", 0},
		{"0.0s", 0},
		{"1.0005s", 0},
		{"1.s", 0},
		{".5s", 0},
		{"1.5.5s", 0},
		{"1,5s", 0},
		{"s", 0},
		{"", 0},
		{"-1s", 0},
		{"+1s", 0},
		{" 1s", 0},
		{"1s ", 0},
		{"1 s", 0},
		{"1S", 0},
		{"1us", 0},
		{"1sm", 0},
		{"0x1s", 0},
		{"18446744073709551615h", 0},
		{"99999999999999999999s", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t ns = UNTOUCHED;

		if (parse_duration(rows[i].text, &ns) != !!rows[i].ns || ns != (rows[i].ns ? rows[i].ns : UNTOUCHED))
			fail_msg("duration '%s' gives %llu", rows[i].text, (unsigned long long)ns);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
	} rows[] = {
		{"4096", 4096},
		{"64K", 65536},
		{"16M", 16 << 20},
		{"1G", 1 << 30},
		{"17179869183G", 17179869183ULL << 30},
		{"0", 0},
		{"0K", 0},
		{"3X", 0},
		{"16m", 0},
		{"16MB", 0},
		{"16MiB", 0},
		{"M", 0},
		{"", 0},
		{"-16M", 0},
		{"1.5M", 1572864},
		{"4096.5", 0},
		{"1 M", 0},
		{"17179869184G", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t bytes = UNTOUCHED;

		if (parse_size(rows[i].text, &bytes) != !!rows[i].bytes || bytes != (rows[i].bytes ? rows[i].bytes : UNTOUCHED))
			fail_msg("size '%s' gives %llu", rows[i].text, (unsigned long long)bytes);
	}
}

static void numbers(void **state)
{
	static const char *const bad[] = {"", "1", "11", "-5", "+5", " 5", "5 ", "5x", "0x5", "99999999999999999999999"};
	uint64_t n = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_number(bad[i], 2, 10, &n) || n != UNTOUCHED)
			fail_msg("number '%s' from 2 to 10 gives %llu", bad[i], (unsigned long long)n);
	assert_true(parse_number("2", 2, 10, &n) && n == 2);
	assert_true(parse_number("10", 2, 10, &n) && n == 10);
	assert_true(parse_number("18446744073709551615", 0, UINT64_MAX, &n) && n == UINT64_MAX);
}

static void pids(void **state)
{
	uint32_t pid = UNTOUCHED;

	(void)state;
	assert_false(parse_pid("0", &pid));
	assert_false(parse_pid("4194305", &pid));
	assert_false(parse_pid("self", &pid));
	assert_int_equal(pid, UNTOUCHED);
	assert_true(parse_pid("1", &pid) && pid == 1);
	assert_true(parse_pid("4194304", &pid) && pid == 4194304);
}

static void ports(void **state)
{
	static const struct {
		const char *text;
		uint16_t first, last; /* 0: refused */
	} rows[] = {
		{"1", 1, 1},   {"443", 443, 443},  {"65535", 65535, 65535}, {"1-65535", 1, 65535}, {"80-80", 80, 80},
		{"0", 0, 0},   {"65536", 0, 0},    {"0-10", 0, 0},          {"9-8", 0, 0},         {"80-", 0, 0},
		{"-80", 0, 0}, {"80-90-99", 0, 0}, {"80-65536", 0, 0},      {"http", 0, 0},        {"", 0, 0},
		{"80 ", 0, 0}, {"80,81", 0, 0},    {"80--81", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct port_range range = {0};

		if (parse_ports(rows[i].text, &range) != !!rows[i].first || range.first != rows[i].first ||
		    range.last != rows[i].last)
			fail_msg("ports '%s' give %u-%u", rows[i].text, range.first, range.last);
	}
}

static void networks(void **state)
{
	static const struct {
		const char *text;
		const char *addr; /* NULL: refused */
		unsigned int bits;
	} rows[] = {
		{"192.0.2.7", "::ffff:192.0.2.7", 128},
		{"10.0.0.0/8", "::ffff:10.0.0.0", 104},
		{"10.1.2.3/8", "::ffff:10.1.2.3", 104},
		{"0.0.0.0/0", "::ffff:0.0.0.0", 96},
		{"192.0.2.7/32", "::ffff:192.0.2.7", 128},
		{"::1", "::1", 128},
		{"::/0", "::", 0},
		{"2001:db8::/32", "2001:db8::", 32},
		{"2001:0db8:0000:0000:0000:0000:192.168.100.200/128", "2001:db8::c0a8:64c8", 128},
		{"::ffff:10.0.0.0/104", "::ffff:10.0.0.0", 104},
		{"192.0.2.7/33", NULL, 0},
		{"::1/129", NULL, 0},
		{"192.0.2.7/", NULL, 0},
		{"192.0.2.7/-1", NULL, 0},
		{"192.0.2.7/8/8", NULL, 0},
		{"192.0.2.7/255.0.0.0", NULL, 0},
		{"192.0.2", NULL, 0},
		{"192.0.2.256", NULL, 0},
		{"192.0.2.07", NULL, 0},
		{"fe80::1%eth0", NULL, 0},
		{"[::1]", NULL, 0},
		{"localhost", NULL, 0},
		{"/8", NULL, 0},
		{"", NULL, 0},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cidr got = {.bits = UNTOUCHED}, want = {.bits = UNTOUCHED};

		if (rows[i].addr) {
			assert_int_equal(inet_pton(AF_INET6, rows[i].addr, &want.addr), 1);
			want.bits = rows[i].bits;
		}
		if (parse_cidr(rows[i].text, &got) != !!rows[i].addr || got.bits != want.bits ||
		    memcmp(&got.addr, &want.addr, sizeof(got.addr)))
			fail_msg("network '%s' gives /%u", rows[i].text, got.bits);
	}
}

static void moments(void **state)
{
	static const struct {
		const char *text;
		int64_t us; /* 0: refused */
	} rows[] = {
		{"2026-01-02", 1767312000000000},
		{"2026-01-02T03:04", 1767323040000000},
		{"2026-01-02T03:04Z", 1767323040000000},
		{"2026-01-02T03:04:05Z", 1767323045000000},
		{"2026-01-02T03:04:05.123456Z", 1767323045123456},
		{"2026-02-30T03:04:05+01:00", 0},
		{"2026-01-02T", 0},
		{"2026-01-02 03:04", 0},
		{"02.01.2026", 0},
		{"", 0},
		{"Z", 0},
		{"yesterday", 0},
		{"2026-01-02T03:04:05.123456789012345678901234567890Z", 0},
	};
	int64_t us = 0, now = (int64_t)time(NULL) * 1000000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		us = 0;
		if (parse_moment(rows[i].text, &us) != !!rows[i].us || us != rows[i].us)
			fail_msg("time '%s' gives %lld", rows[i].text, (long long)us);
	}
	assert_true(parse_moment("2h", &us));
	assert_true(us >= now - 7200000000 && us <= (int64_t)time(NULL) * 1000000 - 7200000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations), cmocka_unit_test(sizes),    cmocka_unit_test(numbers), cmocka_unit_test(pids),
		cmocka_unit_test(ports),     cmocka_unit_test(networks), cmocka_unit_test(moments),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
