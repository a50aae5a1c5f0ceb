// SPDX-License-Identifier: GPL-2.0-only
#include "report_top.h"

#include <string.h>

void report_key_add(struct report_key *key, const char *text, size_t len)
{
	size_t room = REPORT_KEY_MAX - key->len;

	if (!room)
		return;
	if (len > room - 1)
		len = room - 1;
	memcpy(key->text + key->len, text, len);
	key->text[key->len + len] = '\0';
	key->len += len + 1;
}

const char *report_key_field(const struct report_key *key, unsigned int n)
{
	size_t at = 0;

	while (n-- && at < key->len)
		at += strlen(key->text + at) + 1;
	return at < key->len ? key->text + at : "";
}

/* FNV-1a; two keys of one hash are compared. */
static uint64_t hash_of(const struct report_key *key)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < key->len; i++)
		hash = (hash ^ (uint8_t)key->text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static struct report_row *find(struct report_top *top, const struct report_key *key, uint64_t hash)
{
	for (unsigned int i = 0; i < top->len; i++) {
		if (top->hashes[i] == hash && top->rows[i].key.len == key->len &&
		    !memcmp(top->rows[i].key.text, key->text, key->len))
			return &top->rows[i];
	}
	return NULL;
}

static unsigned int least(const struct report_top *top)
{
	unsigned int min = 0;

	for (unsigned int i = 1; i < top->len; i++)
		if (top->rows[i].weight < top->rows[min].weight)
			min = i;
	return min;
}

static struct report_row *make(struct report_top *top, const struct report_key *key, uint64_t hash)
{
	unsigned int at = top->len < REPORT_TOP_ROWS ? top->len++ : least(top);
	struct report_row *row = &top->rows[at];
	uint64_t inherited = row->weight;

	if (inherited)
		top->displaced++;
	memset(row, 0, sizeof(*row));
	if (top->series)
		memset(report_top_series(top, row), 0, sizeof(*top->series));
	row->key = *key;
	row->weight = inherited;
	top->hashes[at] = hash;
	return row;
}

struct report_row *report_top_row(struct report_top *top, const struct report_key *key, uint64_t weight)
{
	uint64_t hash = hash_of(key);
	struct report_row *row = find(top, key, hash) ?: make(top, key, hash);

	row->weight += weight;
	return row;
}

struct report_row *report_top_find(struct report_top *top, const struct report_key *key)
{
	return find(top, key, hash_of(key));
}

unsigned int report_top_order(const struct report_top *top, unsigned int value, unsigned int *ret_rows, unsigned int max)
{
	unsigned int len = 0;

	for (unsigned int i = 0; i < top->len; i++) {
		unsigned int at = len;

		if (!top->rows[i].values[value])
			continue;
		while (at && top->rows[ret_rows[at - 1]].values[value] < top->rows[i].values[value])
			at--;
		if (at == max)
			continue;
		if (len < max)
			len++;
		memmove(ret_rows + at + 1, ret_rows + at, (len - at - 1) * sizeof(*ret_rows));
		ret_rows[at] = i;
	}
	return len;
}
