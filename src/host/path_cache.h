/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths by up to three numbers. It is bounded in entries and in bytes; whoever finds nothing asks again, or does not know. */
#pragma once

#include "cgroup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_CACHE_SETS 8192
#define PATH_CACHE_WAYS 4
#define PATH_CACHE_BYTES ((size_t)8 << 20)

struct path_key {
	uint64_t a, b, c;
};

struct path_entry {
	struct path_key key;
	char *text;                        /* NULL: free entry; "": it is known that the path is not */
	bool deleted;                      /* the file of a program was */
	uint16_t unit_at, unit_len;        /* the systemd unit in a cgroup's text; unit_len is 0: there is none */
	struct cgroup_container container; /* of a cgroup */
};

struct path_cache {
	struct path_entry entries[PATH_CACHE_SETS][PATH_CACHE_WAYS];
	uint8_t oldest[PATH_CACHE_SETS];
	size_t bytes; /* of all texts */
	size_t hand;  /* the entry that is dropped next, when there are too many bytes */
	bool dropped; /* something was, or was replaced: what is not found may have been here */
};

struct path_entry *path_cache_find(const struct path_cache *cache, struct path_key key);

/* Copies the text, which replaces the one of this key. NULL: no memory. Other entries are dropped for it. */
struct path_entry *path_cache_put(struct path_cache *cache, struct path_key key, const char *text);

/* Of all its entries. */
void path_cache_clear(struct path_cache *cache);
