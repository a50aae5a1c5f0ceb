// SPDX-License-Identifier: GPL-2.0-only
/* Ladders: the exact picture of what a teacher would draw, and 80 columns for whatever a record holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "src/format/canvas.h"
#include "src/format/ladder.h"
#include "src/format/ladder_words.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WALL_US INT64_C(1767322800000000)

static char text[LADDER_MAX + 1];

static const char *draw_as(const struct conn_record *left, const struct conn_record *right, const struct ladder *style)
{
	struct ladder_end left_end = {.rec = *left, .start_us = WALL_US + (int64_t)(left->start_ns / 1000), .boot = "7c9e6679"};
	struct ladder_end right_end = {.boot = "7c9e6679"};
	struct ladder ladder = *style;

	ladder.left = &left_end;
	if (right) {
		right_end.rec = *right;
		right_end.start_us = WALL_US + (int64_t)(right->start_ns / 1000);
		ladder.right = &right_end;
	}
	text[ladder_draw(&ladder, text, LADDER_MAX)] = '\0';
	return text;
}

static const char *draw(const struct conn_record *left, const struct conn_record *right, bool ascii)
{
	return draw_as(left, right, &(struct ladder){.ascii = ascii});
}

/* Columns that a terminal shows: what is not ASCII may take two. */
static void assert_columns(const char *picture, size_t width)
{
	size_t columns = 0;

	assert_int_equal(picture[strlen(picture) - 1], '\n');
	for (const char *p = picture; *p; p++) {
		if (*p == '\n')
			columns = 0;
		else if ((*p & 0xc0) != 0x80)
			columns++;
		assert_true(columns <= width);
		assert_true(*p == '\n' || (unsigned char)*p >= ' ');
	}
}

static void assert_80_columns(const char *picture)
{
	assert_columns(picture, LADDER_WIDTH);
}

static void assert_picture(const char *picture, const char *expected)
{
	assert_80_columns(picture);
	if (strcmp(picture, expected))
		fail_msg("the ladder is\n%s\nand should be\n%s", picture, expected);
}

static void set_lists(struct conn_record *c, const struct conn_span *spans, unsigned int spans_len,
		      const struct conn_segment *segments, unsigned int segments_len)
{
	memcpy(c->timeline, spans, spans_len * sizeof(*spans));
	c->timeline_len = spans_len;
	memcpy(c->segments, segments, segments_len * sizeof(*segments));
	c->segments_len = segments_len;
}

#define SPAN(at, lasted, of, is_known)                                                                                         \
	{                                                                                                                      \
		.at_us = at, .us = lasted, .state = WIRE_##of, .us_known = is_known                                            \
	}
#define INFERRED_SPAN(at, lasted, of, is_known)                                                                                \
	{                                                                                                                      \
		.at_us = at, .us = lasted, .state = WIRE_##of, .us_known = is_known, .ev = CONN_EV_INFERRED                    \
	}
#define SEGMENT(at, to, what, s, a, how)                                                                                       \
	{                                                                                                                      \
		.at_us = at, .seq = s, .ack = a, .n = 1, .dir = CONN_##to, .flags = CONN_FLAGS_##what,                         \
		.proof = CONN_PROOF_##how, .at_known = true, .seq_known = true, .ack_known = true                              \
	}
#define FIRST_SEGMENT(at, to, how)                                                                                             \
	{                                                                                                                      \
		.at_us = at, .n = 1, .dir = CONN_##to, .flags = CONN_FLAGS_SYN, .proof = CONN_PROOF_##how, .at_known = true,   \
		.seq_known = true                                                                                              \
	}
#define CONNECTS_AT(at)                                                                                                        \
	FIRST_SEGMENT(0, OUT, NUMBERS), SEGMENT(at, IN, SYN_ACK, 0, 1, NUMBERS), SEGMENT(at, OUT, ACK, 1, 1, INFERRED)

/* A life of so long without payload or repeats. */
static void quiet_life(struct conn_record *c, uint64_t us)
{
	sample_connection(c);
	c->end_ns = c->start_ns + us * 1000;
	c->payload_acked = c->payload_received = 0;
	c->retransmits.data = 0;
}

/* Four segments to close; 300 bytes from the client. */
static void four_way_client(struct conn_record *c)
{
	static const struct conn_span spans[] = {
		SPAN(0, 253, SYN_SENT, true),
		SPAN(253, 105, ESTABLISHED, true),
		SPAN(358, 44299, FIN_WAIT1, true),
		SPAN(44657, 1534, FIN_WAIT2, true),
		INFERRED_SPAN(46191, 0, TIME_WAIT, false),
	};
	static const struct conn_segment segments[] = {
		CONNECTS_AT(253),
		SEGMENT(358, OUT, FIN_ACK, 301, 1, NUMBERS),
		SEGMENT(44657, IN, ACK, 1, 302, NUMBERS),
		SEGMENT(46191, IN, FIN_ACK, 1, 302, NUMBERS),
		SEGMENT(46191, OUT, ACK, 302, 2, INFERRED),
	};

	quiet_life(c, 46191);
	c->handshake_us = 253;
	c->close_kind = CONN_CLOSE_FOUR_WAY;
	c->payload_acked = 300;
	set_lists(c, spans, COUNT(spans), segments, COUNT(segments));
}

