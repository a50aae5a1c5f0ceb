// SPDX-License-Identifier: GPL-2.0-only
/* How many letters to change, to add, to leave out or to swap with the next, whatever their case; a short word bears fewer. */
#include "nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 32 /* no word of ours is longer */

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment, by rows of the table; both are at most WORD_MAX long. */
static unsigned int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2], *free_row;

	for (size_t j = 0; j <= b_len; j++)
		last[j] = before[j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = least(last[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[b_len];
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
	size_t len = strlen(nearest->word), other = strlen(candidate);
	unsigned int d, most = len <= 3 ? 1 : len <= 7 ? 2 : 3;

	if (len > WORD_MAX || other > WORD_MAX)
		return;
	d = distance(nearest->word, len, candidate, other);
	if (d > most || d >= other || (nearest->found && d >= nearest->distance))
		return;
	nearest->found = candidate;
	nearest->distance = d;
}
