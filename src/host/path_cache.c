// SPDX-License-Identifier: GPL-2.0-only
/*
 * In sets of four, where a new entry replaces the oldest. When the texts have too many bytes, a hand goes round and drops
 * entries, so that long paths cost those who use them no more than the rest.
 */
#include "path_cache.h"

#include <stdlib.h>
#include <string.h>

/* Without the third number: a process that calls exec() again and again fills one set only. */
static size_t set_of(struct path_key key)
{
	return ((key.a ^ key.b) * 0x9e3779b97f4a7c15ull) >> 51; /* 13 bits: PATH_CACHE_SETS */
}

struct path_entry *path_cache_find(const struct path_cache *cache, struct path_key key)
{
	const struct path_entry *set = cache->entries[set_of(key)];

	for (size_t i = 0; i < PATH_CACHE_WAYS; i++) {
		if (set[i].text && set[i].key.a == key.a && set[i].key.b == key.b && set[i].key.c == key.c)
			return (struct path_entry *)&set[i];
	}
	return NULL;
}

static void drop(struct path_cache *cache, struct path_entry *entry)
{
	if (!entry->text)
		return;
	cache->bytes -= strlen(entry->text) + 1;
	free(entry->text);
	*entry = (struct path_entry){0};
}

static void make_room(struct path_cache *cache, const struct path_entry *keep)
{
	const size_t n = sizeof(cache->entries) / sizeof(*keep);

	while (cache->bytes > PATH_CACHE_BYTES) {
		struct path_entry *entry = &cache->entries[0][0] + cache->hand;

		cache->hand = (cache->hand + 1) % n;
		if (entry == keep || !entry->text)
			continue;
		drop(cache, entry);
		cache->dropped = true;
	}
}

struct path_entry *path_cache_put(struct path_cache *cache, struct path_key key, const char *text)
{
	struct path_entry *entry = path_cache_find(cache, key);
	size_t set = set_of(key);
	char *copy = strdup(text);

	if (!copy)
		return NULL;
	if (!entry) {
		entry = &cache->entries[set][cache->oldest[set]++ % PATH_CACHE_WAYS];
		cache->dropped |= entry->text != NULL;
	}
	drop(cache, entry);
	entry->key = key;
	entry->text = copy;
	cache->bytes += strlen(copy) + 1;
	make_room(cache, entry);
	return entry;
}

void path_cache_clear(struct path_cache *cache)
{
	for (size_t i = 0; i < PATH_CACHE_SETS; i++) {
		for (size_t way = 0; way < PATH_CACHE_WAYS; way++)
			drop(cache, &cache->entries[i][way]);
	}
}
