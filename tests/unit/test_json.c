// SPDX-License-Identifier: GPL-2.0-only
/*
 * The JSON sink: golden lines for every kind of record, and the rules of docs/output.md that hold for all of them.
 *
 * `test_json --lines` prints the lines that the tests check, for tests/schema.py.
 */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/core/finding.h"
#include "src/core/level.h"

static char out[FORMAT_LINE_MAX + 1];
static uint64_t seq;
static bool print_lines;

static const char *format(const struct record_context *context, const struct record *rec, const struct record_owner *owner,
			  size_t size)
{
	static const struct format_options options;
	const struct format_input in = {.context = context, .options = &options, .rec = rec, .owner = owner, .seq = seq};
	size_t len = format_json.format(&in, out, size);

	out[len] = '\0';
	seq += len > 0;
	if (print_lines)
		fputs(out, stdout);
	return out;
}

static const char *line(enum record_kind kind, const void *body, const struct record_owner *owner)
{
	struct record rec = sample_record(kind, body);

	return format(&sample_context, &rec, owner, FORMAT_LINE_MAX);
}

/* The line without its envelope must be `expected`. */
static void expect(const char *got, const char *event, const char *expected)
{
	char envelope[256];
	int len = snprintf(envelope, sizeof(envelope),
			   "{\"ts\":\"2026-01-02T03:04:05.100000Z\",\"event\":\"%s\",\"schema_version\":\"1.1\",\"instance\":"
			   "\"0a1b2c3d4e5f\","
			   "\"seq\":%llu,\"host\":\"web1\",",
			   event, (unsigned long long)seq - 1);

	if (print_lines)
		return;
	assert_true(strlen(got) > (size_t)len);
	char *rest = strdup(got + len);
	out[len] = '\0';
	assert_string_equal(got, envelope);
	assert_string_equal(rest, expected);
	free(rest);
}

static void has(const char *text, bool expected)
{
	if (!print_lines && (strstr(out, text) != NULL) != expected)
		fail_msg("%s %s in %s", text, expected ? "is not" : "is", out);
}

#define CURL_TUPLE                                                                                                             \
	"\"conn_id\":\"7c9e6679.2a01\",\"family\":\"ipv4\",\"local_addr\":\"10.0.0.1\",\"local_port\":40000,"                  \
	"\"peer_addr\":\"93.184.216.34\",\"peer_port\":443,\"role\":\"client\",\"netns\":4026531840,"                          \
	"\"process\":{\"pid\":4242,\"comm\":\"curl\",\"start\":\"2026-01-02T03:03:15.000000Z\",\"exe\":\"/usr/bin/curl\","     \
	"\"uid\":1000,\"from\":\"connect\"},\"cgroup\":\"/user.slice/session-1.scope\","

#define CURL_LIFE                                                                                                              \
	"\"timeline\":[{\"state\":\"SYN_SENT\",\"at_us\":0,\"us\":12300,\"by\":\"local\",\"ev\":\"event\"},"                   \
	"{\"state\":\"ESTABLISHED\",\"at_us\":12300,\"us\":87000,\"by\":\"peer\",\"ev\":\"event\"},"                           \
	"{\"state\":\"FIN_WAIT1\",\"at_us\":99300,\"us\":500,\"by\":\"local\",\"ev\":\"event\"},"                              \
	"{\"state\":\"FIN_WAIT2\",\"at_us\":99800,\"us\":200,\"by\":\"peer\",\"ev\":\"event\"},"                               \
	"{\"state\":\"CLOSE\",\"at_us\":100000,\"us\":null,\"by\":null,\"ev\":\"inferred\"}],"                                 \
	"\"segments\":[{\"at_us\":0,\"dir\":\"out\",\"flags\":\"SYN\",\"seq\":0,\"ack\":null,\"n\":3,\"ev\":\"event\"},"       \
	"{\"at_us\":12300,\"dir\":\"in\",\"flags\":\"SYN,ACK\",\"seq\":0,\"ack\":1,\"ev\":\"numbers\"},"                       \
	"{\"at_us\":null,\"dir\":\"out\",\"flags\":\"FIN,ACK\",\"seq\":4201,\"ack\":12582913,\"ev\":\"inferred\"}],"           \
	"\"isn\":{\"local\":4294967295,\"peer\":null},"                                                                        \
	"\"tcp\":{\"bytes_sent\":4300,\"bytes_acked\":4200,\"bytes_received\":12582912,\"segs_out\":20,\"segs_in\":900,"       \
	"\"srtt_us\":12250,\"min_rtt_us\":11000,\"mss\":1448,\"unread_bytes\":0,\"unsent_bytes\":0,\"congestion\":\"cubic\"}," \
	"\"retransmits\":{\"syn\":0,\"synack\":0,\"data\":1,\"fin\":0,\"probe\":null},"

static void test_connection(void **state)
{
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	expect(line(RECORD_CONNECTION, &c, &sample_owner), "connection",
	       CURL_TUPLE "\"final\":true,\"start\":\"2026-01-02T03:04:05.000000Z\",\"end\":\"2026-01-02T03:04:05.100000Z\","
			  "\"duration_us\":100000,\"handshake_us\":12300,\"closed_by\":\"local\",\"end_reason\":\"fin\","
			  "\"close_kind\":\"three_segment\",\"conn_state\":\"SF\",\"history\":\"ShDdFf\"," CURL_LIFE
			  "\"complete\":true,\"gaps\":0}\n");
	c.final = false;
	c.end = CONN_END_UNKNOWN;
	c.closed_by = CONN_SIDE_UNKNOWN;
	c.close_kind = CONN_CLOSE_NONE;
	expect(line(RECORD_PROGRESS, &c, &sample_owner), "progress",
	       CURL_TUPLE "\"final\":false,\"start\":\"2026-01-02T03:04:05.000000Z\",\"end\":null,"
			  "\"duration_us\":100000,\"handshake_us\":12300,\"closed_by\":null,\"end_reason\":\"unknown\","
			  "\"close_kind\":null,\"conn_state\":\"SF\",\"history\":\"ShDdFf\"," CURL_LIFE
			  "\"complete\":true,\"gaps\":0}\n");
}

