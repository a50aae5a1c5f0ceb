// SPDX-License-Identifier: GPL-2.0-only
/* The segments of TCP's cases as either side shows them: which, in what order, with what numbers and on what evidence. */
#include "conn_story.h"

static const struct story opens[] = {
	SEGMENTS("1: three-way handshake, client", CONNECTED, CONNECTS(0), T(5000, ESTABLISHED, CLOSE, .tgid = 10),
		 TICK(20000)),
	SEGMENTS("1: three-way handshake, server", ACCEPTED, ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE, .tgid = 10),
		 TICK(20000)),
	SEGMENTS("1: SYN cookies: nobody knows when it began",
		 "isn local peer\n"
		 "< SYN 0 - @- numbers\n"
		 "> SYN,ACK 0 1 @- numbers\n"
		 "< ACK 1 1 @0 numbers\n",
		 T(1000, SYN_RECV, ESTABLISHED, .rtt_us = 18000), T(5000, ESTABLISHED, CLOSE, .tgid = 10), TICK(20000)),
	SEGMENTS("1: Fast Open, client: the SYN's data is not listed",
		 "isn local peer\n"
		 "> SYN 0 - @0 numbers\n"
		 "< SYN,ACK 0 21 @100 numbers\n"
		 "> ACK 21 1 @100 inferred\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), T(100, SYN_SENT, ESTABLISHED, .out = 20, .id_flags = WIRE_ID_FASTOPEN),
		 T(5000, ESTABLISHED, CLOSE, .out = 20, .tgid = 10), TICK(20000)),
	SEGMENTS("1: Fast Open, server closes before the last ACK",
		 "isn local peer\n"
		 "< SYN 0 - @- inferred\n"
		 "> SYN,ACK 0 - @- inferred\n"
		 "< ACK - - @- inferred\n"
		 "> FIN,ACK 1 1 @0 numbers\n"
		 "< ACK 1 2 @1000 numbers\n"
		 "< FIN,ACK 1 2 @2000 numbers\n"
		 "> ACK 2 2 @2000 inferred\n",
		 T(1000, SYN_RECV, FIN_WAIT1, .tgid = 20, .shut = 3, DEAD, .id_flags = WIRE_ID_FASTOPEN),
		 T(2000, FIN_WAIT1, FIN_WAIT2, DEAD), T(3000, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)),
	SEGMENTS("1: TCP_REPAIR has no segments", "isn\n", T(0, CLOSE, SYN_SENT, .tgid = 10, .flags = WIRE_SK_REPAIR),
		 T(10, SYN_SENT, ESTABLISHED, .flags = WIRE_SK_REPAIR),
		 T(500, ESTABLISHED, CLOSE, .tgid = 10, .flags = WIRE_SK_REPAIR, .shut = 3)),
	SEGMENTS("1: the FIN ends the handshake",
		 "isn local peer\n"
		 "< SYN 0 - @0 numbers\n"
		 "> SYN,ACK 0 1 @0 numbers\n"
		 "< FIN,ACK 1 1 @152 numbers\n"
		 "> FIN,ACK 1 2 @250 numbers\n"
		 "< ACK 2 2 @350 numbers\n",
		 T(1000, SYN_RECV, ESTABLISHED, .rtt_us = 150), T(1002, ESTABLISHED, CLOSE_WAIT, .segs_in = UINT32_MAX),
		 T(1100, CLOSE_WAIT, LAST_ACK, .tgid = 20), T(1200, LAST_ACK, CLOSE, DEAD)),
	SEGMENTS("2: SYN lost twice",
		 "isn local peer\n"
		 "> SYN 0 - @0 x3 numbers\n"
		 "< SYN,ACK 0 1 @3000100 numbers\n"
		 "> ACK 1 1 @3000100 inferred\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), RETRANSMIT(1000000, SYN_SENT, SYN), RETRANSMIT(3000000, SYN_SENT, SYN),
		 T(3000100, SYN_SENT, ESTABLISHED, .retrans = 2), T(3000200, ESTABLISHED, CLOSE, .tgid = 10), TICK(3100000)),
	SEGMENTS("2: SYN lost for ever",
		 "isn local\n"
		 "> SYN 0 - @0 x2 event\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), RETRANSMIT(1000000, SYN_SENT, SYN),
		 T(3000000, SYN_SENT, CLOSE, .err = ETIMEDOUT, .retrans = 1)),
	SEGMENTS("2: no port left, so no SYN", "isn\n", T(0, CLOSE, SYN_SENT, .tgid = 10),
		 T(10, SYN_SENT, CLOSE, .tgid = 10, .no_syn = true)),
	SEGMENTS("2: close() while connecting",
		 "isn local\n"
		 "> SYN 0 - @0 inferred\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), T(3000, SYN_SENT, CLOSE, .tgid = 10, .shut = 3, DEAD)),
	SEGMENTS("3: SYN,ACK repeated: when the first went is not known",
		 "isn local peer\n"
		 "< SYN 0 - @- numbers\n"
		 "> SYN,ACK 0 1 @- x2 numbers\n"
		 "< ACK - 1 @0 numbers\n",
		 T(1000000, SYN_RECV, ESTABLISHED, .rtt_us = 1000150, .retrans = 1), T(1000500, ESTABLISHED, CLOSE, .tgid = 10),
		 TICK(1100000)),
	SEGMENTS("4: an answer to an older SYN is reset, then all goes well",
		 "isn local peer\n"
		 "> SYN 0 - @0 x3 numbers\n"
		 "> RST - - @300 x2 event\n"
		 "< SYN,ACK 0 1 @3000100 numbers\n"
		 "> ACK 1 1 @3000100 inferred\n"
		 "< RST 1 - @3000200 inferred\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), RESET(300, SYN_SENT, SENT), RETRANSMIT(1000000, SYN_SENT, SYN),
		 RESET(1000300, SYN_SENT, SENT), RETRANSMIT(3000000, SYN_SENT, SYN),
		 T(3000100, SYN_SENT, ESTABLISHED, .retrans = 2), IS_RESET(3000200)),
	SEGMENTS("4: a child that lost the race after its clone",
		 "isn\n"
		 "< SYN 0 - @- inferred\n"
		 "> SYN,ACK 0 1 @- inferred\n",
		 T(1000, SYN_RECV, CLOSE)),
	SEGMENTS("5: refused",
		 "isn local\n"
		 "> SYN 0 - @0 numbers\n"
		 "< RST,ACK - 1 @81 event\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), RESET(80, SYN_SENT, RECEIVED), T(81, SYN_SENT, CLOSE, .err = ECONNREFUSED)),
	SEGMENTS("5: refused by ICMP, without a reset",
		 "isn local\n"
		 "> SYN 0 - @0 inferred\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), T(81, SYN_SENT, CLOSE, .err = ECONNREFUSED)),
	SEGMENTS("6: simultaneous open",
		 "isn local peer\n"
		 "> SYN 0 - @0 numbers\n"
		 "< SYN 0 - @60 numbers\n"
		 "> SYN,ACK 0 1 @60 x2 event\n"
		 "< SYN,ACK 0 1 @90 inferred\n"
		 "< RST 1 - @401 event\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), T(60, SYN_SENT, SYN_RECV), RETRANSMIT(80, SYN_RECV, SYNACK),
		 T(90, SYN_RECV, ESTABLISHED), RESET(400, ESTABLISHED, RECEIVED), IS_RESET(401)),
	SEGMENTS("6: a SYN crossed ours, and then nothing",
		 "isn local\n"
		 "> SYN 0 - @0 numbers\n"
		 "< SYN 0 - @60 inferred\n"
		 "> SYN,ACK 0 1 @60 inferred\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), T(60, SYN_SENT, SYN_RECV), T(9000, SYN_RECV, CLOSE, .err = ETIMEDOUT)),
};

static const struct story closes[] = {
	SEGMENTS("7: four-way, first FIN ours",
		 CONNECTED "> FIN,ACK 101 201 @5000 numbers\n"
			   "< ACK 201 102 @5100 numbers\n"
			   "< FIN,ACK 201 102 @9000 numbers\n"
			   "> ACK 102 202 @9000 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 100, .in = 200, .tgid = 10, .shut = 3, DEAD),
		 T(5100, FIN_WAIT1, FIN_WAIT2, .out = 100, .in = 200, DEAD),
		 T(9000, FIN_WAIT2, CLOSE, .out = 100, .in = 200, .segs_in = 1, DEAD)),
	SEGMENTS("7: four-way, first FIN the peer's",
		 ACCEPTED "< FIN,ACK 10 8 @4150 numbers\n"
			  "> ACK 8 11 @4150 numbers\n"
			  "> FIN,ACK 8 11 @304150 numbers\n"
			  "< ACK 11 9 @304250 numbers\n",
		 ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT, .out = 7, .in = 9),
		 T(305000, CLOSE_WAIT, LAST_ACK, .out = 7, .in = 9, .segs_out = 1, .tgid = 20, .shut = 3),
		 T(305100, LAST_ACK, CLOSE, .out = 7, .in = 9, DEAD)),
	SEGMENTS("7: the peer's FIN arrives at a minisocket", CLOSED, CLOSES, T(5101, FIN_WAIT2, CLOSE, DEAD, .not_done = true),
		 TICK(100000)),
	SEGMENTS("7: our FIN waits behind data",
		 CONNECTED "> FIN,ACK 101 - @- numbers\n"
			   "< ACK 1 102 @95000 numbers\n"
			   "< FIN,ACK 1 102 @99000 numbers\n"
			   "> ACK 102 2 @99000 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 100, .unsent = 40, .tgid = 10, .shut = 3, DEAD),
		 T(95000, FIN_WAIT1, FIN_WAIT2, .out = 100, .segs_out = 2, DEAD),
		 T(99000, FIN_WAIT2, CLOSE, .out = 100, .segs_in = 1, DEAD)),
	SEGMENTS("7: our FIN waits, and leaves in one segment with the data",
		 CONNECTED "> FIN,ACK 101 1 @94000 numbers\n"
			   "< ACK 1 102 @95000 numbers\n"
			   "< FIN,ACK 1 102 @99000 numbers\n"
			   "> ACK 102 2 @99000 inferred\n",
		 CONNECTS(0),
		 T(5000, ESTABLISHED, FIN_WAIT1, .out = 100, .unsent = 40, .segs_out = 2, .tgid = 10, .shut = 3, DEAD),
		 T(95000, FIN_WAIT1, FIN_WAIT2, .out = 100, .segs_out = 2, .sent_us = 94000, DEAD),
		 T(99000, FIN_WAIT2, CLOSE, .out = 100, .segs_in = 1, DEAD)),
	SEGMENTS("8: three segments, first FIN ours",
		 CONNECTED "> FIN,ACK 1 1 @5000 numbers\n"
			   "< FIN,ACK 1 2 @5180 numbers\n"
			   "> ACK 2 2 @5180 inferred\n",
		 CLOSES, T(5180, FIN_WAIT2, CLOSE, DEAD)),
	SEGMENTS("8: three segments, first FIN the peer's",
		 ACCEPTED "< FIN,ACK 1 1 @4150 numbers\n"
			  "> FIN,ACK 1 2 @4200 numbers\n"
			  "< ACK 2 2 @4250 numbers\n",
		 ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT, .segs_out = 3),
		 T(5050, CLOSE_WAIT, LAST_ACK, .segs_out = 3, .tgid = 20, .shut = 3),
		 T(5100, LAST_ACK, CLOSE, .segs_out = 3, DEAD)),
	SEGMENTS("8: from the backlog: not known",
		 CONNECTED "> FIN,ACK 1 1 @5000 numbers\n"
			   "< FIN,ACK 1 2 @5180 numbers\n"
			   "> ACK 2 2 @5180 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3),
		 T(5100, FIN_WAIT1, FIN_WAIT2, .flags = WIRE_SK_OWNED), T(5180, FIN_WAIT2, CLOSE, .flags = WIRE_SK_OWNED)),
	SEGMENTS("8: from two backlogs they were probably two",
		 CONNECTED "> FIN,ACK 1 1 @5000 numbers\n"
			   "< ACK 1 2 @5100 inferred\n"
			   "< FIN,ACK 1 2 @9000 numbers\n"
			   "> ACK 2 2 @9000 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3),
		 T(5100, FIN_WAIT1, FIN_WAIT2, .flags = WIRE_SK_OWNED), T(9000, FIN_WAIT2, CLOSE, .flags = WIRE_SK_OWNED)),
	SEGMENTS("7: more than 4 GiB each way, the peer closes first",
		 CONNECTED "< FIN,ACK 8589934593 4831838213 @5000 numbers\n"
			   "> FIN,ACK 4831838213 8589934594 @6000 numbers\n"
			   "< ACK 8589934594 4831838214 @6100 numbers\n",
		 CONNECTS(0), T(5000, ESTABLISHED, CLOSE_WAIT, .out = 536870916, .segs_out = 9),
		 T(6000, CLOSE_WAIT, LAST_ACK, .out = 536870916, .segs_out = 9, .tgid = 10, .shut = 3),
		 T(6100, LAST_ACK, CLOSE, .out = 536870916, .turns_out = 1, .turns_in = 2, .segs_out = 9, DEAD)),
	SEGMENTS("9: half-close, the peer sends more than 4 GiB on: how many turns its early numbers lie back is not known",
		 CONNECTED "> FIN,ACK 1 - @5000 numbers\n"
			   "< ACK - 2 @5100 numbers\n"
			   "< FIN,ACK 4294967311 2 @6000 numbers\n"
			   "> ACK 2 4294967312 @6000 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 2), T(5100, FIN_WAIT1, FIN_WAIT2, .shut = 2),
		 T(6000, FIN_WAIT2, CLOSE, .in = 14, .turns_in = 1, .segs_in = 9, .shut = 2)),
	SEGMENTS("9: half-close after more than 4 GiB, and no payload follows",
		 CONNECTED "> FIN,ACK 1 4294967311 @5000 numbers\n"
			   "< ACK 4294967311 2 @5100 numbers\n"
			   "< FIN,ACK 4294967311 2 @6000 numbers\n"
			   "> ACK 2 4294967312 @6000 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .in = 14, .tgid = 10, .shut = 2),
		 T(5100, FIN_WAIT1, FIN_WAIT2, .in = 14, .shut = 2),
		 T(6000, FIN_WAIT2, CLOSE, .in = 14, .turns_in = 1, .segs_in = 9, .shut = 2)),
	SEGMENTS("9: half-close, we read on",
		 CONNECTED "> FIN,ACK 51 1 @5000 numbers\n"
			   "< ACK 1 52 @5100 numbers\n"
			   "< FIN,ACK 4001 52 @9000 numbers\n"
			   "> ACK 52 4002 @9000 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 50, .tgid = 10, .shut = 2),
		 T(5100, FIN_WAIT1, FIN_WAIT2, .out = 50, .shut = 2),
		 T(9000, FIN_WAIT2, CLOSE, .out = 50, .in = 4000, .segs_in = 4, .shut = 3)),
	SEGMENTS("9: half-close, we send on",
		 ACCEPTED "< FIN,ACK 51 1 @4150 numbers\n"
			  "> ACK - 52 @- numbers\n"
			  "> FIN,ACK 4001 52 @7150 numbers\n"
			  "< ACK 52 4002 @7250 numbers\n",
		 ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT, .in = 50),
		 T(8000, CLOSE_WAIT, LAST_ACK, .out = 4000, .in = 50, .segs_out = 4, .tgid = 20, .shut = 3),
		 T(8100, LAST_ACK, CLOSE, .out = 4000, .in = 50, .segs_out = 4, DEAD)),
	SEGMENTS("10: simultaneous close",
		 CONNECTED "> FIN,ACK 11 21 @5000 numbers\n"
			   "< FIN,ACK 21 11 @5020 numbers\n"
			   "> ACK 12 22 @5020 inferred\n"
			   "< ACK 22 12 @5040 numbers\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 10, .in = 20, .tgid = 10, .shut = 3, DEAD),
		 T(5020, FIN_WAIT1, CLOSING, .out = 10, .in = 20, DEAD), T(5040, CLOSING, CLOSE, .out = 10, .in = 20, DEAD)),
	SEGMENTS("10: the peer's FIN comes before ours has left",
		 CONNECTED "< FIN,ACK 1 6 @5020 numbers\n"
			   "> ACK - 2 @5020 inferred\n"
			   "> FIN,ACK 11 2 @- numbers\n"
			   "< ACK 2 12 @95040 numbers\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .out = 10, .unsent = 5, .tgid = 10, .shut = 3, DEAD),
		 T(5020, FIN_WAIT1, CLOSING, .out = 10, .unsent = 6, DEAD),
		 T(95040, CLOSING, CLOSE, .out = 10, .segs_out = 2, DEAD)),
	SEGMENTS("12: last ACK lost, our FIN repeated",
		 ACCEPTED "< FIN,ACK 1 1 @4150 numbers\n"
			  "> ACK 1 2 @4150 numbers\n"
			  "> FIN,ACK 1 2 @5150 x3 event\n"
			  "< ACK 2 2 @206250 numbers\n",
		 ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT),
		 T(6000, CLOSE_WAIT, LAST_ACK, .segs_out = 1, .tgid = 20, .shut = 3), RETRANSMIT(7000, LAST_ACK, FIN),
		 RETRANSMIT(207000, LAST_ACK, FIN), T(207100, LAST_ACK, CLOSE, DEAD)),
	SEGMENTS("15: FIN_WAIT2 that its timer ends with a reset", CLOSED "> RST,ACK 2 1 @60005100 event\n", CLOSES,
		 RESET(60005100, FIN_WAIT2, SENT), T(60005101, FIN_WAIT2, CLOSE, DEAD, .not_done = true)),
	SEGMENTS("15: linger2 below zero: the reset follows the close", CLOSED "> RST,ACK 2 1 @5105 event\n", CLOSES,
		 T(5101, FIN_WAIT2, CLOSE, DEAD, .not_done = true), RESET(5105, CLOSE, SENT, .form = WIRE_RESET_ACTIVE)),
	SEGMENTS("16: LAST_ACK that never ends",
		 ACCEPTED "< FIN,ACK 1 1 @4150 numbers\n"
			  "> ACK 1 2 @4150 numbers\n"
			  "> FIN,ACK 1 2 @5150 x2 event\n",
		 ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT),
		 T(6000, CLOSE_WAIT, LAST_ACK, .segs_out = 1, .tgid = 20, .shut = 3), RETRANSMIT(7000, LAST_ACK, FIN),
		 T(906000, LAST_ACK, CLOSE, .err = ETIMEDOUT, DEAD)),
};

