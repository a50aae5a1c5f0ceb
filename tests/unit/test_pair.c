// SPDX-License-Identifier: GPL-2.0-only
/* Two records of one connection are drawn together, in the order in which the first of them came; nothing waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "sample.h"
#include "src/pipeline/pair.h"

#define WAIT_NS SAMPLE_S
#define PLACE_BITS 6
#define PLACES (1u << PLACE_BITS)

static struct pairs pairs;
static char drawn[1 << 16]; /* "1+2 3 " */

static void draw(void *ctx, const struct ladder_end *a, const struct ladder_end *b)
{
	size_t len = strlen(drawn);

	(void)ctx;
	len += (size_t)snprintf(drawn + len, sizeof(drawn) - len, "%llu", (unsigned long long)a->rec.t.cookie);
	if (b)
		len += (size_t)snprintf(drawn + len, sizeof(drawn) - len, "+%llu", (unsigned long long)b->rec.t.cookie);
	if (len < sizeof(drawn) - 1)
		strcpy(drawn + len, " ");
}

static int set_up(void **state)
{
	(void)state;
	drawn[0] = '\0';
	pairs = (struct pairs){.fn = draw, .wait_ns = WAIT_NS};
	return pairs_init(&pairs, PLACE_BITS);
}

static int tear_down(void **state)
{
	(void)state;
	pairs_free(&pairs);
	return 0;
}

/* Of the connection between ports 1000 + `n` and 80: cookie 2n at the client, 2n + 1 at the server. */
static struct ladder_end end_of(unsigned int n, bool client, uint64_t ts)
{
	struct ladder_end end = {.ts = ts, .boot = "7c9e6679", .selected = true};

	sample_connection(&end.rec);
	end.rec.t.cookie = 2 * n + !client;
	end.rec.isn_local_known = end.rec.isn_peer_known = true;
	end.rec.isn_local = client ? n : 7;
	end.rec.isn_peer = client ? 7 : n;
	if (client)
		sample_addresses(&end.rec.t, AF_INET, "::ffff:10.0.0.1", (uint16_t)(1000 + n), "::ffff:10.0.0.2", 80);
	else
		sample_addresses(&end.rec.t, AF_INET, "::ffff:10.0.0.2", 80, "::ffff:10.0.0.1", (uint16_t)(1000 + n));
	return end;
}

static void put(unsigned int n, bool client, uint64_t ts)
{
	struct ladder_end end = end_of(n, client, ts);

	pairs_put(&pairs, &end);
}

static void test_pair(void **state)
{
	(void)state;
	put(1, true, 0);
	assert_string_equal(drawn, "");
	put(1, false, 5);
	assert_string_equal(drawn, "2+3 ");
}

static void test_order(void **state)
{
	(void)state;
	put(1, true, 0);
	put(2, false, 1);
	put(2, true, 2);
	assert_string_equal(drawn, ""); /* the first still waits */
	put(1, false, 3);
	assert_string_equal(drawn, "2+3 5+4 ");
}

static void test_alone(void **state)
{
	(void)state;
	put(1, true, 0);
	pairs_tick(&pairs, WAIT_NS - 1);
	assert_string_equal(drawn, "");
	pairs_tick(&pairs, WAIT_NS);
	assert_string_equal(drawn, "2 ");
	put(1, false, WAIT_NS + 1);
	pairs_tick(&pairs, UINT64_MAX);
	assert_string_equal(drawn, "2 3 ");
}

/* The same address pair is not the same connection. */
static void test_strangers(void **state)
{
	struct ladder_end end;

	(void)state;
	put(1, true, 0);
	end = end_of(1, false, 1);
	end.rec.isn_peer++;
	pairs_put(&pairs, &end);
	end = end_of(1, false, 2);
	end.boot[0] = '0';
	pairs_put(&pairs, &end);
	end = end_of(1, false, 3);
	end.rec.final = false;
	pairs_put(&pairs, &end);
	end = end_of(1, false, 4);
	end.rec.start_ns += 3600 * SAMPLE_S;
	end.rec.end_ns += 3600 * SAMPLE_S;
	pairs_put(&pairs, &end);
	end = end_of(1, false, 5);
	end.rec.t.id_known = false;
	pairs_put(&pairs, &end);
	end = end_of(1, true, 6); /* itself */
	pairs_put(&pairs, &end);
	pairs_tick(&pairs, UINT64_MAX);
	assert_string_equal(drawn, "2 3 3 3 3 3 2 ");
}

/* The same addresses in two namespaces: a number that one end does not know proves nothing. */
static void test_proof(void **state)
{
	struct ladder_end client = end_of(1, true, 0), server = end_of(1, false, 0);

	(void)state;
	client.rec.isn_local_known = client.rec.isn_peer_known = false;
	client.rec.t.id.netns = 1;
	server.rec.t.id.netns = 2;
	pairs_put(&pairs, &client);
	pairs_put(&pairs, &server);
	pairs_tick(&pairs, UINT64_MAX);
	assert_string_equal(drawn, "2 3 ");
	server.rec.t.id.netns = 1;
	drawn[0] = '\0';
	pairs_put(&pairs, &client);
	pairs_put(&pairs, &server);
	pairs_tick(&pairs, UINT64_MAX);
	assert_string_equal(drawn, "2+3 ");
}