static void test_unknown(void **state)
{
	struct conn_record c;

	(void)state;
	sample_unknown(&c);
	c.timeline_len = 1; /* there is always a state, be it the one in which a scan found it */
	c.timeline[0] = (struct conn_span){.state = WIRE_ESTABLISHED, .ev = CONN_EV_SCAN};
	expect(line(RECORD_CONNECTION, &c, NULL), "connection",
	       "\"conn_id\":\"7c9e6679.7\",\"family\":null,\"local_addr\":null,\"local_port\":null,\"peer_addr\":null,"
	       "\"peer_port\":null,\"role\":null,\"netns\":null,\"process\":null,\"cgroup\":null,\"container\":null,\"final\":"
	       "true,\"start\":null,"
	       "\"end\":\"2026-01-02T03:01:52.345678Z\",\"duration_us\":null,\"handshake_us\":null,\"closed_by\":null,"
	       "\"end_reason\":\"unknown\",\"close_kind\":null,\"conn_state\":\"OTH\",\"history\":null,"
	       "\"timeline\":[{\"state\":\"ESTABLISHED\",\"at_us\":0,\"us\":null,\"by\":null,\"ev\":\"scan\"}],"
	       "\"segments\":[],\"isn\":null,"
	       "\"tcp\":{\"bytes_sent\":null,\"bytes_acked\":null,\"bytes_received\":null,\"segs_out\":null,\"segs_in\":null,"
	       "\"srtt_us\":null,\"min_rtt_us\":null,\"mss\":null,\"unread_bytes\":null,\"unsent_bytes\":null,\"congestion\":"
	       "null},"
	       "\"retransmits\":{\"syn\":0,\"synack\":0,\"data\":0,\"fin\":0,\"probe\":null},\"complete\":false,\"gaps\":2}\n");
}

/* What is there only when it applies. */
static void test_optional_keys(void **state)
{
	struct record_owner owner = sample_owner;
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	c.t.generation = 2;
	c.t.id.flags = WIRE_ID_MPTCP | WIRE_ID_FASTOPEN;
	c.t.id.family = AF_INET6;
	c.t.from = CONN_FROM_LISTENER;
	c.t.task.uid = UINT32_MAX;
	c.t.task.start_ns = 0;
	c.resets.sent = 1;
	c.resets.reason = 3;
	c.stats.min_rtt_us = UINT32_MAX;
	c.stats.srtt_us = 0;
	c.stats.mss = 0;
	c.stats.ca_name[0] = '\0';
	owner.exe = NULL;
	owner.container_id = SAMPLE_CONTAINER "trailing";
	owner.pod_uid = "0f9e8d7c-1111-2222-3333-444455556666.slice";
	owner.pod_uid_len = 36;
	line(RECORD_CONNECTION, &c, &owner);
	has("\"conn_id\":\"7c9e6679.2a01\",\"generation\":2,", true);
	has("\"family\":\"ipv4\",\"local_addr\":\"10.0.0.1\"", true);
	has("\"start\":null,\"exe\":null,\"uid\":null,\"from\":\"listener\"}", true);
	has("\"container\":{\"id\":\"" SAMPLE_CONTAINER "\",\"pod_uid\":\"0f9e8d7c-1111-2222-3333-444455556666\"},", true);
	has("\"srtt_us\":null,\"min_rtt_us\":null,\"mss\":null,\"unread_bytes\":0,\"unsent_bytes\":0,\"congestion\":null},",
	    true);
	has("\"resets\":{\"sent\":1,\"received\":0,\"reason\":\"SK_RST_REASON_NO_SOCKET\"},\"mptcp\":true,\"fastopen\":true,"
	    "\"v4_mapped\":true,\"complete\":true",
	    true);
	owner.container_id = NULL;
	c.resets.reason = 99;
	line(RECORD_CONNECTION, &c, &owner);
	has("\"container\":{\"pod_uid\":\"0f9e8d7c-1111-2222-3333-444455556666\"},", true);
	has("\"received\":0,\"reason\":null}", true);
	owner.container_id = SAMPLE_CONTAINER "trailing";
	owner.id_claimed = true;
	line(RECORD_CONNECTION, &c, &owner);
	has("\"container\":{\"claimed_id\":\"" SAMPLE_CONTAINER "\",\"pod_uid\":\"0f9e8d7c-", true);
	owner.pod_claimed = true;
	line(RECORD_CONNECTION, &c, &owner);
	has("\"claimed_pod_uid\":\"0f9e8d7c-1111-2222-3333-444455556666\"},", true);
}

