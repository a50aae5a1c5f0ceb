// SPDX-License-Identifier: GPL-2.0-only
/* The JSON writer and what it is made of: bytes that an attacker chooses, numbers, times, addresses, and a buffer that ends. */
#include "src/format/json_write.h"
#include "src/format/utf8.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static char out[16384];

/* The JSON of one text, without the newline that ends the line. */
static const char *text_json(const char *text, size_t len, size_t max, bool *ret_exact)
{
	struct buf b;

	buf_init(&b, out, sizeof(out) - 1);
	*ret_exact = jsonw_text(&b, KEY_NONE, text, len, max);
	size_t n = jsonw_end(&b);
	assert_true(n > 0);
	out[n - 1] = '\0';
	return out;
}

static void expect_text(const char *text, size_t len, const char *expected, bool expected_exact)
{
	bool exact;

	assert_string_equal(text_json(text, len, SIZE_MAX, &exact), expected);
	assert_int_equal(exact, expected_exact);
}

static void test_every_byte(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char text[3] = {'a', (char)byte, 'z'}, expected[16];
		if (byte == '"' || byte == '\\')
			snprintf(expected, sizeof(expected), "\"a\\%cz\"", byte);
		else if (byte < 0x20 || byte == 0x7f)
			snprintf(expected, sizeof(expected), "\"a\\u%04xz\"", (unsigned int)byte);
		else if (byte < 0x80)
			snprintf(expected, sizeof(expected), "\"a%cz\"", byte);
		else
			snprintf(expected, sizeof(expected), "\"a\xef\xbf\xbdz\"");
		expect_text(text, sizeof(text), expected, byte < 0x80);
	}
}

#define R "\xef\xbf\xbd"
#define ROW(text, expected, exact)                                                                                             \
	{                                                                                                                      \
		text, sizeof(text) - 1, "\"" expected "\"", exact                                                              \
	}

static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *expected;
		bool exact;
	} rows[] = {
		ROW("", "", true),
		ROW("caf\xc3\xa9", "caf\xc3\xa9", true),
		ROW("\xe2\x82\xac", "\xe2\x82\xac", true),
		ROW("\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7", true),
		ROW("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", true), /* U+10FFFF */
		ROW("\xed\x9f\xbf", "\xed\x9f\xbf", true),         /* U+D7FF */
		ROW("\xee\x80\x80", "\xee\x80\x80", true),         /* U+E000 */
		ROW(R, R, true),                                   /* a real U+FFFD is no loss */
		/* a continuation alone, a lead alone, cut short at the end and in the middle */
		ROW("\x80", R, false),
		ROW("\xbf.", R ".", false),
		ROW("\xc3", R, false),
		ROW("\xc3(", R "(", false),
		ROW("\xe2\x82", R R, false),
		ROW("\xe2\x82x", R R "x", false),
		ROW("\xe2(\xac", R "(" R, false),
		ROW("\xf0\x9f\x90", R R R, false),
		ROW("\xf0\x9f\x90\xc3\xa9", R R R "\xc3\xa9", false),
		/* overlong: of '/', of NUL, in three and in four bytes */
		ROW("\xc0\xaf", R R, false),
		ROW("\xc1\xbf", R R, false),
		ROW("\xc0\x80", R R, false),
		ROW("\xe0\x80\xaf", R R R, false),
		ROW("\xe0\x9f\xbf", R R R, false),
		ROW("\xf0\x80\x80\xaf", R R R R, false),
		ROW("\xf0\x8f\xbf\xbf", R R R R, false),
		/* surrogates, alone and as a pair */
		ROW("\xed\xa0\x80", R R R, false),
		ROW("\xed\xbf\xbf", R R R, false),
		ROW("\xed\xa0\xbd\xed\xb8\x80", R R R R R R, false),
		/* above U+10FFFF, and leads that never were */
		ROW("\xf4\x90\x80\x80", R R R R, false),
		ROW("\xf5\x80\x80\x80", R R R R, false),
		ROW("\xf8\x88\x80\x80\x80", R R R R R, false),
		ROW("\xfc\x84\x80\x80\x80\x80", R R R R R R, false),
		ROW("\xfe\xff", R R, false),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_text(rows[i].text, rows[i].len, rows[i].expected, rows[i].exact);
}

