/* SPDX-License-Identifier: GPL-2.0-only */
/* The filters of ss(8): its words in, an expression out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct filter;
struct nearest;

#define SS_FILTER_WHY 400

/* An argument that begins a filter, as "sport", "(" or "state established". */
bool ss_filter_begins(const char *arg);

/* Its words, or those that may begin one, for who typed another. */
void ss_filter_suggest(struct nearest *nearest, bool begin);

/* The n-th word of the grammar, for completion; NULL behind the last. */
const char *ss_filter_word(size_t n);

/* All arguments of one; each may have several words. 0, -ENOMEM, or -EINVAL with a sentence in `why`. */
int ss_filter_parse(struct filter *ret, const char *const *args, size_t len, char why[SS_FILTER_WHY]);
