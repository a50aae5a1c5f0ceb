/* SPDX-License-Identifier: GPL-2.0-only */
/* Attempts to connect that were slow, by listener, less those that succeeded after all. All zero is empty. */
#pragma once

#include "record_types.h"

#define HALF_OPEN_SLOTS 1024u

struct half_open_slot {
	uint32_t netns;
	uint16_t port;
	bool used;
	uint64_t slow, connected;
};

struct half_open {
	struct half_open_slot slots[HALF_OPEN_SLOTS];
	struct half_open_slot rest;
};

/* The kernel repeated a SYN-ACK of `count` attempts; or one of them has become a connection. */
void half_open_add(struct half_open *ho, uint32_t netns, uint16_t port, uint64_t count, bool connected);

/* What never became a connection, into the summary. Empties *ho. */
void half_open_take(struct half_open *ho, struct conn_summary_record *sum);
