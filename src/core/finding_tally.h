/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened in a window of time, by service: the address and port that was connected to, or the local port of what was
 * accepted.
 */
#pragma once

#include "pool.h"
#include "record_types.h"

struct tally_key {
	uint64_t peer[2];
	uint64_t where; /* namespace, port, and 1 for what was opened */
};

struct tally {
	uint32_t unused;
	uint64_t digest; /* 0: free */
	struct tally_key key;
	bool opened;
	struct conn_tuple example;
	uint64_t oldest_ns;   /* of the unanswered */
	uint64_t unanswered;  /* attempts without an answer */
	uint64_t refused;     /* attempts */
	uint64_t resets;      /* connections that ended so */
	uint64_t ended;       /* connections and attempts that ended otherwise */
	uint64_t alive;       /* connections, at the end of the window */
	uint64_t retransmits; /* segments with payload */
};

struct tallies {
	struct pool by_key;
	uint64_t left_out;
};

int tallies_init(struct tallies *tallies, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void tallies_free(struct tallies *tallies);
void tallies_clear(struct tallies *tallies);

/* Of this connection's service, which is made if `add`; NULL: there is none, or no room. `t` must have its addresses. */
struct tally *tallies_of(struct tallies *tallies, const struct conn_tuple *t, bool opened, bool add);

#define tallies_for_each(tally, tallies)                                                                                       \
	for ((tally) = pool_at(&(tallies)->by_key, 1); (tally) != pool_at(&(tallies)->by_key, (tallies)->by_key.used);         \
	     (tally)++)
