// SPDX-License-Identifier: GPL-2.0-only
#include "stack_numbers.h"

#include "src/host/self.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stack_entry {
	uint32_t facts;
	uint32_t owner;
	char *text;
	uint64_t used;
	uint64_t digest; /* 0: free */
};

struct stack_owner {
	uint32_t stacks; /* their number */
	uint32_t pad;
	uint64_t key; /* 0: free */
};

/* Keyed: the text is what a process made of its stack. Never 0. */
static uint64_t digest_of(const struct stack_numbers *n, uint32_t owner, uint32_t facts, const char *text)
{
	struct siphash hash = siphash_begin(&n->stacks.index.hash_key);
	size_t len = strlen(text), part;
	uint64_t word;

	siphash_word(&hash, (uint64_t)owner << 32 | facts, 1);
	for (size_t at = 0; at < len; at += part) {
		word = 0;
		part = len - at < sizeof(word) ? len - at : sizeof(word);
		memcpy(&word, text + at, part);
		siphash_word(&hash, word, 1);
	}
	return siphash_end(&hash, 3) | 1;
}

/* A pool_key_fn. */
static uint64_t stack_key(const void *item)
{
	return ((const struct stack_entry *)item)->digest;
}

/* A pool_key_fn. */
static uint64_t owner_key(const void *item)
{
	return ((const struct stack_owner *)item)->key;
}

int stack_numbers_init(struct stack_numbers *n, uint64_t first)
{
	struct hash_key hash_key;

	self_hash_key(&hash_key);
	*n = (struct stack_numbers){.first = first};
	return pool_init(&n->stacks, sizeof(struct stack_entry), WIRE_STACKS_MAX - 1, stack_key, &hash_key)
		       ?: pool_init(&n->owners, sizeof(struct stack_owner), WIRE_STACKS_MAX, owner_key, &hash_key);
}

void stack_numbers_free(struct stack_numbers *n)
{
	for (uint32_t id = 1; id < n->stacks.used; id++) {
		struct stack_entry *entry = pool_at(&n->stacks, id);

		if (entry->digest)
			free(entry->text);
	}
	pool_free(&n->stacks);
	pool_free(&n->owners);
}

static uint32_t find_owner(struct stack_numbers *n, uint64_t cgroup_id)
{
	uint64_t key = index_hash(0, cgroup_id);
	uint32_t id;

	pool_for_each (id, &n->owners, key) {
		if (((struct stack_owner *)pool_at(&n->owners, id))->key == key)
			return id;
	}
	return pool_add(&n->owners, &(struct stack_owner){.key = key});
}

static void release(struct stack_numbers *n, uint32_t id)
{
	struct stack_entry *entry = pool_at(&n->stacks, id);
	struct stack_owner *owner = pool_at(&n->owners, entry->owner);
	uint32_t owner_id = entry->owner;
	char *text = entry->text;

	pool_remove(&n->stacks, id);
	free(text);
	n->generation[id]++;
	if (!--owner->stacks)
		pool_remove(&n->owners, owner_id);
}

static bool make_room(struct stack_numbers *n)
{
	uint32_t most = 0, count = 0, oldest = 0;
	uint64_t used = UINT64_MAX;

	for (uint32_t id = 1; id < n->owners.used; id++) {
		const struct stack_owner *owner = pool_at(&n->owners, id);

		if (owner->key && owner->stacks > count) {
			count = owner->stacks;
			most = id;
		}
	}
	for (uint32_t id = 1; id < n->stacks.used; id++) {
		const struct stack_entry *entry = pool_at(&n->stacks, id);

		if (entry->digest && entry->owner == most && entry->used < used) {
			used = entry->used;
			oldest = id;
		}
	}
	if (oldest)
		release(n, oldest);
	return oldest;
}

static uint64_t number_of(const struct stack_numbers *n, uint32_t id)
{
	return n->first + n->generation[id] * WIRE_STACKS_MAX + id;
}

/* Takes over its text. */
static struct stack_number add(struct stack_numbers *n, const struct stack_entry *entry)
{
	uint32_t owner = entry->owner;
	bool full = pool_count(&n->stacks) == WIRE_STACKS_MAX - 1;
	uint32_t id;

	((struct stack_owner *)pool_at(&n->owners, owner))->stacks++; /* first: making room must not remove the owner */
	id = entry->text && (!full || make_room(n)) ? pool_add(&n->stacks, entry) : 0;
	if (id)
		return (struct stack_number){number_of(n, id), true, full};
	free(entry->text);
	if (!--((struct stack_owner *)pool_at(&n->owners, owner))->stacks)
		pool_remove(&n->owners, owner);
	return (struct stack_number){0};
}

struct stack_number stack_numbers_find(struct stack_numbers *n, uint64_t cgroup_id, uint32_t facts, const char *text)
{
	uint32_t owner = find_owner(n, *text ? cgroup_id : 0), id; /* what says no more than its note is everybody's */
	uint64_t digest;

	if (!owner)
		return (struct stack_number){0};
	digest = digest_of(n, owner, facts, text);
	pool_for_each (id, &n->stacks, digest) {
		struct stack_entry *entry = pool_at(&n->stacks, id);

		if (entry->owner == owner && entry->facts == facts && !strcmp(entry->text, text)) {
			entry->used = ++n->uses;
			return (struct stack_number){.number = number_of(n, id)};
		}
	}
	return add(n, &(struct stack_entry){facts, owner, strdup(text), ++n->uses, digest});
}

void stack_numbers_forget(struct stack_numbers *n, uint64_t number)
{
	uint32_t id = (uint32_t)(number % WIRE_STACKS_MAX);

	release(n, id);
	n->generation[id]--; /* the next may have this number: else, while the pipe is full, numbers would leap */
}
