/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in the state file (--state-file), all little-endian: a struct state_head, then events of the wire: a WIRE_BEFORE,
 * then what the run knew, the paths of programs among it. Times are of that run's boot.
 */
#pragma once

#include "src/core/wire_read.h"

#include <stdbool.h>

struct state_head {
	char magic[8]; /* STATE_MAGIC */
	uint32_t version;
	uint32_t crc; /* of all that follows */
	uint64_t len; /* of the events */
	char hostname[72];
};
#define STATE_MAGIC "tcplfst\n"

/* A state that grows by events until it is whole. Zero at first. */
struct state_draft {
	char *data; /* for free() */
	size_t len, room;
	bool failed; /* no memory, or too long */
};

/* An event_fn: `draft` is a struct state_draft. */
void state_draft_add(void *draft, const struct wire_hdr *ev);

/* Makes it whole. False: it failed. */
bool state_draft_finish(struct state_draft *draft, const char *hostname);

/* It is something else than a state, which is not to be replaced. One that a crash of the host has emptied, or filled with
 * zeros, is none. */
bool state_is_foreign(const char *data, size_t len);

/*
 * Anybody may have made it, so that each event is checked before the first one is handed over. NULL, or what is wrong, as the
 * end of a sentence that begins with "it".
 */
const char *state_read(const void *data, size_t len, const char *hostname, event_fn fn, void *ctx);
