// SPDX-License-Identifier: GPL-2.0-only
/* The text table: golden rows, its width, units, and names that would like to write on the terminal. */
#include "src/format/units.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static char out[FORMAT_LINE_MAX + 1];
static const struct format_options narrow, wide = {.wide = true}, full_time = {.full_time = true};

static const char *line(const struct format_options *options, enum record_kind kind, const void *body)
{
	struct record rec = sample_record(kind, body);

	const struct format_input in = {.context = &sample_context, .options = options, .rec = &rec};

	out[format_text.format(&in, out, FORMAT_LINE_MAX)] = '\0';
	return out;
}

static const char *begin(const struct format_options *options)
{
	out[format_text.begin(options, out, FORMAT_LINE_MAX)] = '\0';
	return out;
}

static void test_rows(void **state)
{
	struct conn_record c;

	(void)state;
	assert_string_equal(
		begin(&narrow),
		"TIME         PID COMM       R LOCAL                 PEER                  B END         HS    LIFE   "
		"TX   RX RTX STATES\n"
		"# S syn_sent, R syn_recv, E established, 1 2 fin_wait, C closing, T time_wait, W close_wait, L last_ack, "
		"! incomplete\n");
	sample_connection(&c);
	assert_string_equal(
		line(&narrow, RECORD_CONNECTION, &c),
		"03:04:05    4242 curl       c 10.0.0.1:40000        93.184.216.34:443     l fin     12.3ms   100ms "
		"4.1K  12M   1 SE12\n");
	c.final = false;
	c.timeline_len = 2;
	c.closed_by = CONN_SIDE_UNKNOWN;
	assert_string_equal(
		line(&narrow, RECORD_PROGRESS, &c),
		"03:04:05    4242 curl       c 10.0.0.1:40000        93.184.216.34:443     - open    12.3ms   100ms "
		"4.1K  12M   1 SE\n");
	sample_unknown(&c);
	assert_string_equal(
		line(&narrow, RECORD_CONNECTION, &c),
		"03:04:05       - -          - -                     -                     - -            -  >12.3s "
		"   -    -   0 -!\n");
}

static void test_wide(void **state)
{
	struct conn_record c;

	(void)state;
	assert_string_equal(
		begin(&wide),
		"TIME         PID COMM             ROLE         LOCAL                                           "
		"PEER                                            CLOSED_BY END              HS    LIFE   TX   RX RTX STATES\n");
	sample_connection(&c);
	sample_addresses(&c.t, AF_INET6, "2001:db8::1", 40000, "2001:db8:1111:2222:3333:4444:5555:6666", 443);
	c.end = CONN_END_RST_RECEIVED;
	assert_string_equal(
		line(&wide, RECORD_CONNECTION, &c),
		"03:04:05    4242 curl             client       [2001:db8::1]:40000                             "
		"[2001:db8:1111:2222:3333:4444:5555:6666]:443    local     rst_received 12.3ms   100ms 4.1K  12M   1 "
		"SYN_SENT>ESTABLISHED>FIN_WAIT1>FIN_WAIT2\n");
	/* an address is never cut: in the narrow table its row is longer */
	assert_string_equal(
		line(&narrow, RECORD_CONNECTION, &c),
		"03:04:05    4242 curl       c [2001:db8::1]:40000   [2001:db8:1111:2222:3333:4444:5555:6666]:443 l rst-in  "
		"12.3ms   100ms 4.1K  12M   1 SE12\n");
	c.end = CONN_END_UNKNOWN;
	assert_non_null(strstr(line(&wide, RECORD_CONNECTION, &c), " local     -            12.3ms"));
	sample_connection(&c);
	assert_true(!strncmp(line(&full_time, RECORD_CONNECTION, &c), "2026-01-02T03:04:05.100000Z    4242 curl ", 41));
}

static void test_width(void **state)
{
	struct conn_record c;

	(void)state;
	sample_widest(&c);
	for (int end = 0; end < CONN_END_MAX; end++) {
		c.end = (enum conn_end)end;
		assert_true(strlen(line(&narrow, RECORD_CONNECTION, &c)) <= 121); /* with the newline */
	}
	c.end = CONN_END_RST_SENT;
	assert_string_equal(
		line(&narrow, RECORD_CONNECTION, &c),
		"03:04:05 4194304 sixteen by x 255.255.255.255:65535 255.255.255.255:65535 b rst-out 59m59s >99d23h "
		"1023 999K  4G SRE1CT!\n");
	begin(&narrow);
	for (char *next = strtok(out, "\n"); next; next = strtok(NULL, "\n"))
		assert_true(strlen(next) <= 120);
}