static size_t encode(char *s, uint32_t code)
{
	if (code < 0x80) {
		s[0] = (char)code;
		return 1;
	}
	size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = len; i-- > 1; code >>= 6)
		s[i] = (char)(0x80 | (code & 0x3f));
	s[0] = (char)(0xf00 >> len | code);
	return len;
}

/* Every code point there is: kept, or escaped if it is one of those that must not be shown. */
static void test_every_code_point(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x110000; code++) {
		char text[4], expected[16];
		size_t len = encode(text, code);
		uint32_t back;
		if (code >= 0xd800 && code < 0xe000) {
			assert_int_equal(utf8_decode(text, len, &back), 0);
			continue;
		}
		assert_int_equal(utf8_decode(text, len, &back), len);
		assert_int_equal(back, code);
		bool hidden = code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c || code == 0x200e ||
			      code == 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
			      code == 0x2028 || code == 0x2029;
		assert_int_equal(utf8_is_control(code), hidden);
		if (!hidden)
			continue;
		snprintf(expected, sizeof(expected), "\"\\u%04x\"", code);
		expect_text(text, len, expected, true);
	}
}

/* A text is cut between characters, and never longer than asked, its ellipsis included. */
static void test_cut(void **state)
{
	char text[64] = "", expected[64];
	bool exact;

	(void)state;
	assert_string_equal(text_json("/usr/bin", 8, 8, &exact), "\"/usr/bin\"");
	assert_string_equal(text_json("/usr/bin/", 9, 8, &exact), "\"/usr/\xe2\x80\xa6\"");
	assert_string_equal(text_json("\x1b\x1b", 2, 12, &exact), "\"\\u001b\\u001b\"");
	assert_string_equal(text_json("\x1b\x1b\x1b", 3, 12, &exact), "\"\\u001b\xe2\x80\xa6\"");
	assert_string_equal(text_json("\xc3\xa9\xc3\xa9\xc3\xa9", 6, 6, &exact), "\"\xc3\xa9\xc3\xa9\xc3\xa9\"");
	assert_string_equal(text_json("\xc3\xa9\xc3\xa9\xc3\xa9.", 7, 6, &exact), "\"\xc3\xa9\xe2\x80\xa6\"");
	assert_string_equal(text_json(NULL, 0, 8, &exact), "null");
	memset(text, 'x', 40);
	for (size_t max = 3; max <= 40; max++) {
		size_t n = strlen(text_json(text, 40, max, &exact)) - 2;
		snprintf(expected, sizeof(expected), "\"%.*s%s\"", (int)(max < 40 ? max - 3 : 40), text,
			 max < 40 ? "\xe2\x80\xa6" : "");
		assert_int_equal(n, max);
		assert_string_equal(out, expected);
	}
}

static void check_words_with(const char *key, const char *end, unsigned int count, const char *(*name)(unsigned int),
			     const struct json_word *(*word)(unsigned int))
{
	char expected[64];

	for (unsigned int value = 0; value <= count + 1; value++) {
		if (name(value))
			snprintf(expected, sizeof(expected), "%s:\"%s\"%s", key, name(value), end);
		else
			snprintf(expected, sizeof(expected), "%s:null%s", key, end);
		assert_string_equal(word(value)->text, expected);
		assert_int_equal(word(value)->len, strlen(expected));
	}
}

static void check_words(const char *key, unsigned int count, const char *(*name)(unsigned int),
			const struct json_word *(*word)(unsigned int))
{
	check_words_with(key, ",", count, name, word);
}