static void test_addresses(void **state)
{
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	sample_addresses(&c.t, AF_INET6, "2001:db8::1", 443, "fe80::1:2:3:4", 50000);
	line(RECORD_CONNECTION, &c, NULL);
	has("\"family\":\"ipv6\",\"local_addr\":\"2001:db8::1\",\"local_port\":443,\"peer_addr\":\"fe80::1:2:3:4\"", true);
	has("v4_mapped", false);
	/* while it connects it may have no address and no port of its own */
	sample_addresses(&c.t, AF_INET6, "::", 0, "::ffff:192.0.2.1", 80);
	line(RECORD_CONNECTION, &c, NULL);
	has("\"family\":\"ipv4\",\"local_addr\":\"0.0.0.0\",\"local_port\":null,\"peer_addr\":\"192.0.2.1\"", true);
	has("\"v4_mapped\":true", true);
	sample_addresses(&c.t, AF_INET6, "2001:db8::1", 1, "::ffff:192.0.2.1", 80);
	line(RECORD_CONNECTION, &c, NULL);
	has("\"family\":\"ipv6\",\"local_addr\":\"2001:db8::1\",\"local_port\":1,\"peer_addr\":\"::ffff:192.0.2.1\"", true);
}

static void test_names(void **state)
{
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	memcpy(c.t.task.comm, "a\"\\\x1b\x7f\xff\xc3\xa9\xe2\x80\xae\xc3\xa9\xf0\x9f\x90", WIRE_COMM_LEN);
	line(RECORD_CONNECTION, &c, NULL);
	has("\"comm\":\"a\\\"\\\\\\u001b\\u007f\xef\xbf\xbd\xc3\xa9\\u202e\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
	    "\"comm_hex\":\"61225c1b7fffc3a9e280aec3a9f09f90\",",
	    true);
	memset(c.t.task.comm, 1, WIRE_COMM_LEN);
	line(RECORD_CONNECTION, &c, NULL);
	has("comm_hex", false);
	memset(c.t.task.comm, 0, WIRE_COMM_LEN);
	line(RECORD_CONNECTION, &c, NULL);
	has("\"comm\":\"\",\"start\"", true);
}

/* A path has any bytes but NUL, and may be longer than a line. */
static void test_paths(void **state)
{
	struct record_owner owner = {.exe = "/\xff\xc3\xa9", .cgroup = "/\xe2\x82x"};
	char path[1101], bytes[601], hex[600];
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	line(RECORD_CONNECTION, &c, &owner);
	has("\"exe\":\"/\xef\xbf\xbd\xc3\xa9\",\"exe_hex\":\"2fffc3a9\",\"uid\"", true);
	has("\"cgroup\":\"/\xef\xbf\xbd\xef\xbf\xbdx\",\"cgroup_hex\":\"2fe28278\",", true);
	memset(path, 'x', 1100);
	path[1100] = '\0';
	owner = (struct record_owner){.exe = path, .cgroup = path + 1100 - 1024};
	line(RECORD_CONNECTION, &c, &owner);
	has("xxx\xe2\x80\xa6\",\"exe_len\":1100,\"uid\"", true);
	has("cgroup_len", false);
	has("_hex", false);
	memset(bytes, 0xff, 600);
	bytes[600] = '\0';
	memset(hex, 'f', 2 * 256);
	strcpy(hex + 2 * 256, "\",\"cgroup_len\":600,");
	owner = (struct record_owner){.cgroup = bytes};
	line(RECORD_CONNECTION, &c, &owner);
	has(hex, true);
	bytes[300] = '\0'; /* the text has them all */
	line(RECORD_CONNECTION, &c, &owner);
	has("ff\",\"cgroup_len\":300,", true);
	bytes[256] = '\0';
	line(RECORD_CONNECTION, &c, &owner);
	has("_len", false);
}

/* The worst names and paths there can be do not make a line too long, nor its timeline shorter. */
static void test_line_limit(void **state)
{
	static const unsigned char fills[] = {'x', 1, 0xff, '"'};
	static char path[4096], id[64];
	struct record_owner owner = {.exe = path, .cgroup = path, .container_id = id, .pod_uid = path, .pod_uid_len = 4000};
	struct record_context context = sample_context;
	struct conn_record c;
	struct record rec = sample_record(RECORD_CONNECTION, &c);

	(void)state;
	sample_widest(&c);
	c.timeline_len = CONN_TIMELINE_MAX;
	for (unsigned int i = 0; i < CONN_TIMELINE_MAX; i++)
		c.timeline[i] =
			(struct conn_span){UINT64_MAX, UINT64_MAX, WIRE_ESTABLISHED, CONN_BY_LOCAL, CONN_EV_INFERRED, true};
	c.segments_len = CONN_SEGMENTS_MAX;
	for (unsigned int i = 0; i < CONN_SEGMENTS_MAX; i++)
		c.segments[i] = (struct conn_segment){
			.at_us = UINT64_MAX,
			.seq = UINT32_MAX,
			.ack = UINT32_MAX,
			.n = UINT32_MAX,
			.flags = CONN_FLAGS_FIN_ACK,
			.proof = CONN_PROOF_INFERRED,
			.at_us_last = UINT64_MAX,
			.at_known = true,
			.seq_known = true,
			.ack_known = true,
			.last_known = true,
		};
	memset(&c.stats, 0xfe, sizeof(c.stats));
	c.resets.sent = c.resets.received = c.resets.reason = UINT32_MAX;
	context.hostname = path;
	for (size_t i = 0; i < sizeof(fills); i++) {
		memset(path, fills[i], sizeof(path) - 1);
		memset(c.t.task.comm, fills[i], WIRE_COMM_LEN);
		memset(id, 'f', sizeof(id));
		owner.pod_uid_len = fills[i] == 'x' ? 36 : 4000;
		format(&context, &rec, &owner, FORMAT_LINE_MAX);
		assert_true(strlen(out) > 3000 && strlen(out) < FORMAT_LINE_MAX);
		has("_dropped", false);
		has("\xe2\x80\xa6\",\"exe_", true);
	}
}

