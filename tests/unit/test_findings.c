// SPDX-License-Identifier: GPL-2.0-only
/* Findings: each limit, from both sides; how they come up, stay and go; what closes and does not get on; and their words. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/core/conn.h"
#include "src/core/finding_drain.h"
#include "src/core/finding_set.h"
#include "src/core/finding_tally.h"
#include "src/core/wire_read.h"
#include "src/format/finding_text.h"

#define S SAMPLE_S
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct hash_key hash_key = {0x123456789abcdef, 42};

static struct finding_record finding(enum finding_id id, uint64_t count, uint64_t of)
{
	struct finding_record f = {.id = id, .count = count, .of = of, .of_known = of != 0};

	sample_addresses(&f.t, AF_INET, "::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", 40000);
	finding_name(&f, false);
	return f;
}

/* What is just enough, and what is one less; and for what stands, the same of three quarters. */
static void limits(void **state)
{
	static const struct {
		enum finding_id id;
		uint64_t count, of, stays;
	} rows[] = {
		{FINDING_CLOSE_WAIT_LEAK, 1, 0, 1},
		{FINDING_HELD_BY_CHILD, 1, 0, 1},
		{FINDING_ACCEPT_STALLED, 1, 0, 1},
		{FINDING_FIN_WAIT2_PILE, 5, 0, 4},
		{FINDING_FIN_UNANSWERED, 5, 5, 4},
		{FINDING_FIN_UNANSWERED, 250, 1000, 190},
		{FINDING_FIN_BLOCKED, 5, 20, 4},
		{FINDING_FIN_BLOCKED, 250, 1000, 190},
		{FINDING_SYN_UNANSWERED, 5, 0, 4},
		{FINDING_HALF_OPEN_PILE, 50, 0, 38},
		{FINDING_CONNECT_REFUSED, 100, 100, 75},
		{FINDING_CONNECT_REFUSED, 500, 1000, 380},
		{FINDING_RESETS, 50, 50, 38},
		{FINDING_RESETS, 250, 1000, 190},
		{FINDING_RETRANSMITS, 100, 2000, 80},
		{FINDING_RETRANSMITS, 500, 10000, 400},
		{FINDING_PORTS_USED_UP, 800, 1000, 600},
	};
	struct finding_record f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f = finding(rows[i].id, rows[i].count, rows[i].of);
		assert_true(finding_judge(&f, false));
		assert_int_equal(f.severity, FINDING_WARNING);
		f = finding(rows[i].id, rows[i].count - 1, rows[i].of);
		if (finding_judge(&f, false))
			fail_msg("%s: %llu of %llu is a finding", finding_id_name(f.id), (unsigned long long)f.count,
				 (unsigned long long)f.of);
		f = finding(rows[i].id, rows[i].stays, rows[i].of);
		assert_true(finding_judge(&f, true));
		f = finding(rows[i].id, rows[i].stays - 1, rows[i].of);
		assert_false(finding_judge(&f, true));
	}
}

/* Worse than a warning: connections fail. */
static void critical(void **state)
{
	struct finding_record f = finding(FINDING_PORTS_USED_UP, 950, 1000);

	(void)state;
	assert_true(finding_judge(&f, false));
	assert_int_equal(f.severity, FINDING_CRITICAL);
	f = finding(FINDING_CLOSE_WAIT_LEAK, 1000, 0);
	assert_true(finding_judge(&f, false));
	assert_int_equal(f.severity, FINDING_CRITICAL);
	f = finding(FINDING_ACCEPT_QUEUE_FULL, 129, 0);
	f.limit = 129;
	assert_true(finding_judge(&f, false));
	assert_int_equal(f.severity, FINDING_CRITICAL);
	f.count = 128;
	assert_false(finding_judge(&f, false));
	assert_true(finding_judge(&f, true));
	f.count = 96; /* 3/4 of 129 are 97 */
	assert_false(finding_judge(&f, true));
}

