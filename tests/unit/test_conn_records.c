// SPDX-License-Identifier: GPL-2.0-only
/* Who owns a connection, and the records besides the connection's own: transitions, repeats, resets, progress, summary. */
#include "conn_story.h"

/* A life that a reset ends after 5 ms, up to its owner. */
#define CLIENT_OF "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100"
#define SERVER_OF                                                                                                              \
	"1 server rst_received peer - RSTO ShAR | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer | handshake=150"

static const struct story owners[] = {
	{.name = "who connects", .steps = {CONNECTS(0), IS_RESET(5000)}, .expected = CLIENT_OF " a:10/connect\n"},
	{.name = "who reads first",
	 .steps = {ACCEPTS(1000), TOUCH(1100, 20), IS_RESET(5000)},
	 .expected = SERVER_OF " a:20/io\n"},
	{.name = "the same process again: first evidence, newest name",
	 .steps = {CONNECTS(0), TOUCH(200, 10, .comm = "exec"), IS_RESET(5000)},
	 .expected = CLIENT_OF " exec:10/connect\n"},
	{.name = "another process: who acts now owns it",
	 .steps = {CONNECTS(0), TOUCH(200, 11, .comm = "child"), IS_RESET(5000)},
	 .expected = CLIENT_OF " child:11/io\n"},
	{.name = "who closes, if nobody did anything before",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 20, .comm = "srv"),
		   T(5001, FIN_WAIT1, CLOSE, .err = ECONNRESET, DEAD)},
	 .expected = "1 server rst_received local - RSTO ShAfR | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "FIN_WAIT1@4150+1/local | handshake=150 srv:20/close\n"},
	{.name = "nobody's softirq is nobody",
	 .steps = {ACCEPTS(1000), TOUCH(1100, 0), IS_RESET(5000)},
	 .expected = SERVER_OF "\n"},
	{.name = "a scan fills a hole, the first holder stays",
	 .steps = {ACCEPTS(1000), SCAN_BEGIN(1001, PROGRESS), SCAN(1002, ESTABLISHED, .tgid = 30),
		   SCAN(1003, ESTABLISHED, .tgid = 31), IS_RESET(5000)},
	 .expected = SERVER_OF " a:30/scan\n"},
	{.name = "a scan replaces nothing",
	 .steps = {CONNECTS(0), SCAN_BEGIN(1001, PROGRESS), SCAN(1002, ESTABLISHED, .tgid = 30), IS_RESET(5000)},
	 .expected = CLIENT_OF " a:10/connect\n"},
	{.name = "evidence replaces a scan, of the same process too",
	 .steps = {ACCEPTS(1000), SCAN_BEGIN(1001, PROGRESS), SCAN(1002, ESTABLISHED, .tgid = 30), TOUCH(1100, 30),
		   IS_RESET(5000)},
	 .expected = SERVER_OF " a:30/io\n"},
	{.name = "nobody touched it: who listens, at the exact address before the wildcards",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .comm = "any6", .local = "::", .local_port = 80),
		   T(1, CLOSE, LISTEN, .cookie = 8, .tgid = 80, .comm = "any4", .local = "0.0.0.0", .local_port = 80),
		   T(2, CLOSE, LISTEN, .cookie = 9, .tgid = 90, .comm = "exact", .local = "10.0.0.1", .local_port = 80),
		   ACCEPTS(1000), IS_RESET(5000, QUEUED), TICK(20000), T(30000, LISTEN, CLOSE, .cookie = 9), ACCEPTS(31000),
		   IS_RESET(35000, QUEUED), TICK(50000), DESTROY(50001, .cookie = 8), ACCEPTS(51000), IS_RESET(55000, QUEUED),
		   TICK(70000), T(70001, LISTEN, CLOSE, .cookie = 7), ACCEPTS(71000), IS_RESET(75000, QUEUED)},
	 .expected = SERVER_OF " exact:90/listener\n" SERVER_OF " any4:80/listener\n" SERVER_OF " any6:70/listener\n" SERVER_OF
			       "\n"},
	{.name = "several listen at one address: their process, if it is one and known",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80),
		   T(1, CLOSE, LISTEN, .cookie = 8, .tgid = 70, .local = "::", .local_port = 80), ACCEPTS(1000),
		   IS_RESET(5000, QUEUED), TICK(20000),
		   T(21000, CLOSE, LISTEN, .cookie = 9, .tgid = 90, .local = "::", .local_port = 80), ACCEPTS(31000),
		   IS_RESET(35000, QUEUED), TICK(50000), T(50001, LISTEN, CLOSE, .cookie = 9),
		   T(50002, CLOSE, LISTEN, .cookie = 10, .local = "::", .local_port = 80), ACCEPTS(51000),
		   IS_RESET(55000, QUEUED)},
	 .expected = SERVER_OF " a:70/listener\n" SERVER_OF "\n" SERVER_OF "\n"},
	{.name = "another port's listener is another's; a client has none",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 81), ACCEPTS(1000), IS_RESET(5000),
		   T(6000, SYN_SENT, ESTABLISHED, .cookie = 2, .local_port = 81), IS_RESET(6001, .cookie = 2)},
	 .expected = SERVER_OF
	 "\n"
	 "2 client rst_received peer - RSTR Shr | SYN_SENT@0/inferred ESTABLISHED@0+1/peer | incomplete older\n"},
	{.name = "listeners from a scan: the first holder, until listen() is seen",
	 .steps = {SCAN_BEGIN(0, STARTUP),
		   SCAN(1, LISTEN, .cookie = 7, .tgid = 70, .comm = "parent", .local = "::", .local_port = 80),
		   SCAN(2, LISTEN, .cookie = 7, .tgid = 71, .comm = "worker", .local = "::", .local_port = 80), SCAN_END(10),
		   ACCEPTS(1000), IS_RESET(5000, QUEUED), TICK(20000),
		   T(30000, CLOSE, LISTEN, .cookie = 7, .tgid = 72, .comm = "new", .local = "::", .local_port = 80),
		   ACCEPTS(31000), IS_RESET(35000, QUEUED)},
	 .expected =
		 "snapshot 1 sockets=1 took=10 LISTEN=1\n" SERVER_OF " parent:70/listener\n" SERVER_OF " new:72/listener\n"},
	{.name = "accepted, and no hook shows by whom: not known",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), ACCEPTS(1000),
		   IS_RESET(5000)},
	 .expected = SERVER_OF "\n"},
	{.name = "accepted by one, then written by another, which closes nothing",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), ACCEPTS(1000),
		   TOUCH(1001, 70, .flags = WIRE_SK_ACCEPT), TOUCH(1002, 71), IS_RESET(5000), TICK(20000), ACCEPTS(21000),
		   TOUCH(21001, 70, .flags = WIRE_SK_ACCEPT), IS_RESET(25000)},
	 .expected = SERVER_OF " a:71/io\n" SERVER_OF " a:70/accept\n"},
	{.name = "Fast Open: the child is read before its first transition",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), TOUCH(900, 71), ACCEPTS(1000),
		   IS_RESET(5000)},
	 .expected = SERVER_OF " a:71/io\n"},
	{.name = "older than the tool: read before the scan has met it",
	 .steps = {SCAN_BEGIN(0, STARTUP), TOUCH(10, 71), SCAN(20, ESTABLISHED, .tgid = 70), SCAN_END(30), IS_RESET(5000)},
	 .expected =
		 "snapshot 1 sockets=1 took=30 ESTABLISHED=1\n1 - rst_received peer - OTH - | ESTABLISHED@0/scan | incomplete "
		 "older a:71/io\n"},
	{.name = "a listener that was handed over: who holds it now, as a scan shows, the oldest of them",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), SCAN_BEGIN(100, LISTENERS),
		   SCAN(101, LISTEN, .cookie = 7, .tgid = 73, .local = "::", .local_port = 80),
		   SCAN(102, LISTEN, .cookie = 7, .tgid = 72, .local = "::", .local_port = 80),
		   SCAN(103, LISTEN, .cookie = 7, .tgid = 74, .local = "::", .local_port = 80), SCAN_END(110), ACCEPTS(1000),
		   IS_RESET(5000, QUEUED)},
	 .expected = SERVER_OF " a:72/listener\n"},
	{.name = "a listener whose process has ended has none until a scan finds one",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), EXIT(50, 71), ACCEPTS(1000),
		   IS_RESET(5000, QUEUED), TICK(20000), EXIT(20001, 70), ACCEPTS(21000), IS_RESET(25000, QUEUED), TICK(40000),
		   SCAN_BEGIN(40001, LISTENERS), SCAN(40002, LISTEN, .cookie = 7, .tgid = 71, .local = "::", .local_port = 80),
		   SCAN_END(40003), ACCEPTS(41000), IS_RESET(45000, QUEUED)},
	 .expected = SERVER_OF " a:70/listener\n" SERVER_OF "\n" SERVER_OF " a:71/listener\n"},
	{.name = "a listener that no process holds any more",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), SCAN_BEGIN(100, PROGRESS),
		   SCAN(101, LISTEN, .cookie = 8, .tgid = 80, .local = "::", .local_port = 81), SCAN_END(110), ACCEPTS(1000),
		   IS_RESET(5000, QUEUED)},
	 .expected = SERVER_OF "\n"},
	{.name = "a listener whose end was lost goes with the next resync",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), SCAN_BEGIN(100, RESYNC),
		   SCAN_END(200), ACCEPTS(1000), IS_RESET(5000, QUEUED)},
	 .expected = "snapshot 2 sockets=0 took=100\n" SERVER_OF "\n"},
	{.name = "closing a listener closes what it never accepted",
	 .steps = {T(0, CLOSE, LISTEN, .cookie = 7, .tgid = 70, .local = "::", .local_port = 80), ACCEPTS(1000),
		   T(5000, LISTEN, CLOSE, .cookie = 7, .tgid = 70),
		   T(5001, ESTABLISHED, CLOSE, .tgid = 70, .flags = WIRE_SK_ORPHAN), RESET(5002, CLOSE, SENT)},
	 .expected = "1 server rst_sent local - RSTR ShAr | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4001/peer | "
		     "handshake=150 a:70/close rst=1,0\n"},
};

