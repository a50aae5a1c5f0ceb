// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which keys are common is estimated as by Metwally's "space saving": a key that is new takes the place of the least active one
 * and its activity, so that one which is common in truth is not driven out by many that are seen once.
 */
#include "metrics_top.h"

#include <string.h>

#define TIMES_COMMONER 2

/* FNV-1a. Who finds two keys of one hash gains nothing: they are compared, too. */
static uint64_t hash_of(const unsigned char *key, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ key[i]) * 0x100000001b3ull;
	return hash;
}

/* Of those with series of their own, or without: METRICS_TOP_KEYS if there is none. */
static uint32_t least_active(const struct metrics_top *top, bool shown)
{
	uint32_t least = METRICS_TOP_KEYS;

	for (uint32_t i = 0; i < top->len; i++)
		if (top->rows[i].shown == shown &&
		    (least == METRICS_TOP_KEYS || top->rows[i].activity < top->rows[least].activity))
			least = i;
	return least;
}

static void show(struct metrics_top *top, struct metrics_top_row *row)
{
	row->shown = true;
	memset(row->values, 0, sizeof(row->values));
	top->shown++;
}

/* NULL: all that are watched have series of their own. */
static struct metrics_top_row *add(struct metrics_top *top, const void *key, size_t len, uint64_t hash)
{
	uint32_t at = top->len < METRICS_TOP_KEYS ? top->len++ : least_active(top, false);
	struct metrics_top_row *row;

	if (at == METRICS_TOP_KEYS)
		return NULL;
	row = &top->rows[at];
	*row = (struct metrics_top_row){.len = (uint8_t)len, .activity = row->activity};
	memcpy(row->key, key, len);
	top->hashes[at] = hash;
	if (top->shown < top->most)
		show(top, row);
	return row;
}

uint64_t *metrics_top_find(struct metrics_top *top, const void *key, size_t len)
{
	struct metrics_top_row *row = NULL;
	uint64_t hash;

	if (len > METRICS_TOP_KEY_MAX)
		len = METRICS_TOP_KEY_MAX;
	if (len == strlen(METRICS_TOP_OTHER) && !memcmp(key, METRICS_TOP_OTHER, len))
		return top->others;
	hash = hash_of(key, len);
	for (uint32_t i = 0; i < top->len && !row; i++)
		if (top->hashes[i] == hash && top->rows[i].len == len && !memcmp(top->rows[i].key, key, len))
			row = &top->rows[i];
	row = row ? row : add(top, key, len, hash);
	if (!row)
		return top->others;
	row->activity++;
	return row->shown ? row->values : top->others;
}

void metrics_top_rank(struct metrics_top *top)
{
	for (uint32_t i = 0; i < top->len; i++) {
		struct metrics_top_row *row = &top->rows[i];
		uint32_t least = row->shown ? METRICS_TOP_KEYS : least_active(top, true);

		if (least == METRICS_TOP_KEYS || row->activity <= TIMES_COMMONER * top->rows[least].activity)
			continue;
		top->rows[least].shown = false;
		top->shown--;
		show(top, row);
	}
	for (uint32_t i = 0; i < top->len; i++)
		top->rows[i].activity /= 2;
}
