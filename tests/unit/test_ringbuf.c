// SPDX-License-Identifier: GPL-2.0-only
/* Rings and lanes as the kernel's side lays them out, in memory of our own: what is handed over, in which order, and what
 * stays. */
#include "src/kernel/ringbuf.h"

#include "bpf/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define RINGS 3
#define BYTES 4096u
#define BUSY (1u << 31)
#define DISCARDED (1u << 30)

/* A page with the reader's position, a page with the writer's, and the data twice in a row (kernel/bpf/ringbuf.c). */
struct memory {
	int fd;
	size_t page;
	uint8_t *map;
};

#define LANE_BYTES 4096u
#define LANE_STRIDE (LANE_DATA + LANE_BYTES + LANE_BEHIND)
#define KEY 0x1234567890abcdefu

static struct memory memories[RINGS];
static int lanes_fd;
static uint8_t *lanes;
static struct rings *rings;
static char got[4096];

static uint64_t *consumer(const struct memory *m)
{
	return (uint64_t *)m->map;
}

static uint64_t *producer(const struct memory *m)
{
	return (uint64_t *)(m->map + m->page);
}

static int set_up(void **state)
{
	int fds[RINGS];

	(void)state;
	for (int i = 0; i < RINGS; i++) {
		struct memory *m = &memories[i];

		m->page = (size_t)sysconf(_SC_PAGESIZE);
		m->fd = fds[i] = memfd_create("ring", MFD_CLOEXEC);
		if (m->fd < 0 || ftruncate(m->fd, (off_t)(2 * m->page + 2 * BYTES)))
			return -1;
		m->map = mmap(NULL, 2 * m->page + 2 * BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
		if (m->map == MAP_FAILED)
			return -1;
	}
	lanes_fd = memfd_create("lanes", MFD_CLOEXEC);
	if (lanes_fd < 0 || ftruncate(lanes_fd, RINGS * LANE_STRIDE))
		return -1;
	lanes = mmap(NULL, RINGS * LANE_STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, lanes_fd, 0);
	if (lanes == MAP_FAILED)
		return -1;
	got[0] = '\0';
	return rings_open(&rings, &(struct rings_config){.n = RINGS,
							 .ring_fds = fds,
							 .ring_bytes = BYTES,
							 .lanes_fd = lanes_fd,
							 .lane_bytes = LANE_BYTES,
							 .lane_key = KEY});
}

static int tear_down(void **state)
{
	(void)state;
	rings_close(rings);
	munmap(lanes, RINGS * LANE_STRIDE);
	close(lanes_fd);
	for (int i = 0; i < RINGS; i++) {
		munmap(memories[i].map, 2 * memories[i].page + 2 * BYTES);
		close(memories[i].fd);
	}
	return 0;
}

static void store(const struct memory *m, uint64_t pos, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t at = (pos + i) % BYTES;

		m->map[2 * m->page + at] = m->map[2 * m->page + BYTES + at] = ((const uint8_t *)data)[i];
	}
}

/* The kernel's side: an event of this time, its number as the cookie. Returns where its head is. */
static uint64_t submit(int ring, uint64_t ts, uint64_t number, uint32_t flags)
{
	const struct memory *m = &memories[ring];
	const struct wire_hdr ev = {.ts = ts, .cookie = number, .len = sizeof(ev), .kind = WIRE_DESTROY};
	const uint32_t head[2] = {sizeof(ev) | flags, 0};
	uint64_t pos = *producer(m);

	assert_true(pos + sizeof(head) + sizeof(ev) - *consumer(m) <= BYTES); /* else the kernel would refuse it */
	store(m, pos, head, sizeof(head));
	store(m, pos + sizeof(head), &ev, sizeof(ev));
	*producer(m) = pos + sizeof(head) + sizeof(ev);
	return pos;
}

static struct lane *lane_of(int cpu)
{
	return (struct lane *)(lanes + (size_t)cpu * LANE_STRIDE);
}

/* A program's side: the head of an event, which is complete once the tag stands there. */
static uint64_t *lane_write(int cpu, uint64_t ts, uint64_t number, uint64_t *ret_tag)
{
	const struct wire_mark ev = {.hdr = {.ts = ts, .cookie = number, .len = sizeof(ev), .kind = WIRE_CLOCK}};
	struct lane *lane = lane_of(cpu);
	uint8_t *head = (uint8_t *)lane + LANE_DATA + lane->head % LANE_BYTES;

	*ret_tag = lane->head ^ KEY;
	assert_true(lane->head + sizeof(ev) + LANE_HEAD - lane->tail <= LANE_BYTES);
	lane->head += sizeof(ev) + LANE_HEAD;
	memcpy(head + LANE_HEAD, &ev, sizeof(ev));
	return (uint64_t *)head;
}

static void lane_submit(int cpu, uint64_t ts, uint64_t number)
{
	uint64_t tag, *head = lane_write(cpu, ts, number, &tag);

	*head = tag;
}

static void note(void *ctx, const struct wire_hdr *ev)
{
	size_t len = strlen(got);

	(void)ctx;
	snprintf(got + len, sizeof(got) - len, "%llu ", (unsigned long long)ev->cookie);
}

static uint64_t drain(uint64_t until)
{
	got[0] = '\0';
	return rings_drain(rings, until, note, NULL);
}

static void oldest_first(void **state)
{
	(void)state;
	submit(0, 10, 1, 0);
	submit(0, 40, 4, 0);
	submit(0, 50, 5, 0);
	submit(1, 20, 2, 0);
	submit(1, 60, 6, 0);
	submit(2, 30, 3, 0);
	submit(2, 70, 7, 0);
	assert_int_equal(drain(UINT64_MAX), 7);
	assert_string_equal(got, "1 2 3 4 5 6 7 ");
	assert_int_equal(drain(UINT64_MAX), 0);
}

