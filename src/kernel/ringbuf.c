// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring is a consumer position (ours to write), a producer position and the data, mapped twice in a row so that no event is
 * split. Each event has an 8-byte head: length and two flags. A busy event is reserved but not submitted: reading stops there.
 * What a lane is stands in bpf/shared.h. Both have heads of the same size.
 *
 * The merge takes the source with the oldest head and reads on in it until another one's head is older: events come in runs, so
 * the search over all of them is rarely needed even on many CPUs.
 */
#include "ringbuf.h"

#include "bpf/shared.h"
#include "bpf/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD_BYTES 8
#define HEAD_BUSY (1u << 31)
#define HEAD_DISCARD (1u << 30)
#define RELEASE_BYTES 16384 /* give space back to the kernel in pieces: its line is shared with the producer */

_Static_assert(LANE_HEAD == HEAD_BYTES, "one way to step over a head");

struct source {
	uint64_t *consumer_pos;       /* a ring has a page of its own for it, writable */
	const uint64_t *producer_pos; /* NULL: a lane */
	const uint8_t *data;
	uint64_t mask;
	uint64_t pos;                /* ours; published to *consumer_pos now and then */
	uint64_t end;                /* producer's, as last seen */
	uint64_t seen;               /* rings_peek() was here */
	const struct wire_hdr *head; /* NULL: nothing to read now */
};

struct rings {
	struct rings_config config;
	size_t page;
	uint8_t *lanes;
	unsigned int n;
	uint64_t peak;          /* rings_take_peak() */
	uint64_t fill, highest; /* rings_fill() */
	struct source source[];
};

static int ring_map(struct source *ring, int fd, size_t bytes, size_t page)
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

static size_t lane_stride(const struct rings_config *config)
{
	return LANE_DATA + config->lane_bytes + LANE_BEHIND;
}

/* Behind the sources that are rings. */
static int lanes_map(struct rings *rings)
{
	const struct rings_config *config = &rings->config;
	size_t stride = lane_stride(config);
	void *map = mmap(NULL, stride * config->n, PROT_READ | PROT_WRITE, MAP_SHARED, config->lanes_fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	rings->lanes = map;
	for (unsigned int i = 0; i < config->n; i++) {
		struct lane *lane = (void *)(rings->lanes + i * stride);

		rings->source[rings->n++] = (struct source){
			.consumer_pos = (uint64_t *)&lane->tail,
			.data = (const uint8_t *)lane + LANE_DATA,
			.mask = config->lane_bytes - 1,
			.pos = lane->tail,
		};
	}
	return 0;
}

void rings_close(struct rings *rings)
{
	if (!rings)
		return;
	for (unsigned int i = 0; i < rings->config.n; i++) {
		if (rings->source[i].consumer_pos)
			munmap(rings->source[i].consumer_pos, rings->page);
		if (rings->source[i].producer_pos)
			munmap((void *)rings->source[i].producer_pos, rings->page + 2 * rings->config.ring_bytes);
	}
	if (rings->lanes)
		munmap(rings->lanes, lane_stride(&rings->config) * rings->config.n);
	free(rings);
}

int rings_open(struct rings **out, const struct rings_config *config)
{
	struct rings *rings = calloc(1, sizeof(*rings) + 2 * config->n * sizeof(rings->source[0]));
	int err = 0;

	if (!rings)
		return -ENOMEM;
	rings->config = *config;
	rings->n = config->n;
	rings->page = sysconf(_SC_PAGESIZE);
	for (unsigned int i = 0; i < config->n && !err; i++)
		err = ring_map(&rings->source[i], config->ring_fds[i], config->ring_bytes, rings->page);
	if (!err && config->lane_bytes)
		err = lanes_map(rings);
	if (err)
		rings_close(rings);
	else
		*out = rings;
	return err;
}

static void source_release(struct source *source)
{
	__atomic_store_n(source->consumer_pos, source->pos, __ATOMIC_RELEASE);
}

/* The next readable event at *pos, which moves over discarded ones; NULL if there is none yet. */
static const struct wire_hdr *ring_at(struct source *ring, uint64_t *pos)
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

static const struct wire_hdr *source_at(const struct rings *rings, struct source *source, uint64_t *pos)
{
	const uint8_t *at = source->data + (*pos & source->mask);

	if (source->producer_pos)
		return ring_at(source, pos);
	if (__atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE) != (*pos ^ rings->config.lane_key))
		return NULL;
	return (const void *)(at + HEAD_BYTES);
}

