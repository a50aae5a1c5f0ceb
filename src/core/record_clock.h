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

/* From `ts` on the wall clock is CLOCK_MONOTONIC + `offset_ns`. */
static inline void record_clock_set(struct record_context *context, uint64_t ts, int64_t offset_ns)
{
	struct record_clock *clock = &context->clock;

	if (clock->len == RECORD_CLOCK_STEPS)
		record_clock_thin(context);
	if (clock->len && clock->steps[clock->len - 1].from_ns > ts) /* only a broken stream goes back in time */
		ts = clock->steps[clock->len - 1].from_ns;
	clock->steps[clock->len++] = (struct record_clock_step){ts, offset_ns};
}
