/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commonest of any number of keys, in a fixed number of rows (Space-Saving: Metwally, Agrawal, El Abbadi, 2005). When all
 * rows are taken, a new key displaces the row of the least weight and inherits that weight, so that a key that is common from
 * now on stays.
 */
#pragma once

#include "report_series.h"

#include "src/core/record_types.h"

#define REPORT_TOP_ROWS 1024
#define REPORT_KEY_MAX 240
#define REPORT_VALUES 10

/* Fields, each with a NUL behind it. */
struct report_key {
	size_t len;
	char text[REPORT_KEY_MAX];
};

/* A field of any bytes but NUL; what does not fit is cut. */
void report_key_add(struct report_key *key, const char *text, size_t len);
const char *report_key_field(const struct report_key *key, unsigned int n); /* "" if there is none */

/* What happened in one piece of time. */
struct report_window {
	int64_t number;
	uint64_t total, refused, resets, unanswered;
};

struct report_row {
	struct report_key key;
	uint64_t weight;                /* what it was given and, perhaps, inherited */
	uint64_t values[REPORT_VALUES]; /* what they are, their user knows */
	struct conn_tuple example;
	struct report_window now;
	struct report_window worst; /* the most of each, in whatever window */
	uint64_t total_of[3];       /* all in the window of the worst: refused, resets, unanswered */
};

struct report_top {
	unsigned int len;
	uint64_t displaced;
	struct report_series *series; /* one for each row; NULL: none */
	uint64_t hashes[REPORT_TOP_ROWS];
	struct report_row rows[REPORT_TOP_ROWS];
};

/* The key's row, perhaps a new one, whose weight is then `weight` more. */
struct report_row *report_top_row(struct report_top *top, const struct report_key *key, uint64_t weight);

/* The key's row; NULL: it has none. */
struct report_row *report_top_find(struct report_top *top, const struct report_key *key);

static inline struct report_series *report_top_series(const struct report_top *top, const struct report_row *row)
{
	return &top->series[row - top->rows];
}

/* Indexes of rows in the order of values[value], the most first; at most `max` of those above 0. Returns their number. */
unsigned int report_top_order(const struct report_top *top, unsigned int value, unsigned int *ret_rows, unsigned int max);