static void expect_name(const char *comm, const char *expected)
{
	struct conn_record c;
	char cell[64];

	sample_connection(&c);
	memset(c.t.task.comm, 0, WIRE_COMM_LEN);
	memcpy(c.t.task.comm, comm, strlen(comm) < WIRE_COMM_LEN ? strlen(comm) : WIRE_COMM_LEN);
	snprintf(cell, sizeof(cell), " 4242 %s c 10.0.0.1", expected);
	if (!strstr(line(&narrow, RECORD_CONNECTION, &c), cell))
		fail_msg("%s is not in %s", cell, out);
}

static void test_names(void **state)
{
	struct conn_record c;

	(void)state;
	expect_name("a b", "a b       ");
	expect_name("", "          ");
	expect_name("\x1b[31m", "\\x1b[31m  ");
	expect_name("\r\n", "\\x0d\\x0a  ");
	expect_name("\xff\x7f", "\\xff\\x7f  ");
	expect_name("caf\xc3\xa9", "caf\xc3\xa9      ");
	expect_name("\xc2\x9b", "\\xc2\\x9b  ");   /* C1: CSI */
	expect_name("\xe2\x80\xae", "          "); /* its escape is longer than the column, and no half of it is shown */
	expect_name("abcdefg\x1b", "abcdefg   ");
	expect_name("abcdefghijklmnop", "abcdefghij");
	sample_connection(&c);
	for (int byte = 1; byte < 256; byte++) {
		memset(c.t.task.comm, byte, WIRE_COMM_LEN);
		line(&wide, RECORD_CONNECTION, &c);
		for (const char *p = out; *p; p++)
			assert_true((*p >= ' ' && *p < 0x7f) || (*p == '\n' && !p[1]));
	}
}

