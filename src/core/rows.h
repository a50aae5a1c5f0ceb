/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of many rows are shown, so that whoever causes many of them cannot push all others out: half of the places belong to
 * those that began first, the other half to those with the most, each group's first before any group's second.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct row {
	uint64_t count; /* how much it stands for */
	uint64_t since; /* when it began */
	uint32_t group; /* who shares the blame: a network namespace */
	uint32_t id;    /* the caller's */
};

#define ROWS_MAX 64

/*
 * Moves those that are shown, at most `max` and ROWS_MAX, to the front, and returns their number. The two halves alternate, so
 * that the first few of them are a choice of the same kind.
 */
size_t rows_choose(struct row *rows, size_t len, size_t max);
