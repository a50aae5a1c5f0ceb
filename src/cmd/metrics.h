/* SPDX-License-Identifier: GPL-2.0-only */
/* --metrics and --metrics-file of a live run. */
#pragma once

#include "src/pipeline/consumer.h"

struct live;
struct options;
struct outputs;
struct run_metrics;

/* Whose numbers they are; what it points to is filled in before the run begins, and must outlive the metrics. */
struct metrics_sources {
	struct live *live;
	const struct outputs *outputs;
	uint64_t max_connections, ring_bytes;
	bool findings; /* some output wants them, so that they are watched */
};

/* The exit code; *out stays NULL if the options ask for no metrics. */
int run_metrics_open(struct run_metrics **out, const struct options *options, const struct metrics_sources *sources);
size_t run_metrics_consumers(struct run_metrics *metrics, struct record_consumer ret[2]); /* their number */
void run_metrics_close(struct run_metrics *metrics);                                      /* NULL is fine */
