// SPDX-License-Identifier: GPL-2.0-only
/* Streams with holes: lost events, scans that fill them, the races between scan and stream, and the table's limit. */
#include "conn_story.h"

static const struct story gaps[] = {
	{.name = "a lost transition is taken over and counted, what was skipped is not invented",
	 .steps = {CONNECTS(0), T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 10), T(6100, LAST_ACK, CLOSE, DEAD)},
	 .expected = "1 client fin peer - SF ShfF | SYN_SENT@0+100/local ESTABLISHED@100/peer LAST_ACK@6000+100/local | "
		     "incomplete gaps=1 handshake=100 a:10/connect\n"},
	{.name = "->ESTABLISHED lost",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(5000, ESTABLISHED, CLOSE_WAIT),
		   T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 10), T(6100, LAST_ACK, CLOSE, DEAD)},
	 .expected = "1 client fin peer three_segment SF ShfF | SYN_SENT@0/local CLOSE_WAIT@5000+1000/peer "
		     "LAST_ACK@6000+100/local | incomplete gaps=1 a:10/connect\n"},
	{.name = "FIN_WAIT1->FIN_WAIT2 lost",
	 .steps = {CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10), T(6000, FIN_WAIT2, CLOSE, DEAD)},
	 .expected = "1 client fin local - SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer FIN_WAIT1@5000/local "
		     "TIME_WAIT@6000/peer/inferred | incomplete gaps=1 handshake=100 a:10/connect\n"},
	{.name = "->CLOSE lost, found at the socket's death",
	 .steps = {CONNECTS(0), DESTROY(9000)},
	 .expected = "1 client unknown - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100/peer | incomplete gaps=1 handshake=100 "
		     "a:10/connect\n"},
	{.name = "->CLOSE lost, found at the next connect()",
	 .steps = {CONNECTS(0), CONNECTS(9000), IS_RESET(9500)},
	 .expected = "1 client unknown - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100/peer | incomplete gaps=1 handshake=100 "
		     "a:10/connect\n"
		     "1.1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+400/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "->CLOSE lost, found when the socket listens",
	 .steps = {CONNECTS(0), T(9000, CLOSE, LISTEN, .tgid = 10)},
	 .expected = "1 client unknown - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100/peer | incomplete gaps=1 handshake=100 "
		     "a:10/connect\n"},
	{.name = "a death that is no news",
	 .steps = {CONNECTS(0), IS_RESET(5000), DESTROY(5001), TICK(20000), DESTROY(20001)},
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "an impossible change of the right state",
	 .steps = {CONNECTS(0), T(500, ESTABLISHED, SYN_SENT), T(600, SYN_SENT, ESTABLISHED), IS_RESET(700)},
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100/peer SYN_SENT@500+100 "
		     "ESTABLISHED@600+100/peer | incomplete gaps=1 handshake=100 a:10/connect\n"},
	{.name = "more states than TCP has",
	 .steps = {CONNECTS(0), T(1000, ESTABLISHED, FIN_WAIT1), T(1001, FIN_WAIT1, CLOSE_WAIT), T(1002, CLOSE_WAIT, FIN_WAIT2),
		   T(1003, FIN_WAIT2, LAST_ACK), T(1004, LAST_ACK, CLOSING), T(1005, CLOSING, ESTABLISHED),
		   T(1006, ESTABLISHED, FIN_WAIT1), T(1007, FIN_WAIT1, FIN_WAIT2),
		   T(1008, FIN_WAIT2, CLOSE, .err = ECONNRESET)},
	 .expected = "1 client rst_received peer half_close RSTR ShfFr | SYN_SENT@0+100/local ESTABLISHED@100+900/peer "
		     "FIN_WAIT1@1000/local CLOSE_WAIT@1001 FIN_WAIT2@1002 LAST_ACK@1003 | incomplete gaps=5 handshake=100 "
		     "a:10/connect\n"},
	{.name = "the same event twice",
	 .steps = {CONNECTS(0), T(100, SYN_SENT, ESTABLISHED), IS_RESET(700)},
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100/peer | incomplete gaps=1 "
		     "handshake=100 a:10/connect\n"},
	{.name = "a change that is none, and a listener's child without identity",
	 .steps = {T(0, LISTEN, SYN_RECV), T(1, CLOSE, CLOSE), T(2, LISTEN, LISTEN)},
	 .expected = ""},
	{.name = "older than us, before any scan is done: no loss",
	 .steps = {T(5000, ESTABLISHED, CLOSE_WAIT), T(305000, CLOSE_WAIT, LAST_ACK, .tgid = 10, .segs_out = 1),
		   T(305100, LAST_ACK, CLOSE, DEAD)},
	 .expected = "1 - fin peer four_way OTH - | ESTABLISHED@0/inferred CLOSE_WAIT@0+300000/peer LAST_ACK@300000+100/local "
		     "| incomplete older a:10/close\n"},
	{.name = "unknown in mid-life after the startup scan: its begin was lost",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN_END(10), IS_RESET(5000)},
	 .expected = "snapshot 1 sockets=0 took=10\n"
		     "1 - rst_received peer - OTH - | ESTABLISHED@0/inferred | incomplete older gaps=1\n"},
	{.name = "unknown out of SYN_SENT: a client all the same",
	 .steps = {T(5000, SYN_SENT, ESTABLISHED), IS_RESET(6000, .in = 4)},
	 .expected = "1 client rst_received peer - RSTR Shdr | SYN_SENT@0/inferred ESTABLISHED@0+1000/peer | incomplete older "
		     "acked=0 received=4\n"},
	{.name = "older than us, out of SYN_RECV: the kernel counted the SYN of a simultaneous opener",
	 .steps = {T(5000, SYN_RECV, ESTABLISHED, .opener = true, .held = true), IS_RESET(6000)},
	 .expected = "1 simultaneous rst_received peer - RSTR Ssr | SYN_RECV@0/inferred ESTABLISHED@0+1000/peer | incomplete "
		     "older\n"},
	{.name = "older than us, out of SYN_RECV: nothing counted shows an opener, an older version's event neither",
	 .steps = {T(5000, SYN_RECV, ESTABLISHED, .opener = true, .held = true, .no_proof = true),
		   T(5000, SYN_RECV, ESTABLISHED, .cookie = 2, .opener = true, .held = true, .data_out = 1, .out = 9),
		   T(5000, SYN_RECV, CLOSE, .cookie = 3, .held = true, .err = ETIMEDOUT), IS_RESET(6000),
		   IS_RESET(6000, .cookie = 2, .out = 9)},
	 .expected = "3 - timeout - - OTH - | SYN_RECV@0/inferred | incomplete older\n"
		     "1 - rst_received peer - OTH - | SYN_RECV@0/inferred ESTABLISHED@0+1000/peer | incomplete older acked=1 "
		     "received=0\n"
		     "2 - rst_received peer - OTH - | SYN_RECV@0/inferred ESTABLISHED@0+1000/peer | incomplete older acked=10 "
		     "received=0\n"},
	{.name = "a simultaneous opener that a scan met: in SYN_RECV, or already behind its event",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1, SYN_RECV, .opener = true, .held = true),
		   SCAN(2, ESTABLISHED, .cookie = 2, .opener = true, .still = true),
		   T(3, SYN_RECV, ESTABLISHED, .cookie = 2, .opener = true, .held = true), SCAN_END(10),
		   T(5000, SYN_RECV, ESTABLISHED, .opener = true, .held = true), IS_RESET(6000), IS_RESET(6000, .cookie = 2)},
	 .expected = "snapshot 1 sockets=2 took=10 ESTABLISHED=1 SYN_RECV=1\n"
		     "1 simultaneous rst_received peer - RSTR Ssr | SYN_RECV@0/scan ESTABLISHED@4999+1000/peer | "
		     "incomplete older\n"
		     "2 simultaneous rst_received peer - RSTR Ssr | ESTABLISHED@0+5997/peer | incomplete older\n"},
	{.name = "the event of the SYN that crossed ours was lost",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), T(200, SYN_RECV, ESTABLISHED, .held = true), IS_RESET(6000)},
	 .expected = "1 simultaneous rst_received peer - RSTR Ssr | SYN_SENT@0/local ESTABLISHED@200+5800/peer | incomplete "
		     "gaps=1 a:10/connect\n"},
	{.name = "a Fast Open child that may be older than us: its start is known if the answer to its SYN was measured",
	 .steps = {T(5000, SYN_RECV, ESTABLISHED, .id_flags = WIRE_ID_FASTOPEN),
		   T(5000, SYN_RECV, ESTABLISHED, .cookie = 2, .id_flags = WIRE_ID_FASTOPEN, .rtt_us = 150),
		   T(5000, SYN_RECV, ESTABLISHED, .cookie = 3, .held = true), IS_RESET(6000), IS_RESET(6000, .cookie = 2),
		   IS_RESET(6000, .cookie = 3)},
	 .expected = "1 server rst_received peer - RSTO ShAR | SYN_RECV@0/peer/inferred ESTABLISHED@0+1000/peer | incomplete "
		     "older\n"
		     "2 server rst_received peer - RSTO ShAR | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+1000/peer | "
		     "handshake=150\n"
		     "3 server rst_received peer - RSTO ShAR | SYN_RECV@0/peer/inferred ESTABLISHED@0+1000/peer | incomplete "
		     "older\n"},
};

