// SPDX-License-Identifier: GPL-2.0-only
/* Selections as the user types them, against one connection that is changed a little for each question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "src/core/findings.h"
#include "src/core/record_types.h"
#include "src/cli/args.h"
#include "src/pipeline/select.h"
#include "src/format/format.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND 1000000000ULL

static struct conn_record conn;
static struct record_owner owner;

static void set_addresses(const char *local, const char *peer)
{
	assert_int_equal(inet_pton(AF_INET6, local, conn.t.id.local_addr), 1);
	assert_int_equal(inet_pton(AF_INET6, peer, conn.t.id.peer_addr), 1);
}

/* nginx, pid 1234, 10.1.2.3:443 from 192.0.2.7:50000, 30 s, left CLOSE_WAIT by itself, ended by FIN. */
static int reset(void **state)
{
	(void)state;
	conn = (struct conn_record){
		.t =
			{
				.id_known = true,
				.id = {.netns = 4026531840, .local_port = 443, .peer_port = 50000, .family = AF_INET},
				.from = CONN_FROM_IO,
				.task = {.tgid = 1234, .comm = "nginx"},
			},
		.final = true,
		.start_known = true,
		.start_ns = 100 * SECOND,
		.end_ns = 130 * SECOND,
		.end = CONN_END_FIN,
		.timeline_len = 4,
		.timeline = {{.state = WIRE_SYN_RECV},
			     {.state = WIRE_ESTABLISHED},
			     {.state = WIRE_CLOSE_WAIT},
			     {.state = WIRE_LAST_ACK}},
	};
	set_addresses("::ffff:10.1.2.3", "::ffff:192.0.2.7");
	owner = (struct record_owner){.cgroup = "/system.slice/nginx.service"};
	return 0;
}

static bool selected(const char *flags, const struct record *rec)
{
	char line[256], *argv[32], *rest = line;
	struct options options;
	int argc = 0;
	bool ret;

	snprintf(line, sizeof(line), "tcplife-fsm %s", flags);
	while ((argv[argc] = strsep(&rest, " ")))
		argc++;
	assert_int_equal(options_parse(argc, argv, &options, NULL), -1);
	ret = selection_matches(&options.select, rec, &owner);
	options_free(&options);
	return ret;
}

static void expect(const char *flags, bool wanted)
{
	if (selected(flags, &(struct record){.kind = RECORD_CONNECTION, .conn = &conn}) != wanted)
		fail_msg("%s must %sselect it", flags, wanted ? "" : "not ");
}

