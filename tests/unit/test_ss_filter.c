// SPDX-License-Identifier: GPL-2.0-only
/* Filters as the user types them, against one connection that is changed a little for each question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/ss_filter.h"
#include "src/core/record_types.h"
#include "src/pipeline/select.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct conn_record conn;
static struct record_owner owner;
static char why[SS_FILTER_WHY];

/* 10.1.2.3:443 from 192.0.2.7:50000, which left CLOSE_WAIT by itself. */
static int reset(void **state)
{
	(void)state;
	conn = (struct conn_record){
		.t = {.id_known = true, .id = {.local_port = 443, .peer_port = 50000, .family = AF_INET}},
		.final = true,
		.end = CONN_END_FIN,
		.timeline_len = 3,
		.timeline = {{.state = WIRE_ESTABLISHED}, {.state = WIRE_CLOSE_WAIT}, {.state = WIRE_LAST_ACK}},
	};
	inet_pton(AF_INET6, "::ffff:10.1.2.3", conn.t.id.local_addr);
	inet_pton(AF_INET6, "::ffff:192.0.2.7", conn.t.id.peer_addr);
	owner = (struct record_owner){.cgroup = "/system.slice/nginx.service"};
	return 0;
}

/* Each word an argument, as a shell gives them. */
static int parse_words(struct filter *filter, const char *text)
{
	const char *args[64];
	char line[512], *rest = line, *word;
	size_t len = 0;

	assert_true((size_t)snprintf(line, sizeof(line), "%s", text) < sizeof(line));
	while ((word = strsep(&rest, " ")))
		args[len++] = word;
	return ss_filter_parse(filter, args, len, why);
}

static bool selected(const char *text, const struct record *rec)
{
	struct selection as_words = {0}, quoted = {0};
	bool ret;

	if (parse_words(&as_words.filter, text) || ss_filter_parse(&quoted.filter, &text, 1, why))
		fail_msg("%s: %s", text, why);
	ret = selection_matches(&as_words, rec, &owner);
	assert_int_equal(selection_matches(&quoted, rec, &owner), ret);
	selection_free(&as_words);
	selection_free(&quoted);
	return ret;
}

static void expect(const char *text, bool wanted)
{
	if (selected(text, &(struct record){.kind = RECORD_CONNECTION, .conn = &conn}) != wanted)
		fail_msg("%s must %sselect it", text, wanted ? "" : "not ");
}

struct row {
	const char *text;
	bool wanted;
};

static void expect_rows(const struct row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++)
		expect(rows[i].text, rows[i].wanted);
}