/* Each value has a row, also one without a word, and a number that is no value. */
static void test_words(void **state)
{
	(void)state;
	check_words("\"role\"", CONN_ROLE_MAX, conn_role_name, conn_role_word);
	check_words("\"closed_by\"", CONN_SIDE_MAX, conn_side_name, conn_side_word);
	check_words("\"end_reason\"", CONN_END_MAX, conn_end_name, conn_end_word);
	check_words("\"close_kind\"", CONN_CLOSE_KIND_MAX, conn_close_kind_name, conn_close_kind_word);
	check_words("{\"state\"", WIRE_STATE_MAX, conn_state_name, conn_state_word);
	check_words("\"by\"", CONN_BY_MAX, conn_by_name, conn_by_word);
	check_words_with("\"ev\"", "},", CONN_EV_MAX, conn_ev_name, conn_ev_word);
	check_words("\"dir\":\"out\",\"flags\"", CONN_FLAGS_MAX, conn_flags_name, conn_sent_word);
	check_words("\"dir\":\"in\",\"flags\"", CONN_FLAGS_MAX, conn_flags_name, conn_came_word);
	assert_string_equal(conn_dir_name(CONN_OUT), "out");
	assert_string_equal(conn_dir_name(CONN_IN), "in");
	check_words_with("\"ev\"", "},", CONN_PROOF_MAX, conn_proof_name, conn_proof_word);
	check_words("\"end\"", WIRE_CAUSE_MAX, conn_tw_end_name, conn_tw_end_word);
	check_words("\"event\"", RECORD_MAX, record_kind_name, record_kind_word);
}

static void test_numbers(void **state)
{
	char expected[64];
	struct buf b;

	(void)state;
	buf_init(&b, out, sizeof(out) - 1);
	jsonw_open(&b, KEY_NONE, '{');
	jsonw_uint(&b, KEY("zero"), 0);
	jsonw_uint(&b, KEY("safe"), JSONW_INT_MAX);
	jsonw_uint(&b, KEY("held"), UINT64_MAX);
	jsonw_uint_if(&b, KEY("unknown"), false, 5);
	jsonw_uint_named(&b, "named", 7);
	jsonw_bool(&b, KEY("yes"), true);
	jsonw_bool(&b, KEY("no"), false);
	jsonw_open(&b, KEY("empty"), '[');
	jsonw_close(&b, ']');
	jsonw_close(&b, '}');
	out[jsonw_end(&b)] = '\0';
	assert_string_equal(out, "{\"zero\":0,\"safe\":9007199254740991,\"held\":9007199254740991,\"unknown\":null,\"named\":7,"
				 "\"yes\":true,\"no\":false,\"empty\":[]}\n");
	for (uint64_t v = 1, i = 0; i < 200; i++, v = v * 3 + i) {
		*fmt_uint(out, v) = '\0';
		snprintf(expected, sizeof(expected), "%llu", (unsigned long long)v);
		assert_string_equal(out, expected);
		*fmt_hex(out, v) = '\0';
		snprintf(expected, sizeof(expected), "%llx", (unsigned long long)v);
		assert_string_equal(out, expected);
	}
	for (uint64_t power = 1; power <= UINT64_MAX / 10;
	     power *= 10) { /* where the number of digits changes, and all zeros */
		for (uint64_t v = power - 1; v <= power + 1; v++) {
			*fmt_uint(out, v) = '\0';
			snprintf(expected, sizeof(expected), "%llu", (unsigned long long)v);
			assert_string_equal(out, expected);
		}
	}
	for (uint64_t v = 0; v < 1100000; v++) {
		*fmt_uint(out, v) = '\0';
		assert_int_equal(strtoull(out, NULL, 10), v);
	}
	*fmt_hex(out, 0) = '\0';
	assert_string_equal(out, "0");
	*fmt_hex(out, UINT64_MAX) = '\0';
	assert_string_equal(out, "ffffffffffffffff");
}