static void test_other_records(void **state)
{
	struct conn_record c;
	struct conn_state_record s = {.old_state = WIRE_SYN_SENT,
				      .new_state = WIRE_ESTABLISHED,
				      .prev_known = true,
				      .prev_us = 12300,
				      .by = CONN_BY_PEER};
	struct conn_retransmit_record r = {
		.state = WIRE_ESTABLISHED, .kind = WIRE_SEG_DATA, .trigger = WIRE_TRIGGER_TLP, .count = 1};
	struct conn_reset_record reset = {.state = WIRE_ESTABLISHED, .direction = WIRE_RECEIVED, .reason = 3, .count = 1};
	struct conn_time_wait_record tw = {
		.time_wait = {.entered = true, .us_known = true, .us = 61700000, .end = WIRE_CAUSE_EXPIRED}};
	struct conn_lost_record l = {.stage = WIRE_LOST_RING, .count = 12, .connections_affected = 40};
	const struct record_hook hooks[] = {{"inet_sock_set_state", "tp_btf", "", true, false},
					    {"tcp_send_reset", "tp_btf", "not in\x1b this kernel", false, false},
					    {"tcp_time_wait", "fentry", "EPERM", false, false}};
	struct conn_summary_record sum = {0};
	struct record_meta m = {.what = "degraded", .hooks = hooks, .hooks_len = 3};

	(void)state;
	sample_connection(&c);
	s.t = r.t = reset.t = tw.t = &c.t;
#define SUBJECT "03:04:05    4242 curl       c 10.0.0.1:40000        93.184.216.34:443     "
	assert_string_equal(line(&narrow, RECORD_STATE, &s), SUBJECT "+state SYN_SENT>ESTABLISHED after 12.3ms by peer\n");
	assert_string_equal(line(&narrow, RECORD_RETRANSMIT, &r), SUBJECT "+retransmit data by tlp in ESTABLISHED\n");
	assert_string_equal(line(&narrow, RECORD_RESET, &reset),
			    SUBJECT "+reset received in ESTABLISHED: SK_RST_REASON_NO_SOCKET\n");
	assert_string_equal(line(&narrow, RECORD_TIME_WAIT, &tw), SUBJECT "+time_wait expired after 1m01s\n");
	tw.time_wait = (struct conn_time_wait){.entered = true,
					       .us_known = true,
					       .us = 1500,
					       .fin_wait2 = true,
					       .fin_wait2_us_known = true,
					       .fin_wait2_us = 2000000,
					       .restarts = 2,
					       .ev = CONN_EV_SCAN};
	assert_string_equal(line(&narrow, RECORD_TIME_WAIT, &tw),
			    SUBJECT "+time_wait ended after 1.5ms in FIN_WAIT2 2.0s restarts 2 by scan\n");
	tw.time_wait = (struct conn_time_wait){.entered = true, .end = WIRE_CAUSE_REUSED, .ev = CONN_EV_INFERRED};
	assert_string_equal(line(&narrow, RECORD_TIME_WAIT, &tw), SUBJECT "+time_wait reused by inference\n");
	r = (struct conn_retransmit_record){
		.netns = 1, .local_port = 80, .kind = WIRE_SEG_SYNACK, .count = 12, .interval_us = 1000000};
	assert_string_equal(line(&narrow, RECORD_RETRANSMIT, &r), "03:04:05       - -          - *:80                  -       "
								  "              +retransmit synack x12 in 1.0s netns 1\n");
	reset = (struct conn_reset_record){
		.netns = 1, .local_port = 80, .direction = WIRE_SENT, .count = 1, .interval_us = 1000000};
	assert_string_equal(
		line(&narrow, RECORD_RESET, &reset),
		"03:04:05       - -          - *:80                  -                     +reset sent in 1.0s netns 1\n");
	reset.netns = reset.local_port = 0;
	assert_string_equal(
		line(&narrow, RECORD_RESET, &reset),
		"03:04:05       - -          - *                     -                     +reset sent in 1.0s at all "
		"other ports\n");
	assert_string_equal(line(&narrow, RECORD_LOST, &l), "# lost 12 events in ring, connections that may be affected: 40\n");
	l.stage = WIRE_LOST_QUEUE;
	assert_string_equal(line(&narrow, RECORD_LOST, &l), "# lost 12 records in queue\n");
	l.stage = WIRE_LOST_RATELIMIT;
	assert_string_equal(line(&narrow, RECORD_LOST, &l), "# lost 12 counts or stacks in ratelimit\n");
	assert_string_equal(line(&narrow, RECORD_META, &m),
			    "# degraded: without tcp_send_reset: not in\\x1b this kernel; tcp_time_wait: EPERM\n");
	m.what = "ready";
	assert_string_equal(line(&narrow, RECORD_META, &m), "");
	m.reload = &(struct record_reload){.error = "a.conf:3: no"};
	assert_string_equal(line(&narrow, RECORD_META, &m),
			    "# the configuration is wrong, and the old settings stay: a.conf:3: no\n");
	m.reload = NULL;
	assert_string_equal(line(&narrow, RECORD_SUMMARY, &sum), "");
	sum.listeners_len = 3;
	sum.listeners[0] = (struct conn_listener_row){.netns = 5, .local_port = 80, .at = {.queue = 4, .limit = 4}, .drops = 9};
	sum.listeners[1] = (struct conn_listener_row){.netns = 5,
						      .local_port = 80,
						      .task = {.tgid = 7, .comm = "a\033"},
						      .at = {.queue = 5, .limit = 4},
						      .drops = 9,
						      .interval_us = 60000000};
	sum.listeners[2] = (struct conn_listener_row){.local_addr = {[10] = 0xff, [11] = 0xff, [15] = 1},
						      .ipv4 = true,
						      .netns = 6,
						      .local_port = 443,
						      .at = {.queue = 1},
						      .ended = true};
	assert_string_equal(line(&narrow, RECORD_SUMMARY, &sum),
			    "# accept queue full: [::]:80 netns 5 of a\\x1b[7]: 5 wait for "
			    "accept(), more than its backlog of 4; 9 dropped in "
			    "1m00s\n# accept queue full: 0.0.0.1:443 netns 6 of (no "
			    "process): 1 wait for accept(), more than its backlog of "
			    "0; it ended\n");
	assert_string_equal(line(&narrow, RECORD_SNAPSHOT, NULL), "");
}

