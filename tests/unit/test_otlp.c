// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON lines as OpenTelemetry logs: which attribute each key becomes, what is refused, and that all has a bound; what the
 * answers of a server mean; which headers may be sent. tests/pipelines/test_otlp.py reads the same with protobuf's parser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "src/format/buf.h"
#include "src/format/otlp.h"
#include "src/io/otlp_answer.h"
#include "src/io/otlp_headers.h"

#define HEAD "\"ts\":\"2026-01-02T03:04:05.000006Z\",\"event\":"

static char space[OTLP_RECORD_MAX], why[OTLP_WHY_LEN];
static struct otlp_source source;

static int convert(const char *text, size_t len, struct buf *b)
{
	const struct otlp_line line = {.text = text, .len = len, .observed_ns = 7};

	why[0] = '\0';
	buf_init(b, space, sizeof(space));
	return otlp_record(&line, &source, b, why);
}

/* The record of a line, which must have one. */
static json_t *record_of(const char *text)
{
	struct buf b;
	json_t *record;

	if (convert(text, strlen(text), &b))
		fail_msg("refused: %s: %s", why, text);
	assert_int_equal(b.p[-1], ',');
	record = json_loadb(b.start, (size_t)(b.p - b.start) - 1, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(record);
	return record;
}

/* The value of an attribute as text, such as intValue=12; NULL: there is none. Each name comes once. */
static const char *attribute(const json_t *record, const char *name)
{
	static char text[4096];
	const char *found = NULL, *kind;
	json_t *item, *value;
	size_t i;

	json_array_foreach(json_object_get(record, "attributes"), i, item)
	{
		if (strcmp(json_string_value(json_object_get(item, "key")), name))
			continue;
		assert_null(found);
		json_object_foreach(json_object_get(item, "value"), kind, value)
		{
			char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

			snprintf(text, sizeof(text), "%s=%s", kind, json_is_string(value) ? json_string_value(value) : dump);
			free(dump);
			found = text;
		}
	}
	return found;
}

static void assert_attribute(const json_t *record, const char *name, const char *value)
{
	const char *found = attribute(record, name);

	if (!found || !value ? found != value : strcmp(found, value))
		fail_msg("%s is %s, and not %s", name, found ? found : "absent", value ? value : "absent");
}

static const char *field(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

static void test_connection(void **state)
{
	json_t *record = record_of(
		"{" HEAD "\"connection\",\"instance\":\"0123456789ab\",\"seq\":4,\"host\":\"h\",\"conn_id\":\"01234567.1\","
		"\"family\":\"ipv6\",\"local_addr\":\"2001:db8::1\",\"local_port\":40000,\"peer_addr\":\"2001:db8::2\","
		"\"peer_port\":443,\"role\":\"client\",\"netns\":4026531840,\"process\":{\"pid\":12,\"comm\":\"curl\","
		"\"start\":\"2026-01-02T03:04:00.000000Z\",\"exe\":\"/usr/bin/curl7\",\"uid\":null,\"from\":\"connect\"},"
		"\"container\":{\"id\":\"c1\",\"pod_uid\":\"p1\"},\"duration_us\":1500000,\"closed_by\":\"local\","
		"\"end_reason\":\"timeout\",\"timeline\":[{\"state\":\"SYN_SENT\",\"at_us\":0,\"by\":null}],"
		"\"tcp\":{\"bytes_acked\":9007199254740991},\"complete\":true}");

	(void)state;
	assert_string_equal(field(record, "timeUnixNano"), "1767323045000006000");
	assert_string_equal(field(record, "observedTimeUnixNano"), "7");
	assert_string_equal(field(record, "eventName"), "tcplife.connection");
	assert_string_equal(field(json_object_get(record, "body"), "stringValue"),
			    "curl[12] [2001:db8::1]:40000 to [2001:db8::2]:443: ended by timeout, closed first by local after "
			    "1.5s, 7.9P sent");
	assert_int_equal(json_integer_value(json_object_get(record, "severityNumber")), 9);
	assert_attribute(record, "network.transport", "stringValue=tcp");
	assert_attribute(record, "network.type", "stringValue=ipv6");
	assert_attribute(record, "network.local.address", "stringValue=2001:db8::1");
	assert_attribute(record, "network.local.port", "intValue=40000");
	assert_attribute(record, "network.peer.address", "stringValue=2001:db8::2");
	assert_attribute(record, "network.peer.port", "intValue=443");
	assert_attribute(record, "client.address", "stringValue=2001:db8::1");
	assert_attribute(record, "client.port", "intValue=40000");
	assert_attribute(record, "server.address", "stringValue=2001:db8::2");
	assert_attribute(record, "server.port", "intValue=443");
	assert_attribute(record, "process.pid", "intValue=12");
	assert_attribute(record, "process.executable.path", "stringValue=/usr/bin/curl7");
	assert_attribute(record, "process.executable.name", "stringValue=curl7");
	assert_attribute(record, "process.creation.time", "stringValue=2026-01-02T03:04:00.000000Z");
	assert_attribute(record, "container.id", "stringValue=c1");
	assert_attribute(record, "k8s.pod.uid", "stringValue=p1");
	assert_attribute(record, "error.type", "stringValue=timeout");
	assert_attribute(record, "tcplife.end_reason", "stringValue=timeout");
	assert_attribute(record, "tcplife.process.comm", "stringValue=curl");
	assert_attribute(record, "tcplife.process.uid", NULL);
	assert_attribute(record, "tcplife.local_port", NULL);
	assert_attribute(record, "tcplife.ts", NULL);
	assert_attribute(record, "tcplife.complete", "boolValue=true");
	assert_attribute(record, "tcplife.tcp.bytes_acked", "intValue=9007199254740991");
	assert_attribute(record, "tcplife.timeline",
			 "arrayValue={\"values\":[{\"kvlistValue\":{\"values\":[{\"key\":\"state\",\"value\":{\"stringValue\":"
			 "\"SYN_SENT\"}},{\"key\":\"at_us\",\"value\":{\"intValue\":\"0\"}}]}}]}");
	json_decref(record);
}

static void test_server(void **state)
{
	json_t *record = record_of("{" HEAD "\"connection\",\"local_addr\":\"10.0.0.1\",\"local_port\":80,\"peer_addr\":"
				   "\"10.0.0.2\",\"peer_port\":4000,\"role\":\"server\",\"end_reason\":\"fin\"}");

	(void)state;
	assert_attribute(record, "server.address", "stringValue=10.0.0.1");
	assert_attribute(record, "server.port", "intValue=80");
	assert_attribute(record, "client.address", "stringValue=10.0.0.2");
	assert_attribute(record, "client.port", "intValue=4000");
	assert_attribute(record, "error.type", NULL);
	json_decref(record);
}

static void test_severity_and_states(void **state)
{
	static const struct {
		const char *line;
		int severity;
		const char *state;
	} cases[] = {
		{"{" HEAD "\"close_wait_leak\"}", 13, NULL},
		{"{" HEAD "\"close_wait_resolved\"}", 9, NULL},
		{"{" HEAD "\"lost\",\"count\":3,\"stage\":\"ring\"}", 13, NULL},
		{"{" HEAD "\"meta\",\"what\":\"degraded\"}", 13, NULL},
		{"{" HEAD "\"meta\",\"what\":\"start\"}", 9, NULL},
		{"{" HEAD "\"connection\",\"end_reason\":\"refused\"}", 9, NULL},
		{"{" HEAD "\"state\",\"old_state\":\"ESTABLISHED\",\"new_state\":\"FIN_WAIT1\"}", 9, "stringValue=fin_wait_1"},
		{"{" HEAD "\"reset\",\"state\":\"CLOSE\",\"direction\":\"sent\"}", 9, "stringValue=closed"},
		{"{" HEAD "\"of_a_later_version\",\"state\":\"NEW\"}", 9, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *record = record_of(cases[i].line);

		assert_int_equal(json_integer_value(json_object_get(record, "severityNumber")), cases[i].severity);
		assert_string_equal(field(record, "severityText"), cases[i].severity == 13 ? "WARN" : "INFO");
		assert_attribute(record, "network.connection.state", cases[i].state);
		json_decref(record);
	}
}

/* Up to the last moment that the tool can write. */
static void test_times(void **state)
{
	static const struct {
		const char *ts, *nano;
	} cases[] = {
		{"1970-01-01T00:00:00.000000Z", "0"},       {"2262-04-11T23:47:16.854775Z", "9223372036854775000"},
		{"2262-04-11T23:47:16.854776Z", NULL},      {"1969-12-31T23:59:59.999999Z", NULL},
		{"2026-01-02T03:04:05.00000Z", NULL},       {"2026-01-02T03:04:05.000000Z ", NULL},
		{"2026-01-02T03:04:05.000000+00:00", NULL},
	};
	char line[100];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "{\"ts\":\"%s\",\"event\":\"lost\"}", cases[i].ts);
		if (cases[i].nano) {
			json_t *record = record_of(line);

			assert_string_equal(field(record, "timeUnixNano"), cases[i].nano);
			json_decref(record);
		} else {
			assert_int_equal(convert(line, strlen(line), &b), -EINVAL);
		}
	}
}

/* Only of a path that is whole. */
static void test_cut_path(void **state)
{
	json_t *record = record_of("{" HEAD "\"connection\",\"process\":{\"exe\":\"/a/b\xe2\x80\xa6\",\"exe_len\":3000}}");

	(void)state;
	assert_attribute(record, "process.executable.path", NULL);
	assert_attribute(record, "process.executable.name", NULL);
	assert_attribute(record, "tcplife.process.exe", "stringValue=/a/b\xe2\x80\xa6");
	json_decref(record);
}

/* Escapes stay escapes, and a body is cut at a whole word. */
static void test_names(void **state)
{
	static char line[4000], comm[1200];
	struct buf b;
	json_t *record;

	(void)state;
	record = record_of("{" HEAD "\"connection\",\"process\":{\"pid\":1,\"comm\":\"\\u202e\\u001b<\\\"\\\\\"}}");
	assert_attribute(record, "tcplife.process.comm", "stringValue=\xe2\x80\xae\x1b<\"\\");
	assert_non_null(strstr(space, "\\u202e\\u001b<\\\"\\\\"));
	json_decref(record);
	memset(comm, 'x', sizeof(comm) - 1);
	snprintf(line, sizeof(line), "{" HEAD "\"connection\",\"process\":{\"pid\":1,\"comm\":\"%s\"}}", comm);
	assert_int_equal(convert(line, strlen(line), &b), 0);
}

static void test_source(void **state)
{
	(void)state;
	source = (struct otlp_source){.instance = ""};
	json_decref(record_of("{" HEAD "\"meta\",\"instance\":\"a\",\"host\":\"h\",\"version\":\"1.2\"}"));
	assert_string_equal(source.version, "1.2");
	json_decref(record_of("{" HEAD "\"lost\",\"instance\":\"a\",\"host\":\"h\",\"count\":1}"));
	assert_string_equal(source.version, "1.2");
	json_decref(record_of("{" HEAD "\"lost\",\"instance\":\"b\",\"host\":null,\"count\":1}"));
	assert_string_equal(source.instance, "b");
	assert_string_equal(source.host, "");
	assert_string_equal(source.version, "");
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{"", "not JSON: "},
		{"{", "not JSON: "},
		{"[1]", "not an object"},
		{"{" HEAD "\"lost\"} x", "not JSON: "},
		{"{" HEAD "\"lost\",\"a\":1,\"a\":2}", "not JSON: "},
		{"{" HEAD "\"lost\",\"a\":\"\\u0000\"}", "not JSON: "},
		{"{" HEAD "\"lost\",\"a\":99999999999999999999}", "not JSON: "},
		{"{" HEAD "\"lost\",\"a\":\"\xff\"}", "not JSON: "},
		{"{\"event\":\"lost\"}", "ts is not a time like 2026-01-02T03:04:05.000000Z"},
		{"{\"ts\":\"2026-01-02 03:04:05\",\"event\":\"lost\"}", "ts is not a time like 2026-01-02T03:04:05.000000Z"},
		{"{\"ts\":5,\"event\":\"lost\"}", "ts is not a time like 2026-01-02T03:04:05.000000Z"},
		{"{" HEAD "5}", "event is not the name of a record"},
		{"{" HEAD "\"\"}", "event is not the name of a record"},
		{"{" HEAD "\"Lost x\"}", "event is not the name of a record"},
		{"{" HEAD "\"lost\",\"host\":7}", "host is not a string"},
		{"{" HEAD "\"lost\",\"instance\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
		 "instance has more than 63 bytes"},
		{"{" HEAD "\"lost\",\"local_port\":\"80\"}", "local_port is not an integer"},
		{"{" HEAD "\"lost\",\"local_addr\":1}", "local_addr is not a string"},
		{"{" HEAD "\"lost\",\"process\":{\"pid\":1.5}}", "process.pid is not an integer"},
		{"{" HEAD "\"lost\",\"a.b\":1}", "a key is not of letters, digits and _"},
		{"{" HEAD "\"lost\",\"\":1}", "a key is not of letters, digits and _"},
		{"{" HEAD "\"lost\",\"a\":[{\"b c\":1}]}", "a key is not of letters, digits and _"},
		{"{" HEAD "\"lost\",\"a\":[[[[[[[[[[1]]]]]]]]]]}", "more than 8 levels of lists and objects"},
		{"{" HEAD "\"lost\",\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}}",
		 "more than 8 levels of objects"},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(convert(cases[i].line, strlen(cases[i].line), &b), -EINVAL);
		if (strncmp(why, cases[i].why, strlen(cases[i].why))) /* the rest of some is the library's */
			fail_msg("%s, and not %s", why, cases[i].why);
	}
}