static void four_way_server(struct conn_record *c, const struct conn_record *client)
{
	static const struct conn_span spans[] = {
		INFERRED_SPAN(0, 61, SYN_RECV, true),
		SPAN(61, 100, ESTABLISHED, true),
		SPAN(161, 45745, CLOSE_WAIT, true),
		SPAN(45906, 70, LAST_ACK, true),
	};
	static const struct conn_segment segments[] = {
		FIRST_SEGMENT(0, IN, NUMBERS),
		SEGMENT(0, OUT, SYN_ACK, 0, 1, NUMBERS),
		SEGMENT(61, IN, ACK, 1, 1, NUMBERS),
		SEGMENT(161, IN, FIN_ACK, 301, 1, NUMBERS),
		SEGMENT(161, OUT, ACK, 1, 302, NUMBERS),
		SEGMENT(45906, OUT, FIN_ACK, 1, 302, NUMBERS),
		SEGMENT(45976, IN, ACK, 302, 2, NUMBERS),
	};

	*c = *client;
	sample_addresses(&c->t, AF_INET, "::ffff:93.184.216.34", 443, "::ffff:10.0.0.1", 40000);
	c->t.cookie++;
	c->t.role = CONN_SERVER;
	c->t.task = (struct wire_task){.tgid = 99, .comm = "nginx"};
	c->closed_by = CONN_PEER;
	c->start_ns += 229000;
	c->end_ns = c->start_ns + 45976000;
	c->payload_acked = 0;
	c->payload_received = 300;
	set_lists(c, spans, COUNT(spans), segments, COUNT(segments));
}

/* One that crosses FINs, seen by one end alone. */
static void simultaneous_close(struct conn_record *c)
{
	static const struct conn_span spans[] = {
		SPAN(0, 130, SYN_SENT, true),
		SPAN(130, 125, ESTABLISHED, true),
		SPAN(255, 2201, FIN_WAIT1, true),
		SPAN(2456, 32, CLOSING, true),
		INFERRED_SPAN(2488, 60000000, TIME_WAIT, true),
	};
	static const struct conn_segment segments[] = {
		CONNECTS_AT(130),
		SEGMENT(255, OUT, FIN_ACK, 1, 1, NUMBERS),
		SEGMENT(2456, IN, FIN_ACK, 1, 1, NUMBERS),
		SEGMENT(2456, OUT, ACK, 2, 2, INFERRED),
		SEGMENT(2488, IN, ACK, 2, 2, NUMBERS),
	};

	quiet_life(c, 60002488);
	c->closed_by = CONN_BOTH;
	c->close_kind = CONN_CLOSE_SIMULTANEOUS;
	c->time_wait = (struct conn_time_wait){.entered = true, .us_known = true, .us = 60000000, .end = WIRE_CAUSE_EXPIRED};
	set_lists(c, spans, COUNT(spans), segments, COUNT(segments));
}

static void syn_refused(struct conn_record *c)
{
	static const struct conn_span spans[] = {SPAN(0, 283, SYN_SENT, true)};
	struct conn_segment segments[] = {FIRST_SEGMENT(0, OUT, NUMBERS), SEGMENT(283, IN, RST_ACK, 0, 1, EVENT)};

	segments[1].seq_known = false;
	quiet_life(c, 283);
	c->end = CONN_END_REFUSED;
	c->closed_by = CONN_PEER;
	c->close_kind = CONN_CLOSE_NONE;
	c->handshake_known = c->stats_known = c->unread_known = false;
	set_lists(c, spans, COUNT(spans), segments, COUNT(segments));
}

static void syn_unanswered(struct conn_record *c)
{
	syn_refused(c);
	c->end = CONN_END_TIMEOUT;
	c->closed_by = CONN_SIDE_UNKNOWN;
	c->end_ns = c->start_ns + 7 * SAMPLE_S;
	c->timeline[0].us = 7000000;
	c->segments[0].n = 3;
	c->segments_len = 1;
}

/* A reset of ours answered what did not fit the SYN, and a refusal followed. */
static void syn_then_reset(struct conn_record *c)
{
	syn_refused(c);
	c->end_ns = c->start_ns + 2204000;
	c->timeline[0].us = 2204;
	c->segments[1] = (struct conn_segment)SEGMENT(88, OUT, RST, 0, 0, EVENT);
	c->segments[1].seq_known = c->segments[1].ack_known = false;
	c->segments[2] = (struct conn_segment)SEGMENT(2204, IN, RST_ACK, 0, 1, EVENT);
	c->segments[2].seq_known = false;
	c->segments_len = 3;
}