static void test_time(void **state)
{
	static const int64_t seconds[] = {0, 951782399, 951782400, 951868800, 1709164800, 1767225599, 4107542400, 9223372035};
	char expected[64], text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		time_t t = (time_t)seconds[i];
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(expected, sizeof(expected), "%s.%06dZ", text, (int)(i * 100001));
		*fmt_time(out, seconds[i] * 1000000000 + (int64_t)i * 100001000 + 999) = '\0';
		assert_string_equal(out, expected);
		assert_int_equal(strlen(out), FMT_TIME_LEN);
	}
	*fmt_time(out, INT64_MIN) = '\0';
	assert_string_equal(out, "1970-01-01T00:00:00.000000Z");
}

/* RFC 5952 is what inet_ntop() writes, but for the old IPv4-compatible form ::1.2.3.4. */
static void test_addresses(void **state)
{
	char expected[64];
	uint8_t addr[16];

	(void)state;
	srandom(1);
	for (unsigned int i = 0; i < 200000; i++) {
		for (int k = 0; k < 16; k += 2) {
			addr[k] = random() % 3 ? 0 : (uint8_t)random();
			addr[k + 1] = random() % 2 ? 0 : (uint8_t)random();
		}
		addr[0] |= i % 2 ? 0x20 : 0;
		if (!addr[0] && !addr[1] && IN6_IS_ADDR_V4COMPAT((struct in6_addr *)addr))
			continue;
		*fmt_addr(out, addr, false) = '\0';
		assert_string_equal(out, inet_ntop(AF_INET6, addr, expected, sizeof(expected)));
		*fmt_addr(out, addr, true) = '\0';
		assert_string_equal(out, inet_ntop(AF_INET, addr + 12, expected, sizeof(expected)));
	}
	static const char *const edges[] = {"::",
					    "::1",
					    "1::",
					    "1::1",
					    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
					    "::ffff:255.255.255.255",
					    "1:0:0:2::",
					    "1:0:2:3:4:5:6:7",
					    "fe80::1",
					    "2001:db8::1:0:0:1"};
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		assert_int_equal(inet_pton(AF_INET6, edges[i], addr), 1);
		char *end = fmt_addr(out, addr, false);
		*end = '\0';
		assert_true(end - out <= FMT_ADDR_MAX);
		assert_string_equal(out, edges[i]);
	}
}

/* Whatever the size: no byte outside is touched, and the line is whole or it is none. */
static void test_bounds(void **state)
{
	static const uint8_t addr[16] = {0x20, 1, 0xd, 0xb8};
	size_t whole = 0;

	(void)state;
	for (size_t size = 400; size-- > 0;) {
		struct buf b;
		memset(out, '#', 512);
		buf_init(&b, out + 8, size);
		jsonw_open(&b, KEY_NONE, '{');
		jsonw_uint(&b, KEY("number"), 12345);
		jsonw_text(&b, KEY("text"), "a\"\x01\xff\xc3\xa9", 6, 100);
		jsonw_text(&b, KEY("cut"), "abcdefghij", 10, 6);
		jsonw_word(&b, KEY("word"), "fin");
		jsonw_time(&b, KEY("time"), 1000000000);
		jsonw_addr(&b, KEY("addr"), addr, false);
		jsonw_hex_bytes(&b, KEY("hex"), addr, 4);
		jsonw_uint_named(&b, "named", 1);
		jsonw_null(&b, KEY("null"));
		jsonw_close(&b, '}');
		size_t len = jsonw_end(&b);
		assert_true(len <= size);
		for (size_t i = 0; i < 512; i++)
			if (i < 8 || i >= 8 + size)
				assert_int_equal(out[i], '#');
		if (len)
			assert_int_equal(out[8 + len - 1], '\n');
		if (!whole)
			whole = len;
		assert_true(len == 0 || len == whole);
	}
	assert_true(whole > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte), cmocka_unit_test(test_utf8),      cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_cut),        cmocka_unit_test(test_words),     cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_time),       cmocka_unit_test(test_addresses), cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("jsonw", tests, NULL, NULL);
}