static const struct story records[] = {
	{.name = "transitions, the first when the port is known",
	 .config = {.wanted = 1u << RECORD_STATE},
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10), T(5100, FIN_WAIT1, FIN_WAIT2),
		   T(5200, FIN_WAIT2, CLOSE)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n"
		     "state SYN_SENT>ESTABLISHED by peer event at 100 port 40000 after 100\n"
		     "state ESTABLISHED>FIN_WAIT1 by local event at 5000 port 40000 after 4900\n"
		     "state FIN_WAIT1>FIN_WAIT2 by peer event at 5100 port 40000 after 100\n"
		     "state FIN_WAIT2>TIME_WAIT by peer inferred at 5200 port 40000 after 100\n"},
	{.name = "transitions of a server",
	 .config = {.wanted = 1u << RECORD_STATE},
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), T(5100, CLOSE_WAIT, LAST_ACK, .tgid = 10),
		   T(5200, LAST_ACK, CLOSE, .err = ETIMEDOUT)},
	 .expected = "state SYN_RECV>ESTABLISHED by peer event at 1000 port 80 after 150\n"
		     "state ESTABLISHED>CLOSE_WAIT by peer event at 5000 port 80 after 4000\n"
		     "state CLOSE_WAIT>LAST_ACK by local event at 5100 port 80 after 100\n"
		     "state LAST_ACK>CLOSE by timer event at 5200 port 80 after 100\n"},
	{.name = "transitions with a repeated SYN, then refused",
	 .config = {.wanted = 1u << RECORD_STATE | 1u << RECORD_RETRANSMIT},
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RETRANSMIT(1000, SYN_SENT, SYN, .trigger = WIRE_TRIGGER_RTO),
		   RETRANSMIT(2000, SYN_SENT, SYN, .trigger = WIRE_TRIGGER_RTO), RESET(2999, SYN_SENT, RECEIVED),
		   T(3000, SYN_SENT, CLOSE, .err = ECONNREFUSED)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n"
		     "retransmit syn rto len=0 count=1\n"
		     "retransmit syn rto len=0 count=1\n"
		     "state SYN_SENT>CLOSE by peer event at 3000 port 40000 after 3000\n"},
	{.name = "transitions of an attempt that ICMP refuses, hard and soft, and of one without a port",
	 .config = {.wanted = 1u << RECORD_STATE},
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(1000, SYN_SENT, CLOSE, .err = ECONNREFUSED),
		   T(2000, CLOSE, SYN_SENT, .tgid = 10),
		   T(3000, SYN_SENT, CLOSE, .tgid = 10, .shut = 3, .err_soft = EHOSTUNREACH),
		   T(4000, CLOSE, SYN_SENT, .tgid = 10), T(5000, SYN_SENT, CLOSE, .tgid = 10, .no_syn = true, .no_port = true)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n"
		     "state SYN_SENT>CLOSE by - event at 1000 port 40000 after 1000\n"
		     "state CLOSE>SYN_SENT by local event at 2000 port 40000\n"
		     "state SYN_SENT>CLOSE by local event at 3000 port 40000 after 1000\n"
		     "state CLOSE>SYN_SENT by local event at 4000 port 0\n"
		     "state SYN_SENT>CLOSE by local event at 5000 port 0 after 1000\n"},
	{.name = "transitions over a gap and from a scan",
	 .config = {.wanted = 1u << RECORD_STATE},
	 .steps = {CONNECTS(0), SCAN_BEGIN(900, RESYNC), SCAN(1000, FIN_WAIT1), SCAN_END(1100), T(2000, FIN_WAIT2, CLOSE)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n"
		     "state SYN_SENT>ESTABLISHED by peer event at 100 port 40000 after 100\n"
		     "state ESTABLISHED>FIN_WAIT1 by - scan at 1000 port 40000\n"
		     "state FIN_WAIT2>TIME_WAIT by peer inferred at 2000 port 40000\n"},
	{.name = "a first transition whose port never came",
	 .config = {.wanted = 1u << RECORD_STATE},
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), DESTROY(500)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 0\n"},
	{.name = "repeats and resets, tracked or not, and in sums",
	 .config = {.wanted = 1u << RECORD_RETRANSMIT | 1u << RECORD_RESET},
	 .steps = {CONNECTS(0), RETRANSMIT(200, ESTABLISHED, DATA, .out = 99, .trigger = WIRE_TRIGGER_FAST),
		   RETRANSMIT(300, ESTABLISHED, FIN, .trigger = WIRE_TRIGGER_TLP), RESET(400, ESTABLISHED, RECEIVED),
		   RETRANSMIT(500, ESTABLISHED, DATA, .cookie = 2, .out = 9),
		   RESET(600, CLOSE, SENT, .cookie = 2, .reason = 9)},
	 .expected = "retransmit data fast len=100 count=1\n"
		     "retransmit fin tlp len=0 count=1\n"
		     "reset received reason=0 count=1\n"
		     "retransmit data - len=10 count=1\n"
		     "reset sent reason=9 count=1\n"},
	{.name = "progress by scans: emitted as it is found, with its counters; at the scan's end without",
	 .config = {.wanted = 1u << RECORD_PROGRESS, .progress_ns = 2000000000},
	 .steps = {CONNECTS(0), T(1, SYN_RECV, ESTABLISHED, .cookie = 2), SCAN_BEGIN(1000000, PROGRESS),
		   SCAN(1000001, ESTABLISHED, .out = 5), SCAN_END(1000002), SCAN_BEGIN(2100000, PROGRESS),
		   SCAN(2100001, ESTABLISHED, .out = 5), SCAN(2100002, ESTABLISHED, .out = 5), SCAN_END(2100003), TICK(2200000),
		   SCAN_BEGIN(2500000, STOP), SCAN(2500001, ESTABLISHED, .out = 7), SCAN_END(2500002)},
	 .stop_emits_open = true,
	 .expected = "progress 1 client unknown - - S1 ShD | SYN_SENT@0+100/local ESTABLISHED@100+2099901/peer | handshake=100 "
		     "a:10/connect acked=5 received=0\n"
		     "progress 2 server unknown - - S1 ShA | SYN_RECV@0/peer/inferred ESTABLISHED@0+2099999/peer |\n"
		     "progress 1 client daemon_stop - - S1 ShD | SYN_SENT@0+100/local ESTABLISHED@100+2499901/peer | "
		     "handshake=100 a:10/connect acked=7 received=0\n"
		     "progress 2 server daemon_stop - - S1 ShA | SYN_RECV@0/peer/inferred ESTABLISHED@0+2500001/peer |\n"},
	{.name = "progress, once each period",
	 .config = {.wanted = 1u << RECORD_PROGRESS, .progress_ns = 2000000000},
	 .steps = {TICK(0), CONNECTS(500000), TICK(1500000), TICK(2400000), TICK(2600000), TICK(3700000), TICK(4499999),
		   TICK(4500000), TICK(5600000), T(6000000, ESTABLISHED, CLOSE), TICK(6000001)},
	 .expected = "progress 1 client unknown - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100+2099900/peer | handshake=100 "
		     "a:10/connect\n"
		     "progress 1 client unknown - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100+5099900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "no progress of what is closed and waits for a reset",
	 .config = {.wanted = 1u << RECORD_PROGRESS, .progress_ns = 2000000000},
	 .steps = {TICK(0), CONNECTS(500000), T(500001, SYN_RECV, ESTABLISHED, .cookie = 2), TICK(1400000),
		   T(2450000, ESTABLISHED, CLOSE, .tgid = 10), TICK(2520000), TICK(3600000)},
	 .expected = "progress 2 server unknown - - S1 ShA | SYN_RECV@0/peer/inferred ESTABLISHED@0+2019999/peer |\n"
		     "progress 2 server daemon_stop - - S1 ShA | SYN_RECV@0/peer/inferred ESTABLISHED@0+3099999/peer |\n"},
	{.name = "what is open when we stop",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(100, SYN_RECV, ESTABLISHED, .cookie = 2, .rtt_us = 50)},
	 .stop_emits_open = true,
	 .expected = "progress 1 client daemon_stop - - S0 - | SYN_SENT@0+100/local | a:10/connect\n"
		     "progress 2 server daemon_stop - - S1 ShA | SYN_RECV@0+50/peer/inferred ESTABLISHED@50+0/peer | "
		     "handshake=50\n"},
	{.name = "summary",
	 .config = {.wanted = 1u << RECORD_SUMMARY, .summary_ns = 1000000000},
	 .steps = {TICK(0), CONNECTS(10), T(300, CLOSE, LISTEN, .cookie = 7), T(400, SYN_RECV, ESTABLISHED, .cookie = 2),
		   T(500, ESTABLISHED, CLOSE_WAIT, .cookie = 2), T(600, ESTABLISHED, CLOSE_WAIT),
		   RETRANSMIT(700, CLOSE_WAIT, DATA), RETRANSMIT(800, CLOSE_WAIT, FIN),
		   RESET(900, CLOSE_WAIT, RECEIVED, .cookie = 5), LOST(950, RING, 4), TICK(999999), TICK(1000500),
		   T(1100000, CLOSE_WAIT, LAST_ACK, .cookie = 2), T(1200000, LAST_ACK, CLOSE, .cookie = 2), TICK(2000500),
		   T(2000600, CLOSE_WAIT, CLOSE, .err = EPIPE), TICK(3000600), T(3100000, SYN_RECV, ESTABLISHED, .cookie = 3)},
	 .expected = "summary 1000500 us opened=2 closed=0 events=9 lost=4 again=0,0,1,1 rst=0,1 oldest=1000000 CLOSE_WAIT=2 "
		     "LISTEN=1\n"
		     "summary 1000000 us opened=0 closed=1 events=2 lost=0 again=0,0,0,0 rst=0,0 oldest=1999900 CLOSE_WAIT=1 "
		     "LISTEN=1\n"
		     "summary 1000100 us opened=0 closed=1 events=1 lost=0 again=0,0,0,0 rst=0,0 LISTEN=1\n"
		     "summary 99400 us opened=1 closed=0 events=1 lost=0 again=0,0,0,0 rst=0,0 ESTABLISHED=1 LISTEN=1\n"},
	{.name = "the last summary has what is written at the stop",
	 .config = {.wanted = 1u << RECORD_SUMMARY, .summary_ns = 1000000000},
	 .steps = {TIER(FENTRY), CLOSES, MINI(6000, STARTED, TIME_WAIT, 60000000), T(6005, FIN_WAIT2, CLOSE),
		   T(7000, SYN_RECV, ESTABLISHED, .cookie = 2), IS_RESET(8000, .cookie = 2)},
	 .expected = "summary 8000 us opened=2 closed=2 events=8 lost=0 again=0,0,0,0 rst=0,0 TIME_WAIT=1\n"},
};

