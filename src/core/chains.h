/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ids whose keys anybody can repeat: listeners of one address, or of one process. Of all that have the same key, an index would
 * need as many steps as there are, for each that is added or removed. Here only the first of them is in the index, and the
 * others are in a list behind it.
 */
#pragma once

#include "index.h"

/* In the owner's item. */
struct chain_link {
	uint64_t key; /* 0: it is in no chain */
	uint32_t next, prev;
};

typedef struct chain_link *(*chain_link_fn)(const void *owner, uint32_t id);

struct chains {
	struct index firsts;
	chain_link_fn link;
	const void *owner;
};

/* `chains` must not move. 0 or -ENOMEM. */
int chains_init(struct chains *chains, chain_link_fn link, const void *owner, const struct hash_key *hash_key);
void chains_free(struct chains *chains);
uint64_t chains_memory(const struct chains *chains);

/* `key` is not 0; `used` is one more than the highest id in use. 0, or -ENOMEM: it is in no chain. */
int chains_add(struct chains *chains, uint32_t id, uint64_t key, uint32_t used);
/* Nothing happens if it is in no chain. */
void chains_remove(struct chains *chains, uint32_t id);

/* One with this key; 0: there is none. */
uint32_t chains_first(const struct chains *chains, uint64_t key);
/* The next with the same key; 0: there is none. */
static inline uint32_t chains_next(const struct chains *chains, uint32_t id)
{
	return chains->link(chains->owner, id)->next;
}