static const struct story losses[] = {
	{.name = "a loss taints who lives and who is born before it is over",
	 .steps = {CONNECTS(0), LOST(1000, RING, 5, .until_us = 3000), T(2000, CLOSE, SYN_SENT, .cookie = 2, .tgid = 10),
		   T(4000, CLOSE, SYN_SENT, .cookie = 3, .tgid = 10), LOST(4500, HOOK, 1), IS_RESET(5000),
		   T(5000, SYN_SENT, CLOSE, .cookie = 2, .err = ECONNREFUSED),
		   T(5000, SYN_SENT, CLOSE, .cookie = 3, .err = ECONNREFUSED)},
	 .expected = "lost ring 5 of 5 from 1000 touching 1\n"
		     "lost hook 1 of 1 from 4500 touching 3\n"
		     "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | incomplete "
		     "gaps=2 handshake=100 a:10/connect\n"
		     "2 client refused peer - REJ r | SYN_SENT@0+3000/local | incomplete gaps=2 a:10/connect\n"
		     "3 client refused peer - REJ r | SYN_SENT@0+1000/local | incomplete gaps=1 a:10/connect\n"},
	{.name = "two losses are two gaps",
	 .steps = {CONNECTS(0), LOST(1000, RING, 5), LOST(2000, RING, 7), IS_RESET(5000)},
	 .expected = "lost ring 5 of 5 from 1000 touching 1\n"
		     "lost ring 7 of 12 from 2000 touching 1\n"
		     "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | incomplete "
		     "gaps=2 handshake=100 a:10/connect\n"},
	{.name = "what the output lost taints nobody",
	 .steps = {CONNECTS(0), LOST(1000, QUEUE, 5), LOST(2000, WRITE, 7), IS_RESET(5000)},
	 .expected = "lost queue 5 of 5 from 1000 touching 0\n"
		     "lost write 7 of 7 from 2000 touching 0\n"
		     "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "beyond the limit newcomers are refused, and counted in one record at the next tick",
	 .config = {.max_connections = 1},
	 .steps = {CONNECTS(0), T(200, CLOSE, SYN_SENT, .cookie = 2, .tgid = 10), T(300, SYN_SENT, ESTABLISHED, .cookie = 2),
		   TICK(1000), TICK(2000), IS_RESET(5000), TICK(20000), IS_RESET(30000, .cookie = 2)},
	 .expected = "lost table 2 of 2 from 200 touching 0\n"
		     "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer | handshake=100 "
		     "a:10/connect\n"
		     "2 - rst_received peer - OTH - | ESTABLISHED@0/inferred | incomplete older gaps=1 acked=1 received=0\n"},
};