static void worst_first(void **state)
{
	struct finding_record few = finding(FINDING_RESETS, 60, 60), many = finding(FINDING_RESETS, 90, 90);
	struct finding_record full = finding(FINDING_ACCEPT_QUEUE_FULL, 2, 0);

	(void)state;
	full.severity = FINDING_CRITICAL;
	assert_true(finding_compare(&full, &many) < 0 && finding_compare(&many, &full) > 0);
	assert_true(finding_compare(&many, &few) < 0 && finding_compare(&few, &many) > 0);
	assert_int_equal(finding_compare(&few, &few), 0);
}

/* The same thing has the same number, whatever its count and who is the example; another place or process has another one. */
static void numbers(void **state)
{
	struct finding_record one = finding(FINDING_RESETS, 1, 2), other = finding(FINDING_RESETS, 3, 4);

	(void)state;
	other.t.cookie = 7;
	finding_name(&other, false);
	assert_true(one.number == other.number && one.number);
	other.t.id.local_port++;
	finding_name(&other, false);
	assert_true(one.number != other.number);
	other = one;
	other.t.from = CONN_FROM_SCAN;
	other.t.task.tgid = 5;
	finding_name(&other, false);
	assert_true(one.number == other.number);
	finding_name(&other, true);
	assert_true(one.number != other.number);
	other = finding(FINDING_RETRANSMITS, 1, 2);
	assert_true(one.number != other.number);
}

/* Only what it is about is left, and still reads as IPv4. */
static void about(void **state)
{
	struct finding_record f = finding(FINDING_RESETS, 1, 2);
	static const uint8_t none[16];

	(void)state;
	finding_set_about(&f, FINDING_PEER_ADDR);
	assert_int_equal(f.t.id.family, AF_INET);
	assert_memory_equal(f.t.id.local_addr, none, sizeof(none));
	assert_memory_not_equal(f.t.id.peer_addr, none, sizeof(none));
	assert_true(!f.t.id.local_port && !f.t.id.peer_port);
}

/* What a set said. */
static char said[256];

static void say(void *ctx, const struct finding_record *f)
{
	size_t len = strlen(said);

	(void)ctx;
	snprintf(said + len, sizeof(said) - len, "%s %s %llu;", finding_what_name(f->what), finding_id_name(f->id),
		 (unsigned long long)f->count);
}

static void look(struct finding_set *set, uint64_t at, uint64_t count, const char *expected)
{
	const struct finding_record f = finding(FINDING_SYN_UNANSWERED, count, 0);

	said[0] = '\0';
	if (count)
		finding_set_offer(set, &f);
	finding_set_close(set, finding_source(f.id), at, say, NULL);
	assert_string_equal(said, expected);
}

static void comes_and_goes(void **state)
{
	struct finding_set set;

	(void)state;
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	look(&set, 1, 4, "");
	look(&set, 2, 5, "up syn_unanswered 5;");
	look(&set, 3, 9, "");
	look(&set, 4, 4, ""); /* below the limit, and above where it goes */
	look(&set, 5, 3, "");
	look(&set, 6, 0, "");
	look(&set, 7, 4, ""); /* it is there again before it was gone */
	look(&set, 8, 0, "");
	look(&set, 9, 0, "");
	look(&set, 10, 0, "down syn_unanswered 9;"); /* with the numbers of its worst look */
	look(&set, 11, 0, "");
	look(&set, 12, 4, "");
	look(&set, 13, 5, "up syn_unanswered 5;");
	said[0] = '\0';
	finding_set_stop(&set, say, NULL);
	assert_string_equal(said, "stands syn_unanswered 5;");
	finding_set_stop(&set, say, NULL);
	assert_string_equal(said, "stands syn_unanswered 5;"); /* once */
	finding_set_free(&set);
}

