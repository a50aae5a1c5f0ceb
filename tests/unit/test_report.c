// SPDX-License-Identifier: GPL-2.0-only
/* A report: known lines give known numbers, in one size of memory and at most 2 MB of page, whatever names they have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/format/html.h"
#include "src/format/report.h"

#define MEMORY_MAX ((size_t)40 << 20)

static struct report *report;
static char *page;
static char why[REPORT_WHY_LEN];

static int setup(void **state)
{
	(void)state;
	report = calloc(1, sizeof(*report));
	page = calloc(1, HTML_MAX + 1);
	if (!report || !page)
		return -1;
	report_init(report, INT64_MIN, INT64_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(report);
	free(page);
	return 0;
}

__attribute__((format(printf, 1, 2))) static bool give(const char *format, ...)
{
	static char line[16384];
	static struct report_parsed parsed;
	bool taken;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	report_parse(&parsed, line, (size_t)len);
	taken = report_take(report, &parsed);
	memcpy(why, parsed.why, sizeof(why));
	report_forget(&parsed);
	return taken;
}

static size_t make_page(void)
{
	static const struct html_parts parts = {.style = "b{}",
						.style_len = 3,
						.script = "1",
						.script_len = 1,
						.style_sha256 = "S",
						.script_sha256 = "J",
						.version = "0"};
	size_t len;

	report_judge(report);
	len = html_report(report, &parts, page, HTML_MAX);
	assert_true(len <= HTML_MAX);
	page[len] = '\0';
	return len;
}

#define HEAD(event, at)                                                                                                        \
	"{\"event\":\"" event "\",\"ts\":\"2026-01-02T03:" at ".000000Z\",\"instance\":\"a\",\"seq\":%u,\"host\":\"h\","
#define TUPLE                                                                                                                  \
	"\"conn_id\":\"01234567.%x\",\"family\":\"ipv4\",\"local_addr\":\"10.0.0.1\",\"local_port\":40000,\"peer_addr\":"      \
	"\"10.0.0.2\",\"peer_port\":443,\"role\":\"client\",\"process\":{\"pid\":7,\"comm\":\"%s\",\"from\":\"connect\"},"

static bool give_closed(unsigned int number, const char *comm)
{
	return give(HEAD("connection", "04:05") TUPLE
		    "\"final\":true,\"start\":\"2026-01-02T03:04:04.000000Z\",\"end\":\"2026-01-02T03:04:05.000000Z\","
		    "\"duration_us\":1000000,\"handshake_us\":300,\"closed_by\":\"peer\",\"end_reason\":\"fin\",\"timeline\":["
		    "{\"state\":\"SYN_SENT\",\"at_us\":0,\"us\":300,\"by\":\"local\",\"ev\":\"event\"},"
		    "{\"state\":\"ESTABLISHED\",\"at_us\":300,\"us\":499700,\"by\":\"peer\",\"ev\":\"event\"},"
		    "{\"state\":\"CLOSE_WAIT\",\"at_us\":500000,\"us\":400000,\"by\":\"peer\",\"ev\":\"event\"},"
		    "{\"state\":\"LAST_ACK\",\"at_us\":900000,\"us\":100000,\"by\":\"local\",\"ev\":\"inferred\"}],"
		    "\"retransmits\":{\"syn\":0,\"synack\":0,\"data\":2,\"fin\":0},\"complete\":true}",
		    number, number, comm);
}

static bool give_refused(unsigned int number)
{
	return give(HEAD("connection", "04:06") TUPLE
		    "\"final\":true,\"start\":\"2026-01-02T03:04:06.000000Z\",\"duration_us\":200,\"end_reason\":\"refused\","
		    "\"timeline\":[{\"state\":\"SYN_SENT\",\"at_us\":0,\"us\":200,\"by\":\"local\",\"ev\":\"event\"}],"
		    "\"resets\":{\"sent\":0,\"received\":1,\"reason\":null},\"complete\":true}",
		    number, number, "curl");
}

static void test_diagram(void **state)
{
	(void)state;
	assert_true(give_closed(1, "curl"));
	assert_true(give_closed(2, "curl"));
	assert_true(give_refused(3));
	assert_int_equal(report->travelled.edges[WIRE_CLOSE][WIRE_SYN_SENT], 3);
	assert_int_equal(report->travelled.edges[WIRE_SYN_SENT][WIRE_ESTABLISHED], 2);
	assert_int_equal(report->travelled.edges[WIRE_LAST_ACK][WIRE_CLOSE], 2);
	assert_int_equal(report->travelled.edges[WIRE_SYN_SENT][WIRE_CLOSE], 0);
	assert_int_equal(report->travelled.forced[WIRE_SYN_SENT][CONN_END_REFUSED], 1);
	assert_int_equal(report->states[WIRE_SYN_SENT].count, 3);
	assert_int_equal(report->states[WIRE_CLOSE_WAIT].max, 400000);
	assert_int_equal(report->cover.spans_inferred, 2);
	assert_int_equal(report->handshakes[CONN_CLIENT].count, 2);
	assert_int_equal(report->again.data, 4);
	make_page();
	assert_non_null(strstr(page, "data-from=\"SYN_SENT\" data-to=\"ESTABLISHED\" data-count=\"2\""));
	assert_non_null(strstr(page, "class=\"forced\" data-from=\"SYN_SENT\" data-count=\"1\""));
}

/* Written at the close, the connection's TIME_WAIT comes in a record of its own. */
static void test_time_wait_apart(void **state)
{
	(void)state;
	assert_true(give(HEAD("connection", "04:05") TUPLE "\"start\":\"2026-01-02T03:04:04.000000Z\",\"end_reason\":\"fin\","
							   "\"timeline\":[{\"state\":\"TIME_WAIT\",\"at_us\":0,\"us\":null,"
							   "\"by\":\"peer\",\"ev\":\"event\"}],\"time_wait\":{\"us\":null,"
							   "\"end\":null,\"ev\":\"event\"}}",
			 1, 1, "curl"));
	assert_int_equal(report->travelled.left_open[WIRE_TIME_WAIT], 1);
	assert_true(give(HEAD("time_wait", "05:05") TUPLE "\"start\":\"2026-01-02T03:04:04.000000Z\",\"time_wait\":{\"us\":"
							  "60000000,\"end\":\"expired\",\"ev\":\"event\"}}",
			 2, 1, "curl"));
	assert_int_equal(report->travelled.left_open[WIRE_TIME_WAIT], 0);
	assert_int_equal(report->travelled.edges[WIRE_TIME_WAIT][WIRE_CLOSE], 1);
	assert_int_equal(report->states[WIRE_TIME_WAIT].max, 60000000);
	assert_int_equal(report->peers.rows[0].values[ROW_TIME_WAIT], 1);
}

