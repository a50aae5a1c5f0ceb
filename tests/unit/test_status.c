/* SPDX-License-Identifier: GPL-2.0-only */
/* The status of a run: its document, what is wrong by it, what is read of a document, and the text. `--document` prints one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cmd/status_findings.h"
#include "src/format/status.h"

#define MINUTE INT64_C(60000000000)
#define START INT64_C(1700000000000000000)
#define HOSTILE "x\177\033[2J\"\\\n\xff\xc2\x9b`id`"

static char json[STATUS_JSON_MAX], text[STATUS_TEXT_MAX + 1];

static const struct status_hook hooks[] = {
	{.name = "inet_sock_set_state", .type = "tp_btf", .attached = true, .why = ""},
	{.name = "tcp_time_wait", .type = "fentry", .not_needed = true, .why = "another hook shows the same"},
};
static const struct status_output outputs[] = {
	{.name = "/var/log/t.json",
	 .kind = "file",
	 .delivered = 1000,
	 .waiting = 12,
	 .lag_us = 1500000,
	 .success_wall_ns = START + MINUTE},
	{.name = "-", .kind = "file"},
};
static const struct status_lost lost[] = {{"hook", 0}, {"ring", 0}, {"table", 0}, {"queue", 0}, {"write", 0}};
static const struct status_finding findings[] = {{.id = "resets",
						  .severity = "warning",
						  .message = "1000 resets in 10 s",
						  .since_wall_ns = START,
						  .pid = 77,
						  .comm = "nginx"}};
static const struct status_option options[] = {{"json", NULL}, {"output", "/var/log/t.json"}};

static struct status sample(void)
{
	return (struct status){
		.version = "0.2.0",
		.hostname = "host-a",
		.instance = "0123456789ab",
		.pid = 1234,
		.start_wall_ns = START,
		.now_wall_ns = START + 2 * MINUTE,
		.uptime_us = 120000000,
		.events = 5000,
		.hooks = hooks,
		.hooks_len = 2,
		.outputs = outputs,
		.outputs_len = 2,
		.lost = lost,
		.lost_len = 5,
		.connections = 17,
		.max_connections = 1000000,
		.table_bytes = 1 << 20,
		.leaks_open = 2,
		.ring_used = 100,
		.ring_highest = 5000,
		.ring_bytes = 16 << 20,
		.cpu_us = 1200000,
		.cpu_recent_ppm = 12345,
		.helpers_cpu_us = 360000,
		.rss_bytes = 30 << 20,
		.level = "full",
		.findings_watched = true,
		.findings_count = 1,
		.findings = findings,
		.findings_len = 1,
		.options = options,
		.options_len = 2,
	};
}

static size_t write_json(const struct status *s)
{
	size_t len = status_json(s, json, sizeof(json));

	assert_true(len > 0 && json[len - 1] == '\n');
	return len;
}

static struct status_document *write_and_read(const struct status *s)
{
	char why[STATUS_WHY] = "";
	struct status_document *d = status_read(json, write_json(s), why);

	if (!d)
		fail_msg("%s", why);
	return d;
}

static const char *write_text(const struct status *s)
{
	text[status_text(s, "/run/s", text, STATUS_TEXT_MAX)] = '\0';
	return text;
}

static void has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("there is no '%s' in\n%s", part, text);
}

/* What is read is what was written. */
static void test_both_ways(void **state)
{
	struct status s = sample();
	struct status_document *d = write_and_read(&s);
	const struct status *r = status_of(d);

	(void)state;
	assert_string_equal(r->version, "0.2.0");
	assert_string_equal(r->instance, "0123456789ab");
	assert_int_equal(r->pid, 1234);
	assert_int_equal(r->start_wall_ns, START);
	assert_int_equal(r->uptime_us, 120000000);
	assert_int_equal(r->events, 5000);
	assert_int_equal(r->hooks_len, 2);
	assert_true(r->hooks[0].attached && r->hooks[1].not_needed && !r->hooks[1].attached);
	assert_int_equal(r->outputs_len, 2);
	assert_string_equal(r->outputs[0].name, "/var/log/t.json");
	assert_int_equal(r->outputs[0].lag_us, 1500000);
	assert_int_equal(r->outputs[0].success_wall_ns, START + MINUTE);
	assert_int_equal(r->outputs[1].success_wall_ns, 0);
	assert_null(r->outputs[0].error);
	assert_int_equal(r->lost_len, 5);
	assert_int_equal(r->connections, 17);
	assert_int_equal(r->ring_highest, 5000);
	assert_int_equal(r->cpu_recent_ppm, 12345);
	assert_true(r->findings_watched);
	assert_string_equal(r->findings[0].message, "1000 resets in 10 s");
	assert_int_equal(r->findings[0].pid, 77);
	assert_string_equal(r->findings[0].comm, "nginx");
	assert_int_equal(r->options_len, 2);
	assert_null(r->options[0].value);
	assert_string_equal(r->options[1].value, "/var/log/t.json");
	assert_int_equal(r->problems_len, 0);
	assert_null(r->filter);
	status_document_free(d);
}

