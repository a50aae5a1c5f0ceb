// SPDX-License-Identifier: GPL-2.0-only
#include "chains.h"

#define FIRST_BITS 6

static struct chain_link *link_of(const struct chains *chains, uint32_t id)
{
	return chains->link(chains->owner, id);
}

/* An index_key_fn: only the first of a chain is in the index. */
static uint64_t key_of_first(const void *chains, uint32_t id)
{
	const struct chain_link *link = link_of(chains, id);

	return link->prev ? 0 : link->key;
}

int chains_init(struct chains *chains, chain_link_fn link, const void *owner, const struct hash_key *hash_key)
{
	*chains = (struct chains){.link = link, .owner = owner};
	return index_init(&chains->firsts, FIRST_BITS, key_of_first, chains, hash_key);
}

void chains_free(struct chains *chains)
{
	index_free(&chains->firsts);
}

uint64_t chains_memory(const struct chains *chains)
{
	return index_memory(&chains->firsts);
}

uint32_t chains_first(const struct chains *chains, uint64_t key)
{
	uint32_t id;

	index_for_each (id, &chains->firsts, key) {
		if (link_of(chains, id)->key == key)
			break;
	}
	return id;
}

static void insert_behind(const struct chains *chains, uint32_t first, uint32_t id)
{
	struct chain_link *before = link_of(chains, first), *link = link_of(chains, id);

	link->prev = first;
	link->next = before->next;
	if (link->next)
		link_of(chains, link->next)->prev = id;
	before->next = id;
}

int chains_add(struct chains *chains, uint32_t id, uint64_t key, uint32_t used)
{
	struct chain_link *link = link_of(chains, id);
	uint32_t first = chains_first(chains, key);
	int err;

	*link = (struct chain_link){0};
	err = index_reserve(&chains->firsts, id, used); /* it may be the first one later, when nothing may fail */
	if (err)
		return err;
	link->key = key;
	if (first) {
		insert_behind(chains, first, id);
		return 0;
	}
	err = index_add(&chains->firsts, id, used);
	if (err)
		link->key = 0;
	return err;
}

static void remove_first(struct chains *chains, uint32_t id)
{
	uint32_t next = link_of(chains, id)->next;

	index_remove(&chains->firsts, id);
	if (!next)
		return;
	link_of(chains, next)->prev = 0;
	index_add(&chains->firsts, next, 0); /* it has the room that was just left */
}

void chains_remove(struct chains *chains, uint32_t id)
{
	struct chain_link *link = link_of(chains, id);

	if (!link->key)
		return;
	if (link->prev) {
		link_of(chains, link->prev)->next = link->next;
		if (link->next)
			link_of(chains, link->next)->prev = link->prev;
	} else {
		remove_first(chains, id);
	}
	*link = (struct chain_link){0};
}
