// SPDX-License-Identifier: GPL-2.0-only
/*
 * A SYN-ACK that was repeated belongs to a half-open attempt, unless a connection comes of it, which tells how often its
 * SYN-ACK was repeated. What is repeated at the end of one interval and connected in the next is counted in the first. Bound:
 * so many listeners as there are slots; those beyond are counted together.
 */
#include "half_open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1024u
#define PROBES 16u

struct slot {
	uint32_t netns;
	uint16_t port;
	bool used;
	uint64_t slow, connected;
};

struct half_open {
	struct slot slots[SLOTS];
	struct slot rest;
};

int half_open_new(struct half_open **out)
{
	struct half_open *ho = calloc(1, sizeof(*ho));

	if (!ho)
		return -ENOMEM;
	*out = ho;
	return 0;
}

void half_open_free(struct half_open *ho)
{
	free(ho);
}

uint64_t half_open_memory(const struct half_open *ho)
{
	return sizeof(*ho);
}

static struct slot *slot_of(struct half_open *ho, uint32_t netns, uint16_t port)
{
	uint32_t hash = (netns * 2654435761u + port) * 2654435761u >> 22;

	for (unsigned int i = 0; i < PROBES; i++) {
		struct slot *slot = &ho->slots[(hash + i) % SLOTS];

		if (!slot->used)
			*slot = (struct slot){.netns = netns, .port = port, .used = true};
		if (slot->netns == netns && slot->port == port)
			return slot;
	}
	return &ho->rest;
}

void half_open_add(struct half_open *ho, uint32_t netns, uint16_t port, uint64_t count, bool connected)
{
	struct slot *slot = slot_of(ho, netns, port);

	*(connected ? &slot->connected : &slot->slow) += count;
}

static uint64_t failed(const struct slot *slot)
{
	return slot->slow > slot->connected ? slot->slow - slot->connected : 0;
}

/* Keeps the rows in order; what falls out goes to the rest. */
static void put_row(struct conn_summary_record *sum, const struct slot *slot)
{
	struct conn_half_open_row row = {.netns = slot->netns, .local_port = slot->port, .count = failed(slot)};
	unsigned int at = sum->half_open_len;

	if (at == CONN_SUMMARY_ROWS) {
		if (row.count <= sum->half_open[--at].count) {
			sum->half_open_rest += row.count;
			return;
		}
		sum->half_open_rest += sum->half_open[at].count;
	} else {
		sum->half_open_len++;
	}
	for (; at > 0 && sum->half_open[at - 1].count < row.count; at--)
		sum->half_open[at] = sum->half_open[at - 1];
	sum->half_open[at] = row;
}

void half_open_take(struct half_open *ho, struct conn_summary_record *sum)
{
	sum->half_open_rest = failed(&ho->rest);
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (failed(&ho->slots[i]))
			put_row(sum, &ho->slots[i]);
	}
	memset(ho, 0, sizeof(*ho));
}