static void test_text(void **state)
{
	struct status s = sample();

	(void)state;
	write_text(&s);
	has("tcplife-fsm 0.2.0, pid 1234, on host-a: it runs, and all is well\n");
	has("\nevents    5000, none lost\n");
	has("\nhooks     1 attached, 1 not needed, 0 missing\n");
	has("\noutput    /var/log/t.json: 1000 delivered, the last 1m00s ago, 12 waiting for at most 1.5s, 0 lost\n");
	has("\noutput    -: 0 delivered, 0 waiting, 0 lost\n");
	has("\nself      1.2% of a CPU, 1.0% since the start, and 0.3% its other processes; memory 30M; level full\n");
	has("\nfindings  1\n  warning since 2023-11-14T22:13:20.000000Z, nginx[77]: 1000 resets in 10 s\n");
	has("\noptions   --json --output /var/log/t.json\n");
	s.findings_watched = false;
	s.filter = "sport = :443";
	write_text(&s);
	has("\nfindings  not watched: ");
	has("--output /var/log/t.json sport = :443\n");
}

/* Each makes a sentence of its own, and an exit code. */
static void test_problems(void **state)
{
	const struct status_hook missing[] = {{.name = "tcp_receive_reset", .type = "tp_btf", .why = "refused"}};
	const struct status_output failing[] = {
		{.name = "/mnt/t.json", .kind = "file", .error = "No space left on device", .failing_wall_ns = START}};
	const struct status_lost some[] = {{"hook", 0}, {"ring", 3}, {"queue", 4}};
	struct status s = sample();
	struct status_document *d;
	const struct status *r;

	(void)state;
	s.hooks = missing;
	s.outputs = failing;
	s.lost = some;
	s.hooks_len = s.outputs_len = 1;
	s.lost_len = 3;
	s.level = "short";
	d = write_and_read(&s);
	r = status_of(d);
	assert_int_equal(r->problems_len, 4);
	assert_string_equal(r->problems[0],
			    "the output /mnt/t.json does not take its records since 2023-11-14T22:13:20.000000Z: "
			    "No space left on device");
	assert_string_equal(r->problems[1],
			    "the level is short: the run used more than --cpu-limit or --memory-limit, so it writes less");
	assert_string_equal(r->problems[2], "lost since the start: ring 3, queue 4");
	assert_string_equal(r->problems[3], "the hook tcp_receive_reset is not attached: refused");
	assert_string_equal(r->outputs[0].error, "No space left on device");
	assert_int_equal(r->outputs[0].failing_wall_ns, START);
	write_text(r);
	has(": it runs, and something is wrong\n  ! the output /mnt/t.json does not take");
	has("\nevents    5000, lost: ring 3, queue 4\n");
	status_document_free(d);
}