/* A look that failed: what it met may come up, what it did not meet stays. */
static void part_looks(void **state)
{
	struct finding_record f = finding(FINDING_FIN_WAIT2_PILE, 5, 0);
	struct finding_set set;

	(void)state;
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	said[0] = '\0';
	finding_set_offer(&set, &f);
	finding_set_close_part(&set, FINDING_BY_WINDOW, 1, say, NULL);
	assert_string_equal(said, "");
	finding_set_close_part(&set, FINDING_BY_SCAN, 1, say, NULL);
	assert_string_equal(said, "up fin_wait2_pile 5;");
	finding_set_close(&set, FINDING_BY_SCAN, 2, say, NULL);
	finding_set_close(&set, FINDING_BY_SCAN, 3, say, NULL);
	for (unsigned int i = 0; i < 10; i++)
		finding_set_close_part(&set, FINDING_BY_SCAN, 4 + i, say, NULL);
	assert_string_equal(said, "up fin_wait2_pile 5;");
	finding_set_close(&set, FINDING_BY_SCAN, 20, say, NULL);
	assert_string_equal(said, "up fin_wait2_pile 5;down fin_wait2_pile 5;");
	finding_set_free(&set);
}

static void look_share(struct finding_set *set, uint64_t count, uint64_t of)
{
	const struct finding_record f = finding(FINDING_CONNECT_REFUSED, count, of);

	finding_set_offer(set, &f);
	finding_set_close(set, FINDING_BY_WINDOW, S, say, NULL);
}

/* Whatever a standing finding is kept by: its numbers are over the limits that are printed beside them. */
static void worst_share(void **state)
{
	struct finding_set set;

	(void)state;
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	said[0] = '\0';
	look_share(&set, 150, 250);
	look_share(&set, 200, 500); /* more, and below 50 % */
	look_share(&set, 80, 80);   /* all, and below 100 */
	finding_set_stop(&set, say, NULL);
	assert_string_equal(said, "up connect_refused 150;stands connect_refused 150;");
	said[0] = '\0';
	look_share(&set, 150, 250);
	look_share(&set, 120, 150);
	look_share(&set, 300, 500);
	finding_set_stop(&set, say, NULL);
	assert_string_equal(said, "up connect_refused 150;stands connect_refused 120;");
	said[0] = '\0';
	look_share(&set, 120, 150);
	look_share(&set, 240, 300); /* as large a share of more */
	finding_set_stop(&set, say, NULL);
	assert_string_equal(said, "up connect_refused 120;stands connect_refused 240;");
	finding_set_free(&set);
}

/* A look of one source does not end what the other one finds. */
static void sources(void **state)
{
	struct finding_set set;

	(void)state;
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	look(&set, 1, 5, "up syn_unanswered 5;");
	for (unsigned int i = 0; i < 5; i++)
		finding_set_close(&set, FINDING_BY_SCAN, 2 + i, say, NULL);
	look(&set, 9, 5, "");
	finding_set_free(&set);
}

static void offer_queue(struct finding_set *set, uint64_t oldest_ns, const char *expected)
{
	struct finding_record f = finding(FINDING_ACCEPT_QUEUE_FULL, 3, 0);

	f.limit = 3;
	f.oldest_known = oldest_ns != 0;
	f.oldest_ns = oldest_ns;
	said[0] = '\0';
	finding_set_offer(set, &f);
	finding_set_close(set, FINDING_BY_SCAN, S, say, NULL);
	assert_string_equal(said, expected);
}

/* A queue that is full in one look is a burst, unless somebody has waited in it. */
static void burst(void **state)
{
	struct finding_set set;

	(void)state;
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	offer_queue(&set, S / 2, "");
	finding_set_close(&set, FINDING_BY_SCAN, S, say, NULL);
	assert_string_equal(said, "");
	offer_queue(&set, 0, ""); /* the first time again */
	offer_queue(&set, 0, "up accept_queue_full 3;");
	finding_set_free(&set);
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	offer_queue(&set, S, "up accept_queue_full 3;");
	finding_set_free(&set);
}

