// SPDX-License-Identifier: GPL-2.0-only
/* TIME_WAIT and FIN_WAIT2 without a socket, as each tier shows them, in each mode. */
#include "conn_story.h"

#define S 1000000LL

/* The peer's FIN comes at once: TIME_WAIT from 5190 on. */
#define TIME_WAITS CLOSES, MINI(5190, STARTED, TIME_WAIT, 60 * S), T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)
/* The peer's FIN is still to come: a minisocket in FIN_WAIT2. */
#define FIN_WAITS CLOSES, MINI(5101, STARTED, FIN_WAIT2, 60 * S), T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true)

/* Of a socket that is shut down and stays open. */
#define LIFE_OF_OPEN_SOCKET(us_, ...)                                                                                          \
	T(us_, CLOSE, SYN_SENT, .tgid = 10), T((us_) + 100, SYN_SENT, ESTABLISHED),                                            \
		T((us_) + 5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 2, ##__VA_ARGS__),                                 \
		T((us_) + 5100, FIN_WAIT1, FIN_WAIT2, ##__VA_ARGS__),                                                          \
		MINI((us_) + 5190, STARTED, TIME_WAIT, 60 * S, ##__VA_ARGS__),                                                 \
		T((us_) + 5200, FIN_WAIT2, CLOSE, .segs_in = 1, ##__VA_ARGS__)

/* The same where nothing shows it, long enough ago that no reset follows. */
#define FIN_WAITS_UNSEEN CLOSES, T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true), TICK(S)

#define OPENED "SYN_SENT@0+100/local ESTABLISHED@100+4900/peer FIN_WAIT1@5000+100/local "
#define WHO " | handshake=100 a:10/connect"

static const struct story events[] = {
	{.name = "expired",
	 .steps = {TIER(FENTRY), TIME_WAITS, MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60994800/peer" WHO
		     " tw=60994800,expired\n"},
	{.name = "no progress in TIME_WAIT",
	 .config = {.wanted = 1u << RECORD_CONNECTION | 1u << RECORD_PROGRESS, .progress_ns = 2000000000},
	 .steps = {TIER(FENTRY), TIME_WAITS, TICK(S), TICK(2 * S + 5000), TICK(5 * S),
		   MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60994800/peer" WHO
		     " tw=60994800,expired\n"},
	{.name = "a FIN that arrives at the minisocket, shown by a hook",
	 .steps = {TIER(FENTRY), FIN_WAITS, MINI(3 * S, STARTED, TIME_WAIT, 60 * S),
		   MINI(64 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected =
		 "1 client fin local four_way SF ShFf | " OPENED
		 "FIN_WAIT2@5100+2994900/peer TIME_WAIT@3000000+61000000/peer" WHO " tw=61000000,fin_wait2=2994890,expired\n"},
	{.name = "a FIN whose timer was set silently: when it is due shows when the FIN arrived, or its repeat",
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(61 * S, STOPPED, TIME_WAIT, -900000),
		   MINI(61 * S + 5, ENDED, TIME_WAIT, -900005, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+94900/peer TIME_WAIT@100000+60900005/peer/inferred" WHO
		     " tw=60900005,fin_wait2=94890,restarts=-,expired/inferred\n"},
	{.name = "a FIN that moves the timer of FIN_WAIT2, which is 60 s long: it may be a repeat of one that came at once",
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(3 * S, STOPPED, TIME_WAIT, 57 * S + 5101),
		   MINI(3 * S + 3, STARTED, TIME_WAIT, 60 * S),
		   MINI(64 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+2994903/peer TIME_WAIT@3000003+60999997/peer/inferred" WHO
		     " tw=60999997,fin_wait2=2994893,restarts=-,expired/inferred\n"},
	{.name = "the same where FIN_WAIT2 ends after 20 s: any FIN before would have moved that end",
	 .steps = {TIER(TIMER), CLOSES, MINI(5101, STARTED, FIN_WAIT2, 20 * S),
		   T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true), MINI(3 * S, STOPPED, TIME_WAIT, 17 * S + 5101),
		   MINI(3 * S + 3, STARTED, TIME_WAIT, 60 * S),
		   MINI(64 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected =
		 "1 client fin local four_way SF ShFf | " OPENED
		 "FIN_WAIT2@5100+2994903/peer TIME_WAIT@3000003+60999997/peer" WHO " tw=60999997,fin_wait2=2994893,expired\n"},
	{.name = "the same where the kernel noted when TIME_WAIT began: with this FIN",
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(3 * S, STOPPED, TIME_WAIT, 57 * S + 5101, .entered_ms = 1),
		   MINI(3 * S + 3, STARTED, TIME_WAIT, 60 * S, .entered_ms = 1),
		   MINI(64 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED, .entered_ms = 61001)},
	 .expected =
		 "1 client fin local four_way SF ShFf | " OPENED
		 "FIN_WAIT2@5100+2994903/peer TIME_WAIT@3000003+60999997/peer" WHO " tw=60999997,fin_wait2=2994893,expired\n"},
	{.name = "the same, with one that came at once: 200 ms before the first that a hook shows",
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(206000, STOPPED, TIME_WAIT, 60 * S - 200899, .entered_ms = 201),
		   MINI(206003, STARTED, TIME_WAIT, 60 * S, .entered_ms = 201),
		   MINI(61 * S, ENDED, TIME_WAIT, -793997, .cause = WIRE_CAUSE_EXPIRED, .entered_ms = 60995)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+1400/peer TIME_WAIT@6500+60993500/peer" WHO
		     " tw=60993500,fin_wait2=1390,restarts=-,expired\n"},
	{.name = "ticks: a begin that no hook shows, a moment after the known one",
	 .steps = {TIER(TIMER), CLOSES, MINI(5190, STARTED, TIME_WAIT, 60 * S, .expires = 65535),
		   T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1), MINI(9 * S, STOPPED, TIME_WAIT, 51 * S + 9190, .expires = 1),
		   MINI(9 * S + 3, STARTED, TIME_WAIT, 60 * S, .expires = 2250),
		   MINI(70 * S, ENDED, TIME_WAIT, -S + 100000, .cause = WIRE_CAUSE_EXPIRED, .expires = 2250)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+69994800/peer" WHO
		     " tw=69994800,restarts=2,expired\n"},
	{.name = "a silent FIN, then a repeated one that shows",
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(9 * S, STOPPED, TIME_WAIT, 51 * S + 100000),
		   MINI(9 * S + 3, STARTED, TIME_WAIT, 60 * S),
		   MINI(70 * S, ENDED, TIME_WAIT, -S + 3, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+94900/peer TIME_WAIT@100000+69900000/peer/inferred" WHO
		     " tw=69900000,fin_wait2=94890,restarts=1,expired/inferred\n"},
	{.name = "restarts: one that shows, one that only the timer shows",
	 .steps = {TIER(TIMER), TIME_WAITS, MINI(2 * S, STOPPED, TIME_WAIT, 58 * S + 5190),
		   MINI(2 * S + 3, STARTED, TIME_WAIT, 60 * S), MINI(63 * S, STOPPED, TIME_WAIT, -500000),
		   MINI(63 * S + 3, ENDED, TIME_WAIT, -500003, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+62994803/peer" WHO
		     " tw=62994803,restarts=2,expired\n"},
	{.name = "cut short: the cause of a lone stop, once nothing follows",
	 .steps = {TIER(TIMER), TIME_WAITS, MINI(2 * S, STOPPED, TIME_WAIT, 58 * S + 5190, .cause = WIRE_CAUSE_REUSED),
		   TICK(2 * S + 20000)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+1994800/peer" WHO
		     " tw=1994800,reused\n"},
	{.name = "cut short by who knows what",
	 .steps = {TIER(TIMER), TIME_WAITS, MINI(2 * S, STOPPED, TIME_WAIT, 58 * S + 5190), TICK(76 * S)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+1994800/peer" WHO
		     " tw=1994800,-/inferred\n"},
	{.name = "a processor is taken away between a stop and the start that follows: TIME_WAIT goes on",
	 .steps = {TIER(TIMER), TIME_WAITS, MINI(2 * S, STOPPED, TIME_WAIT, 58 * S + 5190, .cause = WIRE_CAUSE_RESET),
		   TICK(3 * S), MINI(4 * S, STARTED, TIME_WAIT, 60 * S),
		   MINI(65 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+64994800/peer" WHO
		     " tw=64994800,restarts=1,expired\n"},
	{.name = "a processor is taken away between the begin and the ->CLOSE: no overflow",
	 .steps = {TIER(TIMER), SCAN_BEGIN(0, STARTUP), SCAN_END(0), CLOSES, MINI(5190, STARTED, TIME_WAIT, 60 * S),
		   T(S, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1), MINI(61 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "snapshot 1 sockets=0 took=0\n"
		     "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+994900/peer TIME_WAIT@1000000+60000000/peer" WHO " tw=60000000,expired\n"},
	{.name = "a stop that nothing follows, in FIN_WAIT2",
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(2 * S, STOPPED, FIN_WAIT2, 58 * S + 5101, .cause = WIRE_CAUSE_RESET),
		   TICK(76 * S)},
	 .expected = "1 client rst_received local - RSTR ShFr | " OPENED "FIN_WAIT2@5100+1994900/peer" WHO
		     " tw=-,fin_wait2=1994890,reset/inferred\n"},
	{.name = "a stop that nothing follows, in TIME_WAIT of which nothing told",
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(2 * S, STOPPED, TIME_WAIT, 58 * S + 5101), TICK(76 * S)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+1994900/peer TIME_WAIT@2000000+0/peer/inferred" WHO
		     " tw=0,fin_wait2=1994890,restarts=-,-/inferred\n"},
	{.name = "reset, killed, namespace gone: the exchange of FINs stays what it was",
	 .steps = {TIER(FENTRY), TIME_WAITS, MINI(2 * S, ENDED, TIME_WAIT, 58 * S + 5190, .cause = WIRE_CAUSE_RESET),
		   TIME_WAITS, MINI(2 * S, ENDED, TIME_WAIT, 58 * S + 5190, .cause = WIRE_CAUSE_KILLED), TIME_WAITS,
		   MINI(2 * S, ENDED, TIME_WAIT, 58 * S + 5190, .cause = WIRE_CAUSE_NETNS_GONE)},
	 .expected = "1 client fin local four_way SF ShFfr | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+1994800/peer" WHO
		     " tw=1994800,reset\n"
		     "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+1994800/peer" WHO
		     " tw=1994800,killed\n"
		     "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+1994800/peer" WHO
		     " tw=1994800,netns_gone\n"},
	{.name = "overflow, shown by a hook",
	 .steps = {TIER(FENTRY), CLOSES, MINI(5190, REFUSED, TIME_WAIT, 0), T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer" WHO " tw=0,overflow\n"},
	{.name = "overflow in FIN_WAIT2, shown by a hook: nobody waits for the peer's FIN",
	 .steps = {TIER(FENTRY), CLOSES, MINI(5101, REFUSED, FIN_WAIT2, 0), T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true)},
	 .expected = "1 client fin local - S2 ShF | " OPENED "FIN_WAIT2@5100+10/peer" WHO " tw=-,fin_wait2=0,overflow\n"},
	{.name = "overflow in FIN_WAIT2: no timer was set, and no reset followed",
	 .steps = {TIER(TIMER), SCAN_BEGIN(0, STARTUP), SCAN_END(0), FIN_WAITS_UNSEEN},
	 .expected =
		 "snapshot 1 sockets=0 took=0\n"
		 "1 client fin local - S2 ShF | " OPENED "FIN_WAIT2@5100+10/peer" WHO " tw=-,fin_wait2=0,overflow/inferred\n"},
	{.name = "FIN_WAIT2 that the kernel gave up with a reset: no overflow",
	 .steps = {TIER(TIMER), SCAN_BEGIN(0, STARTUP), SCAN_END(0), CLOSES, T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true),
		   RESET(5112, CLOSE, SENT), TICK(S)},
	 .expected = "snapshot 1 sockets=0 took=0\n"
		     "1 client rst_sent local - RSTO ShFR | " OPENED "FIN_WAIT2@5100+10/peer" WHO " rst=1,0\n"},
	{.name = "overflow in FIN_WAIT2, or events that were lost while a reset was waited for: nobody knows",
	 .steps = {TIER(TIMER), SCAN_BEGIN(0, STARTUP), SCAN_END(0), CLOSES, T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true),
		   LOST(6000, RING, 1), TICK(S)},
	 .expected = "snapshot 1 sockets=0 took=0\n"
		     "lost ring 1 of 1 from 6000 touching 1\n"
		     "1 client fin local - S2 ShF | " OPENED "FIN_WAIT2@5100+10/peer | incomplete gaps=1 handshake=100 "
		     "a:10/connect\n"},
	{.name = "overflow: no timer was set",
	 .steps = {TIER(TIMER), SCAN_BEGIN(0, STARTUP), SCAN_END(0), CLOSES, T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)},
	 .expected = "snapshot 1 sockets=0 took=0\n"
		     "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer" WHO " tw=0,overflow/inferred\n"},
	{.name = "no timer was seen, but events were lost: nobody knows",
	 .steps = {TIER(TIMER), SCAN_BEGIN(0, STARTUP), SCAN_END(0), CLOSES, LOST(5150, RING, 1),
		   T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)},
	 .expected = "snapshot 1 sockets=0 took=0\n"
		     "lost ring 1 of 1 from 5150 touching 1\n"
		     "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer/inferred | incomplete gaps=1 handshake=100 a:10/connect\n"},
	{.name = "FIN_WAIT2 that the peer never ends",
	 .steps = {TIER(FENTRY), FIN_WAITS, MINI(61 * S, ENDED, FIN_WAIT2, -994899, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client timeout local - S2 ShF | " OPENED "FIN_WAIT2@5100+60994900/peer" WHO
		     " tw=-,fin_wait2=60994890,expired\n"},
	{.name = "FIN_WAIT2, cut short",
	 .steps = {TIER(FENTRY), FIN_WAITS, MINI(S, ENDED, FIN_WAIT2, 59 * S, .cause = WIRE_CAUSE_KILLED), FIN_WAITS,
		   MINI(S, ENDED, FIN_WAIT2, 59 * S, .cause = WIRE_CAUSE_RESET), FIN_WAITS,
		   MINI(S, ENDED, FIN_WAIT2, 59 * S, .cause = WIRE_CAUSE_RESET_SENT)},
	 .expected =
		 "1 client aborted local - S2 ShF | " OPENED "FIN_WAIT2@5100+994900/peer" WHO " tw=-,fin_wait2=994890,killed\n"
		 "1 client rst_received local - RSTR ShFr | " OPENED "FIN_WAIT2@5100+994900/peer" WHO
		 " tw=-,fin_wait2=994890,reset\n"
		 "1 client rst_sent local - RSTO ShFR | " OPENED "FIN_WAIT2@5100+994900/peer" WHO
		 " tw=-,fin_wait2=994890,reset\n"},
	{.name = "simultaneous close",
	 .steps = {TIER(FENTRY), CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10), T(5100, FIN_WAIT1, CLOSING, DEAD),
		   MINI(5190, STARTED, TIME_WAIT, 60 * S), T(5200, CLOSING, CLOSE, DEAD),
		   MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin both simultaneous SF ShFf | " OPENED "CLOSING@5100+100/peer TIME_WAIT@5200+60994800/peer" WHO
		     " tw=60994800,expired\n"},
	{.name = "the descriptor is closed during TIME_WAIT, a lost ->CLOSE, an end of what nobody knows",
	 .steps = {TIER(FENTRY), TIME_WAITS, DESTROY(S), MINI(2 * S, ENDED, TIME_WAIT, 0, .cookie = 9),
		   MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED), CLOSES,
		   MINI(5190, STARTED, TIME_WAIT, 60 * S),
		   MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected =
		 "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60994800/peer" WHO
		 " tw=60994800,expired\n"
		 "1 client fin local - S2 ShF | " OPENED "FIN_WAIT2@5100/peer TIME_WAIT@5190+60994810/peer | incomplete gaps=1 "
		 "handshake=100 a:10/connect tw=60994810,expired\n"},
};

static const struct story modes[] = {
	{.name = "split: before and after",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(FENTRY), TIME_WAITS, MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected =
		 "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer" WHO " tw=-,-\n"
		 "time_wait 1 at 61000000 tw=60994800,expired\n"},
	{.name = "split: a FIN that comes soon is waited for",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(FENTRY), FIN_WAITS, MINI(S, STARTED, TIME_WAIT, 60 * S),
		   MINI(61 * S, ENDED, TIME_WAIT, 0, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+994900/peer TIME_WAIT@1000000/peer" WHO
		     " tw=-,fin_wait2=994890,-\n"
		     "time_wait 1 at 61000000 tw=60000000,fin_wait2=994890,expired\n"},
	{.name = "split: one that ends before its record",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(FENTRY), FIN_WAITS, MINI(S, ENDED, FIN_WAIT2, 59 * S, .cause = WIRE_CAUSE_KILLED)},
	 .expected =
		 "1 client aborted local - S2 ShF | " OPENED "FIN_WAIT2@5100+994900/peer" WHO " tw=-,fin_wait2=994890,killed\n"
		 "time_wait 1 at 1000000 tw=-,fin_wait2=994890,killed\n"},
	{.name = "split: a FIN that is still to come is not claimed",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(FENTRY), FIN_WAITS, MINI(3 * S, STARTED, TIME_WAIT, 60 * S),
		   MINI(64 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local - S2 ShF | " OPENED
		     "FIN_WAIT2@5100/peer | incomplete handshake=100 a:10/connect tw=-,fin_wait2=-,-\n"
		     "time_wait 1 at 64000000 tw=61000000,fin_wait2=2994890,expired\n"},
	{.name = "off: as if no hook was there",
	 .config = {.time_wait = CONN_TW_OFF},
	 .steps = {TIER(FENTRY), TIME_WAITS, MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer/inferred" WHO
		     "\n"},
	{.name = "at the limit the oldest gives way, and at the end the rest",
	 .config = {.max_connections = 1},
	 .steps = {TIER(FENTRY), TIME_WAITS, T(S, CLOSE, SYN_SENT, .cookie = 2, .tgid = 10),
		   T(S + 100, SYN_SENT, ESTABLISHED, .cookie = 2), IS_RESET(2 * S, .cookie = 2), TICK(3 * S), FIN_WAITS},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer | incomplete handshake=100 a:10/connect tw=-,-\n"
		     "2 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+999900/peer" WHO "\n"
		     "1 client daemon_stop local - S2 ShF | " OPENED
		     "FIN_WAIT2@5100/peer | incomplete handshake=100 a:10/connect tw=-,fin_wait2=-,-\n"},
	{.name = "the socket connects again while its minisocket lives",
	 .steps = {TIER(FENTRY), LIFE_OF_OPEN_SOCKET(0), CONNECTS(10000), IS_RESET(15000),
		   MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "1.1 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+4900/peer" WHO "\n"
		     "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60994800/peer" WHO
		     " tw=60994800,expired\n"},
	{.name = "two lives of a socket leave two minisockets, and it begins a third",
	 .steps = {TIER(FENTRY), LIFE_OF_OPEN_SOCKET(0), LIFE_OF_OPEN_SOCKET(2 * S, .out = 100), CONNECTS(4 * S),
		   MINI(61 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED),
		   MINI(62 * S, ENDED, TIME_WAIT, 5190, .cause = WIRE_CAUSE_REUSED, .out = 100), IS_RESET(63 * S)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60994800/peer" WHO
		     " tw=60994800,expired\n"
		     "1.1 client fin local four_way SF ShDFf | " OPENED
		     "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+59994800/peer" WHO " acked=100 received=0 tw=59994800,reused\n"
		     "1.2 client rst_received peer - RSTR Shr | SYN_SENT@0+100/local ESTABLISHED@100+58999900/peer" WHO "\n"},
	{.name = "a minisocket ends while the next life waits for a late reset",
	 .steps = {TIER(FENTRY), LIFE_OF_OPEN_SOCKET(0), CONNECTS(60 * S), T(61 * S, ESTABLISHED, CLOSE, .tgid = 10),
		   MINI(61 * S + 2, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED), RESET(61 * S + 5, CLOSE, SENT)},
	 .expected =
		 "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60994802/peer" WHO
		 " tw=60994802,expired\n"
		 "1.1 client rst_sent local - RSTO ShR | SYN_SENT@0+100/local ESTABLISHED@100+999900/peer" WHO " rst=1,0\n"},
	{.name = "the port shows that a minisocket is of a life that is not known",
	 .steps = {TIER(FENTRY), TIME_WAITS, MINI(2 * S, ENDED, TIME_WAIT, 0, .cause = WIRE_CAUSE_KILLED, .local_port = 40001),
		   MINI(61 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED, .local_port = 40000)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60994800/peer" WHO
		     " tw=60994800,expired\n"},
};

#define SAYS_STATES .config = {.wanted = 1u << RECORD_STATE | 1u << RECORD_RESET}
#define SAID_OPENED                                                                                                            \
	"state SYN_SENT>ESTABLISHED by peer event at 100 port 40000 after 100\n"                                               \
	"state ESTABLISHED>FIN_WAIT1 by local event at 5000 port 40000 after 4900\n"                                           \
	"state FIN_WAIT1>FIN_WAIT2 by peer event at 5100 port 40000 after 100\n"

/* The events say what the row's states say, in order. */
static const struct story steps[] = {
	{.name = "states: refused, where the reset brings the port",
	 SAYS_STATES,
	 .steps = {T(0, CLOSE, SYN_SENT, .tgid = 10), RESET(50, SYN_SENT, RECEIVED),
		   T(60, SYN_SENT, CLOSE, .err = ECONNREFUSED)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n"
		     "reset received reason=0 count=1\n"
		     "state SYN_SENT>CLOSE by peer event at 60 port 40000 after 60\n"},
	{.name = "states: TIME_WAIT and its end",
	 SAYS_STATES,
	 .steps = {TIER(FENTRY), TIME_WAITS, MINI(61 * S, ENDED, TIME_WAIT, -994810, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>TIME_WAIT by peer event at 5200 port 40000 after 100\n"
		     "state TIME_WAIT>CLOSE by timer event at 61000000 port 40000 after 60994800\n"},
	{.name = "states: FIN_WAIT2 goes on without a socket",
	 SAYS_STATES,
	 .steps = {TIER(FENTRY), FIN_WAITS, MINI(3 * S, STARTED, TIME_WAIT, 60 * S),
		   MINI(64 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_KILLED)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>TIME_WAIT by peer event at 3000000 port 40000 after 2994900\n"
		     "state TIME_WAIT>CLOSE by local event at 64000000 port 40000 after 61000000\n"},
	{.name = "states: a begin of TIME_WAIT that is inferred",
	 SAYS_STATES,
	 .steps = {TIER(TIMER), FIN_WAITS, MINI(61 * S, STOPPED, TIME_WAIT, -900000),
		   MINI(61 * S + 5, ENDED, TIME_WAIT, -900005, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>TIME_WAIT by peer inferred at 100000 port 40000\n"
		     "state TIME_WAIT>CLOSE by timer event at 61000005 port 40000\n"},
	{.name = "states: refused, and FIN_WAIT2 that ends",
	 SAYS_STATES,
	 .steps = {TIER(FENTRY), CLOSES, MINI(5190, REFUSED, TIME_WAIT, 0), T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1),
		   FIN_WAITS, MINI(S, ENDED, FIN_WAIT2, 59 * S, .cause = WIRE_CAUSE_RESET)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>CLOSE by peer event at 5200 port 40000 after 100\n"
		     "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>CLOSE by peer event at 1000000 port 40000 after 994900\n"},
	{.name = "states: TIME_WAIT that nobody follows",
	 SAYS_STATES,
	 .steps = {CLOSES, T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>TIME_WAIT by peer inferred at 5200 port 40000 after 100\n"},
	{.name = "states, scan tier: whether FIN_WAIT2 goes on is known later, and is said before the reset",
	 SAYS_STATES,
	 .steps = {TIER(SCAN), FIN_WAITS_UNSEEN, SCAN_BEGIN(2 * S, MINISOCKS), MINI(2 * S, FOUND, TIME_WAIT, 60 * S),
		   SCAN_END(2 * S), T(0, CLOSE, SYN_SENT, .cookie = 2, .tgid = 10)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>TIME_WAIT by peer inferred at 2000000 port 40000\n"},
	{.name = "states, scan tier: a reset shows that it does not",
	 SAYS_STATES,
	 .steps = {TIER(SCAN), CLOSES, T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true), RESET(5112, CLOSE, SENT), TICK(S)},
	 .expected = "state CLOSE>SYN_SENT by local event at 0 port 40000\n" SAID_OPENED
		     "state FIN_WAIT2>CLOSE by local event at 5110 port 40000 after 10\n"
		     "reset sent reason=0 count=1\n"},
};

static const struct story scans[] = {
	{.name = "older than us: the run before has its record",
	 .steps = {TIER(TIMER), SCAN_BEGIN(20 * S, STARTUP), MINI(20 * S, FOUND, TIME_WAIT, 50 * S),
		   MINI(20 * S + 1, FOUND, FIN_WAIT2, 30 * S, .cookie = 2), SCAN_END(20 * S + 9),
		   MINI(71 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "snapshot 1 sockets=2 took=9 FIN_WAIT2=1 TIME_WAIT=1\n"},
	{.name = "older than us, and the first scan did not meet it: the run before has its record",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(20 * S, STARTUP), SCAN_FAILED(20 * S), SCAN_BEGIN(30 * S, RESYNC),
		   MINI(30 * S, FOUND, TIME_WAIT, 40 * S), SCAN_END(30 * S + 9),
		   MINI(71 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "snapshot 1 sockets=0 took=0\nsnapshot 2 sockets=1 took=9 TIME_WAIT=1\n"},
	{.name = "found by a later scan: nothing else tells of it",
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(0), SCAN_BEGIN(20 * S, RESYNC),
		   MINI(20 * S, FOUND, TIME_WAIT, 50 * S), SCAN_END(20 * S + 9),
		   MINI(71 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "snapshot 1 sockets=0 took=0\n"
		     "snapshot 2 sockets=1 took=9 TIME_WAIT=1\n"
		     "1 - fin - - OTH - | TIME_WAIT@0+61000000/scan | incomplete older gaps=1 "
		     "tw=61000000,restarts=-,expired/scan\n"},
	{.name = "found by a later scan, split: nothing else tells of it",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(FENTRY), SCAN_BEGIN(0, STARTUP), SCAN_END(0), SCAN_BEGIN(20 * S, RESYNC),
		   MINI(20 * S, FOUND, TIME_WAIT, 50 * S), SCAN_END(20 * S + 9),
		   MINI(71 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "snapshot 1 sockets=0 took=0\n"
		     "1 - fin - - OTH - | TIME_WAIT@0/scan | incomplete older gaps=1 tw=-,restarts=-,-/scan\n"
		     "snapshot 2 sockets=1 took=9 TIME_WAIT=1\n"
		     "time_wait 1 at 71000000 tw=61000000,restarts=-,expired/scan\n"},
	{.name = "older than us, split: the timer shows when it began",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(TIMER), SCAN_BEGIN(20 * S, STARTUP), MINI(20 * S, FOUND, TIME_WAIT, 50 * S),
		   MINI(20 * S + 1, FOUND, FIN_WAIT2, 30 * S, .cookie = 2), MINI(20 * S + 2, FOUND, TIME_WAIT, S, .cookie = 2),
		   SCAN_END(20 * S + 9), MINI(71 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)},
	 .expected = "snapshot 1 sockets=2 took=9 FIN_WAIT2=1 TIME_WAIT=1\n"
		     "time_wait 1 at 71000000 tw=61000000,restarts=-,expired/scan\n"
		     "time_wait 2 at 71100001 tw=-,fin_wait2=-,restarts=-,-/scan\n"},
	{.name = "scan tier: inferred, refreshed, expired when it is due",
	 .steps = {TIER(SCAN), CLOSES, T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1), SCAN_BEGIN(5 * S, MINISOCKS),
		   MINI(5 * S, FOUND, TIME_WAIT, 58 * S), SCAN_END(5 * S + 9), SCAN_BEGIN(64 * S, MINISOCKS),
		   SCAN_END(64 * S + 9)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+62994800/peer/inferred" WHO
		     " tw=62994800,restarts=1,expired/inferred\n"},
	{.name = "scan tier: due a little later than known, since ticks are late: nothing started again",
	 .steps = {TIER(SCAN), CLOSES, T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1), SCAN_BEGIN(5 * S, MINISOCKS),
		   MINI(5 * S, FOUND, TIME_WAIT, 55 * S + 50000), SCAN_END(5 * S + 9), SCAN_BEGIN(62 * S, MINISOCKS),
		   SCAN_END(62 * S + 9)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+100/peer TIME_WAIT@5200+60000000/peer/inferred" WHO " tw=60000000,expired/inferred\n"},
	{.name = "scan tier: gone before it is due",
	 .steps = {TIER(SCAN), CLOSES, T(5200, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1), SCAN_BEGIN(5 * S, MINISOCKS),
		   SCAN_END(5 * S + 9)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED "FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer/inferred | "
		     "incomplete handshake=100 a:10/connect tw=-,restarts=-,-/inferred\n"},
	{.name = "scan tier: FIN_WAIT2, then a scan finds that the FIN came",
	 .steps = {TIER(SCAN), CLOSES, T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true), TICK(S), SCAN_BEGIN(2 * S, MINISOCKS),
		   MINI(2 * S, FOUND, FIN_WAIT2, 40 * S), SCAN_END(2 * S + 1), SCAN_BEGIN(7 * S, MINISOCKS),
		   MINI(7 * S, FOUND, TIME_WAIT, 57 * S), SCAN_END(7 * S + 1), SCAN_BEGIN(70 * S, MINISOCKS),
		   SCAN_END(70 * S + 1)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+3994900/peer TIME_WAIT@4000000+60000000/peer/inferred" WHO
		     " tw=60000000,fin_wait2=3994890,restarts=-,expired/inferred\n"},
	{.name = "scan tier: a reset after the ->CLOSE: there was no minisocket",
	 .steps = {TIER(SCAN), CLOSES, T(5110, FIN_WAIT2, CLOSE, DEAD, .not_done = true), RESET(5112, CLOSE, SENT), TICK(S)},
	 .expected = "1 client rst_sent local - RSTO ShFR | " OPENED "FIN_WAIT2@5100+10/peer" WHO " rst=1,0\n"},
	{.name = "scan tier: a scan met the minisocket, and what became of it is not known",
	 .steps = {TIER(SCAN), FIN_WAITS_UNSEEN, SCAN_BEGIN(2 * S, MINISOCKS), MINI(2 * S, FOUND, FIN_WAIT2, 40 * S),
		   SCAN_END(2 * S + 1), SCAN_BEGIN(7 * S, MINISOCKS), SCAN_END(7 * S + 1)},
	 .expected = "1 client unknown local - S2 ShF | " OPENED
		     "FIN_WAIT2@5100/peer | incomplete handshake=100 a:10/connect tw=-,fin_wait2=-,-/inferred\n"},
	{.name = "scan tier: no scan met a minisocket, so that there may have been none",
	 .steps = {TIER(SCAN), FIN_WAITS_UNSEEN, SCAN_BEGIN(2 * S, MINISOCKS), SCAN_END(2 * S + 1)},
	 .expected =
		 "1 client unknown local - S2 ShF | " OPENED "FIN_WAIT2@5100/peer | incomplete handshake=100 a:10/connect\n"},
	{.name = "scan tier, split: what a scan found is emitted again when it is gone",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(SCAN), FIN_WAITS_UNSEEN, SCAN_BEGIN(S, MINISOCKS), MINI(S, FOUND, FIN_WAIT2, 59 * S), SCAN_END(S + 1),
		   TICK(4 * S), SCAN_BEGIN(7 * S, MINISOCKS), SCAN_END(7 * S + 1)},
	 .expected = "1 client fin local - S2 ShF | " OPENED
		     "FIN_WAIT2@5100/peer | incomplete handshake=100 a:10/connect tw=-,fin_wait2=-,-/inferred\n"
		     "time_wait 1 at 7000001 tw=-,fin_wait2=-,-/inferred\n"},
	{.name = "scan tier, split: of what no scan met no time_wait follows",
	 .config = {.time_wait = CONN_TW_SPLIT},
	 .steps = {TIER(SCAN), FIN_WAITS_UNSEEN, TICK(4 * S), SCAN_BEGIN(7 * S, MINISOCKS), SCAN_END(7 * S + 1)},
	 .expected = "1 client fin local - S2 ShF | " OPENED "FIN_WAIT2@5100/peer | incomplete handshake=100 a:10/connect\n"},
	{.name = "a resync that does not meet it: its end was lost; and one without an event that was due long ago",
	 .steps = {TIER(FENTRY), TIME_WAITS, SCAN_BEGIN(S, RESYNC), SCAN_END(2 * S), TIME_WAITS, TICK(60 * S), TICK(80 * S)},
	 .expected = "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer | incomplete gaps=1 handshake=100 a:10/connect tw=-,-\n"
		     "snapshot 2 sockets=0 took=1000000\n"
		     "1 client fin local four_way SF ShFf | " OPENED
		     "FIN_WAIT2@5100+100/peer TIME_WAIT@5200/peer | incomplete gaps=1 handshake=100 a:10/connect tw=-,-\n"},
};

static const struct story segments[] = {
	SEGMENTS("the FINs stand where TIME_WAIT began, the reset where it ended",
		 CLOSED "< FIN,ACK 1 2 @5200 numbers\n"
			"> ACK 2 2 @5200 inferred\n"
			"< RST - - @2000000 inferred\n",
		 TIER(FENTRY), TIME_WAITS, MINI(2 * S, ENDED, TIME_WAIT, 58 * S + 5190, .cause = WIRE_CAUSE_RESET)),
	SEGMENTS("a FIN that arrived at a minisocket",
		 CLOSED "< FIN,ACK 1 2 @3000000 numbers\n"
			"> ACK 2 2 @3000000 inferred\n",
		 TIER(FENTRY), FIN_WAITS, MINI(3 * S, STARTED, TIME_WAIT, 60 * S),
		 MINI(64 * S, ENDED, TIME_WAIT, -S, .cause = WIRE_CAUSE_EXPIRED)),
	SEGMENTS("no FIN, and a reset", CLOSED "< RST - - @1000000 inferred\n", TIER(FENTRY), FIN_WAITS,
		 MINI(S, ENDED, FIN_WAIT2, 59 * S, .cause = WIRE_CAUSE_RESET)),
};

static void keep_summary(void *ctx, const struct record *rec)
{
	*(struct conn_summary_record *)ctx = *rec->summary;
}

static void feed_aggregate(struct conn_table *t, uint16_t port, uint64_t count)
{
	struct wire_aggregate ev = {.hdr = {.ts = STORY_BEGIN_NS, .kind = WIRE_AGGREGATE, .len = sizeof(ev)},
				    .netns = STORY_NETNS,
				    .local_port = port,
				    .what = WIRE_AGG_HALF_OPEN,
				    .count = count};

	assert_true(wire_valid(&ev.hdr, sizeof(ev)));
	conn_table_feed(t, &ev.hdr);
}

#define NO_REUSE UINT32_MAX /* not known: an older recording */

static void feed_reuse(struct conn_table *t, uint32_t netns, uint16_t last, uint32_t reuse)
{
	static uint64_t sent; /* each later than the one before */
	struct {
		struct wire_port_range wire;
		struct wire_port_reuse reuse;
	} ev = {
		.wire = {.hdr = {.ts = STORY_BEGIN_NS + sent++,
				 .kind = WIRE_PORT_RANGE,
				 .len = reuse == NO_REUSE ? sizeof(ev.wire) : sizeof(ev)},
			 .netns = netns,
			 .first = 40000,
			 .last = last},
		.reuse = {.where = reuse},
	};

	assert_true(wire_valid(&ev.wire.hdr, ev.wire.hdr.len));
	conn_table_feed(t, &ev.wire.hdr);
}

static void feed_port_range(struct conn_table *t, uint32_t netns, uint16_t last)
{
	feed_reuse(t, netns, last, NO_REUSE);
}

/* What the summary says of TIME_WAIT, of attempts that failed and of ports. */
static void test_summary(void **state)
{
	const struct conn_config config = {.max_connections = 100, .summary_ns = 1000000, .wanted = 1u << RECORD_SUMMARY};
	static const struct step life[] = {TIER(FENTRY), TIME_WAITS,
					   MINI(S, ENDED, TIME_WAIT, 59 * S, .cause = WIRE_CAUSE_KILLED)};
	struct conn_summary_record sum = {0};
	struct conn_table *t;

	(void)state;
	story_forget();
	assert_int_equal(conn_table_new(&t, &config, keep_summary, &sum), 0);
	for (uint32_t other = 1; other <= 300; other++) /* more than there is room for: the oldest give way */
		feed_port_range(t, STORY_NETNS + other, 40009);
	feed_port_range(t, STORY_NETNS, 40099);
	feed_port_range(t, STORY_NETNS, 40009);
	for (unsigned int port = 0; port < 6; port++) {
		for (size_t i = 0; i < sizeof(life) / sizeof(life[0]) - (port > 0); i++) {
			struct step s = life[i];

			s.cookie = port + 1;
			s.local_port = 40000 + port;
			story_feed(t, &s);
		}
	}
	for (unsigned int port = 1; port <= 18; port++)
		feed_aggregate(t, port, port);
	feed_aggregate(t, 80, 3);
	story_feed(t, &(struct step)T(S, SYN_RECV, ESTABLISHED, .cookie = 60, .retrans = 1));
	story_feed(t, &(struct step)TICK(2 * S));
	assert_true(sum.time_wait.on);
	assert_int_equal(sum.time_wait.entered, 6);
	assert_int_equal(sum.time_wait.alive, 5);
	assert_int_equal(sum.time_wait.ended[WIRE_CAUSE_KILLED], 1);
	assert_int_equal(sum.ports_len, 0); /* 5 of 10 are not over half */
	assert_int_equal(sum.half_open_len, 16);
	assert_int_equal(sum.half_open[0].local_port, 18);
	assert_int_equal(sum.half_open[15].count, 3);
	assert_int_equal(sum.half_open_rest, 1 + 2 + 2);

	story_feed(t, &(struct step)T(3 * S, CLOSE, SYN_SENT, .cookie = 7, .tgid = 10));
	story_feed(t, &(struct step)T(3 * S, SYN_SENT, ESTABLISHED, .cookie = 7, .local_port = 40009));
	story_feed(t, &(struct step)TICK(4 * S));
	assert_int_equal(sum.time_wait.entered, 0);
	assert_int_equal(sum.half_open_len, 0);
	assert_int_equal(sum.ports_len, 1);
	assert_int_equal(sum.ports[0].in_use, 6);
	assert_int_equal(sum.ports[0].range, 10);
	assert_int_equal(sum.ports[0].peer_port, 80);
	assert_true(sum.ports[0].ipv4);
	conn_table_free(t);
}

/* Of six ports in TIME_WAIT, those that are in use where tcp_tw_reuse is so. */
static void check_reuse(uint32_t reuse, const char *local, int64_t at_us, unsigned int in_use)
{
	const struct conn_config config = {.max_connections = 100, .summary_ns = 1000000, .wanted = 1u << RECORD_SUMMARY};
	static const struct step life[] = {TIER(FENTRY), TIME_WAITS};
	struct conn_summary_record sum = {0};
	struct conn_table *t;

	story_forget();
	assert_int_equal(conn_table_new(&t, &config, keep_summary, &sum), 0);
	feed_reuse(t, STORY_NETNS, 40009, reuse);
	for (unsigned int port = 0; port < 6; port++) {
		for (size_t i = 0; i < sizeof(life) / sizeof(life[0]); i++) {
			struct step s = life[i];

			s.cookie = port + 1;
			s.local_port = 40000 + port;
			s.local = local;
			story_feed(t, &s);
		}
	}
	story_feed(t, &(struct step)TICK(at_us));
	assert_int_equal(sum.ports_len, in_use != 0);
	assert_int_equal(sum.ports[0].in_use, in_use);
	conn_table_free(t);
}

static void test_reuse(void **state)
{
	(void)state;
	check_reuse(NO_REUSE, "127.0.0.1", 2 * S, 6);
	check_reuse(WIRE_REUSE_OFF, "127.0.0.1", 2 * S, 6);
	check_reuse(WIRE_REUSE_LOOPBACK, "127.0.0.1", S, 6); /* not for a second yet */
	check_reuse(WIRE_REUSE_LOOPBACK, "127.0.0.1", 2 * S, 0);
	check_reuse(WIRE_REUSE_LOOPBACK, "127.255.0.1", 2 * S, 0);
	check_reuse(WIRE_REUSE_LOOPBACK, "10.0.0.1", 2 * S, 6);
	check_reuse(WIRE_REUSE_ALL, "10.0.0.1", S, 6);
	check_reuse(WIRE_REUSE_ALL, "10.0.0.1", 2 * S, 0);
	check_reuse(3, "127.0.0.1", 2 * S, 6); /* a later kernel's */
}

static void test_memory(void **state)
{
	enum { MANY = 100000 };
	const struct conn_config config = {.max_connections = MANY};
	static const struct step life[] = {TIME_WAITS};
	struct step tier = TIER(FENTRY);
	struct conn_table_stats empty, stats;
	struct conn_table *t;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, emit_nothing, NULL), 0);
	conn_table_stats(t, &empty);
	story_feed(t, &tier);
	for (uint64_t i = 1; i <= MANY + 7; i++) {
		for (size_t n = 0; n < sizeof(life) / sizeof(life[0]); n++) {
			struct step s = life[n];

			s.cookie = i;
			story_feed(t, &s);
		}
	}
	conn_table_stats(t, &stats);
	assert_int_equal(stats.tracked, MANY);
	assert_int_equal(stats.time_wait_early, 7);
	assert_int_equal(stats.lost[WIRE_LOST_TABLE], 0);
	assert_in_range(stats.memory_bytes - empty.memory_bytes, 0, MANY * 256ULL);
	conn_table_free(t);
}

/* A socket that leaves minisocket after minisocket, as a program or a made recording can: what must be looked through is
 * bounded. */
static void test_many_lives_of_a_socket(void **state)
{
	enum { MANY = 1000, KEPT = 64 };
	const struct conn_config config = {.max_connections = MANY};
	static const struct step life[] = {LIFE_OF_OPEN_SOCKET(0)};
	struct step tier = TIER(FENTRY);
	struct conn_table_stats stats;
	struct conn_table *t;

	(void)state;
	assert_int_equal(conn_table_new(&t, &config, emit_nothing, NULL), 0);
	story_feed(t, &tier);
	for (uint32_t i = 0; i < MANY; i++) {
		for (size_t n = 0; n < sizeof(life) / sizeof(life[0]); n++) {
			struct step s = life[n];

			s.us += i * 10000;
			s.out = i;
			story_feed(t, &s);
		}
	}
	conn_table_stats(t, &stats);
	assert_int_equal(stats.tracked, KEPT);
	assert_int_equal(stats.time_wait_early, MANY - KEPT);
	conn_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORIES(events),
		STORIES(modes),
		STORIES(steps),
		STORIES(scans),
		STORIES(segments),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_many_lives_of_a_socket),
		cmocka_unit_test(test_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