static bool give_leak(unsigned int seq, const char *instance, const char *id, unsigned int count)
{
	return give(
		"{\"event\":\"close_wait_leak\",\"ts\":\"2026-01-02T03:05:00.000000Z\",\"instance\":\"%s\",\"seq\":%u,\"host\":"
		"\"h\"," TUPLE "\"alert_id\":\"%s\",\"dependency\":\"10.0.0.2:443\",\"in_state_us\":61000000,\"cause\":"
		"\"eof_unread\",\"count\":%u,\"hint\":\"Close it.\"}",
		instance, seq, seq + 16, "shop", id, count);
}

static void test_leaks(void **state)
{
	(void)state;
	assert_true(give_leak(0, "a", "01234567.1", 1));
	assert_true(give_leak(1, "a", "01234567.g2", 7));
	assert_true(give_leak(2, "a", "01234567.g2", 2));
	assert_int_equal(report_leaking(report), 10);
	assert_true(
		give("{\"event\":\"close_wait_resolved\",\"ts\":\"2026-01-02T03:05:01.000000Z\",\"instance\":\"a\",\"seq\":3,"
		     "\"host\":\"h\"," TUPLE "\"alert_id\":\"01234567.g2\",\"count\":4,\"resolution\":\"closed\"}",
		     99, "shop"));
	assert_int_equal(report_leaking(report), 6);
	assert_int_equal(report->groups.rows[0].values[GROUP_LEAKING], 6);

	/* The next run raises again what still leaks. */
	assert_true(give_leak(0, "b", "01234567.g2", 5));
	assert_int_equal(report_leaking(report), 6);
	for (unsigned int i = 0; i < 2; i++) /* of what the run before had: it is not among the five */
		assert_true(give(
			"{\"event\":\"close_wait_resolved\",\"ts\":\"2026-01-02T03:05:02.000000Z\",\"instance\":\"b\","
			"\"seq\":%u,"
			"\"host\":\"h\"," TUPLE "\"alert_id\":\"01234567.g2\",\"count\":2,\"resolution\":\"closed\",%s}",
			i + 1, 99, "shop", i ? "\"from_before\":true" : "\"ended_after\":\"2026-01-02T03:05:00.000000Z\""));
	assert_int_equal(report_leaking(report), 6);
	assert_int_equal(report->groups.len, 1);
	make_page();
	assert_int_equal(report->findings_len, 1);
	assert_int_equal(report->findings[0].what, FINDING_CLOSE_WAIT_LEAK);
	assert_string_equal(report->findings[0].who, "shop");
	assert_int_equal(report->findings[0].count, 6);
	assert_non_null(strstr(page, "Not looked at"));
}