/* Many of one kind leave room for the others, and are counted. */
static void room(void **state)
{
	struct finding_set set;
	struct finding_record f = finding(FINDING_SYN_UNANSWERED, 5, 0);

	(void)state;
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	for (uint16_t n = 0; n < 2000; n++) { /* the same ones again, as in each look */
		f.t.id.local_port = n % 1000 + 1;
		finding_name(&f, false);
		finding_set_offer(&set, &f);
	}
	assert_int_equal(set.left_out, 1000 - 32);
	f = finding(FINDING_RESETS, 50, 50);
	finding_set_offer(&set, &f);
	assert_int_equal(set.left_out, 1000 - 32);
	finding_set_close(&set, FINDING_BY_WINDOW, 1, say, NULL);
	for (unsigned int i = 0; i < 3; i++)
		finding_set_close(&set, FINDING_BY_WINDOW, 2, say, NULL);
	assert_int_equal(pool_count(&set.by_number), 0);
	assert_int_equal(set.of_id[FINDING_SYN_UNANSWERED], 0);
	finding_set_free(&set);
}

static void add_socket(struct leak_set *set, uint64_t cookie, uint8_t in_state, uint32_t snd_una, uint64_t silent_ns)
{
	const struct leak_socket socket = {
		.t.cookie = cookie, .state = in_state, .snd_una = snd_una, .silent_ns = silent_ns, .first_holder = LEAK_NONE};

	assert_true(pool_add(&set->sockets, &socket));
}

/* The peer's silence since the close, or two scans without progress. */
static void drains(void **state)
{
	struct finding_drain drain;
	struct leak_set set;
	const struct leak_socket *socket;

	(void)state;
	assert_int_equal(finding_drain_init(&drain, &hash_key), 0);
	assert_int_equal(leak_set_init(&set, 16, &hash_key), 0);
	add_socket(&set, 1, WIRE_LAST_ACK, 10, 30 * S);
	add_socket(&set, 2, WIRE_FIN_WAIT1, 10, S);
	add_socket(&set, 3, WIRE_CLOSE_WAIT, 10, 30 * S);
	finding_drain_scanned(&drain, &set, 100 * S);
	socket = leak_set_find(&set, 1); /* it may have been idle, and have closed just now */
	assert_int_equal(finding_drain_ns(&drain, socket, 0, 100 * S), 0);
	assert_int_equal(finding_drain_ns(&drain, socket, S / 1000, 100 * S), S / 1000);
	assert_int_equal(finding_drain_ns(&drain, socket, 20 * S, 100 * S), 20 * S);
	assert_int_equal(finding_drain_ns(&drain, socket, 40 * S, 100 * S), 30 * S);
	assert_int_equal(finding_drain_ns(&drain, leak_set_find(&set, 2), 40 * S, 100 * S), S);
	assert_int_equal(finding_drain_ns(&drain, leak_set_find(&set, 3), 40 * S, 100 * S), 0);
	finding_drain_scanned(&drain, &set, 112 * S);
	assert_int_equal(finding_drain_ns(&drain, socket, 0, 112 * S), 12 * S);
	assert_int_equal(finding_drain_ns(&drain, leak_set_find(&set, 2), 0, 112 * S), 12 * S);

	pool_clear(&set.sockets);
	add_socket(&set, 2, WIRE_FIN_WAIT1, 11, S); /* it got on */
	finding_drain_scanned(&drain, &set, 115 * S);
	socket = leak_set_find(&set, 2);
	assert_int_equal(finding_drain_ns(&drain, socket, 2 * S, 116 * S), S);
	assert_int_equal(pool_count(&drain.by_cookie), 1); /* what is gone is forgotten */
	pool_clear(&set.sockets);
	set.partial = true;
	finding_drain_scanned(&drain, &set, 118 * S);
	assert_int_equal(pool_count(&drain.by_cookie), 1); /* unless it may be there */
	finding_drain_free(&drain);
	leak_set_free(&set);
}

