// SPDX-License-Identifier: GPL-2.0-only
/* TCP's cases as this host sees them, one story each, from either side: handshakes, closes, resets, timeouts. */
#include "conn_story.h"

/* The scan at the start found nothing: what comes is newer. */
#define SCANNED SCAN_BEGIN(0, STARTUP), SCAN_END(10)
#define SNAPSHOT "snapshot 1 sockets=0 took=10\n"

static const struct story handshakes[] = {
	{.name = "1: three-way handshake, client",
	 .steps = {CONNECTS(0), IS_RESET(5000)},
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "1: three-way handshake, server",
	 .steps = {ACCEPTS(1000), IS_RESET(5000)},
	 .expected = "1 server rst_received peer - RSTO ShAR | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer | "
		     "handshake=150\n"},
	{.name = "1: SYN cookies leave a millisecond's guess of the handshake",
	 .steps = {T(1000, SYN_RECV, ESTABLISHED, .rtt_us = 18000), IS_RESET(5000)},
	 .expected = "1 server rst_received peer - RSTO ShAR | SYN_RECV@0/peer/inferred ESTABLISHED@0+4000/peer |\n"},
	{.name = "1: Fast Open, server closes before the last ACK",
	 .steps = {SCANNED, T(1000, SYN_RECV, FIN_WAIT1, .tgid = 20, .shut = 3, DEAD, .id_flags = WIRE_ID_FASTOPEN),
		   T(2000, FIN_WAIT1, FIN_WAIT2, DEAD), T(3000, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)},
	 .expected = SNAPSHOT "1 server fin local four_way SF ShfF | SYN_RECV@0/peer/inferred FIN_WAIT1@0+1000/local "
			      "FIN_WAIT2@1000+1000/peer TIME_WAIT@2000/peer/inferred | a:20/close\n"},
	{.name = "1: Fast Open, SYN and FIN in one segment",
	 .steps = {SCANNED, T(1000, SYN_RECV, CLOSE_WAIT, .in = 10, .id_flags = WIRE_ID_FASTOPEN),
		   T(9000, CLOSE_WAIT, LAST_ACK, .in = 10, .tgid = 20, DEAD), T(9500, LAST_ACK, CLOSE, .in = 10, DEAD)},
	 .expected = SNAPSHOT "1 server fin peer three_segment SF ShDFf | SYN_RECV@0/peer/inferred CLOSE_WAIT@0+8000/peer "
			      "LAST_ACK@8000+500/local | a:20/close acked=0 received=10\n"},
	{.name = "1: Fast Open, reset in SYN_RECV",
	 .steps = {SCANNED, RESET(900, SYN_RECV, RECEIVED),
		   T(1000, SYN_RECV, CLOSE, .err = ECONNRESET, .id_flags = WIRE_ID_FASTOPEN)},
	 .expected = SNAPSHOT "1 server rst_received peer - RSTO ShR | SYN_RECV@0/peer/inferred | rst=0,1\n"},
	{.name = "1: TCP_REPAIR connects without a segment",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10, .flags = WIRE_SK_REPAIR),
		   T(10, SYN_SENT, ESTABLISHED, .flags = WIRE_SK_REPAIR),
		   T(500, ESTABLISHED, CLOSE, .tgid = 10, .flags = WIRE_SK_REPAIR, .shut = 3)},
	 .expected = "1 - aborted - - OTH - | SYN_SENT@0+10/local ESTABLISHED@10+490/local | incomplete older a:10/connect\n"},
	{.name = "1: TCP_REPAIR takes a connection away without a segment",
	 .steps = {CONNECTS(0), T(500, ESTABLISHED, CLOSE, .tgid = 10, .flags = WIRE_SK_REPAIR, .shut = 3)},
	 .expected = "1 client aborted - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100+400/peer | incomplete handshake=100 "
		     "a:10/connect\n"},
	{.name = "2: SYN lost twice, then success",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RETRANSMIT(1000000, SYN_SENT, SYN), RETRANSMIT(3000000, SYN_SENT, SYN),
		   T(3000100, SYN_SENT, ESTABLISHED, .retrans = 2), IS_RESET(3000200)},
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+3000100/local ESTABLISHED@3000100+100/peer | "
		     "handshake=3000100 a:10/connect again=2,0,0,0\n"},
	{.name = "2: SYN lost, the events of the repeats too",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(1000100, SYN_SENT, ESTABLISHED, .retrans = 1),
		   IS_RESET(1000200, .unseen = 1)},
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+1000100/local ESTABLISHED@1000100+100/peer | "
		     "incomplete gaps=1 handshake=1000100 a:10/connect\n"},
	{.name = "2: repeats are counted in segments, and a FIN is one of them",
	 .steps = {CONNECTS(0), RETRANSMIT(1000, ESTABLISHED, DATA, .segs = 8), RETRANSMIT(2000, ESTABLISHED, DATA, .segs = 2),
		   RETRANSMIT(3000, FIN_WAIT1, FIN, .segs = 3), IS_RESET(4000)},
	 .expected = "1 client rst_received peer - RSTR ShTr | SYN_SENT@0+100/local ESTABLISHED@100+3900/peer | handshake=100 "
		     "a:10/connect again=0,0,12,1\n"},
	{.name = "2: one of many repeats was not seen",
	 .steps = {CONNECTS(0), RETRANSMIT(1000, ESTABLISHED, DATA), RETRANSMIT(2000, ESTABLISHED, DATA, .unseen = 1),
		   IS_RESET(4000)},
	 .expected =
		 "1 client rst_received peer - RSTR ShTr | SYN_SENT@0+100/local ESTABLISHED@100+3900/peer | incomplete gaps=1 "
		 "handshake=100 a:10/connect again=0,0,2,0\n"},
	{.name = "2: an attempt failed, counted or not, and no repeat is missing",
	 .steps = {CONNECTS(0), RETRANSMIT(1000, ESTABLISHED, DATA), FAILED(2000, ESTABLISHED, DATA),
		   FAILED(3000, ESTABLISHED, DATA, .uncounted = true), IS_RESET(4000)},
	 .expected = "1 client rst_received peer - RSTR ShTr | SYN_SENT@0+100/local ESTABLISHED@100+3900/peer | handshake=100 "
		     "a:10/connect again=0,0,1,0\n"},
	{.name = "2: an older recording does not count segments: some repeats were seen",
	 .steps = {CONNECTS(0), RETRANSMIT(1000, ESTABLISHED, DATA, .segs = UINT16_MAX), IS_RESET(4000, .unseen = 7)},
	 .expected = "1 client rst_received peer - RSTR ShTr | SYN_SENT@0+100/local ESTABLISHED@100+3900/peer | handshake=100 "
		     "a:10/connect again=0,0,1,0\n"},
	{.name = "2: SYN lost for ever",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RETRANSMIT(1000000, SYN_SENT, SYN),
		   T(3000000, SYN_SENT, CLOSE, .err = ETIMEDOUT, .retrans = 1)},
	 .expected = "1 client timeout - - S0 S | SYN_SENT@0+3000000/local | a:10/connect again=1,0,0,0\n"},
	{.name = "2: no route",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(3000, SYN_SENT, CLOSE, .err = EHOSTUNREACH)},
	 .expected = "1 client unreachable - - S0 - | SYN_SENT@0+3000/local | a:10/connect\n"},
	{.name = "2: close() while connecting",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(3000, SYN_SENT, CLOSE, .tgid = 10, .shut = 3, DEAD)},
	 .expected = "1 client aborted local - S0 - | SYN_SENT@0+3000/local | a:10/connect\n"},
	{.name = "2: no port left, so no SYN",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(10, SYN_SENT, CLOSE, .tgid = 10, .no_syn = true, .no_port = true)},
	 .expected = "1 client no_port - - OTH - | SYN_SENT@0+10/local | a:10/connect\n"},
	{.name = "2: no port left, an older version's event",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10),
		   T(10, SYN_SENT, CLOSE, .tgid = 10, .no_syn = true, .no_port = true, .no_proof = true)},
	 .expected = "1 client no_port - - OTH - | SYN_SENT@0+10/local | a:10/connect\n"},
	{.name = "2: a bound port that is in use to this peer: connect() fails, why is not known",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(10, SYN_SENT, CLOSE, .tgid = 10, .no_syn = true)},
	 .expected = "1 client unknown - - OTH - | SYN_SENT@0+10/local | a:10/connect\n"},
	{.name = "2: Fast Open's connect() waits for data, and close() comes",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10),
		   T(10, SYN_SENT, CLOSE, .tgid = 10, .no_syn = true, .shut = 3, .has = WIRE_PROOF_DEFERS)},
	 .expected = "1 client aborted local - OTH - | SYN_SENT@0+10/local | a:10/connect\n"},
	{.name = "2: ICMP refuses the SYN",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(3000, SYN_SENT, CLOSE, .err = ECONNREFUSED)},
	 .expected = "1 client refused - - S0 - | SYN_SENT@0+3000/local | a:10/connect\n"},
	{.name = "2: ICMP refuses the SYN of a connect() that does not wait, and close() follows",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10),
		   T(3000, SYN_SENT, CLOSE, .tgid = 10, .shut = 3, .err_soft = ECONNREFUSED)},
	 .expected = "1 client refused - - S0 - | SYN_SENT@0+3000/local | a:10/connect\n"},
	{.name = "2: the same, and the process asked for the error before",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10),
		   T(3000, SYN_SENT, CLOSE, .tgid = 10, .shut = 3, .err_icmp = EHOSTUNREACH, .has = WIRE_PROOF_ERRORS)},
	 .expected = "1 client unreachable - - S0 - | SYN_SENT@0+3000/local | a:10/connect\n"},
	{.name = "2: unreachable, twice, the second time without a lock",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RETRANSMIT(1000000, SYN_SENT, SYN),
		   T(1003000, SYN_SENT, CLOSE, .err = EHOSTUNREACH, .err_soft = EHOSTUNREACH, .retrans = 1)},
	 .expected = "1 client unreachable - - S0 S | SYN_SENT@0+1003000/local | a:10/connect again=1,0,0,0\n"},
	{.name = "2: SYN lost for ever, ICMP answered the first one",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RETRANSMIT(1000000, SYN_SENT, SYN),
		   T(3000000, SYN_SENT, CLOSE, .err = EHOSTUNREACH, .err_soft = EHOSTUNREACH, .retrans = 1,
		     .has = WIRE_PROOF_IDLE)},
	 .expected = "1 client timeout - - S0 S | SYN_SENT@0+3000000/local | a:10/connect again=1,0,0,0\n"},
	{.name = "3: SYN,ACK repeated",
	 .steps = {T(1000000, SYN_RECV, ESTABLISHED, .rtt_us = 1000150, .retrans = 1), IS_RESET(1000500)},
	 .expected =
		 "1 server rst_received peer - RSTO ShAR | SYN_RECV@0/peer/inferred ESTABLISHED@0+500/peer | again=0,1,0,0\n"},
	{.name = "4: a child that lost the race after its clone",
	 .steps = {T(1000, SYN_RECV, CLOSE)},
	 .expected = "1 server aborted local - OTH Sh | SYN_RECV@0/peer/inferred |\n"},
	{.name = "4: a reset while opening is not how it ends, in FIN_WAIT2 without a socket",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RESET(50, SYN_SENT, SENT), T(100, SYN_SENT, ESTABLISHED),
		   T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3, DEAD), T(5100, FIN_WAIT1, FIN_WAIT2, DEAD),
		   T(5101, FIN_WAIT2, CLOSE, DEAD, .not_done = true), TICK(200000)},
	 .expected = "1 client fin local - S2 ShF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer FIN_WAIT1@5000+100/local "
		     "FIN_WAIT2@5100+1/peer | incomplete handshake=100 a:10/connect rst=1,0\n"},
	{.name = "5: refused",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RESET(80, SYN_SENT, RECEIVED),
		   T(81, SYN_SENT, CLOSE, .err = ECONNREFUSED)},
	 .expected = "1 client refused peer - REJ Sr | SYN_SENT@0+81/local | a:10/connect rst=0,1\n"},
	{.name = "6: simultaneous open",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(60, SYN_SENT, SYN_RECV), T(90, SYN_RECV, ESTABLISHED),
		   RESET(400, ESTABLISHED, RECEIVED), IS_RESET(401)},
	 .expected = "1 simultaneous rst_received peer - RSTR Ssr | SYN_SENT@0+60/local SYN_RECV@60+30/peer "
		     "ESTABLISHED@90+311/peer | handshake=90 a:10/connect rst=0,1\n"},
};