/* A socket's own alert says since when it is in CLOSE_WAIT; the records of its run, until when. */
static void test_age_of_leaks(void **state)
{
	(void)state;
	assert_true(give_leak(16, "a", "01234567.20", 1));
	assert_true(give_leak(17, "a", "01234567.g2", 399));
	assert_true(give(
		"{\"event\":\"lost\",\"ts\":\"2026-01-02T03:06:00.000000Z\",\"instance\":\"a\",\"seq\":18,\"host\":\"h\"}"));
	assert_true(give(
		"{\"event\":\"lost\",\"ts\":\"2026-01-02T03:09:00.000000Z\",\"instance\":\"b\",\"seq\":0,\"host\":\"h\"}"));
	make_page();
	assert_int_equal(report->findings_len, 1);
	assert_non_null(strstr(report->findings[0].message, "the oldest for at least 2m01s"));
	assert_non_null(strstr(page, ">400 sockets leak in CLOSE_WAIT, all of shop</text>"));
	assert_int_equal(report->leaking.len, 2);
	assert_int_equal(report->leaking.items[0].end.age_us, 121000000);
	assert_int_equal(report->leaking.items[1].end.age_us, 121000000);
}

static bool give_resolved(unsigned int seq, unsigned int number, unsigned int count)
{
	return give("{\"event\":\"close_wait_resolved\",\"ts\":\"2026-01-02T03:05:01.000000Z\",\"instance\":\"a\",\"seq\":%u,"
		    "\"host\":\"h\"," TUPLE "\"alert_id\":\"01234567.g2\",\"count\":%u,\"resolution\":\"closed\"}",
		    seq, number, "shop", count);
}

/* Of one that a group names it is not known whether it is among those that are gone, once some are. */
static void test_age_of_one_that_may_be_gone(void **state)
{
	(void)state;
	assert_true(give_leak(16, "a", "01234567.20", 1));
	assert_true(give_leak(17, "a", "01234567.g2", 399));
	assert_true(give_resolved(18, 99, 1));
	assert_true(give(
		"{\"event\":\"lost\",\"ts\":\"2026-01-02T03:06:00.000000Z\",\"instance\":\"a\",\"seq\":19,\"host\":\"h\"}"));
	make_page();
	assert_int_equal(report->leaking.len, 2);
	assert_int_equal(report->leaking.items[0].end.age_us, 121000000);
	assert_int_equal(report->leaking.items[1].end.age_us, 61000000);
}

/* A group's record names one of its sockets, and another one as they are gone. */
static void test_no_more_lanes_than_leaks(void **state)
{
	(void)state;
	assert_true(give_leak(0, "a", "01234567.10", 1));
	for (unsigned int i = 1; i < 6; i++)
		assert_true(give_leak(i, "a", "01234567.g2", 2));
	assert_int_equal(report->leaking.len, 6);
	assert_true(give_resolved(6, 99, 8));
	assert_int_equal(report->leaking.len, 3);
	assert_true(give_resolved(7, 98, 2));
	assert_int_equal(report->leaking.len, 1);
	assert_string_equal(report->leaking.items[0].alert, "01234567.10");
}

static void test_findings_of_records(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		assert_true(give_refused(i));
	report_judge(report);
	assert_int_equal(report->findings_len, 1);
	assert_int_equal(report->findings[0].what, FINDING_CONNECT_REFUSED);
	assert_int_equal(report->findings[0].count, 100);
}