static void tallies(void **state)
{
	struct tallies all;
	struct conn_tuple t = {.id_known = true};
	struct tally *opened, *accepted;

	(void)state;
	assert_int_equal(tallies_init(&all, &hash_key), 0);
	sample_addresses(&t, AF_INET, "::ffff:10.0.0.1", 443, "::ffff:10.0.0.2", 443);
	assert_null(tallies_of(&all, &t, true, false));
	opened = tallies_of(&all, &t, true, true);
	opened->refused = 1;
	accepted = tallies_of(&all, &t, false, true);
	assert_int_equal(accepted->refused, 0);
	t.id.local_port = 5; /* what was opened is another port each time */
	assert_int_equal(tallies_of(&all, &t, true, false)->refused, 1);
	assert_null(tallies_of(&all, &t, false, false));
	t.id.peer_port = 6;
	assert_null(tallies_of(&all, &t, true, false));
	for (uint32_t i = 0; i < 20000; i++) {
		t.id.netns = 100 + i;
		tallies_of(&all, &t, true, true);
	}
	assert_true(all.left_out && all.left_out < 20000);
	tallies_clear(&all);
	assert_null(tallies_of(&all, &t, true, false));
	tallies_free(&all);
}

/* Every id has a sentence, a hint and a command that fit, and a foreign name cannot break the line. */
static void words(void **state)
{
	char text[4096];
	struct buf b;
	struct finding_record f;

	(void)state;
	for (enum finding_id id = 0; id < FINDING_MAX; id++) {
		f = finding(id, UINT64_MAX, UINT64_MAX);
		f.limit = UINT64_MAX;
		f.about = FINDING_PEER_ADDR | FINDING_PEER_PORT;
		f.oldest_known = true;
		f.oldest_ns = UINT64_MAX;
		f.theirs = UINT64_MAX;
		f.opener = (struct wire_task){.tgid = UINT32_MAX, .comm = "\x1b[31m\n\xff\xff\xff\xff\xff\xff\xff\xff"};
		finding_judge(&f, false);
		buf_init(&b, text, FINDING_TEXT_MAX);
		finding_message(&b, &f);
		assert_false(b.overflow);
		assert_null(memchr(text, '\n', (size_t)(b.p - text)));
		assert_int_equal(b.p[-1], '.');
		buf_init(&b, text, FINDING_TEXT_MAX);
		finding_command(&b, &f);
		assert_false(b.overflow);
		assert_memory_equal(text, "tcplife-fsm ", 12);
		assert_true(strlen(finding_hint(&f)) <= 118);
		buf_init(&b, text, sizeof(text));
		finding_text(&b, &f, NULL, true);
		assert_false(b.overflow);
	}
}

/* Only a program that has the end of the data to read can close as soon as it reads it. */
static void hints_of_leaks(void **state)
{
	static const struct {
		enum leak_cause cause;
		uint32_t about;
		const char *part;
	} rows[] = {
		{LEAK_IDLE_POOLED, FINDING_PEER_ADDR | FINDING_PEER_PORT, "idle timeout"},
		{LEAK_INHERITED, FINDING_LOCAL_PORT, "SOCK_CLOEXEC"},
		{LEAK_DATA_UNREAD, FINDING_LOCAL_PORT, "stopped reading"},
		{LEAK_EOF_UNREAD, FINDING_LOCAL_PORT, "when recv() returns 0"},
		{LEAK_EOF_UNREAD, FINDING_PEER_ADDR | FINDING_PEER_PORT, "Close each answer's body"},
		{LEAK_EOF_READ_NOT_CLOSED, FINDING_LOCAL_PORT, "close() was never called"},
		{LEAK_UNSEEN, FINDING_LOCAL_PORT, "on every way out"},
	};
	struct finding_record f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f = finding(FINDING_CLOSE_WAIT_LEAK, 1, 0);
		f.cause = rows[i].cause;
		f.about = rows[i].about;
		assert_non_null(strstr(finding_hint(&f), rows[i].part));
	}
	f = finding(FINDING_HELD_BY_CHILD, 1, 0);
	f.cause = LEAK_INHERITED;
	assert_non_null(strstr(finding_hint(&f), "end the child"));
}

static const char *end_of_report(const struct diagnosis *d)
{
	static char text[4096];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	finding_text_end(&b, d);
	buf_char(&b, '\0');
	assert_false(b.overflow);
	return text;
}

