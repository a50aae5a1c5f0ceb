// SPDX-License-Identifier: GPL-2.0-only
/* At most SERVICES are counted in a window; those that come later are left out, and counted. */
#include "finding_tally.h"

#include <string.h>

#define SERVICES 16384u
#define OPENED_BIT (1ull << 16)

/* A pool_key_fn. */
static uint64_t digest_of(const void *tally)
{
	return ((const struct tally *)tally)->digest;
}

int tallies_init(struct tallies *tallies, const struct hash_key *hash_key)
{
	*tallies = (struct tallies){0};
	return pool_init(&tallies->by_key, sizeof(struct tally), SERVICES, digest_of, hash_key);
}

void tallies_free(struct tallies *tallies)
{
	pool_free(&tallies->by_key);
}

void tallies_clear(struct tallies *tallies)
{
	pool_clear(&tallies->by_key);
}

static struct tally_key key_of(const struct conn_tuple *t, bool opened)
{
	struct tally_key key = {.where = (uint64_t)t->id.netns << 32};

	if (opened) {
		memcpy(key.peer, t->id.peer_addr, sizeof(key.peer));
		key.where |= OPENED_BIT | t->id.peer_port;
	} else {
		key.where |= t->id.local_port;
	}
	return key;
}

struct tally *tallies_of(struct tallies *tallies, const struct conn_tuple *t, bool opened, bool add)
{
	const struct tally_key key = key_of(t, opened);
	const uint64_t words[] = {key.peer[0], key.peer[1], key.where};
	struct tally fresh = {.digest = index_digest(&tallies->by_key.index, words, 3), .key = key, .opened = opened};
	struct tally *tally;
	uint32_t id;

	pool_for_each (id, &tallies->by_key, fresh.digest) {
		tally = pool_at(&tallies->by_key, id);
		if (!memcmp(&tally->key, &key, sizeof(key)))
			return tally;
	}
	if (!add)
		return NULL;
	fresh.example = *t;
	id = pool_add(&tallies->by_key, &fresh);
	tallies->left_out += !id;
	return id ? pool_at(&tallies->by_key, id) : NULL;
}