/* What has no connection comes in sums from the kernel side, and goes into the summary's. */
static void test_aggregates(void **state)
{
	const struct conn_config config = {.max_connections = 1,
					   .summary_ns = 1000,
					   .wanted = 1u << RECORD_RETRANSMIT | 1u << RECORD_RESET | 1u << RECORD_SUMMARY};
	struct wire_aggregate ev = {
		.hdr = {.ts = STORY_BEGIN_NS, .kind = WIRE_AGGREGATE, .len = sizeof(ev)},
		.what = WIRE_AGG_SYNACK_RETRANSMIT,
		.netns = STORY_NETNS,
		.local_port = 80,
		.count = 12,
		.interval_ns = 1000000000,
	};
	struct transcript to = {.len = 0};
	struct conn_table *t;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, story_emit, &to), 0);
	conn_table_feed(t, &ev.hdr);
	ev.what = WIRE_AGG_RESET_SENT;
	ev.reason = 3;
	conn_table_feed(t, &ev.hdr);
	story_feed(t, &(struct step)TICK(1000));
	conn_table_free(t);
	assert_string_equal(to.text, "retransmit synack - len=0 count=12 aggregated\n"
				     "reset sent reason=3 count=12 aggregated\n"
				     "summary 1000 us opened=0 closed=0 events=0 lost=0 again=0,12,0,0 rst=12,0\n");
}

static void test_no_event(void **state)
{
	const struct conn_config config = {.max_connections = 1, .summary_ns = 1000, .wanted = 1u << RECORD_SUMMARY};
	struct transcript to = {.len = 0};
	struct conn_table *t;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, story_emit, &to), 0);
	conn_table_stop(t, STORY_BEGIN_NS);
	conn_table_stop(t, STORY_BEGIN_NS + 1000); /* a recording is stopped by its last record, and at its end */
	conn_table_free(t);
	assert_string_equal(to.text, "summary 0 us opened=0 closed=0 events=0 lost=0 again=0,0,0,0 rst=0,0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORIES(owners),
		STORIES(records),
		cmocka_unit_test(test_aggregates),
		cmocka_unit_test(test_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
