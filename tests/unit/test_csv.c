// SPDX-License-Identifier: GPL-2.0-only
/* Rows of CSV: golden ones, and names that would like to be formulas, cells or lines of their own. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COLUMNS 44

static char out[FORMAT_LINE_MAX + 1];

static const char *line(enum record_kind kind, const void *body, const struct record_owner *owner)
{
	const struct record rec = sample_record(kind, body);
	const struct format_input in = {.context = &sample_context, .rec = &rec, .owner = owner};

	out[format_csv.format(&in, out, FORMAT_LINE_MAX)] = '\0';
	return out;
}

/* Cells of a line, by the rules of RFC 4180. */
static unsigned int count_cells(const char *text)
{
	unsigned int cells = 1;
	bool quoted = false;

	for (; *text && (quoted || *text != '\n'); text++) {
		quoted ^= *text == '"';
		cells += !quoted && *text == ',';
	}
	assert_false(quoted);
	assert_string_equal(text, "\n");
	return cells;
}

static void rows(void **state)
{
	const struct conn_lost_record lost = {.stage = WIRE_LOST_RING, .count = 7, .total = 9};
	const struct conn_summary_record summary = {0};
	struct conn_record c;

	(void)state;
	out[format_csv.begin(&(struct format_options){0}, out, FORMAT_LINE_MAX)] = '\0';
	assert_int_equal(count_cells(out), COLUMNS);
	assert_memory_equal(out, "ts,event,conn_id,", 17);
	sample_connection(&c);
	assert_string_equal(
		line(RECORD_CONNECTION, &c, &sample_owner),
		"2026-01-02T03:04:05.100000Z,connection,7c9e6679.2a01,ipv4,10.0.0.1,40000,93.184.216.34,443,client,"
		"4026531840,4242,\"curl\",\"/usr/bin/curl\",1000,\"/user.slice/session-1.scope\",,"
		"2026-01-02T03:04:05.000000Z,2026-01-02T03:04:05.100000Z,100000,12300,local,fin,three_segment,SF,"
		"SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 CLOSE,,true,4300,4200,12582912,20,900,12250,11000,0,0,0,0,1,0,"
		"0,0,,\n");
	sample_unknown(&c);
	assert_int_equal(count_cells(line(RECORD_CONNECTION, &c, NULL)), COLUMNS);
	assert_int_equal(count_cells(line(RECORD_LOST, &lost, NULL)), COLUMNS);
	assert_non_null(strstr(out, ",ring,7\n"));
	assert_string_equal(line(RECORD_SUMMARY, &summary, NULL), "");
}

static void foreign_names(void **state)
{
	static const struct {
		const char *name, *cell;
	} names[] = {
		{"plain", "plain"},
		{"a,b", "a,b"},
		{"say \"hi\"", "say \"\"hi\"\""},
		{"=1+1", "'=1+1"},
		{"+x", "'+x"},
		{"-x", "'-x"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"  =1", "'  =1"},
		{"'x", "''x"},
		{"\uff1d1", "'\uff1d1"},
		{"\t=1", "\\x09=1"},
		{"a\nb\r", "a\\x0ab\\x0d"},
		{"\033[2J", "\\x1b[2J"},
		{"\xff", "\\xff"},
		{"\u202ex", "\\xe2\\x80\\xaex"},
		{"", ""},
	};
	char cell[80];
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(c.t.task.comm, sizeof(c.t.task.comm), "%s", names[i].name);
		snprintf(cell, sizeof(cell), ",4242,\"%s\",", names[i].cell);
		assert_int_equal(count_cells(line(RECORD_CONNECTION, &c, &sample_owner)), COLUMNS);
		if (!strstr(out, cell))
			fail_msg("%s is not in %s", cell, out);
	}
}

/* Whatever paths are, a line fits. */
static void long_paths(void **state)
{
	static const char *const pieces[] = {"\"", "\xff", "\xf0\x9f\x98\x80", "x", "="};
	static char path[8192];
	const struct record_owner owner = {.exe = path, .cgroup = path};
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (size_t len = 0; len + 4 < sizeof(path); len += strlen(pieces[i]))
			strcpy(path + len, pieces[i]);
		assert_int_equal(count_cells(line(RECORD_CONNECTION, &c, &owner)), COLUMNS);
		assert_true(strlen(out) > 500);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(foreign_names),
		cmocka_unit_test(long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