static const char *head_of_report(const struct diagnosis *d)
{
	static char text[256];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	finding_text_head(&b, d, "box");
	buf_char(&b, '\0');
	assert_false(b.overflow);
	return text;
}

static void heads(void **state)
{
	struct diagnosis d = {.watched_us = 30000000, .asked_us = 30000000};

	(void)state;
	assert_string_equal(head_of_report(&d), "Found nothing wrong on box in 30.0s.\n");
	d.findings = 2;
	d.watched_us = 12000000;
	assert_string_equal(head_of_report(&d),
			    "2 findings on box in 12.0s (ended early; 30.0s were asked for), the worst first:\n");
}

/* A scan that never worked, one that failed once, and none: the reason stands there whole. */
static void failed_scans(void **state)
{
	static const char why[] =
		"the kernel refused the programs that scan sockets (Operation not permitted): run with -v to see "
		"its messages";
	struct diagnosis d = {.scans_failed = why, .watched_us = 10000000};
	static const struct record_hook hooks[] = {{"tcp_x", "fentry", "not wanted", false, true},
						   {"tcp_y", "fentry", "not found", false, false}};
	char wanted[256];

	(void)state;
	snprintf(wanted, sizeof(wanted), "\nNot looked at:\n  leaks, accept queues and sockets that do not close: %s\n", why);
	assert_non_null(strstr(end_of_report(&d), wanted));
	d = (struct diagnosis){.scans_failed = "Cannot allocate memory", .socket_scans = 3, .watched_us = 10000000};
	assert_non_null(strstr(end_of_report(&d), "\n  some of the leaks, accept queues and sockets that do not close: "
						  "Cannot allocate memory\n"));
	assert_true(finding_text_is_blind(&d));
	d.scans_failed = NULL;
	assert_false(finding_text_is_blind(&d));
	d.hooks = hooks;
	d.hooks_len = 1;
	assert_false(finding_text_is_blind(&d));
	d.hooks_len = 2;
	assert_true(finding_text_is_blind(&d));
	assert_non_null(strstr(end_of_report(&d), "\nNot looked at:\n  what the hook tcp_y shows: not found\n"));
	d.hooks_len = 0;
	assert_null(strstr(end_of_report(&d), "Not looked at"));
	d.watched_us--;
	assert_non_null(strstr(end_of_report(&d), "s: limits of counts are for 10.0s, so fewer are passed\n"));
}

/* A table that is asked for findings asks for what shows them. */
static void asks(void **state)
{
	struct conn_config config = {.max_connections = 8, .leak_threshold_ns = S, .wanted = 1u << RECORD_FINDING};
	struct wire_tick tick = {.hdr = {.ts = S, .len = sizeof(tick), .kind = WIRE_TICK}};
	struct conn_table *table;

	(void)state;
	assert_int_equal(conn_table_new(&table, &config, NULL, NULL), 0);
	conn_table_feed(table, &tick.hdr);
	assert_true(conn_table_wants_leak_scan(table, S));
	assert_false(conn_table_wants_survey(table, 10 * S));
	assert_true(conn_table_wants_survey(table, 11 * S));
	conn_table_free(table);
	config.wanted = 1u << RECORD_CONNECTION;
	assert_int_equal(conn_table_new(&table, &config, NULL, NULL), 0);
	conn_table_feed(table, &tick.hdr);
	assert_false(conn_table_wants_leak_scan(table, 100 * S));
	assert_false(conn_table_wants_survey(table, 100 * S));
	conn_table_free(table);
}

static struct finding_record emitted;

static void keep(void *ctx, const struct record *rec)
{
	(void)ctx;
	assert_int_equal(rec->kind, RECORD_FINDING); /* what findings themselves need is nobody else's */
	emitted = *rec->finding;
	say(NULL, rec->finding);
}