static const struct story closes[] = {
	{.name = "7: four-way after more than 4 GiB, first FIN ours",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 536870916, .tgid = 10, .shut = 3, DEAD),
		   T(5100, FIN_WAIT1, FIN_WAIT2, .out = 536870916, DEAD),
		   T(9000, FIN_WAIT2, CLOSE, .out = 536870916, .turns_out = 1, .segs_in = 1, DEAD)},
	 .expected = "1 client fin local four_way SF ShDFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+3900/peer TIME_WAIT@9000/peer/inferred | handshake=100 "
		     "a:10/connect acked=4831838212 received=0\n"},
	{.name = "7: four-way close, first FIN ours",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 100, .in = 200, .tgid = 10, .shut = 3, DEAD),
		   T(5100, FIN_WAIT1, FIN_WAIT2, .out = 100, .in = 200, DEAD),
		   T(9000, FIN_WAIT2, CLOSE, .out = 100, .in = 200, .segs_in = 1, DEAD)},
	 .expected = "1 client fin local four_way SF ShDdFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+3900/peer TIME_WAIT@9000/peer/inferred | handshake=100 "
		     "a:10/connect acked=100 received=200\n"},
	{.name = "7: four-way close, first FIN the peer's",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT, .out = 7, .in = 9),
		   T(305000, CLOSE_WAIT, LAST_ACK, .out = 7, .in = 9, .segs_out = 1, .tgid = 20, .shut = 3),
		   T(305100, LAST_ACK, CLOSE, .out = 7, .in = 9, DEAD)},
	 .expected = "1 server fin peer four_way SF ShADdFf | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+300000/peer LAST_ACK@304150+100/local | handshake=150 a:20/close acked=7 received=9\n"},
	{.name = "7: a server that closes first, no data",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 20, .shut = 3, DEAD),
		   T(5100, FIN_WAIT1, FIN_WAIT2, DEAD), T(9000, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)},
	 .expected =
		 "1 server fin local four_way SF ShAfF | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		 "FIN_WAIT1@4150+100/local FIN_WAIT2@4250+3900/peer TIME_WAIT@8150/peer/inferred | handshake=150 a:20/close\n"},
	{.name = "7: the FIN_WAIT2 of an orphan goes on in a minisocket",
	 .steps = {CLOSES, T(5101, FIN_WAIT2, CLOSE, DEAD, .not_done = true), TICK(100000)},
	 .expected = "1 client fin local - S2 ShF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer FIN_WAIT1@5000+100/local "
		     "FIN_WAIT2@5100+1/peer | incomplete handshake=100 a:10/connect\n"},
	{.name = "8: three segments, first FIN ours",
	 .steps = {CLOSES, T(5180, FIN_WAIT2, CLOSE, DEAD)},
	 .expected =
		 "1 client fin local three_segment SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		 "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+80/peer TIME_WAIT@5180/peer/inferred | handshake=100 a:10/connect\n"},
	{.name = "8: three segments, first FIN the peer's: nothing left before our FIN",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT, .segs_out = 3),
		   T(5050, CLOSE_WAIT, LAST_ACK, .segs_out = 3, .tgid = 20, .shut = 3), T(5100, LAST_ACK, CLOSE, DEAD)},
	 .expected = "1 server fin peer three_segment SF ShAFf | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+50/peer LAST_ACK@4200+50/local | handshake=150 a:20/close\n"},
	{.name = "8: from the backlog: not known",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3),
		   T(5100, FIN_WAIT1, FIN_WAIT2, .flags = WIRE_SK_OWNED), T(5180, FIN_WAIT2, CLOSE, .flags = WIRE_SK_OWNED)},
	 .expected = "1 client fin local - SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer FIN_WAIT1@5000+100/local "
		     "FIN_WAIT2@5100+80/peer TIME_WAIT@5180/peer/inferred | handshake=100 a:10/connect\n"},
	{.name = "8: from two backlogs they were two",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3),
		   T(5100, FIN_WAIT1, FIN_WAIT2, .flags = WIRE_SK_OWNED), T(9000, FIN_WAIT2, CLOSE, .flags = WIRE_SK_OWNED)},
	 .expected = "1 client fin local - SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer FIN_WAIT1@5000+100/local "
		     "FIN_WAIT2@5100+3900/peer TIME_WAIT@9000/peer/inferred | handshake=100 a:10/connect\n"},
	{.name = "9: half-close, we read on",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 50, .tgid = 10, .shut = 2),
		   T(5100, FIN_WAIT1, FIN_WAIT2, .out = 50, .shut = 2),
		   T(9000, FIN_WAIT2, CLOSE, .out = 50, .in = 4000, .shut = 3)},
	 .expected = "1 client fin local half_close SF ShDFdf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+3900/peer TIME_WAIT@9000/peer/inferred | handshake=100 "
		     "a:10/connect acked=50 received=4000\n"},
	{.name = "9: half-close, we send on",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT, .in = 50),
		   T(8000, CLOSE_WAIT, LAST_ACK, .out = 4000, .in = 50, .tgid = 20, .shut = 3),
		   T(8100, LAST_ACK, CLOSE, .out = 4000, .in = 50, DEAD)},
	 .expected = "1 server fin peer half_close SF ShADFdf | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+3000/peer LAST_ACK@7150+100/local | handshake=150 a:20/close acked=4000 received=50\n"},
	{.name = "9: half-close, the peer sends 3 GiB on",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 2),
		   T(5100, FIN_WAIT1, FIN_WAIT2, .shut = 2), T(9000, FIN_WAIT2, CLOSE, .in = 3221225472, .shut = 3)},
	 .expected = "1 client fin local half_close SF ShFdf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+3900/peer TIME_WAIT@9000/peer/inferred | handshake=100 "
		     "a:10/connect acked=0 received=3221225472\n"},
	{.name = "9: half-close, we send 3 GiB on",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT),
		   T(8000, CLOSE_WAIT, LAST_ACK, .out = 3221225472, .tgid = 20, .shut = 3),
		   T(8100, LAST_ACK, CLOSE, .out = 3221225472, DEAD)},
	 .expected =
		 "1 server fin peer half_close SF ShAFdf | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		 "CLOSE_WAIT@4150+3000/peer LAST_ACK@7150+100/local | handshake=150 a:20/close acked=3221225472 received=0\n"},
	{.name = "9: shutdown() alone is no half-close",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .in = 70, .tgid = 10, .shut = 2),
		   T(5100, FIN_WAIT1, FIN_WAIT2, .in = 70, .shut = 2),
		   T(9000, FIN_WAIT2, CLOSE, .in = 70, .segs_in = 1, .shut = 3)},
	 .expected = "1 client fin local four_way SF ShdFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+3900/peer TIME_WAIT@9000/peer/inferred | handshake=100 "
		     "a:10/connect acked=0 received=70\n"},
	{.name = "10: simultaneous close",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3, DEAD), T(5020, FIN_WAIT1, CLOSING, DEAD),
		   T(5040, CLOSING, CLOSE, DEAD)},
	 .expected =
		 "1 client fin both simultaneous SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		 "FIN_WAIT1@5000+20/local CLOSING@5020+20/peer TIME_WAIT@5040/peer/inferred | handshake=100 a:10/connect\n"},
	{.name = "11, 13: TIME_WAIT is claimed only after both FINs and their ACKs",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3, DEAD), T(5020, FIN_WAIT1, CLOSING, DEAD),
		   T(9000, CLOSING, CLOSE, .err = ETIMEDOUT, DEAD)},
	 .expected = "1 client timeout both simultaneous SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+20/local CLOSING@5020+3980/peer | handshake=100 a:10/connect\n"},
	{.name = "12: last ACK lost, our FIN repeated",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 20, .shut = 3),
		   RETRANSMIT(7000, LAST_ACK, FIN, .trigger = WIRE_TRIGGER_TLP),
		   RETRANSMIT(207000, LAST_ACK, FIN, .trigger = WIRE_TRIGGER_RTO), T(207100, LAST_ACK, CLOSE, DEAD)},
	 .expected = "1 server fin peer three_segment SF ShAFf | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+1000/peer LAST_ACK@5150+201100/local | handshake=150 a:20/close again=0,0,0,2\n"},
	{.name = "15: FIN_WAIT2 that its timer ends with a reset",
	 .steps = {CLOSES, RESET(60005100, FIN_WAIT2, SENT), T(60005101, FIN_WAIT2, CLOSE, DEAD, .not_done = true)},
	 .expected = "1 client rst_sent local - RSTO ShFR | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+60000001/peer | handshake=100 a:10/connect rst=1,0\n"},
	{.name = "15: linger2 below zero: the reset follows the close",
	 .steps = {CLOSES, T(5101, FIN_WAIT2, CLOSE, DEAD, .not_done = true), RESET(5105, CLOSE, SENT)},
	 .expected = "1 client rst_sent local - RSTO ShFR | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+1/peer | handshake=100 a:10/connect rst=1,0\n"},
	{.name = "16: LAST_ACK that never ends",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 20, .shut = 3),
		   RETRANSMIT(7000, LAST_ACK, FIN), T(906000, LAST_ACK, CLOSE, .err = ETIMEDOUT, DEAD)},
	 .expected = "1 server timeout peer three_segment SF ShAFf | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+1000/peer LAST_ACK@5150+900000/local | handshake=150 a:20/close again=0,0,0,1\n"},
	{.name = "16: an orphan over the limit in LAST_ACK is not a clean close",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 20, .shut = 3),
		   T(9000, LAST_ACK, CLOSE, .unacked = true, DEAD)},
	 .expected = "1 server aborted peer three_segment SF ShAFf | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+1000/peer LAST_ACK@5150+3000/local | handshake=150 a:20/close\n"},
};

