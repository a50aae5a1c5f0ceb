// SPDX-License-Identifier: GPL-2.0-only
/* Offsets between clocks: the shortest of a few readings is the most exact. */
#include "clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

static int64_t wall_minus(clockid_t id)
{
	uint64_t best = UINT64_MAX, before, wall, after;
	int64_t offset = 0;

	for (int i = 0; i < 5; i++) {
		before = read_ns(id);
		wall = read_ns(CLOCK_REALTIME);
		after = read_ns(id);
		if (after - before < best) {
			best = after - before;
			offset = (int64_t)(wall - before - best / 2);
		}
	}
	return offset;
}

int64_t clock_wall_offset_ns(void)
{
	return wall_minus(CLOCK_MONOTONIC);
}

int64_t clock_boot_offset_ns(void)
{
	return wall_minus(CLOCK_BOOTTIME);
}

uint64_t clock_cpu_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_process_ns(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* The coarse clocks advance once per jiffy, and say so. */
uint64_t clock_tick_ns(void)
{
	struct timespec ts;

	clock_getres(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_nsec;
}