static struct ladder_end open_end(unsigned int n, bool client, enum conn_end why)
{
	struct ladder_end end = end_of(n, client, 100 * WAIT_NS);

	end.rec.final = false;
	end.rec.end = why;
	return end;
}

/* One end is over, the other is open when the run stops: in a stream that was announced however much later that is. */
static void test_still_open(void **state)
{
	struct ladder_end over = end_of(1, true, 0), later = open_end(1, false, CONN_END_DAEMON_STOP),
			  before = open_end(1, false, CONN_END_UNKNOWN);

	(void)state;
	pairs_put(&pairs, &over);
	pairs_put(&pairs, &later); /* it could not wait so long */
	pairs_tick(&pairs, UINT64_MAX);
	assert_string_equal(drawn, "2 3 ");
	drawn[0] = '\0';
	assert_int_equal(pairs_announce(&pairs, &over), 0);
	assert_int_equal(pairs_announce(&pairs, &before), 0);
	assert_int_equal(pairs_announce(&pairs, &later), 0);
	pairs_put(&pairs, &over);
	before.ts = 1;
	pairs_put(&pairs, &before); /* what is said on the way is not the end */
	assert_string_equal(drawn, "");
	pairs_put(&pairs, &later);
	assert_string_equal(drawn, "2+3 3 ");
}

/* It was open when a first run stopped, and is over in the next: it waits for nothing. */
static void test_open_once(void **state)
{
	struct ladder_end over = end_of(1, true, 0), stopped = open_end(1, false, CONN_END_DAEMON_STOP),
			  end = end_of(1, false, 1);

	(void)state;
	assert_int_equal(pairs_announce(&pairs, &stopped), 0);
	assert_int_equal(pairs_announce(&pairs, &over), 0);
	assert_int_equal(pairs_announce(&pairs, &end), 0);
	pairs_put(&pairs, &over);
	pairs_tick(&pairs, WAIT_NS);
	assert_string_equal(drawn, "2 ");
}

static void test_no_room(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PLACES + 10; i++)
		put(i, true, 1);
	assert_string_equal(drawn, "0 2 4 6 8 10 12 14 16 18 ");
	assert_int_equal(pairs.hurried, 10);
	put(11, false, 2); /* the oldest makes room, the next one is found */
	assert_non_null(strstr(drawn, " 20 22+23 "));
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < PLACES; i++) {
			drawn[0] = '\0';
			put(i, true, 3 + round);
		}
	}
	pairs_tick(&pairs, UINT64_MAX);
	assert_non_null(strstr(drawn, "126 "));
}

static void announce(unsigned int n, bool client, bool selected)
{
	struct ladder_end end = end_of(n, client, 0);

	end.selected = selected;
	assert_int_equal(pairs_announce(&pairs, &end), 0);
}

static void put_announced(unsigned int n, bool client, bool selected)
{
	struct ladder_end end = end_of(n, client, 0);

	end.selected = selected;
	pairs_put(&pairs, &end);
}

/* What was announced finds its other end behind any number of others, whether these are selected or not. */
static void test_announced(void **state)
{
	(void)state;
	for (unsigned int i = 1; i <= 10 * PLACES; i++)
		announce(i, true, i & 1);
	announce(3, false, false);
	announce(4, false, false);
	for (unsigned int i = 3; i <= PLACES; i++) /* both are known: 3 waits, 4 nobody asked for, 5 is alone */
		put_announced(i, true, i & 1);
	assert_string_equal(drawn, "");
	put_announced(4, false, false);
	put_announced(3, false, false);
	assert_int_equal(strncmp(drawn, "6+7 10 14 18 ", 13), 0);
	for (unsigned int i = PLACES + 1; i <= 10 * PLACES; i++) {
		drawn[0] = '\0';
		put_announced(i, true, i & 1);
		assert_int_equal(drawn[0] != '\0', i & 1);
	}
	assert_int_equal(pairs.hurried, 0);
}

/* Addresses that thousands of ends share, as a made file has them: one is compared with so many, and the rest is counted. */
static void test_same_addresses(void **state)
{
	enum { MANY = 3000, COMPARED = 512 };
	struct pairs many = {.fn = draw, .wait_ns = WAIT_NS};
	struct ladder_end end = end_of(1, true, 0);

	(void)state;
	drawn[0] = '\0';
	assert_int_equal(pairs_init(&many, 12), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		end.rec.t.cookie = 10000 + i;
		end.rec.t.id.netns = 1 + i;
		pairs_put(&many, &end);
	}
	assert_int_equal(many.hurried, MANY - COMPARED);
	assert_int_equal(many.by_addresses.len, COMPARED);
	pairs_tick(&many, UINT64_MAX);
	assert_int_equal(many.by_addresses.len, 0);
	assert_int_equal(strlen(drawn), MANY * strlen("10000 ")); /* none is left out */
	pairs_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pair, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_proof, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_still_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
		cmocka_unit_test(test_same_addresses),
		cmocka_unit_test_setup_teardown(test_announced, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