static void ports(void **state)
{
	static const struct row rows[] = {
		{"sport = :443", true},   {"sport = 443", true},     {"sport 443", true},      {"sport :443", true},
		{"sport eq 443", true},   {"sport == :443", true},   {"sport = :444", false},  {"dport = :443", false},
		{"dport = :50000", true}, {"sport != :443", false},  {"sport ne :444", true},  {"sport neq 444", true},
		{"sport >= :443", true},  {"sport ge :444", false},  {"sport geq :442", true}, {"sport > :443", false},
		{"sport gt :442", true},  {"sport <= :443", true},   {"sport le :442", false}, {"sport leq :444", true},
		{"sport < :443", false},  {"sport lt :444", true},   {"sport = :*", true},     {"sport = *", true},
		{"sport >= :0", true},    {"sport <= :65535", true}, {"dport = *", true},      {"sport != *", false},
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
	if (getservbyname("https", "tcp")) {
		expect("sport = :https", true);
		expect("src 10.1.2.3:https", true);
		expect("dport = https", false);
	}
}

static void hosts(void **state)
{
	static const struct row rows[] = {
		{"src 10.1.2.3", true},
		{"src = 10.1.2.3", true},
		{"src eq 10.1.2.3", true},
		{"src 10/8", true},
		{"src 10.1/16", true},
		{"src 10.2/16", false},
		{"src 10.0.0.0/255.0.0.0", true},
		{"src 10.9.9.9/8", true},
		{"src 10", false}, /* 10.0.0.0, as in ss */
		{"src 0/0", true},
		{"src 10/8:443", true},
		{"src 10/8:444", false},
		{"src 10/8:*", true},
		{"src 10/8:", true},
		{"src [10/8]:443", true},
		{"src :443", true},
		{"src *:443", true},
		{"src *", true},
		{"src any", true},
		{"src all:444", false},
		{"src default", true},
		{"dst 10/8", false},
		{"dst 192.0.2.0/24:50000", true},
		{"src inet:10/8", true},
		{"src inet:*", true},
		{"src inet6:*", false},
		{"src ::/0", false},
		{"src [::ffff:10.1.2.3]", false}, /* only of an IPv6 socket */
	};
	static const struct row mapped[] = {
		{"src 10/8", true},
		{"src 0/0", true},
		{"src ::/0", true},
		{"src inet:10/8", false},
		{"src inet6:*", true},
		{"src [::ffff:10.1.2.3]", true},
		{"src [::ffff:10.1.2.3]:443", true},
		{"src ::ffff:10.0.0.0/104", true},
		{"src [::ffff:10.0.0.0/104]:443", true},
		{"src ::ffff:10.0.0.0/104:444", false},
		{"src ::ffff:11.0.0.0/104", false},
	};
	static const struct row v6[] = {
		{"src [2001:db8::1]", true},  {"src inet6:[2001:db8::1]:443", true},
		{"src 2001:db8::/32", true},  {"src [2001:db8::]/32:443", true},
		{"dst [2001:db8::1]", false}, {"src 0/0", false},
		{"src inet:*", false},        {"src ::/0", true},
		{"not src 10/8", true},
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows));
	conn.t.id.family = AF_INET6;
	expect_rows(mapped, ARRAY_SIZE(mapped));
	inet_pton(AF_INET6, "2001:db8::1", conn.t.id.local_addr);
	inet_pton(AF_INET6, "2001:db8::2", conn.t.id.peer_addr);
	expect_rows(v6, ARRAY_SIZE(v6));
}

/* T is true, F is false. */
static void operators(void **state)
{
	static const struct row rows[] = {
		{"T and T", true},
		{"T T", true},
		{"T && F", false},
		{"T & F", false},
		{"F or T", true},
		{"F | T", true},
		{"F || F", false},
		{"not F", true},
		{"! F", true},
		{"! ! T", true},
		{"not T or T", true},    /* not binds to what follows it */
		{"T or T and F", false}, /* from the left */
		{"T or ( T and F )", true},
		{"F and F or T", true},
		{"T or T F", false},
		{"not ( T or F )", false},
		{"( ( ( T ) ) )", true},
	};
	char text[256], *to;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		to = text;
		for (const char *c = rows[i].text; *c; c++)
			to += *c == 'T' || *c == 'F' ? sprintf(to, "sport = :%d", *c == 'T' ? 443 : 1) : sprintf(to, "%c", *c);
		expect(text, rows[i].wanted);
	}
	expect("(sport=:443&&dport>=:1024)||!src=10/8", true);
	expect("!sport=:443", false);
	expect("\\( sport = :443 \\)", true);
	expect("sport\t=\n:443", true);
	expect("cgroup /system.slice", true);
	expect("cgroup = /system.slice/nginx.service", true);
	expect("cgroup=/system.sl", false);
	expect("cgroup != /system.slice", false);
	expect("cgroup ne /a&b=(c)", true);
}

/* As SQL has it: neither a condition nor its negation is true. */
static void unknown(void **state)
{
	(void)state;
	conn.t.id.peer_port = 0;
	expect("dport = :443", false);
	expect("dport != :443", false);
	expect("not dport = :443", false);
	expect("dport < :443", false);
	expect("dport = :443 or sport = :443", true);
	expect("not ( dport = :443 and sport = :1 )", true);
	expect("dst 10/8:443", false);
	expect("not dst 10/8:443", true); /* the address is another, whatever the port */
	expect("dport = *", true);
	owner.cgroup = NULL;
	expect("cgroup /", false);
	expect("not cgroup /", false);
	conn.t.id_known = false;
	expect("src 10/8", false);
	expect("not src 10/8", false);
	expect("src *", true);
	expect("sport != :1", false);
	conn.timeline_len = 0;
	expect("state established", false);
	expect("exclude established", false);
	expect("state all", true);
}