static const struct story scans[] = {
	{.name = "found at the start, then seen to its end",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(10, ESTABLISHED, .tgid = 30), SCAN(11, ESTABLISHED, .tgid = 31),
		   SCAN(12, ESTABLISHED), SCAN_END(50), T(5000, ESTABLISHED, CLOSE_WAIT),
		   T(6000, CLOSE_WAIT, LAST_ACK, .tgid = 31, .comm = "b"), T(6100, LAST_ACK, CLOSE, DEAD, .in = 10)},
	 .expected = "snapshot 1 sockets=1 took=50 ESTABLISHED=1\n"
		     "1 - fin peer three_segment OTH - | ESTABLISHED@0/scan CLOSE_WAIT@4990+1000/peer LAST_ACK@5990+100/local "
		     "| incomplete older b:31/close acked=0 received=10\n"},
	{.name = "what a state proves: who closed first",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1, FIN_WAIT2, .cookie = 1), SCAN(2, LAST_ACK, .cookie = 2),
		   SCAN(3, CLOSING, .cookie = 3), SCAN(4, SYN_SENT, .cookie = 4), SCAN(5, SYN_RECV, .cookie = 5),
		   SCAN(6, TIME_WAIT, .cookie = 6), SCAN(7, NEW_SYN_RECV, .cookie = 7), SCAN(8, LISTEN, .cookie = 8),
		   SCAN(9, LISTEN, .cookie = 8), SCAN(9, CLOSE, .cookie = 9), SCAN_END(20)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=8 took=20 SYN_SENT=1 SYN_RECV=1 FIN_WAIT2=1 TIME_WAIT=1 LAST_ACK=1 LISTEN=1 CLOSING=1 "
		     "NEW_SYN_RECV=1\n"
		     "progress 1 - daemon_stop local - OTH - | FIN_WAIT2@0/scan | incomplete older\n"
		     "progress 2 - daemon_stop peer - OTH - | LAST_ACK@0/scan | incomplete older\n"
		     "progress 3 - daemon_stop both - OTH - | CLOSING@0/scan | incomplete older\n"
		     "progress 4 client daemon_stop - - S0 - | SYN_SENT@0/scan | incomplete older\n"
		     "progress 5 server daemon_stop - - OTH Sh | SYN_RECV@0/scan | incomplete older\n"},
	{.name = "a scan behind the stream is only old",
	 .steps = {SCAN_BEGIN(0, RESYNC), CONNECTS(10), T(200, ESTABLISHED, CLOSE_WAIT), SCAN(201, ESTABLISHED), SCAN_END(300)},
	 .stop_emits_open = true,
	 .expected = "snapshot 2 sockets=1 took=300 CLOSE_WAIT=1\n"
		     "progress 1 client daemon_stop peer - S3 Shf | SYN_SENT@0+100/local ESTABLISHED@100+90/peer "
		     "CLOSE_WAIT@190+100/peer | handshake=100 a:10/connect\n"},
	{.name = "a scan ahead of the stream: events were lost",
	 .steps = {CONNECTS(0), SCAN_BEGIN(900, RESYNC), SCAN(1000, CLOSE_WAIT), SCAN_END(1100), TICK(2000)},
	 .stop_emits_open = true,
	 .expected = "snapshot 2 sockets=1 took=200 CLOSE_WAIT=1\n"
		     "progress 1 client daemon_stop peer - S3 Shf | SYN_SENT@0+100/local ESTABLISHED@100/peer "
		     "CLOSE_WAIT@1000/scan | incomplete gaps=1 handshake=100 a:10/connect\n"},
	{.name = "a scan ahead by a moment: the event comes after all, nothing was lost",
	 .steps = {CONNECTS(0), SCAN_BEGIN(900, RESYNC), SCAN(1000, CLOSE_WAIT), T(1001, ESTABLISHED, CLOSE_WAIT),
		   SCAN_END(1100), T(2000, CLOSE_WAIT, CLOSE, .err = EPIPE)},
	 .expected = "snapshot 2 sockets=1 took=200 CLOSE_WAIT=1\n"
		     "1 client rst_received peer - RSTR Shfr | SYN_SENT@0+100/local ESTABLISHED@100+901/peer "
		     "CLOSE_WAIT@1001+999/peer | handshake=100 a:10/connect\n"},
	{.name = "found a moment before its first event: a client",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(10, SYN_SENT, .tgid = 10), T(11, CLOSE, SYN_SENT, .tgid = 10), SCAN_END(20),
		   T(111, SYN_SENT, ESTABLISHED), IS_RESET(5000)},
	 .expected = "snapshot 1 sockets=1 took=20 SYN_SENT=1\n"
		     "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4889/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "found a moment before its first event: a server",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1000, ESTABLISHED, .tgid = 10), T(1001, SYN_RECV, ESTABLISHED, .rtt_us = 150),
		   SCAN_END(1020), IS_RESET(5000)},
	 .expected = "snapshot 1 sockets=1 took=1020 ESTABLISHED=1\n"
		     "1 server rst_received peer - RSTO ShAR | SYN_RECV@0+150/peer/inferred ESTABLISHED@150+3999/peer | "
		     "handshake=150 a:10/scan\n"},
	{.name = "found a moment before a change: when it entered its state is known",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1000, CLOSE_WAIT), T(1001, ESTABLISHED, CLOSE_WAIT), SCAN_END(1020),
		   T(5000, CLOSE_WAIT, CLOSE, .err = EPIPE)},
	 .expected = "snapshot 1 sockets=1 took=1020 CLOSE_WAIT=1\n"
		     "1 - rst_received peer - OTH - | CLOSE_WAIT@0+3999/peer | incomplete older\n"},
	{.name = "found in LAST_ACK, the events before it come late",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1000, LAST_ACK), T(1000, ESTABLISHED, CLOSE_WAIT),
		   T(1001, CLOSE_WAIT, LAST_ACK), SCAN_END(1020), T(5000, LAST_ACK, CLOSE, DEAD)},
	 .expected = "snapshot 1 sockets=1 took=1020 LAST_ACK=1\n"
		     "1 - fin peer - OTH - | LAST_ACK@0+3999/local | incomplete older\n"},
	{.name = "a resync that does not meet a connection: it is gone",
	 .steps = {CONNECTS(0), T(50, CLOSE, SYN_SENT, .cookie = 2, .tgid = 10), SCAN_BEGIN(1000, RESYNC),
		   SCAN(1010, SYN_SENT, .cookie = 2), T(1020, CLOSE, SYN_SENT, .cookie = 3, .tgid = 10), SCAN_END(2000)},
	 .stop_emits_open = true,
	 .expected = "1 client unknown - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100/peer | incomplete gaps=1 handshake=100 "
		     "a:10/connect\n"
		     "snapshot 2 sockets=1 took=1000 SYN_SENT=1\n"
		     "progress 2 client daemon_stop - - S0 - | SYN_SENT@0+1950/local | a:10/connect\n"
		     "progress 3 client daemon_stop - - S0 - | SYN_SENT@0+980/local | a:10/connect\n"},
	{.name = "a resync that meets only the minisocket: the rest of its life was lost",
	 .steps = {CONNECTS(0), SCAN_BEGIN(1000, RESYNC), SCAN(1010, TIME_WAIT), SCAN_END(2000)},
	 .expected = "1 client unknown - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100/peer | incomplete gaps=1 handshake=100 "
		     "a:10/connect\n"
		     "snapshot 2 sockets=1 took=1000 TIME_WAIT=1\n"},
	{.name = "a resync spares what an event shows alive, and what waits for its record",
	 .steps = {CONNECTS(0), T(50, SYN_RECV, ESTABLISHED, .cookie = 2), T(999, ESTABLISHED, CLOSE, .cookie = 2, .tgid = 20),
		   SCAN_BEGIN(1000, RESYNC), T(1500, ESTABLISHED, CLOSE_WAIT), RESET(1600, CLOSE, SENT, .cookie = 2),
		   SCAN_END(2000)},
	 .stop_emits_open = true,
	 .expected =
		 "2 server rst_sent local - RSTR ShAr | SYN_RECV@0/peer/inferred ESTABLISHED@0+949/peer | a:20/close rst=1,0\n"
		 "snapshot 2 sockets=0 took=1000\n"
		 "progress 1 client daemon_stop peer - S3 Shf | SYN_SENT@0+100/local ESTABLISHED@100+1400/peer "
		 "CLOSE_WAIT@1500+500/peer | handshake=100 a:10/connect\n"},
	{.name = "new to a later scan: its begin was lost",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN_END(1), SCAN_BEGIN(1000, RESYNC), SCAN(1001, ESTABLISHED, .cookie = 1),
		   SCAN(1002, SYN_SENT, .cookie = 2), T(1003, CLOSE, SYN_SENT, .cookie = 2, .tgid = 10),
		   SCAN(1004, ESTABLISHED, .cookie = 3), T(1005, SYN_RECV, ESTABLISHED, .cookie = 3, .rtt_us = 50),
		   SCAN_END(2000)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=0 took=1\n"
		     "snapshot 2 sockets=3 took=1000 ESTABLISHED=2 SYN_SENT=1\n"
		     "progress 1 - daemon_stop - - OTH - | ESTABLISHED@0/scan | incomplete older gaps=1\n"
		     "progress 2 client daemon_stop - - S0 - | SYN_SENT@0+997/local | a:10/connect\n"
		     "progress 3 server daemon_stop - - S1 ShA | SYN_RECV@0+50/peer/inferred ESTABLISHED@50+995/peer | "
		     "handshake=50\n"},
	{.name = "who opened what is older than us: the opener's acknowledged bytes are one more",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1, ESTABLISHED, .still = true, .opener = true, .out = 700, .in = 300),
		   SCAN(2, ESTABLISHED, .cookie = 2, .still = true, .out = 300, .in = 700),
		   SCAN(3, ESTABLISHED, .cookie = 3, .opener = true, .out = 5), SCAN_END(10),
		   IS_RESET(1000, .out = 700, .in = 300), IS_RESET(1001, .cookie = 2, .out = 300, .in = 700),
		   IS_RESET(1002, .cookie = 3)},
	 .expected = "snapshot 1 sockets=3 took=10 ESTABLISHED=3\n"
		     "1 client rst_received peer - RSTR ShDdr | ESTABLISHED@0/scan | incomplete older acked=700 received=300\n"
		     "2 server rst_received peer - RSTO ShDdR | ESTABLISHED@0/scan | incomplete older acked=300 received=700\n"
		     "3 - rst_received peer - OTH - | ESTABLISHED@0/scan | incomplete older\n"},
	{.name = "who opened what TCP_REPAIR restored: its mark shows it, or that it has had no segment yet",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1, ESTABLISHED, .still = true, .out = 1, .flags = WIRE_SK_RESTORED),
		   SCAN(2, ESTABLISHED, .cookie = 2, .still = true, .segs_in = UINT32_MAX), SCAN_END(10),
		   IS_RESET(1000, .out = 1), IS_RESET(1001, .cookie = 2)},
	 .expected = "snapshot 1 sockets=2 took=10 ESTABLISHED=2\n"
		     "1 - rst_received peer - OTH - | ESTABLISHED@0/scan | incomplete older acked=1 received=0\n"
		     "2 - rst_received peer - OTH - | ESTABLISHED@0/scan | incomplete older\n"},
	{.name = "what TCP_REPAIR restores stays without a role as later scans meet it",
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10, .flags = WIRE_SK_REPAIR),
		   T(10, SYN_SENT, ESTABLISHED, .flags = WIRE_SK_REPAIR), SCAN_BEGIN(20, STARTUP),
		   SCAN(21, ESTABLISHED, .still = true), SCAN_END(30), IS_RESET(1000)},
	 .expected = "snapshot 1 sockets=1 took=10 ESTABLISHED=1\n"
		     "1 - rst_received peer - OTH - | SYN_SENT@0+10/local ESTABLISHED@10+990/local | incomplete older "
		     "a:10/connect\n"},
	{.name = "other scans miss nobody",
	 .steps = {CONNECTS(0), SCAN_BEGIN(1000, PROGRESS), SCAN_END(2000)},
	 .stop_emits_open = true,
	 .expected = "progress 1 client daemon_stop - - S1 Sh | SYN_SENT@0+100/local ESTABLISHED@100+1900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "the shadow of a socket that died during the scan",
	 .steps = {SCAN_BEGIN(0, STARTUP), IS_RESET(10), TICK(20000), SCAN(20001, ESTABLISHED), DESTROY(20002),
		   SCAN_END(20003)},
	 .stop_emits_open = true,
	 .expected = "1 - rst_received peer - OTH - | ESTABLISHED@0/inferred | incomplete older\n"
		     "snapshot 1 sockets=0 took=20003\n"},
	{.name = "the shadow of a socket that closed before us, and died during the first scan",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN(1, ESTABLISHED), DESTROY(2), SCAN_END(3)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=1 took=3 ESTABLISHED=1\n"},
	{.name = "the shadow of a socket whose death is lost, or comes after the scan: it ends once",
	 .steps = {CONNECTS(0), SCAN_BEGIN(5000, RESYNC), T(5001, ESTABLISHED, CLOSE_WAIT), T(5002, CLOSE_WAIT, LAST_ACK),
		   T(5100, LAST_ACK, CLOSE, DEAD), SCAN(5101, LAST_ACK), SCAN_END(5200), DESTROY(5300),
		   SCAN_BEGIN(9000, RESYNC), SCAN_END(9100)},
	 .stop_emits_open = true,
	 .expected = "1 client fin peer three_segment SF ShfF | SYN_SENT@0+100/local ESTABLISHED@100+4901/peer "
		     "CLOSE_WAIT@5001+1/peer LAST_ACK@5002+98/local | handshake=100 a:10/connect\n"
		     "snapshot 2 sockets=0 took=200\n"
		     "snapshot 2 sockets=0 took=100\n"},
	{.name = "the shadow of a socket that stays open after its reset, and connects again",
	 .steps = {CONNECTS(0), SCAN_BEGIN(5000, RESYNC), IS_RESET(5001), SCAN(5002, ESTABLISHED), SCAN_END(5200),
		   CONNECTS(6000), SCAN_BEGIN(9000, RESYNC), SCAN(9001, ESTABLISHED), SCAN_END(9100), IS_RESET(9500)},
	 .stop_emits_open = true,
	 .expected = "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4901/peer | handshake=100 "
		     "a:10/connect\n"
		     "snapshot 2 sockets=0 took=200\n"
		     "snapshot 2 sockets=1 took=100 ESTABLISHED=1\n"
		     "1.1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+3400/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "found long after a close: another life, whose begin was lost",
	 .steps = {SCAN_BEGIN(0, STARTUP), SCAN_END(1), CONNECTS(10), IS_RESET(5001), SCAN_BEGIN(3000000, RESYNC),
		   SCAN(3000001, ESTABLISHED), SCAN_END(3000100)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=0 took=1\n"
		     "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4891/peer | handshake=100 "
		     "a:10/connect\n"
		     "snapshot 2 sockets=1 took=100 ESTABLISHED=1\n"
		     "progress 1.1 - daemon_stop - - OTH - | ESTABLISHED@0/scan | incomplete older gaps=1\n"},
	{.name = "the shadow of a listener, and one that listens again",
	 .steps = {T(0, CLOSE, LISTEN), T(1, CLOSE, LISTEN, .cookie = 2), SCAN_BEGIN(10, STARTUP), T(11, LISTEN, CLOSE),
		   SCAN(12, LISTEN), T(13, LISTEN, CLOSE, .cookie = 2), T(14, CLOSE, LISTEN, .cookie = 2),
		   SCAN(15, LISTEN, .cookie = 2), SCAN_END(20), SCAN_BEGIN(30, RESYNC), SCAN(31, LISTEN),
		   SCAN(32, LISTEN, .cookie = 2), SCAN_END(40)},
	 .expected = "snapshot 1 sockets=0 took=10\n"
		     "snapshot 2 sockets=1 took=10 LISTEN=1\n"},
	{.name = "the shadow of a minisocket that has just ended",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(1), CLOSES, MINI(5190, STARTED, TIME_WAIT, 60000000),
		   T(5200, FIN_WAIT2, CLOSE, DEAD), SCAN_BEGIN(9000, RESYNC),
		   MINI(9010, ENDED, TIME_WAIT, 59000000, .cause = WIRE_CAUSE_KILLED), MINI(9011, FOUND, TIME_WAIT, 59000000),
		   SCAN_END(9100)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=0 took=1\n"
		     "1 client fin local three_segment SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+100/peer TIME_WAIT@5200+3810/peer | handshake=100 a:10/connect "
		     "tw=3810,killed\n"
		     "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"},
	{.name = "the ->CLOSE is lost, the minisocket's begin and end are not: it ends once",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(1), CLOSES, MINI(5190, STARTED, TIME_WAIT, 60000000),
		   LOST(5195, RING, 1), DESTROY(5201), SCAN_BEGIN(9000000, RESYNC), MINI(9000010, FOUND, TIME_WAIT, 51000000),
		   SCAN_END(9000100), MINI(60005190, ENDED, TIME_WAIT, 0, .cause = WIRE_CAUSE_EXPIRED)},
	 .stop_emits_open = true,
	 .expected =
		 "snapshot 1 sockets=0 took=1\n"
		 "lost ring 1 of 1 from 5195 touching 1\n"
		 "1 client unknown local - S2 ShF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer FIN_WAIT1@5000+100/local "
		 "FIN_WAIT2@5100/peer | incomplete gaps=2 handshake=100 a:10/connect\n"
		 "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"},
	{.name = "the ->CLOSE and the minisocket's begin are lost: a resync meets the minisocket, which is no other connection",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(1), CLOSES, LOST(5195, RING, 2), DESTROY(5201),
		   SCAN_BEGIN(9000000, RESYNC), MINI(9000010, FOUND, TIME_WAIT, 51000000), SCAN_END(9000100),
		   SCAN_BEGIN(19000000, RESYNC), MINI(19000010, FOUND, TIME_WAIT, 41000000), SCAN_END(19000100)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=0 took=1\n"
		     "lost ring 2 of 2 from 5195 touching 1\n"
		     "1 client unknown local - S2 ShF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100/peer | incomplete gaps=2 handshake=100 a:10/connect\n"
		     "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"
		     "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"},
	{.name = "its death is lost, too: the first resync ends it, the second meets its minisocket",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(1), CLOSES, LOST(5195, RING, 3), SCAN_BEGIN(9000000, RESYNC),
		   MINI(9000010, FOUND, TIME_WAIT, 51000000), SCAN_END(9000100), SCAN_BEGIN(19000000, RESYNC),
		   MINI(19000010, FOUND, TIME_WAIT, 41000000), SCAN_END(19000100)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=0 took=1\n"
		     "lost ring 3 of 3 from 5195 touching 1\n"
		     "1 client unknown local - S2 ShF | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100/peer | incomplete gaps=2 handshake=100 a:10/connect\n"
		     "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"
		     "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"},
	{.name = "the minisocket's begin is lost, and the ->CLOSE is not",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(1), CLOSES, LOST(5190, RING, 1),
		   T(5200, FIN_WAIT2, CLOSE, DEAD), SCAN_BEGIN(9000000, RESYNC), MINI(9000010, FOUND, TIME_WAIT, 51000000),
		   SCAN_END(9000100)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=0 took=1\n"
		     "lost ring 1 of 1 from 5190 touching 1\n"
		     "1 client fin local three_segment SF ShFf | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer "
		     "FIN_WAIT1@5000+100/local FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer/inferred | incomplete gaps=1 "
		     "handshake=100 a:10/connect\n"
		     "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"},
	{.name = "all of a life is lost but its minisocket",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(1), LOST(5190, RING, 9), SCAN_BEGIN(9000000, RESYNC),
		   MINI(9000010, FOUND, TIME_WAIT, 51000000), SCAN_END(9000100)},
	 .stop_emits_open = true,
	 .expected = "snapshot 1 sockets=0 took=1\n"
		     "lost ring 9 of 9 from 5190 touching 0\n"
		     "snapshot 2 sockets=1 took=100 TIME_WAIT=1\n"
		     "1 - fin - - OTH - | TIME_WAIT@0/scan | incomplete older gaps=2 tw=-,restarts=-,-/scan\n"},
	{.name = "a resync that fails shows the end of nothing",
	 .steps = {CONNECTS(0), SCAN_BEGIN(5000, RESYNC), SCAN_FAILED(5200), IS_RESET(6000)},
	 .stop_emits_open = true,
	 .expected = "snapshot 2 sockets=0 took=200\n"
		     "1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+5900/peer | handshake=100 "
		     "a:10/connect\n"},
	{.name = "a scan meets what is closed and held",
	 .steps = {CONNECTS(0), SCAN_BEGIN(1000, RESYNC), T(1005, ESTABLISHED, CLOSE, .tgid = 10), SCAN(1006, ESTABLISHED),
		   SCAN_END(1100), RESET(1200, CLOSE, SENT)},
	 .expected = "snapshot 2 sockets=0 took=100\n"
		     "1 client rst_sent local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+905/peer | handshake=100 "
		     "a:10/connect rst=1,0\n"},
	{.name = "an end without a begin is no scan",
	 .steps = {SCAN_END(10), IS_RESET(5000)},
	 .expected = "1 - rst_received peer - OTH - | ESTABLISHED@0/inferred | incomplete older\n"},
};