/* The peak is of whoever takes it; how full it is, and was at the most, is anybody's. */
static void fill(void **state)
{
	const uint64_t one = sizeof(uint32_t[2]) + sizeof(struct wire_hdr);
	uint64_t highest;

	(void)state;
	submit(0, 10, 1, 0);
	submit(0, 20, 2, 0);
	submit(1, 30, 3, 0);
	drain(UINT64_MAX);
	assert_int_equal(rings_fill(rings, &highest), 2 * one);
	assert_int_equal(rings_take_peak(rings), 2 * one);
	submit(1, 40, 4, 0);
	drain(UINT64_MAX);
	assert_int_equal(rings_fill(rings, &highest), one);
	assert_int_equal(highest, 2 * one);
	assert_int_equal(rings_take_peak(rings), one);
	drain(UINT64_MAX);
	assert_int_equal(rings_fill(rings, &highest), 0);
	assert_int_equal(highest, 2 * one);
}

/* What is younger than the limit stays, and comes in its place later. */
static void limit(void **state)
{
	(void)state;
	submit(0, 10, 1, 0);
	submit(0, 30, 3, 0);
	submit(1, 20, 2, 0);
	assert_int_equal(drain(20), 1);
	assert_string_equal(got, "1 ");
	submit(2, 25, 25, 0);
	assert_int_equal(drain(30), 2);
	assert_string_equal(got, "2 25 ");
	assert_int_equal(drain(31), 1);
	assert_string_equal(got, "3 ");
}

/* An event that is still being written holds back what is behind it in its ring, and nothing else. */
static void busy(void **state)
{
	const uint32_t written = sizeof(struct wire_hdr);
	uint64_t pos;

	(void)state;
	pos = submit(0, 10, 1, BUSY);
	submit(0, 20, 2, 0);
	submit(1, 15, 15, 0);
	assert_int_equal(drain(UINT64_MAX), 1);
	assert_string_equal(got, "15 ");
	store(&memories[0], pos, &written, sizeof(written));
	assert_int_equal(drain(UINT64_MAX), 2);
	assert_string_equal(got, "1 2 ");
}

static void discarded(void **state)
{
	(void)state;
	submit(0, 10, 1, DISCARDED);
	submit(0, 20, 2, 0);
	submit(0, 30, 3, DISCARDED);
	assert_int_equal(drain(UINT64_MAX), 1);
	assert_string_equal(got, "2 ");
	assert_int_equal(*consumer(&memories[0]), *producer(&memories[0]));
}

/* Ten times round: the space is given back, and no event is torn where the ring ends. */
static void round_and_round(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 10 * BYTES / (8 + sizeof(struct wire_hdr)); n++) {
		char expected[32];

		submit(0, n, n, 0);
		assert_int_equal(drain(UINT64_MAX), 1);
		snprintf(expected, sizeof(expected), "%llu ", (unsigned long long)n);
		assert_string_equal(got, expected);
	}
	assert_true(*consumer(&memories[0]) > 9 * BYTES);
}

/* Each event once, and all of them stay. */
static void peek(void **state)
{
	(void)state;
	submit(0, 10, 1, 0);
	rings_peek(rings, note, NULL);
	submit(0, 20, 2, 0);
	rings_peek(rings, note, NULL);
	rings_peek(rings, note, NULL);
	assert_string_equal(got, "1 2 ");
	assert_int_equal(drain(UINT64_MAX), 2);
}

/* A full lane's events go into the ring: the two of a CPU are merged as those of two CPUs are. */
static void lanes_and_rings(void **state)
{
	(void)state;
	lane_submit(0, 10, 1);
	submit(0, 20, 2, 0);
	lane_submit(0, 30, 3);
	lane_submit(2, 25, 25);
	submit(1, 40, 4, 0);
	assert_int_equal(drain(40), 4);
	assert_string_equal(got, "1 2 25 3 ");
	assert_int_equal(drain(UINT64_MAX), 1);
	assert_string_equal(got, "4 ");
	assert_int_equal(lane_of(0)->tail, lane_of(0)->head);
}

/* What is still being written holds back what is behind it in its lane. */
static void lane_incomplete(void **state)
{
	uint64_t tag, *head;

	(void)state;
	head = lane_write(1, 10, 1, &tag);
	lane_submit(1, 20, 2);
	submit(1, 15, 15, 0);
	assert_int_equal(drain(UINT64_MAX), 1);
	assert_string_equal(got, "15 ");
	*head = tag;
	assert_int_equal(drain(UINT64_MAX), 2);
	assert_string_equal(got, "1 2 ");
}

/* Ten times round: what stands there from the round before is not taken for an event, and one may reach beyond the end. */
static void lane_round_and_round(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 10 * LANE_BYTES / (LANE_HEAD + sizeof(struct wire_mark)); n++) {
		char expected[32];

		assert_int_equal(drain(UINT64_MAX), 0);
		lane_submit(0, n, n);
		assert_int_equal(drain(UINT64_MAX), 1);
		snprintf(expected, sizeof(expected), "%llu ", (unsigned long long)n);
		assert_string_equal(got, expected);
	}
	assert_true(lane_of(0)->tail > 9 * LANE_BYTES);
}

static void lane_peek(void **state)
{
	(void)state;
	lane_submit(0, 10, 1);
	rings_peek(rings, note, NULL);
	lane_submit(0, 20, 2);
	rings_peek(rings, note, NULL);
	rings_peek(rings, note, NULL);
	assert_string_equal(got, "1 2 ");
	assert_int_equal(drain(UINT64_MAX), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(oldest_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(busy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(discarded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(round_and_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(peek, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lanes_and_rings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lane_incomplete, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lane_round_and_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lane_peek, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