/* When a segment was sent last stands behind how often, and only if it is known. */
static void test_repeats(void **state)
{
	struct conn_record c;
	struct record rec = sample_record(RECORD_CONNECTION, &c);

	(void)state;
	sample_connection(&c);
	format(&sample_context, &rec, &sample_owner, FORMAT_LINE_MAX);
	has("\"n\":3,\"ev\"", true);
	c.segments[0].last_known = true;
	c.segments[0].at_us_last = 3000123;
	format(&sample_context, &rec, &sample_owner, FORMAT_LINE_MAX);
	has("\"n\":3,\"at_us_last\":3000123,\"ev\"", true);
}

static void remembered(const struct format_input *in)
{
	out[format_json.format(in, out, FORMAT_LINE_MAX)] = '\0';
}

/* What a line says of a process is remembered, and is right again as soon as anything of it is another. */
static void test_process_changes(void **state)
{
	static struct format_memory memory;
	char exe[] = "/usr/bin/one", long_exe[400];
	struct record_owner owner = {.exe = exe};
	struct record_context context = sample_context;
	struct conn_record c;
	struct record rec = sample_record(RECORD_CONNECTION, &c);
	const struct format_input in = {.context = &context, .rec = &rec, .owner = &owner, .memory = &memory};

	(void)state;
	sample_connection(&c);
	for (int twice = 0; twice < 2; twice++) {
		remembered(&in);
		has("\"exe\":\"/usr/bin/one\",\"uid\"", true);
	}
	memcpy(exe, "/usr/bin/two", sizeof(exe)); /* at the same place */
	remembered(&in);
	has("\"exe\":\"/usr/bin/two\"", true);
	owner.exe_deleted = true;
	remembered(&in);
	has("\"exe_deleted\":true", true);
	owner = (struct record_owner){0};
	remembered(&in);
	has("\"exe\":null", true);
	memset(long_exe, 'x', sizeof(long_exe) - 1);
	long_exe[sizeof(long_exe) - 1] = '\0';
	owner.exe = long_exe;
	for (int twice = 0; twice < 2; twice++) {
		remembered(&in);
		has(long_exe, true);
	}
	context.boot_offset_ns += 1000000000;
	c.t.task.start_ns = 1;
	remembered(&in);
	char start[64], *at = strstr(out, "\"start\":");
	assert_non_null(at);
	snprintf(start, sizeof(start), "%.38s", at);
	context.boot_offset_ns += 1000000000;
	remembered(&in);
	has(start, false);
}

/* The name that is remembered is not that of the next line. */
static void test_congestion_changes(void **state)
{
	static const struct {
		const char *name, *expected;
	} rows[] = {
		{"bbr", "\"congestion\":\"bbr\"},"},     {"cubic", "\"congestion\":\"cubic\"},"},
		{"cubic", "\"congestion\":\"cubic\"},"}, {"a\"b", "\"congestion\":\"a\\\"b\"},"},
		{"a\"b", "\"congestion\":\"a\\\"b\"},"}, {"", "\"congestion\":null},"},
		{"bbr", "\"congestion\":\"bbr\"},"},
	};
	static struct format_memory memory;
	struct conn_record c;
	struct record rec = sample_record(RECORD_CONNECTION, &c);
	const struct format_input in = {.context = &sample_context, .rec = &rec, .owner = &sample_owner, .memory = &memory};

	(void)state;
	sample_connection(&c);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(c.stats.ca_name, 0, sizeof(c.stats.ca_name));
		memcpy(c.stats.ca_name, rows[i].name, strlen(rows[i].name));
		remembered(&in);
		has(rows[i].expected, true);
	}
}

/* Of the boot before: each line has the ids and times of its own boot, in whatever order they come. */
static void test_other_boot(void **state)
{
	static struct format_memory memory;
	struct conn_record c;
	const struct leak_resolved_record resolved = {
		.t = &c.t, .alert = {.id = 0x77}, .count = 1, .resolution = LEAK_HOST_RESTART, .boot_id = "01234567-89ab-cdef"};
	struct record before = sample_record(RECORD_CLOSE_WAIT_RESOLVED, NULL), now = sample_record(RECORD_CONNECTION, &c);
	struct format_input in = {.context = &sample_context, .owner = &sample_owner, .memory = &memory};

	(void)state;
	sample_connection(&c);
	before.leak_resolved = &resolved;
	for (int i = 0; i < 4; i++) {
		in.rec = i % 2 ? &now : &before;
		remembered(&in);
		has("\"conn_id\":\"01234567.", i % 2 == 0);
		has("\"conn_id\":\"7c9e6679.", i % 2);
		has("\"start\":null,\"exe\"", i % 2 == 0); /* no clock of this boot shows when that process started */
	}
}

/* No record fills a line; but a smaller buffer is handled as a longer record would be: segments go first. */
static void test_segments_shortened(void **state)
{
	struct conn_record c;
	struct record rec = sample_record(RECORD_CONNECTION, &c);

	(void)state;
	sample_connection(&c);
	size_t whole = strlen(format(&sample_context, &rec, &sample_owner, FORMAT_LINE_MAX));
	has("segments_dropped", false);
	format(&sample_context, &rec, &sample_owner, whole - 1);
	has("\"segments_dropped\":1,", true);
	has("\"flags\":\"SYN\"", true);
	has("\"flags\":\"SYN,ACK\"", false);
	has("\"flags\":\"FIN,ACK\"", true);
	format(&sample_context, &rec, &sample_owner, whole - 190);
	has("\"segments\":[],\"segments_dropped\":3,", true);
	has("timeline_dropped", false);
	format(&sample_context, &rec, &sample_owner, whole - 300);
	has("\"segments\":[],\"segments_dropped\":3,", true);
	has("\"timeline_dropped\":", true);
}