/* Cookies that follow each other, reuse of slots, growth of the index, removal in any order. */
static void test_many(void **state)
{
	enum { MANY = 20000 };
	const struct conn_config config = {.max_connections = MANY};
	struct conn_table_stats stats;
	struct conn_table *t;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, emit_nothing, NULL), 0);
	for (unsigned int round = 0; round < 3; round++) {
		for (uint64_t i = 1; i <= MANY + 5; i++) {
			struct step s = T(i, CLOSE, SYN_SENT, .cookie = round * 1000000ULL + i);

			story_feed(t, &s);
		}
		conn_table_stats(t, &stats);
		assert_int_equal(stats.tracked, MANY);
		assert_int_equal(stats.lost[WIRE_LOST_TABLE], 5 * (round + 1));
		assert_true(stats.memory_bytes < MANY * 256ULL + 2400000);
		for (uint64_t i = 0; i < MANY; i++) { /* 7919 is prime: every one once */
			uint64_t id = i * 7919 % MANY + 1;
			struct step s = DESTROY(MANY + i, .cookie = round * 1000000ULL + id);

			story_feed(t, &s);
			conn_table_stats(t, &stats);
			assert_int_equal(stats.tracked, MANY - i - 1);
		}
	}
	conn_table_free(t);
}

struct judged {
	uint64_t whole, cut, told;
};

