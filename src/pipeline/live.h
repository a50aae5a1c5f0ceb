/* SPDX-License-Identifier: GPL-2.0-only */
/* A live run: the kernel's events through a pipeline, with the ticks and scans that belong into the stream, to an orderly end.
 */
#pragma once

#include "pipeline.h"
#include "src/kernel/collector.h"

struct live;
struct loop;

struct live_config {
	struct collector_config collector;
	bool stacks;          /* where connections were opened */
	uint64_t duration_ns; /* 0: until live_stop() */
	bool scan_only;       /* no more than what exists at the start */
	warn_fn warn;

	/* Before each tick, with its time: may feed events of its own. NULL: nobody asks. */
	void (*before_tick)(void *ctx, struct pipeline *pipeline, uint64_t ts);
	void *ctx;
};

/*
 * Checks what can be checked, blocks SIGINT and SIGTERM, which end the run, and starts the symbolizer: before there are
 * threads. 0, or -errno with *ret_failure filled.
 */
int live_new(struct live **out, const struct live_config *config, struct collector_failure *ret_failure);
void live_free(struct live *live); /* NULL is fine */

/* For descriptors of the caller's. */
struct loop *live_loop(struct live *live);

/*
 * Attaches the programs and makes the pipeline; `header` is the pipeline's, whose clock offset is kept up to date. 0, or -errno
 * with *ret_failure filled.
 */
int live_start(struct live *live, const struct pipeline_config *config, struct recording_header *header,
	       struct collector_failure *ret_failure);

/* Returns when the run is over; everything that was seen has gone through the pipeline. */
void live_run(struct live *live);
void live_stop(struct live *live);

/* NULL before live_start(). */
const struct pipeline *live_pipeline(const struct live *live);

/* Hits of the hooks that were no event of ours. */
uint64_t live_ignored(const struct live *live);
