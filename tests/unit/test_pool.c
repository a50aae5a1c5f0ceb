// SPDX-License-Identifier: GPL-2.0-only
/* Keys that a stranger chose cost as much as any others: looks at keys are counted, not time. And SipHash is SipHash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/core/intern.h"

#define KEYS 100000u
#define LOOKS_EACH 12 /* with linear probing in a table that is at most three quarters full: 2.5 for a hit, 8.5 for a miss */

static const struct hash_key hash_key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
static uint64_t looks;

/* A pool_key_fn. */
static uint64_t key_of(const void *item)
{
	uint64_t key;

	looks++;
	assert_true(looks < 100 * KEYS * LOOKS_EACH); /* a quadratic number would take a minute to count */
	memcpy(&key, (const char *)item + 8, sizeof(key));
	return key;
}

/* The number that makes odd `x` 1, modulo 2^64: each round doubles the bits that are right. */
static uint64_t inverse(uint64_t x)
{
	uint64_t y = x;

	for (int i = 0; i < 6; i++)
		y *= 2 - x * y;
	return y;
}

/* All of these have the first place of any table, by the hash that anybody can know: index_hash() turned round. */
static uint64_t colliding(uint64_t i)
{
	uint64_t mixed = 2 * i * inverse(0x9e3779b97f4a7c15), key = mixed;

	for (int round = 0; round < 3; round++)
		key = mixed ^ key >> 31;
	assert_int_equal(index_hash(0, key) >> 40, 0);
	return key;
}

/* These have neighbouring places: each is at home, but they are one cluster. */
static uint64_t neighbouring(uint64_t i)
{
	uint64_t mixed = (i << 46) * inverse(0x9e3779b97f4a7c15), key = mixed;

	for (int round = 0; round < 3; round++)
		key = mixed ^ key >> 31;
	return key;
}

static void check_keys(uint64_t (*key)(uint64_t i))
{
	struct pool pool;
	uint64_t item[2] = {0};

	looks = 0;
	assert_int_equal(pool_init(&pool, sizeof(item), KEYS, key_of, &hash_key), 0);
	for (uint64_t i = 1; i <= KEYS; i++) {
		item[1] = key(i);
		assert_int_equal(pool_add(&pool, item), i);
	}
	for (uint64_t i = 1; i <= KEYS; i++) {
		assert_int_equal(pool_find(&pool, key(i)), i);
		assert_int_equal(pool_find(&pool, key(KEYS + i)), 0);
	}
	for (uint64_t i = 1; i <= KEYS; i++)
		pool_remove(&pool, (uint32_t)i);
	assert_int_equal(pool_count(&pool), 0);
	assert_true(looks < 4 * KEYS * LOOKS_EACH);
	pool_free(&pool);
}

static void chosen_keys(void **state)
{
	(void)state;
	check_keys(colliding);
	check_keys(neighbouring);
}

/* The same values under two keys have the same ids: no output depends on the key. */
static void interned(void **state)
{
	const struct hash_key other = {1, 2};
	uint64_t value[INTERN_SIZE / 8] = {0};
	struct pool a, b;

	(void)state;
	assert_int_equal(intern_init(&a, &hash_key), 0);
	assert_int_equal(intern_init(&b, &other), 0);
	for (uint64_t i = 0; i < 20000; i++) {
		value[0] = i % 3000;
		value[5] = i % 7;
		uint32_t id = intern_get(&a, value);

		assert_int_not_equal(id, INTERN_NONE);
		assert_int_equal(intern_get(&b, value), id);
		assert_memory_equal(intern_value(&a, id), value, INTERN_SIZE);
		if (i % 5) {
			intern_put(&a, id);
			intern_put(&b, id);
		}
	}
	assert_int_equal(pool_count(&a), pool_count(&b));
	pool_free(&a);
	pool_free(&b);
}

static uint32_t visit(struct pool *pool, uint64_t number)
{
	uint64_t value[INTERN_SIZE / 8] = {number};
	uint32_t id = intern_get(pool, value);

	intern_put(pool, id);
	return id;
}

/* Values that are used again and again keep their ids, also while nobody has them, and those that do not come again make room.
 */
static void idle(void **state)
{
	struct pool pool;
	uint32_t ids[3];

	(void)state;
	assert_int_equal(intern_init(&pool, &hash_key), 0);
	for (uint64_t i = 0; i < 3; i++)
		ids[i] = visit(&pool, i + 1);
	for (uint64_t i = 0; i < 10 * POOL_IDLE; i++)
		assert_int_equal(visit(&pool, i % 3 + 1), ids[i % 3]);
	assert_int_equal(pool_count(&pool), 3);
	for (uint64_t i = 0; i < 10 * POOL_IDLE; i++) {
		visit(&pool, i + 100);
		assert_true(pool_count(&pool) <= POOL_IDLE);
	}
	pool_free(&pool);
}

/* The paper's key and messages: the bytes 0, 1, 2 and so on. Its own values for SipHash-2-4. */
static void vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t two_four, one_three;
	} rows[] = {
		{0, 0x726fdb47dd0e0e31, 0xabac0158050fc4dc},  {8, 0x93f5f5799a932462, 0x369095118d299a8e},
		{16, 0x3f2acc7f57c29bdb, 0xcc4fdd1a7d908b66}, {24, 0xb8ad50c6f649af94, 0xf464aeb267349c8c},
		{48, 0xe612a3cb9ecba951, 0x9f3143f8df074c46},
	};
	uint64_t words[6];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		words[i] = 0x0706050403020100 + i * 0x0808080808080808;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(siphash(&hash_key, words, rows[i].len / 8, 2, 4) == rows[i].two_four);
		assert_true(siphash13(&hash_key, words, rows[i].len / 8) == rows[i].one_three);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(chosen_keys),
		cmocka_unit_test(interned),
		cmocka_unit_test(idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