static void count_judged(void *ctx, const struct record *rec)
{
	struct judged *to = ctx;

	if (rec->kind == RECORD_LOST)
		to->told += rec->lost->count;
	else if (rec->conn->complete)
		to->whole++;
	else
		to->cut++;
}

/* Clean closes are emitted at once, so the queue of held ones stays small. If it is full, the oldest go, counted. */
static void test_hold_overflow(void **state)
{
	const uint64_t count = 70000, room = 65536;
	const struct conn_config config = {.max_connections = 100000, .wanted = 1u << RECORD_CONNECTION | 1u << RECORD_LOST};
	struct judged judged = {0};
	struct conn_table_stats stats;
	struct conn_table *t;

	(void)state;
	story_forget();
	assert_int_equal(conn_table_new(&t, &config, count_judged, &judged), 0);
	for (uint64_t i = 1; i <= count; i++) {
		struct step begin = T(1, SYN_RECV, ESTABLISHED, .cookie = i, .rtt_us = 1),
			    end = T(2, ESTABLISHED, CLOSE, .cookie = i);

		story_feed(t, &begin);
		story_feed(t, &end);
	}
	conn_table_stats(t, &stats);
	assert_int_equal(stats.tracked, room);
	assert_int_equal(judged.cut, count - room);
	assert_int_equal(stats.lost[WIRE_LOST_TABLE], judged.cut);
	story_feed(t, &(struct step)TICK(2 + 100000));
	conn_table_stats(t, &stats);
	assert_int_equal(stats.tracked, 0);
	assert_in_range(stats.generations_forgotten, count - room, count - 1); /* their sockets are still open */
	assert_int_equal(judged.whole, room);
	assert_int_equal(judged.told, judged.cut);
	conn_table_free(t);
}

