/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts over time, in a fixed number of slots whose width doubles when the data outgrow them. All series of a report share one
 * axis; widths are 2^n of the first and slots begin at multiples of them, so that two old slots become one new slot exactly.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define REPORT_SLOTS 240
#define REPORT_SLOT_US 10000 /* the first width */

struct report_axis {
	bool set;
	int64_t begin_us, width_us; /* since 1970 */
};

struct report_series {
	uint64_t held_us[REPORT_SLOTS]; /* time that sockets were in a state within the slot */
	int64_t change[REPORT_SLOTS];   /* of a number of sockets: its value at a slot's end is the sum up to there */
};

/* Makes room for [from, to]; says with *ret_old what it was if the series have to follow by report_series_fit(). */
bool report_axis_cover(struct report_axis *axis, int64_t from_us, int64_t to_us, struct report_axis *ret_old);
void report_series_fit(struct report_series *series, const struct report_axis *old, const struct report_axis *axis);

/* The axis covers these times. */
void report_series_hold(struct report_series *series, const struct report_axis *axis, int64_t from_us, int64_t to_us);
void report_series_change(struct report_series *series, const struct report_axis *axis, int64_t at_us, int64_t by);

/* How many were held on average over a slot, and how many there were at its end. */
double report_series_mean(const struct report_series *series, const struct report_axis *axis, unsigned int slot);
