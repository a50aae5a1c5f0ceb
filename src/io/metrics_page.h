/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of the metrics, in memory that the tracer writes and the process that serves it reads. */
#pragma once

#include "src/format/live.h"
#include "src/format/metrics_text.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Two places: while one is read the other is written. `turn` counts what was written; the last is at turn modulo 2. */
struct metrics_published {
	_Atomic uint32_t turn; /* 0: nothing yet */
	struct metrics_slot {
		uint64_t made_ns; /* CLOCK_MONOTONIC */
		uint32_t len;
		char text[METRICS_TEXT_MAX]; /* memory that is not used does not exist */
	} slots[2];
};
_Static_assert(LIVE_EVENT_MAX <= METRICS_TEXT_MAX, "an event has room");

struct metrics_page {
	bool live_on;                           /* the live page is served */
	struct metrics_published numbers, live; /* live: the event of a second, if somebody wants it */
};

/*
 * A copy of the last text that is not older than METRICS_STALE_NS and not of *turn, which becomes its own. Its length; 0: there
 * is none, or it has more than `size`.
 */
#define METRICS_STALE_NS 15000000000ull
size_t metrics_text_copy(const struct metrics_published *published, uint32_t *turn, char *copy, size_t size);

/* What the process that serves says to the tracer, which believes it to be numbers and no more. It outlives the process. */
struct metrics_asked {
	_Atomic uint64_t at_ns; /* when somebody had the live page open; 0: never */
	_Atomic uint32_t streams;
	_Atomic uint64_t refused[METRICS_REFUSED_MAX];
};
#define METRICS_STREAMS_MAX 8u

/* Descriptors of the process that serves. */
enum { METRICS_FD_LISTEN, METRICS_FD_PAGE, METRICS_FD_ASKED, METRICS_FD_LIFE, METRICS_FD_SAY, METRICS_FDS };

#define METRICS_READY "ready"
#define METRICS_WHY 256