/* The same life for many sockets, one after the other. */
static void feed_lives(struct conn_table *t, const struct step *life, size_t steps, uint64_t sockets)
{
	for (uint64_t i = 1; i <= sockets; i++) {
		for (size_t n = 0; n < steps; n++) {
			struct step s = life[n];

			s.cookie = i;
			story_feed(t, &s);
		}
	}
}

/* A minisocket's timer is stopped, and nothing says yet what follows: any number of them wait, and none is believed to be dead.
 */
static void test_many_stopped(void **state)
{
	enum { MANY = 6000 };
	static const struct step life[] = {TIER(TIMER), CLOSES, MINI(5190, STARTED, TIME_WAIT, 60000000),
					   T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1),
					   MINI(6000, STOPPED, TIME_WAIT, 59999190)};
	const struct conn_config config = {.max_connections = MANY, .wanted = 1u << RECORD_CONNECTION};
	struct judged judged = {0};
	struct conn_table_stats stats;
	struct conn_table *t;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, count_judged, &judged), 0);
	feed_lives(t, life, sizeof(life) / sizeof(life[0]), MANY);
	story_feed(t, &(struct step)TICK(1000000));
	conn_table_stats(t, &stats);
	assert_int_equal(stats.tracked, MANY);
	assert_int_equal(judged.whole + judged.cut, 0);
	conn_table_free(t);
}