/* What a few bytes blow up to has a bound, too. */
static void test_bounds(void **state)
{
	static char line[FORMAT_LINE_MAX + 2];
	struct buf b;
	size_t len;

	(void)state;
	len = (size_t)snprintf(line, sizeof(line), "{" HEAD "\"lost\",\"a\":[1");
	while (len < FORMAT_LINE_MAX - 4)
		len += (size_t)snprintf(line + len, sizeof(line) - len, ",1");
	snprintf(line + len, sizeof(line) - len, "]}");
	assert_int_equal(convert(line, strlen(line), &b), 0);

	len = (size_t)snprintf(line, sizeof(line), "{" HEAD "\"lost\",\"%0100d\":{\"x\":1", 0);
	for (int i = 0; len < FORMAT_LINE_MAX - 20; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, ",\"%x\":1", i);
	snprintf(line + len, sizeof(line) - len, "}}");
	assert_int_equal(convert(line, strlen(line), &b), -EINVAL);
	assert_string_equal(why, "it takes too much room as a log record");

	len = (size_t)snprintf(line, sizeof(line), "{" HEAD "\"lost\",\"%0200d\":1}", 0);
	assert_int_equal(convert(line, len, &b), -EINVAL);
	assert_string_equal(why, "a key is too long");

	memset(line, ' ', FORMAT_LINE_MAX + 1);
	assert_int_equal(convert(line, FORMAT_LINE_MAX + 1, &b), -EINVAL);
	assert_string_equal(why, "it has more than 8000 bytes");

	memset(line, '[', FORMAT_LINE_MAX);
	assert_int_equal(convert(line, FORMAT_LINE_MAX, &b), -EINVAL);
}