/* From one event to the next: in a ring as its head says, whatever the event says of itself. */
static uint64_t source_step(const struct source *source, uint64_t pos, const struct wire_hdr *ev)
{
	uint64_t len = ev->len;

	if (source->producer_pos)
		len = *(const uint32_t *)(source->data + (pos & source->mask));
	return (len + HEAD_BYTES + 7) & ~(uint64_t)7;
}

static void source_advance(const struct rings *rings, struct source *source)
{
	uint64_t before = source->pos;

	source->pos += source_step(source, source->pos, source->head);
	if ((before ^ source->pos) & ~(uint64_t)(RELEASE_BYTES - 1))
		source_release(source);
	source->head = source_at(rings, source, &source->pos);
}

/* The source with the oldest head, and in *ret_next the time up to which it stays that. */
static struct source *rings_oldest(struct rings *rings, uint64_t *ret_next)
{
	struct source *oldest = NULL;
	uint64_t next = UINT64_MAX;

	for (unsigned int i = 0; i < rings->n; i++) {
		struct source *source = &rings->source[i];

		if (!source->head)
			continue;
		if (!oldest) {
			oldest = source;
		} else if (source->head->ts < oldest->head->ts) {
			next = oldest->head->ts;
			oldest = source;
		} else if (source->head->ts < next) {
			next = source->head->ts;
		}
	}
	*ret_next = next;
	return oldest;
}

/* Of ring buffers: a lane that is full sends its events there. */
static void note_peak(struct rings *rings)
{
	rings->fill = 0;
	for (unsigned int i = 0; i < rings->n; i++) {
		const struct source *ring = &rings->source[i];
		uint64_t waits;

		if (!ring->producer_pos)
			continue;
		waits = __atomic_load_n(ring->producer_pos, __ATOMIC_RELAXED) - ring->pos;
		if (waits > rings->fill)
			rings->fill = waits;
	}
	rings->peak = rings->fill > rings->peak ? rings->fill : rings->peak;
	rings->highest = rings->fill > rings->highest ? rings->fill : rings->highest;
}

uint64_t rings_take_peak(struct rings *rings)
{
	uint64_t peak = rings->peak;

	rings->peak = 0;
	return peak;
}

uint64_t rings_fill(const struct rings *rings, uint64_t *ret_highest)
{
	*ret_highest = rings->highest;
	return rings->fill;
}

uint64_t rings_drain(struct rings *rings, uint64_t until_ns, event_fn fn, void *ctx)
{
	uint64_t n = 0, next;
	struct source *source;

	note_peak(rings);
	for (unsigned int i = 0; i < rings->n; i++)
		rings->source[i].head = source_at(rings, &rings->source[i], &rings->source[i].pos);
	while ((source = rings_oldest(rings, &next)) && source->head->ts < until_ns) {
		do {
			fn(ctx, source->head);
			n++;
			source_advance(rings, source);
		} while (source->head && source->head->ts <= next && source->head->ts < until_ns);
	}
	for (unsigned int i = 0; i < rings->n; i++)
		source_release(&rings->source[i]);
	return n;
}

uint64_t rings_next(const struct rings *rings)
{
	uint64_t next = UINT64_MAX;

	for (unsigned int i = 0; i < rings->n; i++) {
		const struct wire_hdr *head = rings->source[i].head;

		if (head && head->ts < next)
			next = head->ts;
	}
	return next;
}

void rings_peek(struct rings *rings, event_fn fn, void *ctx)
{
	const struct wire_hdr *ev;

	for (unsigned int i = 0; i < rings->n; i++) {
		struct source *source = &rings->source[i];

		if (source->seen < source->pos)
			source->seen = source->pos;
		while ((ev = source_at(rings, source, &source->seen))) {
			fn(ctx, ev);
			source->seen += source_step(source, source->seen, ev);
		}
	}
}
