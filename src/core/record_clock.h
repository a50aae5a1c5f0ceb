/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Times of day. Events carry CLOCK_MONOTONIC, and the wall clock may be set, or go on during a suspend, while a connection
 * lives: each moment keeps the offset that was right then. So `start` is the same in all records of a connection.
 */
#pragma once

#include "record_types.h"

/* A stream may have any times: what no clock can show becomes the first or the last moment that int64_t has. */
static inline int64_t record_clock_add(uint64_t ts, int64_t offset_ns)
{
	int64_t since = ts < INT64_MAX ? (int64_t)ts : INT64_MAX, wall;

	return __builtin_add_overflow(since, offset_ns, &wall) ? INT64_MAX : wall;
}

/* CLOCK_REALTIME at `ts`. */
static inline int64_t record_wall_ns(const struct record_context *context, uint64_t ts)
{
	const struct record_clock *clock = &context->clock;
	uint32_t i = clock->len;

	while (i > 0 && clock->steps[i - 1].from_ns > ts)
		i--;
	return record_clock_add(ts, i ? clock->steps[i - 1].offset_ns : context->clock_offset_ns);
}

/* CLOCK_BOOTTIME when the step was. */
static inline int64_t record_clock_boot_ns(const struct record_clock_step *step)
{
	int64_t boot;

	return __builtin_sub_overflow(record_clock_add(step->from_ns, step->offset_ns), step->boot_offset_ns, &boot) ? INT64_MAX
														     : boot;
}

/*
 * CLOCK_REALTIME when CLOCK_BOOTTIME was `boot_ns`. Processes are old and steps may be many, since a clock that NTP corrects
 * makes one for each millisecond: they are searched by halves.
 */
static inline int64_t record_boot_wall_ns(const struct record_context *context, uint64_t boot_ns)
{
	const struct record_clock *clock = &context->clock;
	int64_t at = boot_ns < INT64_MAX ? (int64_t)boot_ns : INT64_MAX;
	uint32_t before = 0, end = clock->len;

	while (before < end) {
		uint32_t middle = (before + end) / 2;

		if (record_clock_boot_ns(&clock->steps[middle]) <= at)
			before = middle + 1;
		else
			end = middle;
	}
	return record_clock_add(boot_ns, before ? clock->steps[before - 1].boot_offset_ns : context->boot_offset_ns);
}

/* Makes room: of two neighbours that are nearly alike, the later one goes. */
static inline void record_clock_thin(struct record_context *context)
{
	struct record_clock *clock = &context->clock;
	uint64_t least = UINT64_MAX;
	uint32_t which = 0;

	for (uint32_t i = 0; i < clock->len; i++) {
		int64_t before = i ? clock->steps[i - 1].offset_ns : context->clock_offset_ns,
			offset = clock->steps[i].offset_ns;
		uint64_t differ = offset > before ? (uint64_t)offset - (uint64_t)before : (uint64_t)before - (uint64_t)offset;

		if (differ < least) {
			least = differ;
			which = i;
		}
	}
	clock->len--;
	for (uint32_t i = which; i < clock->len; i++)
		clock->steps[i] = clock->steps[i + 1];
}

/* From `step.from_ns` on the wall clock is CLOCK_MONOTONIC + `step.offset_ns`. */
static inline void record_clock_set(struct record_context *context, struct record_clock_step step)
{
	struct record_clock *clock = &context->clock;

	if (clock->len == RECORD_CLOCK_STEPS)
		record_clock_thin(context);
	if (clock->len && clock->steps[clock->len - 1].from_ns > step.from_ns) /* only a broken stream goes back in time */
		step.from_ns = clock->steps[clock->len - 1].from_ns;
	clock->steps[clock->len++] = step;
}

/* CLOCK_REALTIME - CLOCK_MONOTONIC after the last step. */
static inline int64_t record_clock_offset(const struct record_context *context)
{
	return context->clock.len ? context->clock.steps[context->clock.len - 1].offset_ns : context->clock_offset_ns;
}

/* The wall clock was set, or the host slept: smaller changes are noise. */
#define RECORD_CLOCK_NOISE_NS 1000000
static inline bool record_clock_moved(int64_t before_ns, int64_t now_ns)
{
	int64_t moved;

	return __builtin_sub_overflow(now_ns, before_ns, &moved) || moved >= RECORD_CLOCK_NOISE_NS ||
	       moved <= -RECORD_CLOCK_NOISE_NS;
}

/* CLOCK_REALTIME - CLOCK_BOOTTIME after the last step. */
static inline int64_t record_clock_boot_offset(const struct record_context *context)
{
	return context->clock.len ? context->clock.steps[context->clock.len - 1].boot_offset_ns : context->boot_offset_ns;
}
