// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring is a consumer position (ours to write), a producer position and the data, mapped twice in a row so that no event is
 * split. Each event has an 8-byte head: length and two flags. A busy event is reserved but not submitted: reading stops there.
 *
 * The merge takes the ring with the oldest head and reads on in it until another ring's head is older: events come in runs, so
 * the search over all rings is rarely needed even on many CPUs.
 */
#include "ringbuf.h"

#include "bpf/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD_BYTES 8
#define HEAD_BUSY (1u << 31)
#define HEAD_DISCARD (1u << 30)
#define RELEASE_BYTES 16384 /* give space back to the kernel in pieces: its line is shared with the producer */

struct ring {
	uint64_t *consumer_pos; /* a page of its own, writable */
	const uint64_t *producer_pos;
	const uint8_t *data;
	uint64_t mask;
	uint64_t pos;                /* ours; published to *consumer_pos now and then */
	uint64_t end;                /* producer's, as last seen */
	uint64_t seen;               /* rings_peek() was here */
	const struct wire_hdr *head; /* NULL: nothing to read now */
};

struct rings {
	unsigned int n;
	size_t ring_bytes, page;
	struct ring ring[];
};

static int ring_map(struct ring *ring, int fd, size_t bytes, size_t page)
{
	void *map;

	map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring->consumer_pos = map;
	map = mmap(NULL, page + 2 * bytes, PROT_READ, MAP_SHARED, fd, page);
	if (map == MAP_FAILED)
		return -errno;
	ring->producer_pos = map;
	ring->data = (const uint8_t *)map + page;
	ring->mask = bytes - 1;
	ring->pos = *ring->consumer_pos;
	return 0;
}

void rings_close(struct rings *rings)
{
	if (!rings)
		return;
	for (unsigned int i = 0; i < rings->n; i++) {
		if (rings->ring[i].consumer_pos)
			munmap(rings->ring[i].consumer_pos, rings->page);
		if (rings->ring[i].producer_pos)
			munmap((void *)rings->ring[i].producer_pos, rings->page + 2 * rings->ring_bytes);
	}
	free(rings);
}

int rings_open(struct rings **out, const int *fds, unsigned int n, size_t ring_bytes)
{
	struct rings *rings = calloc(1, sizeof(*rings) + n * sizeof(rings->ring[0]));
	int err;

	if (!rings)
		return -ENOMEM;
	rings->n = n;
	rings->ring_bytes = ring_bytes;
	rings->page = sysconf(_SC_PAGESIZE);
	for (unsigned int i = 0; i < n; i++) {
		err = ring_map(&rings->ring[i], fds[i], ring_bytes, rings->page);
		if (err) {
			rings_close(rings);
			return err;
		}
	}
	*out = rings;
	return 0;
}

static void ring_release(struct ring *ring)
{
	__atomic_store_n(ring->consumer_pos, ring->pos, __ATOMIC_RELEASE);
}

/* The next readable event at *pos, which moves over discarded ones; NULL if there is none yet. */
static const struct wire_hdr *ring_at(struct ring *ring, uint64_t *pos)
{
	uint32_t head;

	for (;;) {
		if (*pos >= ring->end) {
			ring->end = __atomic_load_n(ring->producer_pos, __ATOMIC_ACQUIRE);
			if (*pos >= ring->end)
				return NULL;
		}
		head = __atomic_load_n((const uint32_t *)(ring->data + (*pos & ring->mask)), __ATOMIC_ACQUIRE);
		if (head & HEAD_BUSY)
			return NULL;
		if (!(head & HEAD_DISCARD))
			return (const void *)(ring->data + (*pos & ring->mask) + HEAD_BYTES);
		*pos += ((head & ~HEAD_DISCARD) + HEAD_BYTES + 7) & ~7u;
	}
}

static void ring_advance(struct ring *ring)
{
	uint64_t before = ring->pos;

	ring->pos += ring->head->len + HEAD_BYTES; /* len is a multiple of 8 */
	if ((before ^ ring->pos) & ~(uint64_t)(RELEASE_BYTES - 1))
		ring_release(ring);
	ring->head = ring_at(ring, &ring->pos);
}

/* The ring with the oldest head, and in *ret_next the time up to which it stays that. */
static struct ring *rings_oldest(struct rings *rings, uint64_t *ret_next)
{
	struct ring *oldest = NULL;
	uint64_t next = UINT64_MAX;

	for (unsigned int i = 0; i < rings->n; i++) {
		struct ring *ring = &rings->ring[i];

		if (!ring->head)
			continue;
		if (!oldest) {
			oldest = ring;
		} else if (ring->head->ts < oldest->head->ts) {
			next = oldest->head->ts;
			oldest = ring;
		} else if (ring->head->ts < next) {
			next = ring->head->ts;
		}
	}
	*ret_next = next;
	return oldest;
}

uint64_t rings_drain(struct rings *rings, uint64_t until_ns, event_fn fn, void *ctx)
{
	uint64_t n = 0, next;
	struct ring *ring;

	for (unsigned int i = 0; i < rings->n; i++)
		rings->ring[i].head = ring_at(&rings->ring[i], &rings->ring[i].pos);
	while ((ring = rings_oldest(rings, &next)) && ring->head->ts < until_ns) {
		do {
			fn(ctx, ring->head);
			n++;
			ring_advance(ring);
		} while (ring->head && ring->head->ts <= next && ring->head->ts < until_ns);
	}
	for (unsigned int i = 0; i < rings->n; i++)
		ring_release(&rings->ring[i]);
	return n;
}

void rings_peek(struct rings *rings, event_fn fn, void *ctx)
{
	const struct wire_hdr *ev;

	for (unsigned int i = 0; i < rings->n; i++) {
		struct ring *ring = &rings->ring[i];

		if (ring->seen < ring->pos)
			ring->seen = ring->pos;
		while ((ev = ring_at(ring, &ring->seen))) {
			fn(ctx, ev);
			ring->seen += ev->len + HEAD_BYTES;
		}
	}
}