static void rst_in_simultaneous_open(struct conn_record *c)
{
	static const struct conn_span spans[] = {SPAN(0, 214, SYN_SENT, true), SPAN(214, 100, SYN_RECV, true)};
	static const struct conn_segment segments[] = {
		FIRST_SEGMENT(0, OUT, NUMBERS),
		FIRST_SEGMENT(214, IN, NUMBERS),
		SEGMENT(214, OUT, SYN_ACK, 0, 1, INFERRED),
		SEGMENT(314, IN, RST, 1, 0, EVENT),
	};

	syn_refused(c);
	c->t.role = CONN_SIMULTANEOUS;
	c->end = CONN_END_RST_RECEIVED;
	c->end_ns = c->start_ns + 314000;
	set_lists(c, spans, COUNT(spans), segments, COUNT(segments));
	c->segments[3].ack_known = false;
}

static void still_open(struct conn_record *c)
{
	four_way_client(c);
	c->final = false;
	c->start_known = c->duration_known = c->handshake_known = c->complete = false;
	c->end = CONN_END_DAEMON_STOP;
	c->closed_by = CONN_SIDE_UNKNOWN;
	c->close_kind = CONN_CLOSE_NONE;
	c->timeline_len = 1;
	c->timeline[0] = (struct conn_span){.state = WIRE_ESTABLISHED, .ev = CONN_EV_SCAN};
	c->segments_len = 0;
}

static void test_both_ends(void **state)
{
	struct conn_record client, server;

	(void)state;
	four_way_client(&client);
	four_way_server(&server, &client);
	assert_picture(draw(&client, &server, false),
		       "client curl[4242]                                               server nginx[99]\n"
		       "10.0.0.1:40000                                                 93.184.216.34:443\n"
		       "7c9e6679.2a01                                                      7c9e6679.2a02\n"
		       "2026-01-02T03:04:05.000000Z, handshake 253us, life 46.1ms\n"
		       "end: fin, four_way, client closed first\n"
		       "\n"
		       "                    CLOSE │                                 │ LISTEN\n"
		       "                          │                                 │\n"
		       "      0    SYN_SENT 253us ├────────── SYN seq=0 ───────────►┊ SYN_RECV 61us\n"
		       "                          │                                 ┊ at 229us\n"
		       "  229us ESTABLISHED 105us │◄──── SYN,ACK seq=0 ack=1 ───────┤\n"
		       "  253us                   │                                 ┊\n"
		       "  253us                   ├─────── ACK seq=1 ack=1 ────────►│ ESTABLISHED 100us\n"
		       "                          │                                 │ at 290us\n"
		       "                          │          300 bytes ══►          │\n"
		       "                          │                                 │\n"
		       "  358us  FIN_WAIT1 44.2ms ├──── FIN,ACK seq=301 ack=1 ─────►│ CLOSE_WAIT 45.7ms\n"
		       "                          │                                 │ at 390us\n"
		       "  390us   FIN_WAIT2 1.5ms │◄───── ACK seq=1 ack=302 ────────┤\n"
		       "44.65ms                   │                                 │\n"
		       "46.13ms     TIME_WAIT ... ┊◄─── FIN,ACK seq=1 ack=302 ──────┤ LAST_ACK 70us\n"
		       "46.19ms                   ┊                                 │\n"
		       "46.19ms                   ├────── ACK seq=302 ack=2 ───────►│ CLOSE\n"
		       "                          ┊                                 │ at 46.20ms\n"
		       "\n"
		       "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN\n");
}

