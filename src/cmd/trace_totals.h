/* SPDX-License-Identifier: GPL-2.0-only */
/* The last lines of a run, on standard error. */
#pragma once

#include "src/pipeline/live.h"
#include "src/pipeline/outputs.h"
#include "src/pipeline/pipeline.h"

struct trace_totals {
	struct pipeline_stats stats;
	uint64_t not_recorded;   /* events */
	bool only_losses;        /* prints nothing if no event was lost */
	const struct live *live; /* for --verbose; NULL: without */
};

/* What became of each output if there are several, and of all. */
void trace_print_totals(const struct trace_totals *totals, const struct output_result *results, size_t n);
