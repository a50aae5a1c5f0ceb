/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of the metrics, in memory that the tracer writes and the process that serves it reads. */
#pragma once

#include "src/format/metrics_text.h"

#include <stdatomic.h>
#include <stdint.h>

/* Two places: while one is read the other is written. `turn` counts what was written; the last is at turn modulo 2. */
struct metrics_page {
	_Atomic uint32_t turn; /* 0: nothing yet */
	struct metrics_slot {
		uint64_t made_ns; /* CLOCK_MONOTONIC */
		uint32_t len;
		char text[METRICS_TEXT_MAX];
	} slots[2];
};

/* Descriptors of the process that serves. */
enum { METRICS_FD_LISTEN, METRICS_FD_PAGE, METRICS_FD_LIFE, METRICS_FD_SAY, METRICS_FDS };

#define METRICS_READY "ready"
#define METRICS_WHY 256