static void states(void **state)
{
	static const struct row ended[] = {
		{"state established", true},
		{"state ESTABLISHED", true},
		{"state estab", true},
		{"state CLOSE_WAIT", true},
		{"state time-wait", false},
		{"state time-wait state close-wait", true},
		{"state all", true},
		{"state connected", true},
		{"state synchronized", true},
		{"state bucket", false},
		{"state big", true},
		{"exclude listening", true},
		{"exclude established", false},
		{"excl time-wait", true},
		{"exclude bucket", true},
		{"state big exclude close-wait", false},
		{"exclude close-wait state close-wait", true},
		{"state established sport = :443", true},
		{"state established ( sport = :1 or sport = :2 )", false},
		{"state time-wait sport = :443", false},
	};
	static const struct row alive[] = {
		{"state established", false},
		{"state last-ack", true},
		{"exclude established", true},
		{"exclude last-ack", false},
		{"state synchronized exclude close-wait", true},
	};

	(void)state;
	expect_rows(ended, ARRAY_SIZE(ended));
	conn.end = CONN_END_DAEMON_STOP; /* cut off by the end of the run */
	expect_rows(alive, ARRAY_SIZE(alive));
	conn.end = CONN_END_UNKNOWN;
	conn.final = false;
	expect_rows(alive, ARRAY_SIZE(alive));
}

/* Records of a moment have the state of that moment; what the kernel counted has no more than a port and a state. */
static void other_records(void **state)
{
	struct conn_state_record st = {.t = &conn.t, .old_state = WIRE_ESTABLISHED, .new_state = WIRE_CLOSE_WAIT};
	struct conn_retransmit_record retransmit = {.t = &conn.t, .state = WIRE_LAST_ACK};
	struct conn_reset_record rst = {.local_port = 443, .state = WIRE_NEW_SYN_RECV};
	struct conn_summary_record summary = {0};
	struct record rec = {.kind = RECORD_STATE, .state = &st};

	(void)state;
	assert_true(selected("state close-wait sport = :443", &rec));
	assert_false(selected("state established", &rec));
	rec = (struct record){.kind = RECORD_RETRANSMIT, .retransmit = &retransmit};
	assert_true(selected("state last-ack dst 192.0.2.7", &rec));
	rec = (struct record){.kind = RECORD_RESET, .reset = &rst};
	assert_true(selected("state syn-recv sport = :443", &rec));
	assert_false(selected("sport = :444", &rec));
	assert_false(selected("not dst 10/8", &rec));
	assert_false(selected("state established", &rec));
	rec = (struct record){.kind = RECORD_SUMMARY, .summary = &summary};
	assert_true(selected("sport = :1", &rec));
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", "it has no word"},
		{"sprot = :1", "unknown word 'sprot': did you mean sport?"},
		{"SPORT = :1", "'SPORT': did you mean sport?"},
		{"foo = :1", "unknown word 'foo': a condition begins with src"},
		{"sport = :1 orr sport = :2", "did you mean or?"},
		{"sport", "it ends after 'sport': sport is like sport = :443"},
		{"sport =", "it ends after '='"},
		{"sport and :443", "'and' stands after 'sport'"},
		{"sport = :70000", "':70000': a port is a number from 0 to 65535"},
		{"sport = :0x1bb", "a port is"},
		{"sport = :nosuchservice", "name of a service"},
		{"sport = :-1", "a port is"},
		{"sport = :", "a port is"},
		{"sport = 10.0.0.1:443", "a port is"},
		{"dport", "dport is like dport = :443"},
		{"src", "src is like src 10.0.0.0/8"},
		{"src != 10/8", "write not src 10/8"},
		{"src >= 10/8", "no other operator"},
		{"src localhost", "names of hosts are not looked up"},
		{"src ::1", "stands in brackets"},
		{"src 2001:db8::1:443", "stands in brackets"},
		{"src [::1", "a host is like"},
		{"src [::1]443", "a host is like"},
		{"src [::1/8]/9", "a host is like"},
		{"src [fe80::1%lo]", "a host is like"},
		{"src 256.1.1.1", "a host is like"},
		{"src 1.2.3.4.5", "a host is like"},
		{"src 1.2..4", "a host is like"},
		{"src 010.0.0.1", "a host is like"}, /* octal in ss */
		{"src 10/33", "a host is like"},
		{"src ::/129", "a host is like"},
		{"src 10/08", "a host is like"},
		{"src 10/255.0.255.0", "a host is like"},
		{"src 10/8/9", "a host is like"},
		{"src */8", "a host is like"},
		{"src 10/8:70000", "a port is"},
		{"src inet:[::1]", "a host is like"},
		{"src inet6:10/8", "a host is like"},
		{"src unix:/run/x.sock", "only TCP is traced"},
		{"dst vsock:1:2", "only TCP is traced"},
		{"dev = lo", "dev: which device"},
		{"fwmark = 0x1/0x3", "fwmark: the mark"},
		{"autobound", "autobound: who chose"},
		{"cgroup", "cgroup is like cgroup /system.slice"},
		{"cgroup system.slice", "starts with /"},
		{"cgroup >= /a", "no other operator than = and !="},
		{"state", "it ends after 'state'"},
		{"state estabished", "unknown state 'estabished': did you mean established?"},
		{"state foo", "states are those of ss"},
		{"state listening", "a listener is no connection"},
		{"exclude all", "none is left"},
		{"state established exclude established", "none is left"},
		{"sport = :443 state established", "states stand before the expression"},
		{"not state established", "states stand before the expression"},
		{"state established or sport = :443", "'or' stands where a condition must begin"},
		{"( sport = :443", "a ( has no )"},
		{"sport = :443 )", "a ) has no ("},
		{"( )", "')' stands where"},
		{"and sport = :443", "'and' stands where"},
		{"sport = :443 or", "it ends after 'or', where a condition must follow"},
		{"sport = :443 and or dport = :443", "'or' stands where"},
		{"not", "it ends after 'not'"},
		{"= :443", "'=' stands where"},
	};
	struct filter filter = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		*why = '\0';
		if (parse_words(&filter, rows[i].text) != -EINVAL)
			fail_msg("%s is taken", rows[i].text);
		if (!strstr(why, rows[i].says))
			fail_msg("%s: %s", rows[i].text, why);
		assert_null(filter.nodes);
	}
}

