// SPDX-License-Identifier: GPL-2.0-only
/* Two records of one connection are told together, in the order in which the first of them came; nothing waits for ever. */
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
#define PLACES 64

static struct couples *couples;
static char told[1 << 16]; /* "1+2 3 " */

static void tell(void *ctx, const struct couple_end *a, const struct couple_end *b)
{
	size_t len = strlen(told);

	(void)ctx;
	len += (size_t)snprintf(told + len, sizeof(told) - len, "%llu", (unsigned long long)a->rec.t.cookie);
	if (b)
		len += (size_t)snprintf(told + len, sizeof(told) - len, "+%llu", (unsigned long long)b->rec.t.cookie);
	if (len < sizeof(told) - 1)
		strcpy(told + len, " ");
}

static int set_up(void **state)
{
	(void)state;
	told[0] = '\0';
	return couples_new(&couples, PLACES, WAIT_NS, tell, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	couples_free(couples);
	return 0;
}

/* Of the connection between ports 1000 + `n` and 80: cookie 2n at the client, 2n + 1 at the server. */
static struct couple_end end_of(unsigned int n, bool client, uint64_t ts)
{
	struct couple_end end = {.ts = ts, .boot = "7c9e6679", .selected = true};

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
	struct couple_end end = end_of(n, client, ts);

	couples_put(couples, &end);
}

static void test_pair(void **state)
{
	(void)state;
	put(1, true, 0);
	assert_string_equal(told, "");
	put(1, false, 5);
	assert_string_equal(told, "2+3 ");
}

static void test_order(void **state)
{
	(void)state;
	put(1, true, 0);
	put(2, false, 1);
	put(2, true, 2);
	assert_string_equal(told, ""); /* the first still waits */
	put(1, false, 3);
	assert_string_equal(told, "2+3 5+4 ");
}

static void test_alone(void **state)
{
	(void)state;
	put(1, true, 0);
	couples_tick(couples, WAIT_NS - 1);
	assert_string_equal(told, "");
	couples_tick(couples, WAIT_NS);
	assert_string_equal(told, "2 ");
	put(1, false, WAIT_NS + 1);
	couples_tick(couples, UINT64_MAX);
	assert_string_equal(told, "2 3 ");
}

/* The same address pair is not the same connection. */
static void test_strangers(void **state)
{
	struct couple_end end;

	(void)state;
	put(1, true, 0);
	end = end_of(1, false, 1);
	end.rec.isn_peer++;
	couples_put(couples, &end);
	end = end_of(1, false, 2);
	end.boot[0] = '0';
	couples_put(couples, &end);
	end = end_of(1, false, 3);
	end.rec.final = false;
	couples_put(couples, &end);
	end = end_of(1, false, 4);
	end.rec.start_ns += 3600 * SAMPLE_S;
	end.rec.end_ns += 3600 * SAMPLE_S;
	couples_put(couples, &end);
	end = end_of(1, false, 5);
	end.rec.t.id_known = false;
	couples_put(couples, &end);
	end = end_of(1, true, 6); /* itself */
	couples_put(couples, &end);
	couples_tick(couples, UINT64_MAX);
	assert_string_equal(told, "2 3 3 3 3 3 2 ");
}

static void test_no_room(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PLACES + 10; i++)
		put(i, true, 1);
	assert_string_equal(told, "0 2 4 6 8 10 12 14 16 18 ");
	assert_int_equal(couples_hurried(couples), 10);
	put(11, false, 2); /* the oldest makes room, the next one is found */
	assert_non_null(strstr(told, " 20 22+23 "));
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < PLACES; i++) {
			told[0] = '\0';
			put(i, true, 3 + round);
		}
	}
	couples_tick(couples, UINT64_MAX);
	assert_non_null(strstr(told, "126 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pair, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
