/* SPDX-License-Identifier: GPL-2.0-only */
/* The output queue's memory: what is written is read, across the ends of chunks and of the ring, and chunks go round. */
#include "src/io/chunk_ring.h"

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

struct ring {
	struct chunk_ring c;
	size_t head, tail;
};

static struct ring open_ring(size_t size)
{
	struct ring r = {.head = 0};

	assert_int_equal(chunk_ring_open(&r.c, size), 0);
	return r;
}

static size_t held(const struct ring *r)
{
	size_t n = 0;

	for (size_t i = 0; i <= r->c.mask; i++)
		n += r->c.table[i] != NULL;
	return n;
}

static void put(struct ring *r, size_t len)
{
	char data[STEP];

	assert_true(chunk_ring_take(&r->c, r->tail, r->tail + len));
	fill(data, r->tail, len);
	chunk_ring_write(&r->c, r->tail, data, len);
	r->tail += len;
}

static void get(struct ring *r, size_t len)
{
	char data[STEP], expected[STEP];

	chunk_ring_read(&r->c, r->head, data, len);
	fill(expected, r->head, len);
	assert_memory_equal(data, expected, len);
	chunk_ring_give_back(&r->c, r->head, r->head + len);
	r->head += len;
}

/* What is read as soon as it is written goes round in the same memory. */
static void test_hot(void **state)
{
	struct ring r = open_ring(RING);
	(void)state;

	assert_int_equal(held(&r), 0);
	put(&r, STEP);
	for (int i = 0; i < 1000; i++) {
		char *spare = atomic_load(&r.c.spare[0]);
		size_t before = held(&r);

		put(&r, STEP);
		if (held(&r) > before && i * STEP > RING) {
			assert_non_null(spare);
			assert_null(atomic_load(&r.c.spare[0]));
		}
		get(&r, STEP);
		assert_in_range(held(&r), 1, 2);
	}
	chunk_ring_close(&r.c);
}

/* A full ring whose end lies in the chunk in which it begins. */
static void test_full(void **state)
{
	struct ring r = open_ring(RING);
	(void)state;

	put(&r, STEP);
	get(&r, STEP);
	for (int lap = 0; lap < 3; lap++) {
		while (RING - (r.tail - r.head) >= STEP)
			put(&r, STEP);
		put(&r, RING - (r.tail - r.head));
		assert_int_equal(held(&r), RING / r.c.size + 1);
		while (r.head != r.tail)
			get(&r, r.tail - r.head < STEP ? r.tail - r.head : STEP);
		assert_in_range(held(&r), 0, 1);
	}
	chunk_ring_close(&r.c);
}

static size_t waiting(struct ring *r)
{
	size_t n = 0;

	for (size_t i = 0; i < CHUNK_SPARES; i++)
		n += atomic_load(&r->c.spare[i]) != NULL;
	return n;
}

/* A burst takes the memory of the one before, unless that was freed. */
static void test_bursts(void **state)
{
	struct ring r = open_ring(8 * RING);
	size_t chunks = 0;
	(void)state;

	for (int burst = 0; burst < 20; burst++) {
		while (r.tail - r.head < 6 * r.c.size) /* the chunks that are held now are new, or waited */
			put(&r, STEP);
		assert_in_range(waiting(&r), 0, 1);
		chunks = held(&r);
		while (r.head != r.tail)
			get(&r, STEP);
		assert_in_range(waiting(&r) + held(&r), chunks, 8); /* by where it begins, a burst needs 7 or 8 */
	}
	while (r.tail - r.head < (CHUNK_SPARES + 2) * r.c.size) /* more than wait */
		put(&r, STEP);
	while (r.head != r.tail)
		get(&r, STEP);
	assert_int_equal(waiting(&r), CHUNK_SPARES);
	chunk_ring_free_spares(&r.c);
	assert_int_equal(waiting(&r), 0);
	put(&r, STEP);
	get(&r, STEP);
	chunk_ring_close(&r.c);
}

/* A ring that is shorter than a chunk would be. */
static void test_small(void **state)
{
	struct ring r = open_ring(4096);
	(void)state;

	for (size_t i = 0; i < 2000; i++) {
		put(&r, 1 + i % 4096);
		get(&r, 1 + i % 4096);
	}
	chunk_ring_close(&r.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_small),
	};

	return cmocka_run_group_tests_name("chunks", tests, NULL, NULL);
}