/* One line without a control character, which is valid JSON; and a text whose lines are ours. */
static void check_harmless(const struct status *s)
{
	size_t len = write_json(s), lines = 0;
	struct status_document *d;
	char why[STATUS_WHY];

	for (size_t i = 0; i < len - 1; i++)
		assert_true((unsigned char)json[i] >= ' ' && json[i] != 0x7f);
	assert_null(memmem(json, len, "\xc2\x9b", 2));
	d = status_read(json, len, why);
	assert_non_null(d);
	write_text(status_of(d));
	for (const char *p = text; *p; p++) {
		assert_true(*p == '\n' || (unsigned char)*p >= ' ');
		lines += *p == '\n';
	}
	assert_null(strstr(text, "\xc2\x9b"));
	assert_true(lines <= 20 + STATUS_OUTPUTS_MAX + STATUS_PROBLEMS_MAX + STATUS_FINDINGS_MAX);
	status_document_free(d);
}

static void test_hostile_names(void **state)
{
	const struct status_output output = {.name = HOSTILE, .kind = "file", .error = HOSTILE};
	const struct status_option option = {.name = "output", .value = HOSTILE};
	const struct status_finding finding = {
		.id = "resets", .severity = "warning", .message = HOSTILE, .pid = 1, .comm = HOSTILE};
	const struct status_hook hook = {.name = "h", .type = "t", .why = HOSTILE};
	struct status s = sample();

	(void)state;
	s.outputs = &output;
	s.options = &option;
	s.findings = &finding;
	s.hooks = &hook;
	s.outputs_len = s.options_len = s.findings_len = s.hooks_len = 1;
	s.hostname = s.filter = HOSTILE;
	check_harmless(&s);
	has("\\x1b[2J");
}

/* The most of everything, with texts of which each byte takes six. */
static void test_largest(void **state)
{
	struct status_output many_outputs[STATUS_OUTPUTS_MAX];
	struct status_finding many_findings[STATUS_FINDINGS_MAX];
	struct status_option many_options[STATUS_OPTIONS_MAX];
	struct status_hook many_hooks[STATUS_HOOKS_MAX];
	struct status s = sample();
	static char longest[4096];

	(void)state;
	memset(longest, '\x01', sizeof(longest) - 1);
	for (size_t i = 0; i < STATUS_OUTPUTS_MAX; i++)
		many_outputs[i] = (struct status_output){.name = longest,
							 .kind = "journal",
							 .delivered = UINT64_MAX,
							 .waiting = UINT64_MAX,
							 .lag_us = UINT64_MAX,
							 .success_wall_ns = START,
							 .error = longest};
	for (size_t i = 0; i < STATUS_FINDINGS_MAX; i++)
		many_findings[i] = (struct status_finding){.id = "accept_queue_full",
							   .severity = "critical",
							   .message = longest,
							   .pid = UINT32_MAX,
							   .comm = longest};
	for (size_t i = 0; i < STATUS_OPTIONS_MAX; i++)
		many_options[i] = (struct status_option){.name = "max-connections", .value = longest};
	for (size_t i = 0; i < STATUS_HOOKS_MAX; i++)
		many_hooks[i] =
			(struct status_hook){.name = "cgroup_sock_options_of_some_length", .type = "tp_btf", .why = longest};
	s.outputs = many_outputs;
	s.findings = many_findings;
	s.options = many_options;
	s.hooks = many_hooks;
	s.outputs_len = STATUS_OUTPUTS_MAX;
	s.findings_len = STATUS_FINDINGS_MAX;
	s.options_len = STATUS_OPTIONS_MAX;
	s.hooks_len = STATUS_HOOKS_MAX;
	s.filter = s.hostname = longest;
	check_harmless(&s);
}

