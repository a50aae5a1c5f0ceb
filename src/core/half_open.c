// SPDX-License-Identifier: GPL-2.0-only
/*
 * A repeated SYN-ACK belongs to a half-open attempt, unless it becomes a connection, which reports how often its SYN-ACK was
 * repeated. An attempt that is repeated in one interval and connected in the next counts in the first. Listeners for which no
 * slot is left are counted together.
 */
#include "half_open.h"

#include <stdlib.h>
#include <string.h>

#define PROBES 16u

static struct half_open_slot *slot_of(struct half_open *ho, uint32_t netns, uint16_t port)
{
	uint32_t hash = (netns * 2654435761u + port) * 2654435761u >> 22;

	if (!netns && !port) /* the kernel side had no room for the listener */
		return &ho->rest;
	for (unsigned int i = 0; i < PROBES; i++) {
		struct half_open_slot *slot = &ho->slots[(hash + i) % HALF_OPEN_SLOTS];

		if (!slot->used)
			*slot = (struct half_open_slot){.netns = netns, .port = port, .used = true};
		if (slot->netns == netns && slot->port == port)
			return slot;
	}
	return &ho->rest;
}

void half_open_add(struct half_open *ho, uint32_t netns, uint16_t port, uint64_t count, bool connected)
{
	struct half_open_slot *slot = slot_of(ho, netns, port);

	*(connected ? &slot->connected : &slot->slow) += count;
}

static uint64_t failed(const struct half_open_slot *slot)
{
	return slot->slow > slot->connected ? slot->slow - slot->connected : 0;
}

/* The most first, for qsort(). */
static int by_failed(const void *one, const void *other)
{
	const struct half_open_slot *a = one, *b = other;

	if (failed(a) != failed(b))
		return failed(a) > failed(b) ? -1 : 1;
	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	return a->port - b->port;
}

void half_open_take(struct half_open *ho, struct conn_summary_record *sum)
{
	const struct half_open_slot *slot = ho->slots, *end = slot + HALF_OPEN_SLOTS;

	qsort(ho->slots, HALF_OPEN_SLOTS, sizeof(*slot), by_failed);
	for (; slot < end && failed(slot) && sum->half_open_len < CONN_SUMMARY_ROWS; slot++)
		sum->half_open[sum->half_open_len++] = (struct conn_half_open_row){slot->netns, slot->port, failed(slot)};
	sum->half_open_rest = failed(&ho->rest);
	for (; slot < end; slot++)
		sum->half_open_rest += failed(slot);
	memset(ho, 0, sizeof(*ho));
}