static const struct story resets[] = {
	SEGMENTS("17: received in ESTABLISHED", CONNECTED "< RST 6 - @401 event\n", CONNECTS(0),
		 RESET(400, ESTABLISHED, RECEIVED), IS_RESET(401, .in = 5)),
	SEGMENTS("17: received in ESTABLISHED, the event lost", CONNECTED "< RST 1 - @401 inferred\n", CONNECTS(0),
		 LOST(300, RING, 1), IS_RESET(401)),
	SEGMENTS("17: received in CLOSE_WAIT, which was acknowledged",
		 ACCEPTED "< FIN,ACK 1 1 @4150 numbers\n"
			  "> ACK 1 2 @4150 numbers\n"
			  "< RST - - @5151 event\n",
		 ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), RESET(6000, CLOSE_WAIT, RECEIVED),
		 T(6001, CLOSE_WAIT, CLOSE, .segs_out = 1, .err = EPIPE)),
	SEGMENTS("17: received in CLOSE_WAIT, which was not acknowledged",
		 ACCEPTED "< FIN,ACK 1 1 @4150 numbers\n"
			  "< RST - - @4151 event\n",
		 ACCEPTS(1000), T(5000, ESTABLISHED, CLOSE_WAIT), RESET(5001, CLOSE_WAIT, RECEIVED),
		 T(5001, CLOSE_WAIT, CLOSE, .err = EPIPE)),
	SEGMENTS("17: received in FIN_WAIT1, our FIN unsent", CONNECTED "< RST 1 - @6001 event\n", CONNECTS(0),
		 T(5000, ESTABLISHED, FIN_WAIT1, .out = 100, .unsent = 40, .tgid = 10, .shut = 3, DEAD),
		 RESET(6000, FIN_WAIT1, RECEIVED),
		 T(6001, FIN_WAIT1, CLOSE, .out = 100, .unsent = 41, .err = ECONNRESET, DEAD)),
	SEGMENTS("17: closed with unread data", ACCEPTED "> RST,ACK 8 301 @4154 event\n", ACCEPTS(1000),
		 T(5000, ESTABLISHED, CLOSE, .in = 300, .out = 7, .unread = 200, .tgid = 20, .shut = 3),
		 RESET(5004, CLOSE, SENT, .reason = 11), TICK(6000)),
	SEGMENTS("17: SO_LINGER 0 in FIN_WAIT2", CLOSED "> RST,ACK 2 1 @9003 event\n", CONNECTS(0),
		 T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 2), T(5100, FIN_WAIT1, FIN_WAIT2),
		 T(9000, FIN_WAIT2, CLOSE, .tgid = 10, .not_done = true), RESET(9003, CLOSE, SENT)),
	SEGMENTS("17: aborted, and no reset was seen", CONNECTED, CONNECTS(0),
		 T(5000, ESTABLISHED, CLOSE, .tgid = 10, .shut = 3), TICK(105001), RESET(105002, CLOSE, SENT)),
	SEGMENTS("17: data after close: no reset came, one went",
		 CONNECTED "> FIN,ACK 1 1 @5000 numbers\n"
			   "> RST 1 - @6003 event\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3, DEAD), RESET(6000, FIN_WAIT1, RECEIVED),
		 T(6001, FIN_WAIT1, CLOSE, .err = ECONNRESET, .shut = 3, DEAD),
		 RESET(6003, CLOSE, SENT, .form = WIRE_RESET_ANSWER, .number = ISN_LOCAL + 1)),
	SEGMENTS("17: data after close, or a reset, and events were lost",
		 CONNECTED "> FIN,ACK 1 1 @5000 numbers\n"
			   "< RST 1 - @6001 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3, DEAD), RESET(6000, FIN_WAIT1, RECEIVED),
		 T(6001, FIN_WAIT1, CLOSE, .err = ECONNRESET, .shut = 3, DEAD), LOST(6002, RING, 1)),
	SEGMENTS("17: ss -K", ACCEPTED "> RST,ACK 1 1 @4150 event\n", ACCEPTS(1000), RESET(5000, ESTABLISHED, SENT),
		 T(5001, ESTABLISHED, CLOSE, .tgid = 99, .err = PEER_ABORTED)),
	SEGMENTS("18: keepalive, after two hours", CONNECTED "> RST,ACK 1 1 @7200000001 event\n", CONNECTS(0),
		 RESET(7200000000, ESTABLISHED, SENT), T(7200000001, ESTABLISHED, CLOSE, .err = ETIMEDOUT)),
	SEGMENTS("18: retransmission timeout", CONNECTED, CONNECTS(0), RETRANSMIT(1000, ESTABLISHED, DATA),
		 T(9000000, ESTABLISHED, CLOSE, .out = 5, .err = ETIMEDOUT)),
};