/* What a run found itself is not said twice. */
static void test_findings_of_a_run(void **state)
{
	(void)state;
	assert_true(
		give(HEAD("finding", "04:05") "\"what\":\"up\",\"finding\":\"connect_refused\",\"finding_id\":\"01234567.f1\","
					      "\"severity\":\"warning\",\"since\":\"2026-01-02T03:04:05.000000Z\",\"count\":5,"
					      "\"message\":\"They refuse.\"}",
		     0));
	for (unsigned int i = 0; i < 100; i++)
		assert_true(give_refused(i));
	make_page();
	assert_int_equal(report->findings_len, 1);
	assert_string_equal(report->findings[0].message, "They refuse.");
	assert_null(strstr(page, "Not looked at"));
}

/* What a run on one host has looked for says nothing of another. */
static void test_findings_of_hosts(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		assert_true(give_refused(i));
	assert_true(give("{\"event\":\"finding\",\"ts\":\"2026-01-02T03:04:05.000000Z\",\"instance\":\"b\",\"seq\":0,\"host\":"
			 "\"other\",\"what\":\"up\",\"finding\":\"connect_refused\",\"finding_id\":\"01234567.f1\","
			 "\"severity\":\"critical\",\"count\":7,\"message\":\"They refuse.\"}"));
	make_page();
	assert_int_equal(report->findings_len, 2);
	assert_string_equal(report->findings[0].host, "other");
	assert_string_equal(report->findings[1].host, "h");
	assert_int_equal(report->findings[1].count, 100);
	assert_non_null(strstr(page, "Not looked at on 1 of 2 hosts, since"));
}

static void test_since_until(void **state)
{
	(void)state;
	report->since_us = INT64_C(1767323046) * 1000000; /* 03:04:06 */
	assert_true(give_closed(1, "curl"));
	assert_true(give_refused(2));
	assert_int_equal(report->cover.outside, 1);
	assert_int_equal(report->cover.kinds[RECORD_CONNECTION], 1);
	report->until_us = report->since_us - 1;
	assert_true(give_refused(3));
	assert_int_equal(report->cover.outside, 2);
}

static void test_bad_lines(void **state)
{
	(void)state;
	assert_false(give("{"));
	assert_false(give("{\"event\":\"connection\"}"));
	assert_string_equal(why, "ts is not a time like 2026-01-02T03:04:05.000000Z");
	assert_false(give("[]"));
	assert_true(give(HEAD("of_the_future", "04:05") "\"x\":1}", 0));
	assert_int_equal(report->cover.bad, 3);
	assert_int_equal(report->cover.kinds[RECORD_MAX], 1);
}

/* A destination that only a summary knows, without any time to draw. */
static void test_ports_alone(void **state)
{
	(void)state;
	assert_true(give(
		HEAD("summary", "04:05") "\"interval_us\":1,\"ports\":[{\"netns\":1,\"local_addr\":\"10.0.0.1\",\"peer_addr\":"
					 "\"2001:db8::1\",\"peer_port\":443,\"in_use\":97,\"range\":100}]}",
		0));
	make_page();
	assert_int_equal(report->findings_len, 1);
	assert_int_equal(report->findings[0].what, FINDING_PORTS_USED_UP);
	assert_int_equal(report->findings[0].severity, FINDING_CRITICAL);
	assert_non_null(strstr(page, "<bdi>[2001:db8::1]:443</bdi>"));
	assert_non_null(strstr(page, "97 of 100"));
}

/* Numbers as large as JSON has them add up without an overflow, and times end with those of the tool. */
static void test_large_numbers(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		assert_true(
			give("{\"event\":\"close_wait_leak\",\"ts\":\"2026-01-02T03:05:00.000000Z\",\"instance\":\"a\",\"seq\":"
			     "9223372036854775807,\"host\":\"h\"," TUPLE "\"alert_id\":\"x\",\"in_state_us\":9007199254740991,"
			     "\"count\":9007199254740991}",
			     i, "shop"));
	assert_int_equal(report_leaking(report), 3ull * UINT32_MAX);
	make_page();
}

/* Numbers of records that are missing. */
static void test_numbering(void **state)
{
	(void)state;
	assert_true(give_refused(5));
	assert_true(give_refused(9));
	assert_int_equal(report->instances[0].most - report->instances[0].least + 1 - report->instances[0].seen, 3);
	make_page();
	assert_non_null(strstr(page, "left out of these files: 3<"));
}

