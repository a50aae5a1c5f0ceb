/* SPDX-License-Identifier: GPL-2.0-only */
/* Durations in buckets of 1/16 of a power of two: a quantile is at most 6 % off, from 1 us to 2^53 us. */
#pragma once

#include <stdint.h>

#define REPORT_HIST_SUB 16
#define REPORT_HIST_BUCKETS (50 * REPORT_HIST_SUB)

struct report_hist {
	uint64_t buckets[REPORT_HIST_BUCKETS];
	uint64_t count, max;
};

void report_hist_add(struct report_hist *hist, uint64_t us);

/* The middle of the bucket that holds the value of rank share * count, for 0 < share <= 1. `count` is not 0. */
uint64_t report_hist_quantile(const struct report_hist *hist, double share);

/* Coarser, for a picture: how many are in [2^power, 2^(power + 1)) us; power 0 has 0 us, too. */
#define REPORT_HIST_POWERS 48
uint64_t report_hist_power(const struct report_hist *hist, unsigned int power);