static void test_timeline_shortened(void **state)
{
	struct conn_record c;
	struct record rec = sample_record(RECORD_CONNECTION, &c);

	(void)state;
	sample_connection(&c);
	c.segments_len = 0;
	c.timeline_len = CONN_TIMELINE_MAX;
	for (unsigned int i = 0; i < CONN_TIMELINE_MAX; i++)
		c.timeline[i] = (struct conn_span){i, 1, WIRE_ESTABLISHED, CONN_BY_LOCAL, CONN_EV_EVENT, true};
	size_t whole = strlen(format(&sample_context, &rec, &sample_owner, FORMAT_LINE_MAX));
	has("timeline_dropped", false);
	format(&sample_context, &rec, &sample_owner, whole - 1);
	has("\"timeline_dropped\":1,", true);
	has("\"at_us\":5,", true);
	has("\"at_us\":6,", false);
	has("\"at_us\":7,", true);
	format(&sample_context, &rec, &sample_owner, whole - 400);
	has("\"at_us\":0,", true);
	has("\"at_us\":11,", true);
	has("\"timeline_dropped\":", true);
	for (size_t size = whole; size-- > 0;) {
		format(&sample_context, &rec, &sample_owner, size);
		assert_true(strlen(out) <= size);
	}
	has("{", false); /* none at all rather than half a line */
}

static void test_state(void **state)
{
	struct conn_record c;
	struct conn_state_record s = {.old_state = WIRE_SYN_SENT,
				      .new_state = WIRE_ESTABLISHED,
				      .prev_known = true,
				      .prev_us = 12300,
				      .by = CONN_BY_PEER,
				      .ev = CONN_EV_EVENT};

	(void)state;
	sample_connection(&c);
	s.t = &c.t;
	expect(line(RECORD_STATE, &s, &sample_owner), "state",
	       CURL_TUPLE "\"old_state\":\"SYN_SENT\",\"new_state\":\"ESTABLISHED\",\"prev_us\":12300,\"by\":\"peer\",\"ev\":"
			  "\"event\"}\n");
	s.prev_known = false;
	s.by = CONN_BY_UNKNOWN;
	s.old_state = WIRE_NEW_SYN_RECV;
	line(RECORD_STATE, &s, &sample_owner);
	has("\"old_state\":\"SYN_RECV\",\"new_state\":\"ESTABLISHED\",\"prev_us\":null,\"by\":null,", true);
}

static void test_time_wait(void **state)
{
	struct conn_record c;
	struct conn_time_wait_record tw = {.time_wait = {.entered = true,
							 .us_known = true,
							 .us = 61700000,
							 .fin_wait2 = true,
							 .fin_wait2_us_known = true,
							 .fin_wait2_us = 5000000,
							 .restarts = 1,
							 .end = WIRE_CAUSE_EXPIRED}};

	(void)state;
	sample_connection(&c);
	tw.t = &c.t;
	expect(line(RECORD_TIME_WAIT, &tw, &sample_owner), "time_wait",
	       CURL_TUPLE
	       "\"start\":null,\"time_wait\":{\"us\":61700000,\"fin_wait2_us\":5000000,\"restarts\":1,\"end\":\"expired\","
	       "\"ev\":\"event\"}}\n");
	c.time_wait = (struct conn_time_wait){.entered = true, .ev = CONN_EV_INFERRED};
	line(RECORD_CONNECTION, &c, &sample_owner);
	has("\"time_wait\":{\"us\":null,\"restarts\":0,\"end\":null,\"ev\":\"inferred\"},", true);
	c.time_wait.restarts_unknown = true;
	line(RECORD_CONNECTION, &c, &sample_owner);
	has("\"restarts\":null,", true);
}

static void test_retransmit(void **state)
{
	struct conn_record c;
	struct conn_retransmit_record r = {.state = WIRE_ESTABLISHED,
					   .kind = WIRE_SEG_DATA,
					   .trigger = WIRE_TRIGGER_TLP,
					   .seq_known = true,
					   .seq = 4294967295,
					   .len = 1448,
					   .count = 1};

	(void)state;
	sample_connection(&c);
	r.t = &c.t;
	expect(line(RECORD_RETRANSMIT, &r, &sample_owner), "retransmit",
	       CURL_TUPLE "\"state\":\"ESTABLISHED\",\"kind\":\"data\",\"trigger\":\"tlp\",\"tcp_seq\":4294967295,\"len\":1448,"
			  "\"count\":1}\n");
	r = (struct conn_retransmit_record){.netns = 4026531840,
					    .local_port = 80,
					    .state = WIRE_SYN_RECV,
					    .kind = WIRE_SEG_SYNACK,
					    .count = 12,
					    .interval_us = 1000000};
	expect(line(RECORD_RETRANSMIT, &r, NULL), "retransmit",
	       "\"netns\":4026531840,\"local_port\":80,\"state\":\"SYN_RECV\",\"kind\":\"synack\",\"trigger\":null,\"count\":"
	       "12,"
	       "\"interval_us\":1000000}\n");
}

static void test_reset(void **state)
{
	struct conn_record c;
	struct conn_reset_record r = {.state = WIRE_ESTABLISHED, .direction = WIRE_RECEIVED, .count = 1};

	(void)state;
	sample_connection(&c);
	r.t = &c.t;
	expect(line(RECORD_RESET, &r, &sample_owner), "reset",
	       CURL_TUPLE "\"direction\":\"received\",\"state\":\"ESTABLISHED\",\"reason\":null,\"count\":1}\n");
	r = (struct conn_reset_record){
		.netns = 4026531840, .local_port = 81, .direction = WIRE_SENT, .reason = 3, .count = 5, .interval_us = 1000000};
	expect(line(RECORD_RESET, &r, NULL), "reset",
	       "\"netns\":4026531840,\"local_port\":81,\"direction\":\"sent\",\"state\":null,\"reason\":\"SK_RST_REASON_NO_"
	       "SOCKET\","
	       "\"count\":5,\"interval_us\":1000000}\n");
}