static const struct story holes[] = {
	SEGMENTS("->ESTABLISHED lost",
		 "isn local peer\n"
		 "> SYN 0 - @- numbers\n"
		 "< SYN,ACK 0 1 @- inferred\n"
		 "> ACK 1 1 @- inferred\n"
		 "< FIN,ACK 1 1 @5000 numbers\n"
		 "> FIN,ACK 1 2 @6000 numbers\n"
		 "< ACK 2 2 @6100 numbers\n",
		 T(0, CLOSE, SYN_SENT, .tgid = 10), T(5000, ESTABLISHED, CLOSE_WAIT), T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 10),
		 T(6100, LAST_ACK, CLOSE, DEAD)),
	SEGMENTS("->CLOSE_WAIT lost",
		 CONNECTED "< FIN,ACK 1 - @- inferred\n"
			   "> FIN,ACK 1 2 @6000 numbers\n"
			   "< ACK 2 2 @6100 numbers\n",
		 CONNECTS(0), T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 10), T(6100, LAST_ACK, CLOSE, DEAD)),
	SEGMENTS("->FIN_WAIT2 lost",
		 CONNECTED "> FIN,ACK 1 - @- numbers\n"
			   "< FIN,ACK 1 2 @6000 numbers\n"
			   "> ACK 2 2 @6000 inferred\n",
		 CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10), T(6000, FIN_WAIT2, CLOSE, DEAD)),
	SEGMENTS("->CLOSE lost", CONNECTED "> FIN,ACK - - @5000 inferred\n", CONNECTS(0),
		 T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10), DESTROY(9000)),
	SEGMENTS("older than us",
		 "isn peer\n"
		 "< FIN,ACK 1 - @0 numbers\n"
		 "> ACK - 2 @0 numbers\n"
		 "> FIN,ACK - 2 @300000 numbers\n"
		 "< ACK 2 - @300100 numbers\n",
		 T(5000, ESTABLISHED, CLOSE_WAIT), T(305000, CLOSE_WAIT, LAST_ACK, .tgid = 10, .segs_out = 1),
		 T(305100, LAST_ACK, CLOSE, DEAD)),
	SEGMENTS("unknown out of SYN_SENT",
		 "isn local peer\n"
		 "> SYN 0 - @- numbers\n"
		 "< SYN,ACK 0 1 @0 numbers\n"
		 "> ACK 1 1 @0 inferred\n",
		 T(5000, SYN_SENT, ESTABLISHED), T(6000, ESTABLISHED, CLOSE, .tgid = 10), TICK(20000)),
	{.name = "what is open when we stop",
	 .segments = true,
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(100, SYN_RECV, ESTABLISHED, .cookie = 2, .rtt_us = 50),
		   T(200, ESTABLISHED, CLOSE_WAIT, .cookie = 2), T(300, ESTABLISHED, FIN_WAIT1, .cookie = 3, .tgid = 10),
		   SCAN_BEGIN(400, STOP), SCAN(401, FIN_WAIT1, .cookie = 3, .out = 7), SCAN_END(500)},
	 .stop_emits_open = true,
	 .expected = "isn\n"
		     "> SYN 0 - @0 inferred\n"
		     "isn local peer\n"
		     "< SYN 0 - @0 numbers\n"
		     "> SYN,ACK 0 1 @0 numbers\n"
		     "< ACK 1 1 @50 numbers\n"
		     "< FIN,ACK - 1 @150 numbers\n"
		     "> ACK - - @150 inferred\n"},
	{.name = "found by a scan",
	 .segments = true,
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1, FIN_WAIT2, .cookie = 1), SCAN(2, LAST_ACK, .cookie = 2),
		   SCAN(3, CLOSING, .cookie = 3), SCAN(4, SYN_SENT, .cookie = 4), SCAN(5, SYN_RECV, .cookie = 5), SCAN_END(20)},
	 .stop_emits_open = true,
	 .expected = "isn\n"
		     "> FIN,ACK - - @- numbers\n"
		     "isn\n"
		     "< FIN,ACK - - @- inferred\n"
		     "> FIN,ACK - - @- inferred\n"
		     "isn\n"
		     "> FIN,ACK - - @- inferred\n"
		     "< FIN,ACK - - @- inferred\n"
		     "> ACK - - @- inferred\n"
		     "isn\n"
		     "> SYN 0 - @- inferred\n"
		     "isn\n"
		     "< SYN 0 - @- inferred\n"
		     "> SYN,ACK 0 1 @- inferred\n"},
};

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORIES(opens),
		STORIES(closes),
		STORIES(resets),
		STORIES(holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