/* The same in FIN_WAIT2, where records wait for the peer's FIN: those that give way are counted. */
static void test_fins_overflow(void **state)
{
	enum { MANY = 70000, ROOM = 65536 };
	static const struct step life[] = {TIER(FENTRY), CLOSES, MINI(5101, STARTED, FIN_WAIT2, 60000000),
					   T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true)};
	const struct conn_config config = {
		.max_connections = MANY, .time_wait = CONN_TW_SPLIT, .wanted = 1u << RECORD_CONNECTION | 1u << RECORD_LOST};
	struct judged judged = {0};
	struct conn_table *t;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, count_judged, &judged), 0);
	feed_lives(t, life, sizeof(life) / sizeof(life[0]), MANY);
	assert_int_equal(judged.cut, MANY - ROOM);
	story_feed(t, &(struct step)TICK(1000000));
	assert_int_equal(judged.told, MANY - ROOM);
	conn_table_free(t);
}

static void test_bad_config(void **state)
{
	struct conn_config config = {.max_connections = 0};
	struct conn_table *t = NULL;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, emit_nothing, NULL), -EINVAL);
	config.max_connections = UINT32_MAX;
	assert_int_equal(conn_table_new(&t, &config, emit_nothing, NULL), -EINVAL);
	assert_null(t);
	conn_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORIES(gaps),
		STORIES(losses),
		STORIES(scans),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_hold_overflow),
		cmocka_unit_test(test_many_stopped),
		cmocka_unit_test(test_fins_overflow),
		cmocka_unit_test(test_bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
