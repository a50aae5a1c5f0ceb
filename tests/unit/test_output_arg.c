/* SPDX-License-Identifier: GPL-2.0-only */
/* -o and its query: what is taken, and what is refused in one sentence. */
#include "src/cli/output_arg.h"
#include "src/core/record_types.h"
#include "src/format/format.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define BIT(kind) (1u << (kind))

static const struct output_spec defaults = {.events = BIT(RECORD_CONNECTION) | BIT(RECORD_META), .sample = 7, .rotate_keep = 5};
static struct output_spec spec;

static void accept_arg(const char *arg)
{
	char why[OUTPUT_ARG_WHY] = "";
	int err = output_arg_parse(&spec, arg, &defaults, why);

	if (err)
		fail_msg("'%s' is refused: %s", arg, why);
}

static void kinds(void **state)
{
	static const struct {
		const char *arg, *name, *address;
		enum output_kind kind;
	} rows[] = {
		{"-", "-", "-", OUTPUT_FILE},
		{"t.json", "t.json", "t.json", OUTPUT_FILE},
		{"/var/log/a:b%41.json", "/var/log/a:b%41.json", "/var/log/a:b%41.json", OUTPUT_FILE},
		{"file:/tmp/a%3Fb?detail=short", "/tmp/a?b", "/tmp/a?b", OUTPUT_FILE},
		{"a:b.json", "a:b.json", "a:b.json", OUTPUT_FILE},
		{"unix:/run/x.sock?events=lost", "unix:/run/x.sock", "/run/x.sock", OUTPUT_UNIX},
		{"journal:", "journal:", "", OUTPUT_JOURNAL},
		{"kafka://b1,b2:9092/topic?detail=short", "kafka://b1,b2:9092/topic", "b1,b2:9092/topic", OUTPUT_KAFKA},
		{"kafka://[::1]:9092,[fe80::1],b/t.1", "kafka://[::1]:9092,[fe80::1],b/t.1", "[::1]:9092,[fe80::1],b/t.1",
		 OUTPUT_KAFKA},
		{"otlp+http://h:4318/v1/logs", "otlp+http://h:4318/v1/logs", "h:4318/v1/logs", OUTPUT_OTLP},
		{"otlp+https://h/v1/logs", "otlp+https://h/v1/logs", "h/v1/logs", OUTPUT_OTLPS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		accept_arg(rows[i].arg);
		assert_int_equal(spec.kind, rows[i].kind);
		assert_string_equal(spec.name, rows[i].name);
		assert_string_equal(spec.address, rows[i].address);
		output_arg_free(&spec);
	}
}

static void queries(void **state)
{
	(void)state;
	accept_arg("x");
	assert_int_equal(spec.events, defaults.events);
	assert_int_equal(spec.sample, 7);
	output_arg_free(&spec);
	accept_arg("x?events=lost&events=reset,state&detail=standard&sample=1/10&on-full=block&rotate-bytes=1M&rotate-keep=0&"
		   "rotate-compress&group=ad%6D&format=json");
	assert_int_equal(spec.events, BIT(RECORD_LOST) | BIT(RECORD_RESET) | BIT(RECORD_STATE));
	assert_int_equal(spec.detail, FORMAT_STANDARD);
	assert_int_equal(spec.sample, 10);
	assert_int_equal(spec.on_full, OUTPUT_BLOCK);
	assert_int_equal(spec.rotate_bytes, 1 << 20);
	assert_int_equal(spec.rotate_keep, 0);
	assert_true(spec.rotate_compress);
	assert_string_equal(spec.group, "adm");
	assert_int_equal(spec.format, OUTPUT_JSON);
	output_arg_free(&spec);
	accept_arg("journal:");
	assert_int_equal(spec.events,
			 BIT(RECORD_CLOSE_WAIT_LEAK) | BIT(RECORD_CLOSE_WAIT_RESOLVED) | BIT(RECORD_LOST) | BIT(RECORD_META));
	output_arg_free(&spec);
	accept_arg("kafka://b/t?spool=/var/spool/a,b,1G&properties=/etc/k&events=connection");
	assert_string_equal(spec.spool, "/var/spool/a,b");
	assert_int_equal(spec.spool_bytes, 1 << 30);
	assert_string_equal(spec.properties, "/etc/k");
	output_arg_free(&spec);
	/* As on the command line: of a value alone the last one counts, a list adds up. */
	accept_arg("x?rotate-bytes=1M&rotate-bytes=2M&rotate-keep=7&events=lost&events=meta");
	assert_int_equal(spec.rotate_bytes, 2 << 20);
	assert_int_equal(spec.rotate_keep, 7);
	assert_int_equal(spec.events, BIT(RECORD_LOST) | BIT(RECORD_META));
	output_arg_free(&spec);
}

static void refused(void **state)
{
	static const struct {
		const char *arg, *why;
	} rows[] = {
		{"http://x/", "an output is a file, - for standard output, unix:PATH"},
		{"unix:", "it is unix:PATH"},
		{"kafka:b/t", "it is written kafka://HOST:PORT,../TOPIC; a file of this name, ./kafka:b/t"},
		{"otlp+http:h", "it is written otlp+http://HOST:PORT/v1/logs"},
		{"kafka://", "it is kafka://HOST:PORT,../TOPIC"},
		{"kafka://b", "it has no topic: it is kafka://HOST:PORT,../TOPIC"},
		{"kafka://b/", "'' is no topic: it has 1 to 249 letters"},
		{"kafka://b/a topic", "'a topic' is no topic"},
		{"kafka:///t", "'' is no HOST or HOST:PORT"},
		{"kafka://b,/t", "'' is no HOST or HOST:PORT"},
		{"kafka://b,c:/t", "'c:' is no HOST or HOST:PORT"},
		{"kafka://b:99999,c/t", "'b:99999' is no HOST or HOST:PORT"},
		{"kafka://b/x/t", "'b/x' is no HOST or HOST:PORT"},
		{"kafka://[::1/t", "'[::1' is no HOST or HOST:PORT"},
		{"otlp+http://h:x/v1/logs", "'h:x' is no HOST or HOST:PORT"},
		{"otlp+https:///v1/logs", "'' is no HOST or HOST:PORT"},
		{"x?rotate-keep=3", "rotate-keep has no effect without rotate-bytes"},
		{"x?rotate-compress", "rotate-compress has no effect without rotate-bytes"},
		{"", "it is a file's name"},
		{"file:%", "after % stand two hex digits"},
		{"file:a%00b", "after % stand two hex digits"},
		{"x?", "'' is no option of this output: it has events, detail, sample, format, on-full"},
		{"x?y", "'y' is no option of this output"},
		{"x?spool=/a,1G", "'spool' is no option of this output"},
		{"unix:x?rotate-bytes=1M", "'rotate-bytes' is no option of this output"},
		{"kafka://b/t?ca=x", "'ca' is no option of this output"},
		{"otlp+http://h/?properties=x", "'properties' is no option of this output"},
		{"-?rotate-bytes=1M",
		 "'rotate-bytes' is no option of this output: it has events, detail, sample, format, on-full."},
		{"x?pid=1", "'pid' is no option of this output"},
		{"x?detail", "detail needs a value: detail=HOW"},
		{"x?detail=", "detail needs a value: detail=HOW"},
		{"x?detail=brief", "detail 'brief': a detail is one of full, standard, short"},
		{"x?events=lost,lots", "events 'lots': events are connection"},
		{"x?rotate-compress=yes", "rotate-compress takes no value"},
		{"x?rotate-bytes=1K", "rotate-bytes '1K': a size is a number with K, M or G, like 100M"},
		{"x?group=%zz", "'%zz': after % stand two hex digits"},
		{"kafka://b/t?spool=/a", "spool '/a': a spool is a folder and a size"},
		{"kafka://b/t?spool=a,1G", "spool 'a,1G': a spool is a folder and a size"},
		{"kafka://b/t?spool=/a,1K", "spool '/a,1K': a spool is a folder and a size"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[OUTPUT_ARG_WHY] = "";

		assert_int_equal(output_arg_parse(&spec, rows[i].arg, &defaults, why), -EINVAL);
		if (strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("'%s' is refused with: %s", rows[i].arg, why);
	}
}

/* Nothing of it is believed to be short. */
static void long_ones(void **state)
{
	static char arg[100000];
	char why[OUTPUT_ARG_WHY];

	(void)state;
	memset(arg, 'k', sizeof(arg) - 1);
	memcpy(arg, "x?", 2);
	assert_int_equal(output_arg_parse(&spec, arg, &defaults, why), -EINVAL);
	memcpy(arg, "x?group=", 8);
	accept_arg(arg);
	output_arg_free(&spec);
	memset(arg, '&', sizeof(arg) - 1);
	memcpy(arg, "x?", 2);
	assert_int_equal(output_arg_parse(&spec, arg, &defaults, why), -EINVAL);
	arg[1] = '/';
	accept_arg(arg);
	output_arg_free(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(queries),
		cmocka_unit_test(refused),
		cmocka_unit_test(long_ones),
	};

	return cmocka_run_group_tests_name("output_arg", tests, NULL, NULL);
}