static void test_one_end(void **state)
{
	struct conn_record client, server;

	(void)state;
	four_way_client(&client);
	four_way_server(&server, &client);
	assert_picture(draw(&client, NULL, false),
		       "client curl[4242]                                                         server\n"
		       "10.0.0.1:40000                                                 93.184.216.34:443\n"
		       "7c9e6679.2a01                                     states implied by its segments\n"
		       "2026-01-02T03:04:05.000000Z, handshake 253us, life 46.1ms\n"
		       "end: fin, four_way, client closed first\n"
		       "\n"
		       "                    CLOSE │                                 ┊ LISTEN\n"
		       "                          │                                 ┊\n"
		       "      0    SYN_SENT 253us ├────────── SYN seq=0 ───────────►┊ SYN_RECV\n"
		       "                          │                                 ┊\n"
		       "  253us ESTABLISHED 105us │◄──── SYN,ACK seq=0 ack=1 ───────┤\n"
		       "                          │                                 ┊\n"
		       "  253us                   ├╌╌╌╌╌╌╌ ACK seq=1 ack=1 ╌╌╌╌╌╌╌╌►┊ ESTABLISHED\n"
		       "                          │                                 ┊\n"
		       "                          │          300 bytes ══►          ┊\n"
		       "                          │                                 ┊\n"
		       "  358us  FIN_WAIT1 44.2ms ├──── FIN,ACK seq=301 ack=1 ─────►┊ CLOSE_WAIT\n"
		       "                          │                                 ┊\n"
		       " 44.6ms   FIN_WAIT2 1.5ms │◄───── ACK seq=1 ack=302 ────────┤\n"
		       "                          │                                 ┊\n"
		       " 46.1ms     TIME_WAIT ... ┊◄─── FIN,ACK seq=1 ack=302 ──────┤ LAST_ACK\n"
		       "                          ┊                                 ┊\n"
		       " 46.1ms                   ├╌╌╌╌╌╌ ACK seq=302 ack=2 ╌╌╌╌╌╌╌?┊\n"
		       "\n"
		       "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN\n");
	assert_picture(draw(&server, NULL, false),
		       "server nginx[99]                                                          client\n"
		       "93.184.216.34:443                                                 10.0.0.1:40000\n"
		       "7c9e6679.2a02                                     states implied by its segments\n"
		       "2026-01-02T03:04:05.000229Z, handshake 253us, life 45.9ms\n"
		       "end: fin, four_way, client closed first\n"
		       "\n"
		       "                   LISTEN │                                 ┊ CLOSE\n"
		       "                          │                                 ┊\n"
		       "      0     SYN_RECV 61us ┊◄───────── SYN seq=0 ────────────┤ SYN_SENT\n"
		       "                          ┊                                 ┊\n"
		       "      0                   ├───── SYN,ACK seq=0 ack=1 ──────►┊ ESTABLISHED\n"
		       "                          ┊                                 ┊\n"
		       "   61us ESTABLISHED 100us │◄────── ACK seq=1 ack=1 ─────────┤\n"
		       "                          │                                 ┊\n"
		       "                          │          ◄══ 300 bytes          ┊\n"
		       "                          │                                 ┊\n"
		       "  161us CLOSE_WAIT 45.7ms │◄─── FIN,ACK seq=301 ack=1 ──────┤ FIN_WAIT1\n"
		       "                          │                                 ┊\n"
		       "  161us                   ├────── ACK seq=1 ack=302 ───────►┊ FIN_WAIT2\n"
		       "                          │                                 ┊\n"
		       "45.90ms     LAST_ACK 70us ├──── FIN,ACK seq=1 ack=302 ─────►┊ TIME_WAIT\n"
		       "                          │                                 ┊\n"
		       "45.97ms             CLOSE │◄───── ACK seq=302 ack=2 ────────┤\n"
		       "\n"
		       "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN\n");
}