/* Its size, its depth and its words have bounds, and a filter up to them works. */
static void bounds(void **state)
{
	enum { COUNT = 2000 };
	static char text[16 * COUNT];
	static const struct {
		const char *word;
		int fits, too_many; /* so often before a condition */
		const char *says;
	} rows[] = {
		{"( ", 32, 33, "inside each other"},
		{"not ", 32, 33, "inside each other"},
		{"sport 443 ", 127, 128, "more than 256 conditions"},
		{"& ", 0, 1025, "more than 1024 words"},
	};
	struct filter filter;
	const char *arg = text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int many = 0; many < 2; many++) {
			int times = many ? rows[i].too_many : rows[i].fits;
			char *to = text;

			for (int n = 0; n < times; n++)
				to = stpcpy(to, rows[i].word);
			to = stpcpy(to, "sport 443");
			for (int n = 0; n < times && rows[i].word[0] == '('; n++)
				to = stpcpy(to, " )");
			if (!many) {
				assert_int_equal(ss_filter_parse(&filter, &arg, 1, why), 0);
				filter_free(&filter);
				continue;
			}
			assert_int_equal(ss_filter_parse(&filter, &arg, 1, why), -EINVAL);
			if (!strstr(why, rows[i].says))
				fail_msg("%d times %s: %s", times, rows[i].word, why);
		}
	}
}

static void begins(void **state)
{
	static const char *const yes[] = {
		"sport", "dport=:1",          "src",     "dst",  "(",      "(sport", "!",         "!dst",   "not",
		"state", "state established", "exclude", "excl", "cgroup", "dev",    "autobound", " sport", "\\("};
	static const char *const no[] = {"",  "and",  "or",   "sports",      "leaks",  "443",
					 "=", ":443", "10/8", "established", "sk:2a01"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		if (!ss_filter_begins(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (ss_filter_begins(no[i]))
			fail_msg("%s", no[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ports, reset),
		cmocka_unit_test_setup(hosts, reset),
		cmocka_unit_test_setup(operators, reset),
		cmocka_unit_test_setup(unknown, reset),
		cmocka_unit_test_setup(states, reset),
		cmocka_unit_test_setup(other_records, reset),
		cmocka_unit_test(refusals),
		cmocka_unit_test(bounds),
		cmocka_unit_test(begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
