// SPDX-License-Identifier: GPL-2.0-only
#include "report_series.h"

#include <string.h>

static int64_t floor_to(int64_t us, int64_t width)
{
	int64_t rest = us % width;

	return us - (rest < 0 ? rest + width : rest);
}

static int64_t end_of(const struct report_axis *axis)
{
	return axis->begin_us + REPORT_SLOTS * axis->width_us;
}

bool report_axis_cover(struct report_axis *axis, int64_t from_us, int64_t to_us, struct report_axis *ret_old)
{
	int64_t first = from_us, last = to_us;

	*ret_old = *axis;
	if (!axis->set) {
		axis->set = true;
		axis->width_us = REPORT_SLOT_US;
	} else if (from_us >= axis->begin_us && to_us < end_of(axis)) {
		return false;
	} else {
		first = from_us < axis->begin_us ? from_us : axis->begin_us;
		last = to_us >= end_of(axis) ? to_us : end_of(axis) - 1;
	}
	axis->begin_us = floor_to(first, axis->width_us);
	while (last >= end_of(axis)) {
		axis->width_us *= 2;
		axis->begin_us = floor_to(first, axis->width_us);
	}
	return ret_old->set;
}

void report_series_fit(struct report_series *series, const struct report_axis *old, const struct report_axis *axis)
{
	struct report_series fitted;

	memset(&fitted, 0, sizeof(fitted));
	for (unsigned int slot = 0; slot < REPORT_SLOTS; slot++) {
		int64_t to = (old->begin_us + slot * old->width_us - axis->begin_us) / axis->width_us;

		if (to >= REPORT_SLOTS) /* the old axis was longer than its data */
			to = REPORT_SLOTS - 1;
		fitted.held_us[to] += series->held_us[slot];
		fitted.change[to] += series->change[slot];
	}
	*series = fitted;
}

void report_series_hold(struct report_series *series, const struct report_axis *axis, int64_t from_us, int64_t to_us)
{
	while (from_us < to_us) {
		int64_t slot = (from_us - axis->begin_us) / axis->width_us;
		int64_t end = axis->begin_us + (slot + 1) * axis->width_us;

		if (end > to_us)
			end = to_us;
		series->held_us[slot] += (uint64_t)(end - from_us);
		from_us = end;
	}
}

void report_series_change(struct report_series *series, const struct report_axis *axis, int64_t at_us, int64_t by)
{
	series->change[(at_us - axis->begin_us) / axis->width_us] += by;
}

double report_series_mean(const struct report_series *series, const struct report_axis *axis, unsigned int slot)
{
	return axis->set ? (double)series->held_us[slot] / (double)axis->width_us : 0;
}
