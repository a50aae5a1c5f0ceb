// SPDX-License-Identifier: GPL-2.0-only
/* Tens of thousands of ids with one key cost as much as others: looks at links are counted, not time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/core/chains.h"

#define IDS 60000u
#define LOOKS_EACH 40

static const struct hash_key hash_key = {1, 2};
static struct chain_link links[IDS + 1];
static uint64_t looks;

/* A chain_link_fn. */
static struct chain_link *link_of(const void *owner, uint32_t id)
{
	(void)owner;
	looks++;
	assert_true(looks < 100 * LOOKS_EACH * IDS); /* a quadratic number would take a minute to count */
	return &links[id];
}

static void init(struct chains *chains)
{
	looks = 0;
	assert_int_equal(chains_init(chains, link_of, NULL, &hash_key), 0);
}

static uint32_t count(const struct chains *chains, uint64_t key)
{
	uint32_t len = 0;

	for (uint32_t id = chains_first(chains, key); id; id = chains_next(chains, id)) {
		assert_int_equal(links[id].key, key);
		len++;
	}
	return len;
}

static void check_steps(uint64_t keys, bool backwards)
{
	struct chains chains;

	init(&chains);
	for (uint32_t id = 1; id <= IDS; id++)
		assert_int_equal(chains_add(&chains, id, 1 + id % keys, id + 1), 0);
	assert_int_equal(count(&chains, 1), IDS / keys);
	for (uint32_t id = 1; id <= IDS; id++)
		chains_remove(&chains, backwards ? IDS + 1 - id : id);
	assert_int_equal(count(&chains, 1), 0);
	assert_int_equal(chains.firsts.len, 0);
	assert_true(looks < LOOKS_EACH * IDS);
	chains_free(&chains);
}

static void repeated_keys(void **state)
{
	(void)state;
	check_steps(1, false);
	check_steps(1, true);
	check_steps(3, false);
	check_steps(IDS, true);
}

/* The first, the last and one between leave; what is in no chain may be removed. */
static void any_order(void **state)
{
	struct chains chains;

	(void)state;
	init(&chains);
	for (uint32_t id = 1; id <= 5; id++)
		assert_int_equal(chains_add(&chains, id, 7, 6), 0);
	chains_remove(&chains, chains_first(&chains, 7));
	assert_int_equal(count(&chains, 7), 4);
	chains_remove(&chains, 3);
	chains_remove(&chains, 3);
	assert_int_equal(count(&chains, 7), 3);
	chains_remove(&chains, 2);
	assert_int_equal(chains_add(&chains, 3, 8, 6), 0);
	assert_int_equal(count(&chains, 7), 2);
	assert_int_equal(count(&chains, 8), 1);
	assert_int_equal(chains_first(&chains, 8), 3);
	for (uint32_t id = 1; id <= 5; id++)
		chains_remove(&chains, id);
	assert_int_equal(count(&chains, 7) + count(&chains, 8), 0);
	chains_free(&chains);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeated_keys),
		cmocka_unit_test(any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
