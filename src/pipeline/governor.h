/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps a run within limits of its own CPU time and memory: says when the level is to change. Pure: what was used, and when,
 * are arguments.
 *
 * It judges windows of 3 s. One above a limit is a step down. A step up takes 12 s well below all limits; a step up that has to
 * be taken back soon makes the next one wait twice as long, so that a load between two levels does not make it go up and down.
 */
#pragma once

#include "src/core/level.h"

#include <stdbool.h>
#include <stdint.h>

#define GOVERNOR_WINDOW_NS 3000000000ull
#define GOVERNOR_UP_NS 12000000000ull
#define GOVERNOR_UP_MAX_NS (64 * GOVERNOR_UP_NS)

/* 0: none. */
struct governor_limits {
	uint64_t cpu_ppm; /* of one CPU, which is microseconds per second */
	uint64_t memory_bytes;
};

/* Zero at first. */
struct governor {
	enum record_level level;
	enum level_reason reason;         /* of the last step down */
	uint64_t window_ns;               /* when this window began; 0: none has */
	uint64_t window_cpu_ns;           /* what had been used then */
	uint64_t below_ns;                /* well below all limits since; 0: it is not */
	uint64_t stepped_ns;              /* the last step */
	uint64_t up_ns;                   /* so long a step up waits; 0: GOVERNOR_UP_NS */
	bool stepped_up;                  /* what the last step was */
	uint64_t used[LEVEL_REASONS_MAX]; /* in the last window, in units of limits */
};

/* What was used, and when that was measured. */
struct governor_sample {
	uint64_t at_ns;
	uint64_t cpu_ns; /* since the start */
	uint64_t memory_bytes;
};

/* At any time, about once a second. True: *ret_step was made. */
bool governor_judge(struct governor *governor, const struct governor_limits *limits, const struct governor_sample *sample,
		    struct record_level_step *ret_step);
