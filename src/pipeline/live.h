/* SPDX-License-Identifier: GPL-2.0-only */
/* A live run: the kernel's events through a pipeline, with the ticks and scans that belong into the stream, to an orderly end.
 */
#pragma once

#include "pipeline.h"
#include "src/kernel/collector.h"
#include "src/kernel/privileges.h"

struct live;
struct loop;

struct live_config {
	struct collector_config collector;
	bool stacks;                     /* where connections were opened */
	enum privileges_helpers helpers; /* those of stacks, outputs and metrics */
	uint64_t duration_ns;            /* 0: until live_stop() */
	bool scan_only;                  /* no more than what exists at the start */
	bool last_look;                  /* for leaks, as it ends */
	warn_fn warn;

	void (*reopen)(void *ctx); /* SIGHUP */
	/* What is known from before `now`, into the stream; and before its end. */
	void (*before)(void *ctx, uint64_t now, event_fn fn, void *fn_ctx);
	void (*stops)(void *ctx);
	void *ctx;
};

/*
 * Checks what can be checked, blocks SIGINT and SIGTERM, which end the run, and SIGHUP, and starts the symbolizer. 0, or -errno
 * with *ret_failure filled.
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
/* Before live_start(): false if a signal has come within `ms`. */
bool live_wait(struct live *live, int ms);
void live_stop(struct live *live);
bool live_goes_on(struct live *live); /* takes signals that have come; false: the run is to end */

/* NULL before live_start(). */
const struct pipeline *live_pipeline(const struct live *live);

/* Hits of the hooks that were no event of ours. */
uint64_t live_ignored(const struct live *live);

/* Of collector_ring_peak(). */
uint64_t live_ring_peak(struct live *live, uint64_t *ret_size);

/* What is attached and how full the rings are: of collector_hooks() and collector_ring(). */
const struct collector *live_collector(const struct live *live);

/* What it could not look at. */
struct live_reach {
	uint64_t namespaces_missed;    /* by the scan of all sockets, or by the last leak scan */
	const char *leak_scans_failed; /* why the last one that failed did; NULL: none has. Valid as long as the run */
};
void live_reach(const struct live *live, struct live_reach *ret_reach);

/* Of collector_wakes_saved(). */
uint64_t live_wakes_saved(const struct live *live);
