// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live page: an event is one line of JSON that fits, whatever names and numbers there are, and a guard lets only pages of
 * this host ask for it. With --page and --events it writes both, for tests/report and its browser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "src/cli/embedded.h"
#include "src/format/finding_text.h"
#include "src/format/live.h"
#include "src/format/report.h"
#include "src/io/http_guard.h"

#define CONNS LIVE_CONNS_MAX

static const char *const names[] = {"<script>h()", "\"><b id=h>", "\xe2\x80\xaeliv\xff", "=1+1\n\ndata: x",
				    "\x01\x02\x03\x04\x05\x06\x07"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static struct metrics_table table;
static struct travelled travelled;
static struct top_leaks leaks;
static struct top_leak leak_items[LIVE_LEAKS_MAX + 5];
static struct status_finding findings[STATUS_FINDINGS_MAX];
static struct live_conn conns[CONNS];
static struct record_context context;
static struct live_view view;
static char event[LIVE_EVENT_MAX];

static void name_tuple(struct conn_tuple *t, size_t number)
{
	*t = (struct conn_tuple){.cookie = number + 1, .from = CONN_FROM_CONNECT, .task.tgid = 4194304};
	memcpy(t->task.comm, names[number % NAMES], strnlen(names[number % NAMES], sizeof(t->task.comm)));
	sample_addresses(t, AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", 65535, "2001:db8:1111:2222:3333:4444:5555:7777",
			 65534);
}

static void begin(void)
{
	table = (struct metrics_table){0};
	travelled = (struct travelled){0};
	leaks = (struct top_leaks){.items = leak_items};
	context = sample_context;
	view = (struct live_view){
		.context = &context,
		.now = 100 * SAMPLE_S,
		.now_wall_ns = context.clock_offset_ns,
		.start_wall_ns = context.clock_offset_ns,
		.table = &table,
		.travelled = &travelled,
		.leaks = &leaks,
		.findings = findings,
		.findings_watched = true,
		.conns = conns,
	};
}

/* As much of everything as there can be, with `number` wherever there is one. */
static void fill(uint64_t number, const char *message)
{
	begin();
	view.events = view.closed = view.failed = number;
	table.opened = table.leaks_open = table.lost[1] = number;
	for (unsigned int i = 0; i < WIRE_STATE_MAX; i++) {
		table.by_state[i] = number;
		for (unsigned int j = 0; j < WIRE_STATE_MAX; j++)
			travelled.edges[i][j] = number;
		for (unsigned int j = 0; j < CONN_END_MAX; j++)
			travelled.forced[i][j] = number;
		for (unsigned int j = 0; j < WIRE_CAUSE_MAX; j++)
			travelled.forced_time_wait[i][j] = number;
	}
	for (leaks.len = 0; leaks.len < LIVE_LEAKS_MAX + 5; leaks.len++) {
		leak_items[leaks.len] = (struct top_leak){.count = number, .socket.age_ns = 9 * SAMPLE_S};
		name_tuple(&leak_items[leaks.len].socket.t, leaks.len);
	}
	for (view.findings_len = 0; view.findings_len < STATUS_FINDINGS_MAX; view.findings_len++)
		findings[view.findings_len] =
			(struct status_finding){.id = "close_wait", .severity = "critical", .message = message};
	view.findings_count = 1000;
	for (view.conns_len = 0; view.conns_len < CONNS; view.conns_len++) {
		conns[view.conns_len] = (struct live_conn){.state = WIRE_ESTABLISHED,
							   .over = view.conns_len % 2,
							   .end = CONN_END_TIMEOUT,
							   .at_known = true,
							   .lived_known = true,
							   .lived_us = number};
		name_tuple(&conns[view.conns_len].t, view.conns_len);
	}
}

/* The object of an event, which is one line and an empty one. */
static json_t *read_event(void)
{
	size_t len = live_event(&view, event, sizeof(event));
	json_error_t error;
	json_t *object;

	assert_in_range(len, 10, LIVE_EVENT_MAX);
	assert_memory_equal(event, "data: ", 6);
	assert_memory_equal(event + len - 3, "}\n\n", 3);
	assert_null(memchr(event, '\n', len - 2));
	object = json_loadb(event + 6, len - 8, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		fail_msg("%s", error.text);
	return object;
}

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void test_most_of_all(void **state)
{
	char message[FINDING_TEXT_MAX], host[300];
	json_t *object;

	(void)state;
	memset(message, '"', sizeof(message) - 1); /* each takes two bytes */
	message[sizeof(message) - 1] = '\0';
	memset(host, 1, sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	fill(UINT64_MAX / WIRE_STATE_MAX / 100, message);
	context.hostname = host;
	object = read_event();
	assert_int_equal(json_array_size(json_object_get(object, "connections")), CONNS);
	assert_int_equal(json_array_size(json_object_get(object, "leaks")), LIVE_LEAKS_MAX);
	assert_int_equal(number_of(object, "leaks_not_shown"), 5);
	assert_int_equal(json_array_size(json_object_get(object, "findings")), STATUS_FINDINGS_MAX);
	json_decref(object);
}

static void test_nothing(void **state)
{
	json_t *object;

	(void)state;
	begin();
	object = read_event();
	assert_string_equal(json_string_value(json_object_get(object, "host")), "web1");
	assert_int_equal(json_array_size(json_object_get(object, "ways")), 0);
	assert_int_equal(json_array_size(json_object_get(object, "connections")), 0);
	assert_int_equal(json_array_size(json_object_get(object, "forced")), 0);
	json_decref(object);
}

static void test_numbers(void **state)
{
	json_t *object, *states, *way;

	(void)state;
	begin();
	table.by_state[WIRE_SYN_RECV] = 2;
	table.by_state[WIRE_NEW_SYN_RECV] = 3;
	table.by_state[WIRE_CLOSE_WAIT] = 4;
	travelled.edges[WIRE_SYN_SENT][WIRE_ESTABLISHED] = 7;
	travelled.forced[WIRE_SYN_SENT][CONN_END_REFUSED] = 2;
	view.conns_len = 1;
	conns[0] = (struct live_conn){.state = WIRE_CLOSE_WAIT, .at_known = true, .at_ns = 98 * SAMPLE_S};
	object = read_event();
	states = json_object_get(object, "states");
	assert_int_equal(number_of(states, "SYN_RECV"), 5);
	assert_int_equal(number_of(states, "CLOSE_WAIT"), 4);
	way = json_array_get(json_object_get(object, "ways"), 0);
	assert_string_equal(json_string_value(json_array_get(way, 0)), "SYN_SENT");
	assert_string_equal(json_string_value(json_array_get(way, 1)), "ESTABLISHED");
	assert_int_equal(json_integer_value(json_array_get(way, 2)), 7);
	way = json_array_get(json_object_get(object, "forced"), 0);
	assert_int_equal(number_of(way, "count"), 2);
	way = json_array_get(json_object_get(way, "why"), 0);
	assert_string_equal(json_string_value(json_array_get(way, 0)), "refused");
	assert_int_equal(json_integer_value(json_array_get(way, 1)), 2);
	way = json_array_get(json_object_get(object, "connections"), 0);
	assert_string_equal(json_string_value(json_object_get(way, "state")), "CLOSE_WAIT");
	assert_string_equal(json_string_value(json_object_get(way, "process")), "-");
	assert_int_equal(number_of(way, "ago_us"), 2000000);
	json_decref(object);
}

static struct live_html *make_page(void)
{
	struct html_parts parts = embedded_live_parts();
	struct report *blank = calloc(1, sizeof(*blank));
	struct live_html *html = calloc(1, sizeof(*html));

	parts.version = "0.1.0";
	if (!blank || !html)
		abort();
	live_page(&parts, blank, html);
	free(blank);
	return html;
}

static void test_page(void **state)
{
	struct live_html *html = make_page();

	(void)state;
	assert_in_range(html->len, 20000, LIVE_PAGE_MAX / 2);
	assert_string_equal(html->text + html->len - 8, "</html>\n");
	assert_non_null(strstr(html->policy, "default-src 'none'"));
	assert_non_null(strstr(html->policy, embedded_live_parts().script_sha256));
	assert_in_range(strlen(html->policy), 100, LIVE_POLICY_MAX - 50);
	free(html);
}

static void test_host(void **state)
{
	static const char *const good[] = {"127.0.0.1", "127.0.0.1:19435", "localhost",   "LocalHost:80",   "[::1]:19435",
					   "[::1]",     "10.1.2.3",        "[fe80::1]:1", "192.168.0.1:443"};
	static const char *const bad[] = {"",
					  "evil.example",
					  "localhost.evil.example",
					  "127.0.0.1.evil.example:19435",
					  "[::1",
					  "[evil]:1",
					  "::1",
					  "localhost:",
					  "localhost:8x",
					  "127.0.0.1:80:80",
					  "[::1]x",
					  "0x7f.1",
					  "2130706433",
					  "127.0.0.1@evil",
					  " localhost",
					  "localhost:80.evil.example"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!http_guard_host(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (http_guard_host(bad[i]))
			fail_msg("%s is let in", bad[i]);
	assert_false(http_guard_host(NULL));
}

static void test_site(void **state)
{
	(void)state;
	assert_true(http_guard_site("localhost:1", NULL, NULL));
	assert_true(http_guard_site("localhost:1", NULL, "same-origin"));
	assert_true(http_guard_site("localhost:1", "http://localhost:1", "none"));
	assert_false(http_guard_site("localhost:1", NULL, "cross-site"));
	assert_false(http_guard_site("localhost:1", NULL, "same-site"));
	assert_false(http_guard_site("localhost:1", "http://localhost:2", NULL));
	assert_false(http_guard_site("localhost:1", "http://evil.example", "same-origin"));
	assert_false(http_guard_site("localhost:1", "null", NULL));
}

/* Its policy in the first line. */
static int write_page(void)
{
	struct live_html *html = make_page();

	printf("%s\n", html->policy);
	fwrite(html->text, 1, html->len, stdout);
	free(html);
	return 0;
}

/* Hostile names and ten times the numbers of the event before; then nothing at all. */
static int write_events(void)
{
	for (uint64_t number = 7; number < 100000; number *= 10) {
		fill(number, names[(number / 7) % NAMES]);
		view.now += number * 1000000;
		context.hostname = names[0];
		fwrite(event, 1, live_event(&view, event, sizeof(event)), stdout);
	}
	begin();
	view.now *= 3;
	fwrite(event, 1, live_event(&view, event, sizeof(event)), stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_most_of_all), cmocka_unit_test(test_nothing), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_page),        cmocka_unit_test(test_host),    cmocka_unit_test(test_site),
	};

	if (argc > 1 && !strcmp(argv[1], "--page"))
		return write_page();
	if (argc > 1 && !strcmp(argv[1], "--events"))
		return write_events();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
