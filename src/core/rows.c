// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an attacker makes, such as a listener or a closed port that is asked for, begins later than what was there before, so
 * that it never takes a place of the older half. It takes a place of the other half only by being more than others are, and of
 * those only as many as the namespaces that have a row leave over.
 */
#include "rows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* These are for qsort(). No two rows are equal, so that the same rows always give the same choice. */

static int by_age(const void *one, const void *other)
{
	const struct row *a = one, *b = other;

	return compare(a->since, b->since) ?: compare(a->group, b->group) ?: compare(a->id, b->id);
}

static int by_count(const void *one, const void *other)
{
	const struct row *a = one, *b = other;

	return compare(b->count, a->count) ?: by_age(one, other);
}

static int by_group(const void *one, const void *other)
{
	const struct row *a = one, *b = other;

	return compare(a->group, b->group) ?: by_count(one, other);
}

/* Each group's first row to the front, then all that remain, by count. */
static void by_turns(struct row *rows, size_t len)
{
	uint32_t before = 0;
	size_t firsts = 0;

	qsort(rows, len, sizeof(*rows), by_group);
	for (size_t i = 0; i < len; i++) {
		struct row row = rows[i];

		if (i && row.group == before)
			continue;
		before = row.group;
		rows[i] = rows[firsts]; /* that was passed over before, or is the same */
		rows[firsts++] = row;
	}
	qsort(rows, firsts, sizeof(*rows), by_count);
	qsort(rows + firsts, len - firsts, sizeof(*rows), by_count);
}

size_t rows_choose(struct row *rows, size_t len, size_t max)
{
	size_t old = (len > max ? max : len) / 2, most = max - old, shown, olds = 0, mosts = 0;
	struct row mixed[ROWS_MAX];

	qsort(rows, len, sizeof(*rows), by_age);
	by_turns(rows + old, len - old);
	most = most < len - old ? most : len - old;
	shown = old + most;
	for (size_t i = 0; i < shown; i++) {
		bool turn = (i % 2 == 0 && mosts < most) || olds == old;

		mixed[i] = turn ? rows[old + mosts++] : rows[olds++];
	}
	memcpy(rows, mixed, shown * sizeof(*rows));
	return shown;
}
