/* SPDX-License-Identifier: GPL-2.0-only */
/* The output queue's memory: what is written is read, across the ends of chunks and of the ring, and chunks go round. */
#include "src/chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING (1 << 20)
#define STEP 7001 /* no divisor of a chunk's size */

static void fill(char *data, size_t pos, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)((pos + i) * 31 >> 3);
}

static size_t chunks_held(const struct chunks *c)
{
	size_t held = 0;

	for (size_t i = 0; i <= c->mask; i++)
		held += c->table[i] != NULL;
	return held;
}

static void put(struct chunks *c, size_t *tail, size_t len)
{
	char data[STEP];

	assert_true(chunks_take(c, *tail, *tail + len));
	fill(data, *tail, len);
	chunks_write(c, *tail, data, len);
	*tail += len;
}

static void get(struct chunks *c, size_t *head, size_t len)
{
	char data[STEP], expected[STEP];

	chunks_read(c, *head, data, len);
	fill(expected, *head, len);
	assert_memory_equal(data, expected, len);
	chunks_give_back(c, *head, *head + len);
	*head += len;
}

/* What is read as soon as it is written goes round in the same memory. */
static void test_hot(void **state)
{
	size_t head = 0, tail = 0;
	struct chunks c;
	(void)state;

	assert_int_equal(chunks_open(&c, RING), 0);
	assert_int_equal(chunks_held(&c), 0);
	put(&c, &tail, STEP);
	for (int i = 0; i < 1000; i++) {
		char *spare = atomic_load(&c.spare);
		size_t before = chunks_held(&c);

		put(&c, &tail, STEP);
		if (chunks_held(&c) > before && i * STEP > RING) {
			assert_non_null(spare);
			assert_null(atomic_load(&c.spare));
		}
		get(&c, &head, STEP);
		assert_in_range(chunks_held(&c), 1, 2);
	}
	chunks_close(&c);
}

/* A full ring whose end lies in the chunk in which it begins. */
static void test_full(void **state)
{
	size_t head = 0, tail = 0;
	struct chunks c;
	(void)state;

	assert_int_equal(chunks_open(&c, RING), 0);
	put(&c, &tail, STEP);
	get(&c, &head, STEP);
	for (int lap = 0; lap < 3; lap++) {
		while (RING - (tail - head) >= STEP)
			put(&c, &tail, STEP);
		put(&c, &tail, RING - (tail - head));
		assert_int_equal(chunks_held(&c), RING / c.size + 1);
		while (head != tail)
			get(&c, &head, tail - head < STEP ? tail - head : STEP);
		assert_in_range(chunks_held(&c), 0, 1);
	}
	chunks_close(&c);
}

/* A ring that is shorter than a chunk would be. */
static void test_small(void **state)
{
	size_t head = 0, tail = 0;
	struct chunks c;
	(void)state;

	assert_int_equal(chunks_open(&c, 4096), 0);
	for (size_t i = 0; i < 2000; i++) {
		put(&c, &tail, 1 + i % 4096);
		get(&c, &head, 1 + i % 4096);
	}
	chunks_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_small),
	};

	return cmocka_run_group_tests_name("chunks", tests, NULL, NULL);
}