#define BY_STATE                                                                                                               \
	"\"by_state\":{\"SYN_SENT\":0,\"SYN_RECV\":3,\"ESTABLISHED\":4,\"FIN_WAIT1\":0,\"FIN_WAIT2\":0,\"TIME_WAIT\":0,"       \
	"\"CLOSE_WAIT\":5,\"LAST_ACK\":0,\"CLOSING\":0,\"LISTEN\":0,\"CLOSE\":0},"

static void test_snapshot(void **state)
{
	struct conn_snapshot_record s = {
		.cause = WIRE_SCAN_STARTUP,
		.namespaces = 2,
		.sockets = 12,
		.took_us = 345,
		.by_state = {[WIRE_SYN_RECV] = 1, [WIRE_NEW_SYN_RECV] = 2, [WIRE_ESTABLISHED] = 4, [WIRE_CLOSE_WAIT] = 5}};
	char expected[512] = "\"cause\":\"startup\",\"namespaces\":2,\"sockets\":12,\"took_us\":345," BY_STATE;

	(void)state;
	strcpy(expected + strlen(expected) - 1, "}\n");
	expect(line(RECORD_SNAPSHOT, &s, NULL), "snapshot", expected);
	s.cause = 77; /* a recording may hold anything */
	line(RECORD_SNAPSHOT, &s, NULL);
	has("\"cause\":null,", true);
}