static void test_hostile_names(void **state)
{
	(void)state;
	assert_true(give_closed(1, "<script>a&'"));
	assert_true(give_closed(2, "\\u202e\\u0007x"));
	make_page();
	assert_null(strstr(page, "<script>a"));
	assert_null(strstr(page, "\u202e"));
	assert_null(strchr(page, '\a'));
	assert_non_null(strstr(page, "&lt;script&gt;a&amp;&#39;"));
	assert_non_null(strstr(page, "\\u{202e}\\x07x"));
}

/* Any number of names: the page and the memory keep their size, and a common name among them is found. */
static void test_many_names(void **state)
{
	char comm[16];

	(void)state;
	assert_true(sizeof(struct report) <= MEMORY_MAX);
	for (unsigned int i = 0; i < 6000; i++) {
		snprintf(comm, sizeof(comm), "<%u>", i);
		assert_true(give_closed(i, i % 4 ? comm : "common"));
	}
	assert_int_equal(report->processes.len, REPORT_TOP_ROWS);
	assert_true(report->processes.displaced > 0);
	make_page();
	assert_non_null(strstr(page, "<td><bdi>common</bdi></td><td class=\"n\" data-v=\"1500\">"));
	assert_non_null(strstr(page, "</html>"));
	assert_non_null(strstr(page, "60</span> of 6,000 connections"));
}

static void test_histogram(void **state)
{
	static struct report_hist hist;
	uint64_t sum = 0;

	(void)state;
	for (uint64_t us = 1; us <= 100000; us++)
		report_hist_add(&hist, us);
	assert_in_range(report_hist_quantile(&hist, 0.5), 47000, 53000);
	assert_in_range(report_hist_quantile(&hist, 0.99), 93000, 100000);
	for (unsigned int power = 0; power < REPORT_HIST_POWERS; power++)
		sum += report_hist_power(&hist, power);
	assert_int_equal(sum, hist.count);
	assert_int_equal(report_hist_power(&hist, 4), 16);
	report_hist_add(&hist, UINT64_MAX);
	report_hist_add(&hist, 0);
	assert_int_equal(report_hist_quantile(&hist, 1e-9), 0);
}

/* The axis grows both ways, and nothing is lost by it. */
static void test_series(void **state)
{
	static struct report_series series;
	struct report_axis axis = {0}, old;
	const int64_t begin = INT64_C(1767323045123456), hour = INT64_C(3600000000);
	uint64_t held = 0;
	int64_t now = 0;

	(void)state;
	assert_false(report_axis_cover(&axis, begin, begin + 5, &old));
	report_series_hold(&series, &axis, begin, begin + 5);
	report_series_change(&series, &axis, begin, 3);
	assert_true(report_axis_cover(&axis, begin - hour, begin + hour, &old));
	report_series_fit(&series, &old, &axis);
	report_series_hold(&series, &axis, begin - hour, begin + hour);
	for (unsigned int slot = 0; slot < REPORT_SLOTS; slot++) {
		held += series.held_us[slot];
		now += series.change[slot];
		assert_true(series.held_us[slot] <= (uint64_t)axis.width_us + 5);
	}
	assert_int_equal(held, 2 * hour + 5);
	assert_int_equal(now, 3);
	assert_true(axis.begin_us <= begin - hour && axis.begin_us + REPORT_SLOTS * axis.width_us > begin + hour);
	assert_true(report_axis_cover(&axis, 0, INT64_MAX / 1000, &old)); /* all the time that a record may have */
	report_series_fit(&series, &old, &axis);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_diagram),
		TEST(test_time_wait_apart),
		TEST(test_leaks),
		TEST(test_age_of_leaks),
		TEST(test_age_of_one_that_may_be_gone),
		TEST(test_no_more_lanes_than_leaks),
		TEST(test_findings_of_records),
		TEST(test_findings_of_a_run),
		TEST(test_findings_of_hosts),
		TEST(test_since_until),
		TEST(test_bad_lines),
		TEST(test_ports_alone),
		TEST(test_large_numbers),
		TEST(test_numbering),
		TEST(test_hostile_names),
		TEST(test_many_names),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