static void each_selection(void **state)
{
	static const struct {
		const char *flags;
		bool wanted;
	} rows[] = {
		{"-w", true},
		{"-p 1234", true},
		{"-p 1,1234", true},
		{"-p 123", false},
		{"-c nginx", true},
		{"-c ngin", false},
		{"-c nginxx", false},
		{"-L 443", true},
		{"-L 80,400-500", true},
		{"-L 443-443", true},
		{"-L 50000", false},
		{"-D 50000", true},
		{"-D 443", false},
		{"--local 10.1.2.3", true},
		{"--local 10.0.0.0/8", true},
		{"--local 10.1.2.2/31", true},
		{"--local 10.1.2.4/31", false},
		{"--local 10.1.0.0/17", true},
		{"--local 10.1.128.0/17", false},
		{"--local 192.0.2.7", false},
		{"--local 0.0.0.0/0", true},
		{"--local ::/0", true},
		{"--local ::1,10.1.2.3", true},
		{"--peer 192.0.2.0/24", true},
		{"--peer 2001:db8::/32", false},
		{"-4", true},
		{"-6", false},
		{"-46", true},
		{"--netns 4026531840", true},
		{"--netns 1", false},
		{"--netns 1,4026531840", true},
		{"--cgroup /", true},
		{"--cgroup /system.slice", true},
		{"--cgroup /system.slice/", true},
		{"--cgroup /system.slice/nginx.service", true},
		{"--cgroup /system.slice/nginx.service/x", false},
		{"--cgroup /system.sli", false},
		{"--min-duration 30s", true},
		{"--min-duration 30001ms", false},
		{"--state CLOSE_WAIT", true},
		{"--state FIN_WAIT1,LAST_ACK", true},
		{"--state FIN_WAIT1,TIME_WAIT", false},
		{"--end fin", true},
		{"--end timeout,fin", true},
		{"--end timeout", false},
		{"--sample 1/1", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect(rows[i].flags, rows[i].wanted);
}

/* show ADDRESS:PORT is one end or the other. */
static void endpoints(void **state)
{
	(void)state;
	expect("show 10.1.2.3:443", true);
	expect("show 192.0.2.7:50000", true);
	expect("show [::ffff:192.0.2.7]:50000", true);
	expect("show 10.1.2.3:50000", false);
	expect("show 192.0.2.7:443", false);
	expect("show [::1]:443", false);
	set_addresses("2001:db8::1", "2001:db8::2");
	expect("show [2001:db8::2]:50000", true);
	expect("show [2001:db8::2]:443", false);
	conn.t.id_known = false;
	expect("show [2001:db8::2]:50000", false);
}

static void selections_join_with_and(void **state)
{
	(void)state;
	expect("-p 1234 -c nginx -L 443 -D 50000 --local 10.0.0.0/8 --peer 192.0.2.7 -4 --netns 4026531840 --cgroup "
	       "/system.slice "
	       "--min-duration 1s --state CLOSE_WAIT --end fin",
	       true);
	expect("-p 1234 -c sshd", false);
	expect("-L 443 --end timeout", false);
	expect("-L 22 --end fin", false);
}

static void ipv6(void **state)
{
	(void)state;
	set_addresses("2001:db8::1", "2001:db8:ffff::2");
	conn.t.id.family = AF_INET6;
	expect("-6", true);
	expect("-4", false);
	expect("--local 2001:db8::/127", true);
	expect("--peer 2001:db8:8000::/33", true);
	expect("--peer 2001:db8::/33", false);
	expect("--peer 0.0.0.0/0", false);
	/* An IPv6 socket that speaks IPv4 is IPv4, as in the output. */
	set_addresses("::ffff:10.1.2.3", "::ffff:192.0.2.7");
	expect("-4", true);
	expect("-6", false);
	expect("--local 10.1.2.3", true);
}

/* What is not known matches no question about it, and any other. */
static void unknown(void **state)
{
	(void)state;
	conn.t.from = CONN_FROM_NONE;
	conn.t.task = (struct wire_task){0};
	expect("-p 1234", false);
	expect("-c nginx", false);
	expect("-L 443", true);
	conn.t.id_known = false;
	memset(&conn.t.id, 0, sizeof(conn.t.id));
	expect("-L 1-65535", false);
	expect("-D 1-65535", false);
	expect("--local ::/0", false);
	expect("--peer ::/0", false);
	expect("-4", false);
	expect("-6", false);
	expect("-46", true);
	expect("--netns 1", false);
	expect("--end fin", true);
	owner.cgroup = NULL;
	expect("--cgroup /", false);
	/* Found by the scan: it is at least as old as we have known it. */
	conn.start_known = false;
	expect("--min-duration 30s", true);
	expect("--min-duration 31s", false);
}

static void long_names(void **state)
{
	(void)state;
	memcpy(conn.t.task.comm, "exactly15bytes!", 16);
	expect("-c exactly15bytes!", true);
	/* No NUL at all: a recording may hold any bytes. */
	memcpy(conn.t.task.comm, "0123456789abcdef", 16);
	expect("-c 0123456789abcde", false);
}

/* A living connection has no end yet, so --end lets it pass; the rest holds. */
static void progress(void **state)
{
	struct record rec = {.kind = RECORD_PROGRESS, .conn = &conn};

	(void)state;
	conn.final = false;
	conn.end = CONN_END_UNKNOWN;
	assert_true(selected("--end timeout", &rec));
	assert_true(selected("--state ESTABLISHED -p 1234", &rec));
	assert_false(selected("--state TIME_WAIT", &rec));
	assert_false(selected("--min-duration 1m", &rec));
	assert_false(selected("-p 1", &rec));
}

/* Records of one moment are asked who, not how long. */
static void single_events(void **state)
{
	struct conn_state_record st = {.t = &conn.t};
	struct conn_retransmit_record retransmit = {.t = &conn.t};
	struct conn_reset_record rst = {.t = &conn.t};
	struct conn_time_wait_record time_wait = {.t = &conn.t};
	const struct record recs[] = {
		{.kind = RECORD_TIME_WAIT, .time_wait = &time_wait},
		{.kind = RECORD_STATE, .state = &st},
		{.kind = RECORD_RETRANSMIT, .retransmit = &retransmit},
		{.kind = RECORD_RESET, .reset = &rst},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recs); i++) {
		assert_true(selected("-p 1234 -L 443 --cgroup /system.slice", &recs[i]));
		assert_true(selected("--min-duration 1h --state TIME_WAIT --end timeout", &recs[i]));
		assert_false(selected("-p 1", &recs[i]));
		assert_false(selected("-D 443", &recs[i]));
		assert_false(selected("--cgroup /user.slice", &recs[i]));
	}
}

/* Resets and repeated SYN-ACKs without a tracked socket: the kernel counts them by namespace and local port. */
static void aggregates(void **state)
{
	static const struct {
		const char *flags;
		bool wanted;
	} rows[] = {
		{"-w", true},
		{"-46", true},
		{"-L 443", true},
		{"-L 80,400-500", true},
		{"-L 444", false},
		{"--netns 4026531840", true},
		{"--netns 4026531841", false},
		{"-L 443 --netns 4026531840", true},
		{"-L 444 --netns 4026531840", false},
		{"-p 1234", false},
		{"-c nginx", false},
		{"-D 1-65535", false},
		{"--local ::/0", false},
		{"--peer ::/0", false},
		{"-4", false},
		{"-6", false},
		{"--cgroup /", false},
		{"--min-duration 1ms", false},
		{"--end fin", false},
		{"--state ESTABLISHED", false},
	};
	struct conn_retransmit_record retransmit = {.netns = 4026531840, .local_port = 443, .state = WIRE_NEW_SYN_RECV};
	struct conn_reset_record rst = {.netns = 4026531840, .local_port = 443, .state = WIRE_CLOSE};
	const struct record recs[] = {
		{.kind = RECORD_RETRANSMIT, .retransmit = &retransmit},
		{.kind = RECORD_RESET, .reset = &rst},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recs); i++) {
		for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
			if (selected(rows[row].flags, &recs[i]) != rows[row].wanted)
				fail_msg("%s: %s", record_kind_name(recs[i].kind), rows[row].flags);
	}
	assert_true(selected("--state SYN_RECV", &recs[0]));
	assert_false(selected("--state SYN_RECV", &recs[1]));
	rst.local_port = 0; /* not known */
	assert_false(selected("-L 1-65535", &recs[1]));
}