/* However much there is to say it is one line, within the buffer. */
static void test_bounds(void **state)
{
	static char why[4000];
	static struct record_hook hooks[200];
	struct record_meta m = {.what = "degraded", .hooks = hooks, .hooks_len = 200};

	(void)state;
	memset(why, 2, sizeof(why) - 1);
	for (size_t i = 0; i < 200; i++)
		hooks[i] = (struct record_hook){"hook", "tp_btf", why, false, false};
	line(&narrow, RECORD_META, &m);
	assert_true(strlen(out) <= FORMAT_LINE_MAX);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void test_units(void **state)
{
	static const struct {
		char *(*unit)(char *, uint64_t);
		uint64_t value;
		const char *expected;
	} rows[] = {
		{units_duration, 0, "0us"},
		{units_duration, 850, "850us"},
		{units_duration, 999, "999us"},
		{units_duration, 1000, "1.0ms"},
		{units_duration, 12345, "12.3ms"},
		{units_duration, 99999, "99.9ms"},
		{units_duration, 100000, "100ms"},
		{units_duration, 999999, "999ms"},
		{units_duration, 1000000, "1.0s"},
		{units_duration, 1250000, "1.2s"},
		{units_duration, 59999999, "59.9s"},
		{units_duration, 60000000, "1m00s"},
		{units_duration, 184000000, "3m04s"},
		{units_duration, 3599999999, "59m59s"},
		{units_duration, 7800000000, "2h10m"},
		{units_duration, 86399999999, "23h59m"},
		{units_duration, 86400000000, "1d00h"},
		{units_duration, 8639999999999, "99d23h"},
		{units_duration, 8640000000000, "100d"},
		{units_duration, UINT64_MAX, "213503982d"},
		{units_size, 0, "0"},
		{units_size, 1023, "1023"},
		{units_size, 1024, "1.0K"},
		{units_size, 4200, "4.1K"},
		{units_size, 10239, "9.9K"},
		{units_size, 10240, "10K"},
		{units_size, 999 * 1024 + 1023, "999K"},
		{units_size, 1000 * 1024, "0.9M"},
		{units_size, 12 << 20, "12M"},
		{units_size, UINT64_MAX, "15E"},
		{units_count, 0, "0"},
		{units_count, 999, "999"},
		{units_count, 1000, "1K"},
		{units_count, 99999, "99K"},
		{units_count, 100000, ".1M"},
		{units_count, 999999, ".9M"},
		{units_count, 1000000, "1M"},
		{units_count, 99999999, "99M"},
		{units_count, 123456789, ".1G"},
		{units_count, UINT64_MAX, "18E"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[UNITS_MAX + 1];
		*rows[i].unit(text, rows[i].value) = '\0';
		assert_string_equal(text, rows[i].expected);
	}
}

/* Each digit more tells times apart that read alike with one less; with all of them a duration is exact. */
static void test_units_more(void **state)
{
	static const struct {
		uint64_t us;
		unsigned int more;
		const char *expected;
	} rows[] = {
		{850, 3, "850us"},
		{1234, 0, "1.2ms"},
		{1234, 1, "1.23ms"},
		{1204, 2, "1.204ms"},
		{1204, 7, "1.204ms"},
		{123456, 1, "123.4ms"},
		{123456, 3, "123.456ms"},
		{999999, 7, "999.999ms"},
		{1000012, 1, "1.00s"},
		{1000012, 5, "1.000012s"},
		{59999999, 2, "59.999s"},
		{184500000, 1, "3m04.5s"},
		{184000001, 7, "3m04.000001s"},
		{7807654321, 1, "2h10m07s"},
		{7807654321, 2, "2h10m07.6s"},
		{7807654321, 7, "2h10m07.654321s"},
		{90000000000, 1, "25h00m00s"},
		{UINT64_MAX, 7, "5124095576h01m49.551615s"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[UNITS_MAX + 1];
		*units_duration_more(text, rows[i].us, rows[i].more) = '\0';
		assert_string_equal(text, rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),  cmocka_unit_test(test_wide),          cmocka_unit_test(test_width),
		cmocka_unit_test(test_names), cmocka_unit_test(test_other_records), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_units), cmocka_unit_test(test_units_more),
	};

	/* The table shows local time: here it is UTC. */
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