static const struct story resets[] = {
	{.name = "17: reset received in CLOSE_WAIT",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), RESET(6000, CLOSE_WAIT, RECEIVED),
		   T(6001, CLOSE_WAIT, CLOSE, .err = EPIPE)},
	 .expected = "1 server rst_received peer - RSTO ShAFR | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+1001/peer | handshake=150 rst=0,1\n"},
	{.name = "17: reset received in FIN_WAIT1, payload and FIN unsent",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 100, .unsent = 40, .tgid = 10, .shut = 3, DEAD),
		   RESET(6000, FIN_WAIT1, RECEIVED),
		   T(6001, FIN_WAIT1, CLOSE, .out = 100, .unsent = 41, .err = ECONNRESET, DEAD)},
	 .expected = "1 client rst_received peer - RSTR ShDr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+1001/local | handshake=100 a:10/connect acked=59 received=0 unread=0 unsent=40 rst=0,1\n"},
	{.name = "17: closed with unread data",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE, .in = 300, .unread = 200, .tgid = 20, .shut = 3, DEAD),
		   RESET(5004, CLOSE, SENT, .reason = 11), TICK(6000)},
	 .expected = "1 server rst_sent local - RSTR ShADr | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer | "
		     "handshake=150 a:20/close acked=0 received=300 unread=200 unsent=0 rst=1,0\n"},
	{.name = "17: closed with unread data and an unread FIN",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT, .in = 300, .unread = 201),
		   T(6000, CLOSE_WAIT, CLOSE, .in = 300, .unread = 201, .tgid = 20, .shut = 3, DEAD), RESET(6004, CLOSE, SENT)},
	 .expected = "1 server rst_sent peer - RSTR ShADFr | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+1000/peer | handshake=150 a:20/close acked=0 received=300 unread=200 unsent=0 rst=1,0\n"},
	{.name = "17: SO_LINGER 0",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, CLOSE, .tgid = 10, .shut = 3), RESET(5003, CLOSE, SENT)},
	 .expected = "1 client rst_sent local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect rst=1,0\n"},
	{.name = "17: aborted, and no reset was seen in time",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, CLOSE, .tgid = 10, .shut = 3), TICK(105001), RESET(105002, CLOSE, SENT)},
	 .expected = "1 client aborted local - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "17: aborted by a task that lost its processor in between",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, CLOSE, .tgid = 10, .shut = 3), TICK(100000), RESET(104000, CLOSE, SENT)},
	 .expected = "1 client rst_sent local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect rst=1,0\n"},
	{.name = "17: reset: emitted at once, since nothing follows",
	 .steps = {CONNECTS(0), RESET(4999, ESTABLISHED, RECEIVED), IS_RESET(5000), LOST(5000, RING, 1)},
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect rst=0,1\n"
		     "lost ring 1 of 1 from 5000 touching 0\n"},
	{.name = "17: data after close: no reset came, one went",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3, DEAD), RESET(6000, FIN_WAIT1, RECEIVED),
		   T(6001, FIN_WAIT1, CLOSE, .err = ECONNRESET, .shut = 3, DEAD), RESET(6003, CLOSE, SENT)},
	 .expected = "1 client rst_sent local - RSTO ShFR | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+1001/local | handshake=100 a:10/connect rst=1,0\n"},
	{.name = "17: ss -K names nobody's owner",
	 .steps = {ACCEPTS(1000), TOUCH(1100, 20), RESET(5000, ESTABLISHED, SENT),
		   T(5001, ESTABLISHED, CLOSE, .tgid = 99, .err = PEER_ABORTED)},
	 .expected = "1 server aborted local - RSTR ShAr | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4001/peer | "
		     "handshake=150 a:20/io rst=1,0\n"},
	{.name = "17: connect(AF_UNSPEC), then connect() again: two lives",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, CLOSE, .tgid = 10), RESET(5002, CLOSE, SENT), CONNECTS(6000),
		   T(7000, ESTABLISHED, CLOSE, .tgid = 10), RESET(7002, CLOSE, SENT), CONNECTS(8000),
		   RESET(9000, ESTABLISHED, RECEIVED), IS_RESET(9001)},
	 .expected = "1 client rst_sent local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect rst=1,0\n"
		     "1.1 client rst_sent local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+900/peer | handshake=100 "
		     "a:10/connect rst=1,0\n"
		     "1.2 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+901/peer | handshake=100 "
		     "a:10/connect rst=0,1\n"},
	{.name = "17: a reset that ended nothing is counted, no more",
	 .steps = {CONNECTS(0), RESET(300, ESTABLISHED, RECEIVED), T(5000, ESTABLISHED, CLOSE_WAIT),
		   T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 10, .shut = 3), T(6100, LAST_ACK, CLOSE, DEAD)},
	 .expected = "1 client fin peer three_segment SF ShfF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "CLOSE_WAIT@5000+1000/peer LAST_ACK@6000+100/local | handshake=100 a:10/connect rst=0,1\n"},
	{.name = "18: keepalive: a reset goes first, the timer ended it",
	 .steps = {CONNECTS(0), RESET(9000000, ESTABLISHED, SENT), T(9000001, ESTABLISHED, CLOSE, .err = ETIMEDOUT)},
	 .expected = "1 client timeout local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+8999901/peer | handshake=100 "
		     "a:10/connect rst=1,0\n"},
	{.name = "18: retransmission timeout",
	 .steps = {CONNECTS(0), RETRANSMIT(1000, ESTABLISHED, DATA), RETRANSMIT(2000, ESTABLISHED, DATA),
		   T(9000000, ESTABLISHED, CLOSE, .out = 5, .err = ETIMEDOUT)},
	 .expected = "1 client timeout - - S1 ShDT | SYN_SENT@0+100/local ESTABLISHED@100+8999900/peer | handshake=100 "
		     "a:10/connect acked=5 received=0 again=0,0,2,0\n"},
	{.name = "18: retransmission timeout, with what ICMP said in between",
	 .steps = {CONNECTS(0), T(9000000, ESTABLISHED, CLOSE, .err = ENETUNREACH, .err_soft = ENETUNREACH)},
	 .expected = "1 client timeout - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100+8999900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "18: a refusal by ICMP is no reset, an older version's event",
	 .steps = {CONNECTS(0), T(9000000, ESTABLISHED, CLOSE, .err = ECONNREFUSED, .no_proof = true)},
	 .expected = "1 client timeout - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100+8999900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "18: retransmission timeout that a task runs, which held the lock",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 2),
		   T(9000000, FIN_WAIT1, CLOSE, .shut = 2, .err = ECONNREFUSED, .err_soft = ECONNREFUSED,
		     .has = WIRE_PROOF_IDLE, .flags = WIRE_SK_OWNED)},
	 .expected = "1 client timeout local - S2 ShF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+8995000/local | handshake=100 a:10/connect\n"},
	{.name = "17: close() with data unread, and with an error of ICMP that nobody read",
	 .steps = {CONNECTS(0),
		   T(5000, ESTABLISHED, CLOSE, .tgid = 10, .shut = 3, .err = ECONNREFUSED, .flags = WIRE_SK_OWNED,
		     .has = WIRE_PROOF_ERRORS),
		   RESET(5003, CLOSE, SENT)},
	 .expected = "1 client rst_sent local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect rst=1,0\n"},
	{.name = "7: FINs are exchanged, and an error of ICMP stays unread",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, CLOSE_WAIT), T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 10, .shut = 3),
		   T(6100, LAST_ACK, CLOSE, .err = EHOSTUNREACH, .err_is_old = true, .err_soft = EHOSTUNREACH,
		     .has = WIRE_PROOF_ERRORS, DEAD)},
	 .expected = "1 client fin peer three_segment SF ShfF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "CLOSE_WAIT@5000+1000/peer LAST_ACK@6000+100/local | handshake=100 a:10/connect\n"},
	{.name = "14: CLOSE_WAIT when we stop",
	 .steps = {ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), TICK(905000)},
	 .expected = "progress 1 server daemon_stop peer - S2 ShAF | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+4000/peer "
		     "CLOSE_WAIT@4150+900000/peer | handshake=150\n",
	 .stop_emits_open = true},
};

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORIES(handshakes),
		STORIES(closes),
		STORIES(resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