/* A list that is longer than a status can be is cut, also of what comes from a stranger. */
static void test_strange_documents(void **state)
{
	static const char *const none[] = {"",
					   "{",
					   "[]",
					   "null",
					   "{\"status_version\":1}",
					   "{\"status_version\":\"2.0\"}",
					   "{\"pid\":1}",
					   "{\"status_version\":\"1.0\",\"status_version\":\"1.0\"}"};
	static const char *const odd[] = {
		"{\"status_version\":\"1.7\"}",
		"{\"status_version\":\"1.0\",\"outputs\":{},\"hooks\":3,\"lost\":[1],\"findings\":[],\"options\":\"x\","
		"\"problems\":{}}",
		"{\"status_version\":\"1.0\",\"outputs\":[1,null,{\"name\":[],\"lag_us\":-5,\"last_success\":\"then\"}],"
		"\"hooks\":[[]],"
		"\"problems\":[1],\"pid\":-1,\"options\":[null],\"findings\":{\"list\":[{}],\"count\":\"x\"}}"};
	char why[STATUS_WHY];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(status_read(none[i], strlen(none[i]), why));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct status_document *d = status_read(odd[i], strlen(odd[i]), why);

		assert_non_null(d);
		write_text(status_of(d));
		status_document_free(d);
	}
	len = (size_t)snprintf(json, sizeof(json), "{\"status_version\":\"1.0\",\"new\":1,\"problems\":[\"a\"");
	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(json + len, sizeof(json) - len, ",\"b\"");
	len += (size_t)snprintf(json + len, sizeof(json) - len, "]}");
	struct status_document *d = status_read(json, len, why);
	assert_int_equal(status_of(d)->problems_len, STATUS_PROBLEMS_MAX);
	char *line = status_document_line(d);
	assert_memory_equal(line, json, len); /* with the keys that this version does not know */
	free(line);
	status_document_free(d);
}

static void test_too_small(void **state)
{
	struct status s = sample();

	(void)state;
	assert_int_equal(status_json(&s, json, 500), 0);
}

static void add(struct status_findings *all, uint64_t number, enum finding_severity severity)
{
	const struct finding_record f = {.id = FINDING_RESETS,
					 .what = FINDING_UP,
					 .number = number,
					 .severity = severity,
					 .since_ns = number,
					 .count = number};

	status_findings_add(all, &f);
}

/* Those that stand are counted, and the worst are listed. */
static void test_findings(void **state)
{
	struct status_findings *all = calloc(1, sizeof(*all));
	struct status_finding list[STATUS_FINDINGS_MAX];
	struct record_context context = {.clock_offset_ns = 1000};

	(void)state;
	for (uint64_t i = 1; i <= 2 * STATUS_FINDINGS_MAX; i++)
		add(all, i, FINDING_WARNING);
	add(all, 100, FINDING_CRITICAL);
	assert_int_equal(all->count, 2 * STATUS_FINDINGS_MAX + 1);
	assert_int_equal(status_findings_list(all, &context, list), STATUS_FINDINGS_MAX);
	assert_string_equal(list[0].severity, "critical");
	assert_int_equal(list[0].since_wall_ns, 1100);
	assert_string_equal(list[0].id, "resets");
	assert_string_equal(list[1].severity, "warning");
	assert_int_equal(list[1].since_wall_ns, 1000 + 2 * STATUS_FINDINGS_MAX);
	status_findings_clear(all);
	assert_int_equal(all->count, 0);
	assert_int_equal(status_findings_list(all, &context, list), 0);
	free(all);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),     cmocka_unit_test(test_text),     cmocka_unit_test(test_problems),
		cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_largest),  cmocka_unit_test(test_strange_documents),
		cmocka_unit_test(test_too_small),     cmocka_unit_test(test_findings),
	};
	struct status s = sample();

	if (argc == 2 && !strcmp(argv[1], "--document"))
		return fwrite(json, 1, write_json(&s), stdout) ? 0 : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