/* What comes out for a real line fits, and a request around it is one object. */
static void test_request(void **state)
{
	static char line[FORMAT_LINE_MAX + 1], request[OTLP_SOURCE_MAX + OTLP_RECORD_MAX];
	struct conn_record c;
	const struct record rec = {.kind = RECORD_CONNECTION, .ts = 5, .conn = &c};
	static const struct format_options options;
	const struct format_input in = {
		.context = &sample_context, .options = &options, .rec = &rec, .owner = &sample_owner, .seq = 1};
	const struct otlp_line text = {.text = line, .observed_ns = 7};
	struct otlp_line first = text;
	json_t *object;
	struct buf b;

	(void)state;
	sample_connection(&c);
	first.len = format_json.format(&in, line, FORMAT_LINE_MAX);
	source = (struct otlp_source){.version = "1"};
	memset(source.instance, '\x01', sizeof(source.instance) - 1);
	memset(source.host, '\x01', sizeof(source.host) - 1);
	buf_init(&b, request, sizeof(request));
	otlp_begin(&source, &b);
	assert_true(b.p - b.start + 100 < OTLP_SOURCE_MAX);
	assert_int_equal(otlp_record(&first, &source, &b, why), 0);
	otlp_end(&b);
	assert_false(b.overflow);
	object = json_loadb(b.start, (size_t)(b.p - b.start), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	json_decref(object);
}

static void test_answers(void **state)
{
	static const struct {
		long status;
		const char *text;
		uint64_t retry_after_s;
		enum otlp_fate fate;
		size_t rejected;
		uint64_t wait_ms;
		const char *why;
	} cases[] = {
		{200, "{}", 0, OTLP_DELIVERED, 0, 0, ""},
		{200, "", 0, OTLP_DELIVERED, 0, 0, ""},
		{204, "what?", 5, OTLP_DELIVERED, 0, 0, ""},
		{200, "{\"partialSuccess\":{\"rejectedLogRecords\":\"3\",\"errorMessage\":\"too old\"}}", 0, OTLP_DELIVERED, 3,
		 0, "the server refused 3 of 10: too old"},
		{200, "{\"partialSuccess\":{\"rejectedLogRecords\":4}}", 0, OTLP_DELIVERED, 4, 0, "the server refused 4 of 10"},
		{200, "{\"partialSuccess\":{\"rejectedLogRecords\":\"99\"}}", 0, OTLP_DELIVERED, 10, 0,
		 "the server refused 10 of 10"},
		{200, "{\"partialSuccess\":{\"rejectedLogRecords\":-1}}", 0, OTLP_DELIVERED, 0, 0, ""},
		{200, "{\"partialSuccess\":[]}", 0, OTLP_DELIVERED, 0, 0, ""},
		{200, "{\"partialSuccess\":{\"errorMessage\":\"a warning\"}}", 0, OTLP_DELIVERED, 0, 0, ""},
		{400, " {\"message\":\"bad\x1b\"}\r\n", 9, OTLP_REFUSED, 0, 0,
		 "the server answered HTTP 400: {\"message\":\"bad\\x1b\"}"},
		{404, "", 0, OTLP_REFUSED, 0, 0, "the server answered HTTP 404"},
		{413, "", 0, OTLP_REFUSED, 0, 0, "the server answered HTTP 413"},
		{500, "x\ny", 0, OTLP_REFUSED, 0, 0, "the server answered HTTP 500: x\\x0ay"},
		{302, "moved", 0, OTLP_REFUSED, 0, 0, "the server answered HTTP 302, and redirections are not followed"},
		{408, "", 0, OTLP_AGAIN, 0, 0, "the server answered HTTP 408"},
		{429, "slow down", 2, OTLP_AGAIN, 0, 2000, "the server answered HTTP 429: slow down"},
		{502, "", 0, OTLP_AGAIN, 0, 0, "the server answered HTTP 502"},
		{503, "", UINT64_MAX, OTLP_AGAIN, 0, 86400000, "the server answered HTTP 503"},
		{504, "", 0, OTLP_AGAIN, 0, 0, "the server answered HTTP 504"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct otlp_answer answer = {.status = cases[i].status,
						   .text = cases[i].text,
						   .len = strlen(cases[i].text),
						   .retry_after_s = cases[i].retry_after_s};
		struct otlp_verdict verdict = otlp_answer_judge(&answer, 10);

		assert_int_equal(verdict.fate, cases[i].fate);
		assert_int_equal(verdict.rejected, cases[i].rejected);
		assert_int_equal(verdict.wait_ms, cases[i].wait_ms);
		assert_string_equal(verdict.why, cases[i].why);
	}
}

static void test_long_answer(void **state)
{
	static char text[60000];
	const struct otlp_answer answer = {.status = 400, .text = text, .len = sizeof(text)};
	struct otlp_verdict verdict;

	(void)state;
	memset(text, '\xff', sizeof(text));
	verdict = otlp_answer_judge(&answer, 10);
	assert_true(strlen(verdict.why) < sizeof(verdict.why));
	assert_true(!strncmp(verdict.why, "the server answered HTTP 400: \\xff\\xff", 38));
}

struct headers {
	char text[400];
};

static int add_header(void *ctx, const char *header)
{
	struct headers *h = ctx;

	strcat(strcat(h->text, header), "|");
	return 0;
}

static void test_headers(void **state)
{
	static const struct {
		const char *text, *headers, *why;
	} cases[] = {
		{"", "", ""},
		{"Authorization: Bearer a.b=c\n", "Authorization: Bearer a.b=c|", ""},
		{"# key\r\n\r\nX-A: 1\r\nx-b:2", "X-A: 1|x-b:2|", ""},
		{"X-A: 1\nsecret\n", NULL, "line 2 of the file that headers= names is not \"Name: value\""},
		{": x\n", NULL, "line 1 of the file that headers= names is not \"Name: value\""},
		{"X A: x\n", NULL, "line 1 of the file that headers= names is not \"Name: value\""},
		{"X-A;\n", NULL, "line 1 of the file that headers= names is not \"Name: value\""},
		{"X-A: \n", NULL, "line 1 of the file that headers= names has no value"},
		{"X-A: a\rX-B: b\n", NULL, "line 1 of the file that headers= names has a character that no header may have"},
		{"X-A: \xc3\xa4\n", NULL, "line 1 of the file that headers= names has a character that no header may have"},
		{"content-length: 5\n", NULL, "line 1 of the file that headers= names is a header that the tool sets itself"},
	};
	char text[OTLP_HEADER_MAX + 10];
	char said[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct headers got = {""};
		const struct otlp_headers_user user = {add_header, &got};

		said[0] = '\0';
		assert_int_equal(otlp_headers_read(cases[i].text, &user, said, sizeof(said)), cases[i].headers ? 0 : -EINVAL);
		assert_string_equal(said, cases[i].why);
		if (cases[i].headers)
			assert_string_equal(got.text, cases[i].headers);
	}
	memset(text, 'x', sizeof(text));
	text[1] = ':';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(otlp_headers_read(text, &(struct otlp_headers_user){add_header, NULL}, said, sizeof(said)), -EINVAL);
	assert_string_equal(said, "line 1 of the file that headers= names is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connection), cmocka_unit_test(test_server),   cmocka_unit_test(test_severity_and_states),
		cmocka_unit_test(test_times),      cmocka_unit_test(test_cut_path), cmocka_unit_test(test_names),
		cmocka_unit_test(test_source),     cmocka_unit_test(test_refused),  cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_request),    cmocka_unit_test(test_answers),  cmocka_unit_test(test_long_answer),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