static void feed_counts(struct conn_table *table, uint64_t ts, uint64_t segments_out)
{
	struct {
		struct wire_netns wire;
		struct wire_netns_segments segments;
	} ev = {
		.wire = {.hdr = {.ts = ts, .len = sizeof(ev), .kind = WIRE_NETNS}, .netns = 5, .first = ts == S},
		.segments = {.out = segments_out, .retrans = segments_out},
	};

	assert_true(wire_valid(&ev.wire.hdr, sizeof(ev)));
	conn_table_feed(table, &ev.wire.hdr);
}

static void feed_repeats(struct conn_table *table, uint16_t segs, enum wire_segment_kind kind)
{
	struct {
		struct wire_retransmit wire;
		struct wire_ident ident;
	} ev = {
		.wire = {.hdr = {.ts = 2 * S,
				 .cookie = 9,
				 .len = sizeof(ev),
				 .kind = WIRE_RETRANSMIT,
				 .parts = WIRE_PART_IDENT,
				 .old_state = WIRE_ESTABLISHED,
				 .new_state = WIRE_ESTABLISHED},
			 .segment = kind,
			 .segs = segs},
	};
	struct conn_tuple t = {0};

	sample_addresses(&t, AF_INET, "::ffff:10.0.0.1", 40000, "::ffff:10.0.0.2", 443);
	ev.ident = t.id;
	ev.ident.netns = 5;
	assert_true(wire_valid(&ev.wire.hdr, sizeof(ev)));
	conn_table_feed(table, &ev.wire.hdr);
}

/* Segments with payload of all that the namespace sent; those of the handshake are not counted. */
static void retransmits(void **state)
{
	const struct conn_config config = {.max_connections = 8, .leak_threshold_ns = S, .wanted = 1u << RECORD_FINDING};
	struct wire_tick tick = {.hdr = {.ts = S, .len = sizeof(tick), .kind = WIRE_TICK}};
	struct conn_table *table;

	(void)state;
	said[0] = '\0';
	assert_int_equal(conn_table_new(&table, &config, keep, NULL), 0);
	feed_counts(table, S, 1000000);
	conn_table_feed(table, &tick.hdr);
	feed_repeats(table, 99, WIRE_SEG_DATA);
	feed_repeats(table, 50, WIRE_SEG_SYN);
	feed_counts(table, 11 * S, 1001000);
	tick.hdr.ts = 11 * S;
	conn_table_feed(table, &tick.hdr);
	assert_string_equal(said, "");
	feed_repeats(table, 100, WIRE_SEG_DATA);
	feed_counts(table, 21 * S, 1002900);
	tick.hdr.ts = 21 * S;
	conn_table_feed(table, &tick.hdr);
	assert_string_equal(said, "up retransmits 100;");
	assert_int_equal(emitted.of, 2000);
	assert_int_equal(emitted.theirs, 100);
	assert_true(emitted.t.id.netns == 5 && emitted.t.id.peer_port == 443);
	assert_int_equal(emitted.window_ns, 10 * S);
	feed_repeats(table, 200, WIRE_SEG_DATA);
	feed_counts(table, 25 * S, 1003000);
	conn_table_stop(table, 25 * S);
	assert_string_equal(said, "up retransmits 100;stands retransmits 200;");
	assert_int_equal(emitted.window_ns, 4 * S); /* the end cuts it short */
	conn_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),         cmocka_unit_test(critical),     cmocka_unit_test(worst_first),
		cmocka_unit_test(numbers),        cmocka_unit_test(about),        cmocka_unit_test(comes_and_goes),
		cmocka_unit_test(numbers),        cmocka_unit_test(about),        cmocka_unit_test(part_looks),
		cmocka_unit_test(worst_share),    cmocka_unit_test(sources),      cmocka_unit_test(burst),
		cmocka_unit_test(room),           cmocka_unit_test(drains),       cmocka_unit_test(tallies),
		cmocka_unit_test(words),          cmocka_unit_test(asks),         cmocka_unit_test(retransmits),
		cmocka_unit_test(hints_of_leaks), cmocka_unit_test(failed_scans), cmocka_unit_test(heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
