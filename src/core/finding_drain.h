/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets that close and do not get on: leak scans show whether anything of what they sent was acknowledged meanwhile. */
#pragma once

#include "leak.h"

struct finding_drain {
	struct pool by_cookie;
	uint8_t epoch;
};

int finding_drain_init(struct finding_drain *drain, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void finding_drain_free(struct finding_drain *drain);

/* A leak scan is over at `now`. */
void finding_drain_scanned(struct finding_drain *drain, const struct leak_set *set, uint64_t now);

/*
 * For how long it has closed and nothing was acknowledged, at least; 0: it does not close, or gets on. `closing_ns`: since it
 * closes, where that is known from its events; else 0.
 */
uint64_t finding_drain_ns(const struct finding_drain *drain, const struct leak_socket *socket, uint64_t closing_ns,
			  uint64_t now);

/* FIN_WAIT1, CLOSING or LAST_ACK: our FIN is queued or sent, and not acknowledged. */
static inline bool finding_closes(uint8_t state)
{
	return state == WIRE_FIN_WAIT1 || state == WIRE_CLOSING || state == WIRE_LAST_ACK;
}