static void test_crossing(void **state)
{
	struct conn_record c;

	(void)state;
	simultaneous_close(&c);
	assert_picture(draw(&c, NULL, false),
		       "client curl[4242]                                                         server\n"
		       "10.0.0.1:40000                                                 93.184.216.34:443\n"
		       "7c9e6679.2a01                                     states implied by its segments\n"
		       "2026-01-02T03:04:05.000000Z, handshake 12.3ms, life 1m00s\n"
		       "end: fin, simultaneous, both closed\n"
		       "\n"
		       "                    CLOSE │                                 ┊ LISTEN\n"
		       "                          │                                 ┊\n"
		       "      0    SYN_SENT 130us ├────────── SYN seq=0 ───────────►┊ SYN_RECV\n"
		       "                          │                                 ┊\n"
		       "  130us ESTABLISHED 125us │◄──── SYN,ACK seq=0 ack=1 ───────┤\n"
		       "                          │                                 ┊\n"
		       "  130us                   ├╌╌╌╌╌╌╌ ACK seq=1 ack=1 ╌╌╌╌╌╌╌╌►┊ ESTABLISHED\n"
		       "                          │                                 ┊\n"
		       "                          │ FIN,ACK seq=1 ack=1             ┊\n"
		       "                          │             FIN,ACK seq=1 ack=1 ┊\n"
		       "  255us   FIN_WAIT1 2.2ms ├───────────────╲ ╱───────────────┤ FIN_WAIT1\n"
		       "                          │                ╳                ┊\n"
		       " 2.45ms      CLOSING 32us │◄──────────────╱ ╲──────────────►┊ CLOSING\n"
		       "                          │                                 ┊\n"
		       "                          │ ACK seq=2 ack=2                 ┊\n"
		       "                          │                 ACK seq=2 ack=2 ┊\n"
		       " 2.45ms                   ├╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╲ ╱───────────────┤\n"
		       "                          │                ╳                ┊\n"
		       " 2.48ms   TIME_WAIT 1m00s ┊◄──────────────╱ ╲╌╌╌╌╌╌╌╌╌╌╌╌╌╌?┊\n"
		       "                          ┊                                 ┊\n"
		       "  1m00s             CLOSE │          2 MSL are over         ┊\n"
		       "\n"
		       "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN\n");
	rst_in_simultaneous_open(&c);
	assert_picture(draw(&c, NULL, true),
		       "left end curl[4242]                                                    right end\n"
		       "10.0.0.1:40000                                                 93.184.216.34:443\n"
		       "7c9e6679.2a01                                     states implied by its segments\n"
		       "2026-01-02T03:04:05.000000Z, life 314us\n"
		       "end: rst_received, right end closed first\n"
		       "\n"
		       "                    CLOSE |                                 : CLOSE\n"
		       "                          |                                 :\n"
		       "                          | SYN seq=0             SYN seq=0 :\n"
		       "      0    SYN_SENT 214us +---------------\\ /---------------+ SYN_SENT\n"
		       "                          |                X                :\n"
		       "  214us    SYN_RECV 100us |<--------------/ \\-------------->: SYN_RECV\n"
		       "                          |                                 :\n"
		       "  214us                   + - -  SYN,ACK seq=0 ack=1  - - ->:\n"
		       "                          |                                 :\n"
		       "  314us             CLOSE |X--------- RST seq=1 ------------+ CLOSE\n"
		       "\n"
		       "==> payload, X a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "--- seen or proven, - - : inferred, xN sent N times, numbers count from the SYN\n");
}

static void test_no_connection(void **state)
{
	struct conn_record c;

	(void)state;
	syn_refused(&c);
	assert_picture(draw(&c, NULL, true),
		       "client curl[4242]                                                         server\n"
		       "10.0.0.1:40000                                                 93.184.216.34:443\n"
		       "7c9e6679.2a01                                     states implied by its segments\n"
		       "2026-01-02T03:04:05.000000Z, life 283us\n"
		       "end: refused\n"
		       "\n"
		       "                    CLOSE |                                 : CLOSE\n"
		       "                          |                                 :\n"
		       "      0    SYN_SENT 283us +---------- SYN seq=0 ----------->:\n"
		       "                          |                                 :\n"
		       "  283us             CLOSE |X------- RST,ACK ack=1 ----------+\n"
		       "\n"
		       "==> payload, X a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "--- seen or proven, - - : inferred, xN sent N times, numbers count from the SYN\n");
	syn_unanswered(&c);
	assert_picture(draw(&c, NULL, false),
		       "client curl[4242]                                                         server\n"
		       "10.0.0.1:40000                                                 93.184.216.34:443\n"
		       "7c9e6679.2a01                                     states implied by its segments\n"
		       "2026-01-02T03:04:05.000000Z, life 7.0s\n"
		       "end: timeout\n"
		       "\n"
		       "                    CLOSE │                                 ┊\n"
		       "                          │                                 ┊\n"
		       "      0     SYN_SENT 7.0s ├───────── SYN seq=0 ×3 ─────────?┊\n"
		       "                          │                                 ┊\n"
		       "   7.0s             CLOSE │             timeout             ┊\n"
		       "\n"
		       "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN\n");
}

/* It ends no attempt: what comes later does. */
static void test_reset_in_syn_sent(void **state)
{
	struct conn_record c;
	const char *text;

	(void)state;
	syn_then_reset(&c);
	text = draw(&c, NULL, true);
	assert_non_null(strstr(text, "   88us                   +------------- RST --------------X:\n"));
	assert_non_null(strstr(text, "  2.2ms             CLOSE |X------- RST,ACK ack=1 ----------+\n"));
}

/* TCP_REPAIR restored it without a segment, and when its FIN left is not known. */
static void test_restored(void **state)
{
	static const struct conn_span spans[] = {SPAN(0, 31, SYN_SENT, true), SPAN(31, 103, ESTABLISHED, true),
						 SPAN(134, 7866, FIN_WAIT1, true)};
	struct conn_segment segments[] = {SEGMENT(0, OUT, FIN_ACK, 0, 0, NUMBERS)};
	struct conn_record c;

	(void)state;
	quiet_life(&c, 8000);
	c.end = CONN_END_ABORTED;
	c.start_known = c.handshake_known = false;
	segments[0].at_known = segments[0].seq_known = segments[0].ack_known = false;
	set_lists(&c, spans, COUNT(spans), segments, COUNT(segments));
	assert_non_null(strstr(draw(&c, NULL, true), "      0     SYN_SENT 31us |                                 :\n"
						     "   31us ESTABLISHED 103us |                                 :\n"
						     "                          |                                 :\n"
						     "          FIN_WAIT1 7.8ms +----------- FIN,ACK ------------?:\n"));
}

static void test_open(void **state)
{
	struct conn_record c;

	(void)state;
	still_open(&c);
	assert_picture(draw(&c, NULL, false),
		       "client curl[4242]                                                         server\n"
		       "10.0.0.1:40000                                                 93.184.216.34:443\n"
		       "7c9e6679.2a01                                     states implied by its segments\n"
		       "began before the tool, open for 46.1ms or more\n"
		       "\n"
		       "          ESTABLISHED ... │   found: began before the tool  ┊\n"
		       "                          │                                 ┊\n"
		       "                          │          300 bytes ══►          ┊\n"
		       "                          │                                 ┊\n"
		       "                          │            still open           ┊\n"
		       "\n"
		       "══► payload, ╳ a reset or a crossing, ... goes on, ? not known to arrive\n"
		       "── seen or proven, ╌╌ ┊ inferred, ×N sent N times, numbers count from the SYN\n");
}

/* Time and state stand apart, whatever their lengths. */
static void test_long_state(void **state)
{
	struct conn_record client;

	(void)state;
	four_way_client(&client);
	for (uint64_t us = 1; us < 400ull * 24 * 3600 * 1000000; us *= 7) {
		client.timeline[1].us = us;
		draw(&client, NULL, true);
		assert_non_null(strstr(text, " ESTABLISHED"));
		assert_null(strstr(text, "sESTABLISHED"));
	}
}

/* What stands in one ladder. */
static void test_half_close(void **state)
{
	struct conn_record c;
	const char *first, *second;

	(void)state;
	four_way_client(&c);
	c.close_kind = CONN_CLOSE_HALF;
	c.payload_received = 50000;
	draw(&c, NULL, true);
	first = strstr(text, "300 bytes ==>");
	second = strstr(text, "<== 50000 bytes in all");
	assert_non_null(first);
	assert_non_null(second);
	assert_true(first < strstr(text, "FIN_WAIT1") && strstr(text, "FIN_WAIT2") < second &&
		    second < strstr(text, "TIME_WAIT"));
}

/* A minisocket may outlive the record, and what it ends with is said. */
static void test_fin_wait2(void **state)
{
	struct conn_record c;

	(void)state;
	four_way_client(&c);
	c.timeline_len = 4;
	c.segments_len = 5;
	c.end_ns = c.start_ns + 60 * SAMPLE_S;
	c.timeline[3].us = 60000000 - 44657;
	c.time_wait = (struct conn_time_wait){.entered = true, .fin_wait2 = true, .end = WIRE_CAUSE_EXPIRED};
	draw(&c, NULL, true);
	assert_non_null(strstr(text, "CLOSE |    the other end never closed   :\n"));
	c.time_wait.end = WIRE_CAUSE_UNKNOWN;
	draw(&c, NULL, true);
	assert_null(strstr(text, "never closed"));
	assert_null(strstr(strstr(text, "FIN_WAIT2"), "CLOSE |"));
	c.time_wait = (struct conn_time_wait){0}; /* nor does anybody know whether there was one */
	c.end = CONN_END_UNKNOWN;
	c.timeline[3].us_known = false;
	draw(&c, NULL, true);
	assert_null(strstr(strstr(text, "FIN_WAIT2"), "CLOSE |"));
}

/* A FIN that nobody answers says nothing of the other end. */
static void test_last_ack(void **state)
{
	struct conn_record client, server;

	(void)state;
	four_way_client(&client);
	four_way_server(&server, &client);
	server.segments_len--;
	server.segments[5].n = 9;
	server.end = CONN_END_TIMEOUT;
	draw(&server, NULL, true);
	assert_non_null(strstr(text, "FIN,ACK seq=1 ack=302 x9 ---?:\n"));
	assert_non_null(strstr(text, "timeout"));
	assert_null(strstr(text, "TIME_WAIT"));
}

/* The repeat has a row at its own time: before it, nothing says that the SYN arrived. */
static void test_repeats(void **state)
{
	struct conn_record client, server;

	(void)state;
	four_way_client(&client);
	four_way_server(&server, &client);
	client.segments[0].n = 2;
	client.segments[0].last_known = true;
	client.segments[0].at_us_last = 150;
	draw(&client, &server, true);
	assert_non_null(strstr(text, "      0    SYN_SENT 253us +---------- SYN seq=0 -----------?|\n"
				     "                          |                                 |\n"
				     "  150us                   +---------- SYN seq=0 ----------->: SYN_RECV 61us\n"
				     "                          |                                 : at 229us\n"));
	client.segments[0].at_us_last = 240; /* the answer is older than the repeat: one row for both */
	draw(&client, &server, true);
	assert_non_null(strstr(text, "      0    SYN_SENT 253us +--------- SYN seq=0 x2 --------->: SYN_RECV 61us\n"));
	server.segments[1].at_us = 80; /* it had arrived before, and the answer was slow */
	client.segments[1].at_us = 320;
	draw(&client, &server, true);
	assert_non_null(strstr(text, "      0    SYN_SENT 253us +---------- SYN seq=0 ----------->: SYN_RECV 61us\n"));
	assert_non_null(strstr(text, "  240us                   +---------- SYN seq=0 -----------?:\n"));
	client.segments[0].n = 4;
	client.segments[0].at_us_last = 150;
	draw(&client, NULL, true);
	assert_non_null(strstr(text, " SYN seq=0 x3 ---"));
	client.segments[0].last_known = false;
	draw(&client, NULL, true);
	assert_non_null(strstr(text, " SYN seq=0 x4 ---"));
}

static void test_hostile_name(void **state)
{
	struct conn_record c;

	(void)state;
	four_way_client(&c);
	memcpy(c.t.task.comm, "\x1b[2J\xff\xe4\xb8\xad\xe2\x80\xae", 12);
	draw(&c, NULL, false);
	assert_80_columns(text);
	assert_non_null(strstr(text, "\\x1b[2J\\xff\xe4\xb8\xad\\xe2\\x80\\xae[4242]"));
	draw(&c, NULL, true);
	assert_non_null(strstr(text, "\\x1b[2J\\xff\\xe4\\xb8\\xad\\xe2\\x80\\xae[4242]"));
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p < 0x80);
}

static void make_huge(struct conn_record *c)
{
	sample_addresses(&c->t, AF_INET6, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
			 "2001:db8:eeee:eeee:eeee:eeee:eeee:eeee", 65535);
	memset(c->t.task.comm, 0xff, sizeof(c->t.task.comm));
	c->t.task.tgid = 4194304;
	c->t.cookie = UINT64_MAX;
	c->t.generation = UINT32_MAX;
	c->payload_acked = c->payload_received = UINT64_MAX;
	c->retransmits.data = c->unread_bytes = c->unsent_bytes = c->gaps = UINT32_MAX;
	c->resets.sent = UINT32_MAX;
	c->time_wait.restarts = UINT32_MAX;
	c->complete = false;
	for (unsigned int i = 0; i < c->segments_len; i++) {
		c->segments[i].seq += UINT32_MAX - 100000;
		c->segments[i].ack += UINT32_MAX - 100000;
		c->segments[i].n = UINT32_MAX;
	}
	for (unsigned int i = 0; i < c->timeline_len; i++)
		c->timeline[i].us = UINT64_MAX >> 11;
}

static void test_huge(void **state)
{
	static void (*const makers[])(struct conn_record *) = {
		four_way_client, simultaneous_close, syn_refused,    syn_unanswered, rst_in_simultaneous_open,
		still_open,      sample_connection,  sample_unknown, sample_widest,
	};
	struct conn_record c, other;

	(void)state;
	for (size_t i = 0; i < COUNT(makers); i++) {
		makers[i](&c);
		assert_80_columns(draw(&c, NULL, false));
		make_huge(&c);
		assert_80_columns(draw(&c, NULL, false));
		assert_80_columns(draw(&c, NULL, true));
		four_way_server(&other, &c);
		assert_80_columns(draw(&c, &other, false));
		assert_80_columns(draw(&other, &c, true));
	}
}

/* Every width, every clock: nothing is wider, and nothing but a name and an address is left out. */
static void test_widths(void **state)
{
	static void (*const makers[])(struct conn_record *) = {four_way_client, simultaneous_close, syn_refused, sample_widest};
	struct conn_record c, other;

	(void)state;
	for (size_t i = 0; i < COUNT(makers); i++) {
		for (struct ladder style = {.width = LADDER_WIDTH_MIN}; style.width <= LADDER_WIDTH_MAX; style.width++) {
			style.clock = style.width % LADDER_CLOCKS;
			makers[i](&c);
			assert_columns(draw_as(&c, NULL, &style), style.width);
			assert_non_null(strstr(text, "SYN_SENT"));
			make_huge(&c);
			four_way_server(&other, &c);
			assert_columns(draw_as(&c, &other, &style), style.width);
		}
	}
}

static void test_narrow(void **state)
{
	struct conn_record c;

	(void)state;
	syn_refused(&c);
	assert_columns(draw_as(&c, NULL, &(struct ladder){.width = 40, .ascii = true}), 40);
	assert_non_null(strstr(text, "       at 0 |              :\n"
				     "            |  SYN seq=0   :\n"
				     "   SYN_SENT +------------->:\n"
				     "      283us |              :\n"
				     "            |              :\n"
				     "   at 283us |              :\n"
				     "            |   RST,ACK    :\n"
				     "      CLOSE |X- ack=1 -----+\n"));
}

/* The times of test_both_ends() by the other clocks. */
static void test_clocks(void **state)
{
	struct conn_record client, server;

	(void)state;
	four_way_client(&client);
	four_way_server(&server, &client);
	draw_as(&client, &server, &(struct ladder){.ascii = true, .clock = LADDER_WALL, .width = 100});
	assert_columns(text, 100);
	assert_non_null(strstr(text, "\n03:04:05.000000 "));
	assert_non_null(strstr(text, "\n03:04:05.000358 "));
	assert_non_null(strstr(text, "at 03:04:05.000390\n"));
	draw_as(&client, &server, &(struct ladder){.ascii = true, .clock = LADDER_DELTA});
	assert_80_columns(text);
	assert_non_null(strstr(text, "\n       0    SYN_SENT 253us "));
	assert_non_null(strstr(text, " at +229us\n"));
	assert_non_null(strstr(text, "\n  +229us "));
	assert_non_null(strstr(text, "\n +44.2ms "));
}

/* The texts of the column of times, one behind the other. */
static void times_of(const char *picture, char *ret)
{
	char copy[LADDER_MAX], *save, *word;

	strcpy(copy, strstr(picture, "\n\n"));
	*ret = '\0';
	for (char *row = strtok_r(copy, "\n", &save); row; row = strtok_r(NULL, "\n", &save)) {
		word = row + strspn(row, " ");
		if (word - row > 9 || *word < '0' || *word > '9')
			continue;
		word[strcspn(word, " ")] = '\0';
		sprintf(ret + strlen(ret), "%s ", word);
	}
}

/* After a SYN that was lost the rest of the life takes less than a tenth of the time before it. */
static void test_long_handshake(void **state)
{
	static const unsigned int widths[] = {71, 80, 200};
	struct conn_record c;
	char times[200];

	(void)state;
	four_way_client(&c);
	for (unsigned int i = 1; i < c.segments_len; i++)
		c.segments[i].at_us += 1000000;
	for (unsigned int i = 1; i < c.timeline_len; i++)
		c.timeline[i].at_us += 1000000;
	for (unsigned int i = 0; i < COUNT(widths); i++) {
		draw_as(&c, NULL, &(struct ladder){.ascii = true, .width = widths[i]});
		assert_columns(text, widths[i]);
		times_of(text, times);
		assert_string_equal(times, "0 1.0002s 1.0002s 1.0003s 1.0446s 1.0461s 1.0461s ");
	}
	draw_as(&c, NULL, &(struct ladder){.ascii = true, .width = 40});
	assert_columns(text, 40);
	assert_non_null(strstr(text, " at 1.0002s |"));
	assert_non_null(strstr(text, " at 1.0461s |"));
}

/* A record may add up to a time that has no nanoseconds any more. */
static void test_late_clock(void **state)
{
	const struct ladder_times times = {.clock = LADDER_WALL};
	char at[32];
	struct buf b;

	(void)state;
	buf_init(&b, at, sizeof(at) - 1);
	ladder_put_time(&b, &times, INT64_C(200000) * 86400000000 + 11045000006);
	*b.p = '\0';
	assert_string_equal(at, "03:04:05.000006");
}

/* Colours add to a picture and change nothing in it. */
static void test_colour(void **state)
{
	static char plain[LADDER_MAX + 1];
	const char *from = text;
	struct conn_record c;
	char *to = plain;

	(void)state;
	simultaneous_close(&c);
	draw_as(&c, NULL, &(struct ladder){.colour = true});
	assert_non_null(strstr(text, "\x1b[32m"));
	assert_non_null(strstr(text, "\x1b[0m"));
	while (*from) {
		if (*from == '\x1b')
			from = strchr(from, 'm') + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	assert_string_equal(draw(&c, NULL, false), plain);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* A file may hold lives that cannot be. */
static void make_random(struct conn_record *c, uint32_t *seed)
{
	sample_connection(c);
	c->t.role = next_random(seed) % CONN_ROLE_MAX;
	c->final = next_random(seed) % 2;
	c->start_known = next_random(seed) % 2;
	c->end = next_random(seed) % CONN_END_MAX;
	c->close_kind = next_random(seed) % CONN_CLOSE_KIND_MAX;
	c->closed_by = next_random(seed) % CONN_SIDE_MAX;
	c->timeline_len = next_random(seed) % (CONN_TIMELINE_MAX + 1);
	for (unsigned int i = 0; i < c->timeline_len; i++)
		c->timeline[i] = (struct conn_span){
			.at_us = next_random(seed) % 20,
			.us = next_random(seed),
			.state = next_random(seed) % WIRE_STATE_MAX,
			.ev = next_random(seed) % CONN_EV_MAX,
			.us_known = next_random(seed) % 2,
		};
	c->segments_len = next_random(seed) % (CONN_SEGMENTS_MAX + 1);
	for (unsigned int i = 0; i < c->segments_len; i++)
		c->segments[i] = (struct conn_segment){
			.at_us = next_random(seed) % 20,
			.seq = next_random(seed) % 3,
			.ack = next_random(seed) % 3,
			.n = 1,
			.dir = next_random(seed) % CONN_DIR_MAX,
			.flags = next_random(seed) % CONN_FLAGS_MAX,
			.proof = next_random(seed) % CONN_PROOF_MAX,
			.at_known = next_random(seed) % 2,
			.seq_known = next_random(seed) % 2,
			.ack_known = next_random(seed) % 2,
		};
}

static void test_impossible(void **state)
{
	struct conn_record left, right;
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		make_random(&left, &seed);
		make_random(&right, &seed);
		assert_80_columns(draw(&left, i % 2 ? &right : NULL, i % 3));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends),
		cmocka_unit_test(test_one_end),
		cmocka_unit_test(test_crossing),
		cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_reset_in_syn_sent),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_long_state),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_fin_wait2),
		cmocka_unit_test(test_last_ack),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_late_clock),
		cmocka_unit_test(test_long_handshake),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_hostile_name),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_impossible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