/* A line that is too long loses rows, which count with the rest. */
static void test_listeners(struct conn_summary_record *s)
{
	struct conn_listener_row long_row = {.netns = UINT32_MAX,
					     .local_port = UINT16_MAX,
					     .task = {.tgid = INT32_MAX, .comm = "\1\2\3\4\5\6\7\xff\1\2\3\4\5\6\7"},
					     .at = {UINT32_MAX, UINT32_MAX - 1, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
					     .drops = 10,
					     .interval_us = UINT64_MAX / 1000,
					     .mptcp = true,
					     .ended = true};
	const char *rest;
	unsigned int count, drops;
	size_t rows = 0;

	memset(long_row.local_addr, 0xfe, sizeof(long_row.local_addr));
	s->listeners_len = 1;
	s->listeners_rest = (struct conn_listeners_rest){2, 30};
	s->listeners[0] = (struct conn_listener_row){.netns = 5, .local_port = 80, .at = {.queue = 4, .limit = 4, .drops = 9}};
	line(RECORD_SUMMARY, s, NULL);
	has("\"listeners\":[{\"netns\":5,\"local_addr\":\"::\",\"local_port\":80,\"process\":null,\"queue\":4,\"queue_limit\":"
	    "4,"
	    "\"full\":false,\"attempts\":0,\"drops\":null,\"interval_us\":null,\"drops_total\":9}],"
	    "\"listeners_rest\":{\"count\":2,\"drops\":30},",
	    true);
	s->listeners_len = CONN_SUMMARY_ROWS;
	for (unsigned int i = 0; i < CONN_SUMMARY_ROWS; i++)
		s->listeners[i] = long_row;
	line(RECORD_SUMMARY, s, NULL);
	for (const char *row = out; (row = strstr(row, "\"drops_total\":4294967295,\"mptcp\":true,\"ended\":true")); row++)
		rows++;
	rest = strstr(out, "\"listeners_rest\":");
	assert_non_null(rest);
	assert_int_equal(sscanf(rest, "\"listeners_rest\":{\"count\":%u,\"drops\":%u}", &count, &drops), 2);
	assert_in_range(rows, 8, CONN_SUMMARY_ROWS - 1);
	assert_int_equal(count, 2 + CONN_SUMMARY_ROWS - rows);
	assert_int_equal(drops, 30 + 10 * (CONN_SUMMARY_ROWS - rows));
	s->listeners_len = 0;
	s->listeners_rest = (struct conn_listeners_rest){0};
}

static void test_summary(void **state)
{
	struct conn_summary_record s = {.interval_us = 60000000,
					.opened = 10,
					.closed = 9,
					.by_state = {[WIRE_SYN_RECV] = 3, [WIRE_ESTABLISHED] = 4, [WIRE_CLOSE_WAIT] = 5},
					.retransmits = {1, 2, 3, 4},
					.resets_sent = 5,
					.resets_received = 6,
					.close_wait_any = true,
					.close_wait_oldest_us = 7000000,
					.events_in = 80,
					.rss_bytes = 9000000,
					.cpu_us = 1234};
	char emitted[64];
	struct record_context context = sample_context;

	(void)state;
	snprintf(emitted, sizeof(emitted), "\"emitted\":%llu,", (unsigned long long)seq);
	line(RECORD_SUMMARY, &s, NULL);
	has(emitted, true);
	seq = print_lines ? seq : 41;
	expect(line(RECORD_SUMMARY, &s, NULL), "summary",
	       "\"interval_us\":60000000,\"opened\":10,\"closed\":9," BY_STATE
	       "\"retransmits\":{\"syn\":1,\"synack\":2,\"data\":3,\"fin\":4,\"probe\":null},\"resets\":{\"sent\":5,"
	       "\"received\":6},"
	       "\"close_wait_oldest_us\":7000000,\"events_in\":80,\"emitted\":41,\"lost\":{\"hook\":0,\"ring\":0,\"table\":0,"
	       "\"queue\":0,\"write\":0,\"ratelimit\":0},\"rss_bytes\":9000000,\"cpu_us\":1234,\"level\":\"full\"}\n");
	s.time_wait.on = true;
	s.time_wait.entered = 7;
	s.time_wait.alive = 6;
	s.time_wait.early = 1;
	s.time_wait.ended[WIRE_CAUSE_REUSED] = 2;
	s.time_wait.ended[WIRE_CAUSE_UNKNOWN] = 3;
	s.half_open_len = s.ports_len = 1;
	s.half_open_rest = 4;
	s.half_open[0] = (struct conn_half_open_row){.netns = 5, .local_port = 80, .count = 9};
	s.ports[0] = (struct conn_ports_row){.netns = 5, .peer_port = 443, .in_use = 20000, .range = 28232};
	line(RECORD_SUMMARY, &s, NULL);
	has("\"time_wait\":{\"entered\":7,\"alive\":6,\"early\":1,\"ended\":{\"expired\":0,\"reused\":2,\"reset\":0,"
	    "\"killed\":0,\"overflow\":0,\"netns_gone\":0,\"unknown\":3}},",
	    true);
	has("\"half_open\":[{\"netns\":5,\"local_port\":80,\"count\":9}],\"half_open_rest\":4,", true);
	has("\"ports\":[{\"netns\":5,\"local_addr\":\"::\",\"peer_addr\":\"::\",\"peer_port\":443,\"in_use\":20000,"
	    "\"range\":28232}],",
	    true);
	test_listeners(&s);
	s.close_wait_any = false;
	s.lost[WIRE_LOST_RING] = 3;
	s.rss_bytes = 0;
	line(RECORD_SUMMARY, &s, NULL);
	has("close_wait_oldest_us", false);
	has("\"ring\":3,", true);
	has("\"rss_bytes\":null,\"cpu_us\":1234,\"level\":\"degraded\"}", true);
	s.level = LEVEL_COUNTS; /* what `lost` says besides, no word can say twice */
	s.left_out = 9;
	line(RECORD_SUMMARY, &s, NULL);
	has("\"left_out\":9,\"level\":\"counts\"}", true);
	s.level = LEVEL_FULL;
	s.left_out = 0;
	line(RECORD_SUMMARY, &s, NULL);
	has("left_out", false);
	has("paths_dropped", false);
	context.paths_dropped = 7;
	format(&context, &(struct record){.kind = RECORD_SUMMARY, .summary = &s}, NULL, FORMAT_LINE_MAX);
	has("\"paths_dropped\":7,\"rss_bytes\"", true);
}

static void test_finding(void **state)
{
	struct finding_record f = {
		.id = FINDING_CONNECT_REFUSED,
		.number = 0x12ab,
		.since_ns = 245 * SAMPLE_S,
		.about = FINDING_PEER_ADDR | FINDING_PEER_PORT,
		.count = 150,
		.of_known = true,
		.of = 200,
		.limit = 100,
		.limit_percent = 50,
		.window_ns = 10 * SAMPLE_S,
	};
	struct conn_record c;

	(void)state;
	sample_connection(&c);
	f.t = c.t;
	line(RECORD_FINDING, &f, &sample_owner);
	has("\"what\":\"up\",\"finding\":\"connect_refused\",\"finding_id\":\"7c9e6679.f12ab\",\"severity\":\"warning\","
	    "\"since\":\"2026-01-02T03:04:05.000000Z\",\"netns\":4026531840,\"peer_addr\":\"93.184.216.34\",\"peer_port\":443,"
	    "\"example_conn_id\":\"7c9e6679.2a01\",\"process\":{\"pid\":4242,",
	    true);
	has("\"count\":150,\"of\":200,\"limit\":100,\"limit_percent\":50,\"message\":\"150 of 200 connections and attempts to "
	    "93.184.216.34:443 were refused in 10.0s (limit 100, and 50 %).\",\"hint\":\"Nobody listens there",
	    true);
	has("\"command\":\"tcplife-fsm trace --end refused -d 10s --peer 93.184.216.34 -D 443 --netns 4026531840\"}\n", true);
	has("local_addr", false);
	has("cause", false);
	f.id = FINDING_HELD_BY_CHILD;
	f.cause = LEAK_INHERITED;
	f.opener = (struct wire_task){.tgid = 7, .comm = "a\nb"};
	f.oldest_known = true;
	f.oldest_ns = 5 * SAMPLE_S;
	line(RECORD_FINDING, &f, &sample_owner);
	has("\"oldest_us\":5000000,\"cause\":\"inherited\",\"cause_certain\":false,\"opened_by\":{\"pid\":7,\"comm\":"
	    "\"a\\u000ab\"}"
	    ",",
	    true);
	has("used by a\\\\x0ab[7];", true);
	f.opener_ended = true;
	line(RECORD_FINDING, &f, &sample_owner);
	has("\"comm\":\"a\\u000ab\",\"ended\":true}", true);
	has("used by a\\\\x0ab[7] (ended);", true);
}

static void test_diagnosis(void **state)
{
	static const struct record_hook hooks[] = {{"tcp_close", "fexit", "", true, false},
						   {"tcp_x", "fentry", "not found", false, false},
						   {"tcp_y", "fentry", "not wanted", false, true}};
	const struct diagnosis d = {.findings = 2,
				    .watched_us = 5000000,
				    .asked_us = 30000000,
				    .sockets = 10,
				    .namespaces = 3,
				    .scans_failed = "Cannot allocate memory",
				    .hooks = hooks,
				    .hooks_len = 3};
	const struct conn_summary_record s = {.diagnosis = &d};

	(void)state;
	line(RECORD_SUMMARY, &s, NULL);
	has("\"diagnosis\":{\"findings\":2,\"ignored\":0,\"watched_us\":5000000,\"ended_early\":true,\"sockets\":10,"
	    "\"namespaces\":3,",
	    true);
	has("\"socket_scans_failed\":true,\"socket_scans_error\":\"Cannot allocate memory\",", true);
	has("\"hooks_missing\":[{\"name\":\"tcp_x\",\"why\":\"not found\"}],", true);
	has("close_wait", false);
}

static void test_lost(void **state)
{
	struct conn_lost_record l = {
		.stage = WIRE_LOST_RING, .count = 12, .total = 13, .from_ns = 200 * SAMPLE_S, .connections_affected = 40};

	(void)state;
	expect(line(RECORD_LOST, &l, NULL), "lost",
	       "\"stage\":\"ring\",\"count\":12,\"total\":13,\"from\":\"2026-01-02T03:03:20.000000Z\",\"connections_affected\":"
	       "40}\n");
}

static void test_meta(void **state)
{
	static char why[4000];
	static struct record_hook many[200];
	const struct record_hook hooks[] = {{"inet_sock_set_state", "tp_btf", "", true, false},
					    {"tcp_time_wait", "fentry", "EPERM", false, false}};
	struct record_meta m = {.what = "ready", .hooks = hooks, .hooks_len = 2, .limits = {1000000, 16777216}};
	struct record_reload reload = {
		.changed = {"sample", "detail"}, .changed_len = 2, .needs_restart = {"ring"}, .needs_restart_len = 1};
	struct record_level_step step = {LEVEL_BY_CPU, LEVEL_FULL, LEVEL_STANDARD, 83000, 50000};
	struct record_context bare = {.instance = "0a1b2c3d4e5f"};
	struct record rec = sample_record(RECORD_META, &m);

	(void)state;
	expect(line(RECORD_META, &m, NULL), "meta",
	       "\"what\":\"ready\",\"version\":\"0.1.0\",\"kernel\":\"6.18.0\",\"arch\":\"x86_64\","
	       "\"boot_id\":\"7c9e6679-7425-40de-944b-e07fc1f90ae7\",\"libbpf\":\"1.3\",\"detail\":\"full\",\"sample\":1,"
	       "\"hooks\":[{\"name\":\"inet_sock_set_"
	       "state\","
	       "\"type\":\"tp_btf\",\"ok\":true},{\"name\":\"tcp_time_wait\",\"type\":\"fentry\",\"ok\":false,\"why\":"
	       "\"EPERM\"}],"
	       "\"limits\":{\"max_connections\":1000000,\"ring_bytes\":16777216}}\n");
	memset(why, '\x01', sizeof(why) - 1);
	for (size_t i = 0; i < 200; i++)
		many[i] = (struct record_hook){i == 0 ? "first" : i == 199 ? "last" : "between", "tp_btf", why, false, false};
	m.hooks = many;
	m.hooks_len = 200;
	line(RECORD_META, &m, NULL);
	assert_true(strlen(out) > 7000 && strlen(out) <= FORMAT_LINE_MAX);
	has("\"hooks_dropped\":1", true);
	has("\"first\"", true);
	has("\"last\"", true);
	m = (struct record_meta){.what = "reload", .reload = &reload};
	line(RECORD_META, &m, NULL);
	has("\"changed\":[\"sample\",\"detail\"],\"needs_restart\":[\"ring\"]}", true);
	reload = (struct record_reload){.error = "a.conf:3: no"};
	line(RECORD_META, &m, NULL);
	has("\"changed\":[],\"needs_restart\":[],\"error\":\"a.conf:3: no\"}", true);
	m = (struct record_meta){.what = "level", .step = &step, .left_out = 12};
	line(RECORD_META, &m, NULL);
	has("\"step\":{\"reason\":\"cpu\",\"from\":\"full\",\"to\":\"standard\",\"measured\":83000,\"limit\":50000},"
	    "\"left_out\":12}",
	    true);
	step.limit = 0;
	line(RECORD_META, &m, NULL);
	has("\"measured\":83000,\"limit\":null}", true);
	m = (struct record_meta){.what = "ready"};
	format(&bare, &rec, NULL, FORMAT_LINE_MAX);
	has("\"host\":null,", true);
	has("\"hooks\":[],", true);
}

static void test_hostile_numbers(void **state)
{
	struct record_context context = sample_context;
	struct conn_record c;
	struct record rec = {.kind = RECORD_CONNECTION, .ts = UINT64_MAX, .conn = &c};

	(void)state;
	sample_connection(&c);
	c.t.cookie = UINT64_MAX;
	c.start_ns = UINT64_MAX;
	c.end_ns = 0;
	c.payload_acked = UINT64_MAX;
	context.boot_id = "";
	context.clock_offset_ns = INT64_MAX;
	format(&context, &rec, NULL, FORMAT_LINE_MAX);
	has("\"conn_id\":\"00000000.ffffffffffffffff\"", true);
	has("\"bytes_acked\":9007199254740991,", true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_optional_keys),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_process_changes),
		cmocka_unit_test(test_congestion_changes),
		cmocka_unit_test(test_other_boot),
		cmocka_unit_test(test_segments_shortened),
		cmocka_unit_test(test_timeline_shortened),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_time_wait),
		cmocka_unit_test(test_retransmit),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_diagnosis),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_hostile_numbers),
	};

	if (argc == 2 && !strcmp(argv[1], "--lines")) {
		print_lines = true;
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
			tests[i].test_func(NULL);
		return 0;
	}
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