/* Of consecutive cookies about one in N; all records of a connection go or stay; alerts stay. */
static void samples(void **state)
{
	const struct conn_state_record change = {.t = &conn.t};
	struct leak_socket socket = {0};
	const struct leak_record leak = {.socket = &socket};
	unsigned int taken = 0;

	(void)state;
	for (uint64_t cookie = 4096; cookie < 8192; cookie++) {
		bool one;

		conn.t.cookie = socket.t.cookie = cookie;
		one = selected("--sample 1/10", &(struct record){.kind = RECORD_CONNECTION, .conn = &conn});
		taken += one;
		assert_int_equal(selected("--sample 1/10", &(struct record){.kind = RECORD_STATE, .state = &change}), one);
		assert_true(selected("--sample 1/10", &(struct record){.kind = RECORD_CLOSE_WAIT_LEAK, .leak = &leak}));
	}
	assert_in_range(taken, 350, 470);
}

/* About the local port alone, about both addresses, about a listener, and about a whole namespace. */
static void findings_by_address(void **state)
{
	static const struct {
		enum finding_id id;
		uint32_t about;
		const char *local, *peer, *flags;
		bool wanted;
	} rows[] = {
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "-4", true},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "-6", false},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "2001:db8::1", "2001:db8::2", "-4", false},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "2001:db8::1", "2001:db8::2", "-6", true},
		{FINDING_CONNECT_REFUSED, FINDING_PEER_ADDR, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "-4", true},
		{FINDING_CONNECT_REFUSED, FINDING_PEER_ADDR, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "-6", false},
		{FINDING_HALF_OPEN_PILE, FINDING_LOCAL_PORT, "::", "::", "-4", true},
		{FINDING_HALF_OPEN_PILE, FINDING_LOCAL_PORT, "::", "::", "-6", true},
		{FINDING_HALF_OPEN_PILE, FINDING_LOCAL_PORT, "::", "::", "src 10/8", true},
		{FINDING_HALF_OPEN_PILE, FINDING_LOCAL_PORT, "::", "::", "-L 443", true},
		{FINDING_HALF_OPEN_PILE, FINDING_LOCAL_PORT, "::", "::", "-L 80", false},
		{FINDING_RETRANSMITS, 0, "::", "::", "-4", true},
		{FINDING_RETRANSMITS, FINDING_LOCAL_PORT, "2001:db8::1", "2001:db8::2", "-4", true},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "--local 10.9.9.9", true},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "--peer 10.9.9.9", true},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "dst 10.9.9.9", true},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "not dst 10.9.9.9", true},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "dst [2001:db8::]/32", false},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "dst 10/8 and sport = :80", false},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "dst 10/8 and dport = :80", false},
		{FINDING_CONNECT_REFUSED, FINDING_PEER_ADDR, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "--peer 10.9.9.9", false},
		{FINDING_CONNECT_REFUSED, FINDING_PEER_ADDR, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "--local 10.9.9.9", true},
		{FINDING_CONNECT_REFUSED, FINDING_PEER_ADDR, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "dst 10/8", false},
		{FINDING_CONNECT_REFUSED, FINDING_PEER_ADDR, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "not dst 10/8", true},
		{FINDING_CONNECT_REFUSED, FINDING_PEER_ADDR, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "dst 192.0.2.0/24", true},
		{FINDING_ACCEPT_QUEUE_FULL, FINDING_LOCAL_ADDR, "::", "::", "-4", true},
		{FINDING_ACCEPT_QUEUE_FULL, FINDING_LOCAL_ADDR, "::", "::", "--local 10.1.2.3", true},
		{FINDING_ACCEPT_QUEUE_FULL, FINDING_LOCAL_ADDR, "::ffff:0.0.0.0", "::ffff:0.0.0.0", "--local 10.1.2.3", true},
		{FINDING_ACCEPT_QUEUE_FULL, FINDING_LOCAL_ADDR, "::ffff:0.0.0.0", "::ffff:0.0.0.0", "-6", false},
		{FINDING_ACCEPT_QUEUE_FULL, FINDING_LOCAL_ADDR, "::ffff:10.1.2.4", "::ffff:0.0.0.0", "--local 10.1.2.3", false},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "state established", true},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "state time-wait", false},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "-p 1", false},
		{FINDING_RESETS, FINDING_LOCAL_PORT, "::ffff:10.1.2.3", "::ffff:192.0.2.7", "--cgroup /user.slice", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct finding_record f = {.id = rows[i].id};

		set_addresses(rows[i].local, rows[i].peer);
		f.t = conn.t;
		f.t.id.family = AF_INET6; /* of a v4-mapped socket, too */
		finding_set_about(&f, rows[i].about | FINDING_LOCAL_PORT);
		if (selected(rows[i].flags, &(struct record){.kind = RECORD_FINDING, .finding = &f}) != rows[i].wanted)
			fail_msg("%zu: %s must %sselect it", i, rows[i].flags, rows[i].wanted ? "" : "not ");
	}
}

static void records_of_the_run(void **state)
{
	const struct record recs[] = {
		{.kind = RECORD_SNAPSHOT}, {.kind = RECORD_SUMMARY}, {.kind = RECORD_LOST}, {.kind = RECORD_META}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recs); i++)
		assert_true(selected("-p 1 -L 1 -6 --cgroup /x --state TIME_WAIT --end timeout --min-duration 1h --sample 1/9",
				     &recs[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_selection, reset), cmocka_unit_test_setup(selections_join_with_and, reset),
		cmocka_unit_test_setup(ipv6, reset),           cmocka_unit_test_setup(unknown, reset),
		cmocka_unit_test_setup(long_names, reset),     cmocka_unit_test_setup(progress, reset),
		cmocka_unit_test_setup(single_events, reset),  cmocka_unit_test_setup(endpoints, reset),
		cmocka_unit_test_setup(aggregates, reset),     cmocka_unit_test_setup(records_of_the_run, reset),
		cmocka_unit_test_setup(samples, reset),        cmocka_unit_test_setup(findings_by_address, reset),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
