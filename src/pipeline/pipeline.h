/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of an event through user space, the same live and in a replay: wire event -> owner, core -> record -> consumers.
 * Whatever the output depends on comes in as a wire event, so that a recording of them gives the same lines.
 */
#pragma once

#include "consumer.h"
#include "src/core/wire_read.h"

struct conn_table;
struct pipeline;
struct recorder;
struct recording_header;

struct pipeline_config {
	const struct recording_header *header; /* of this run, or of the recording that is replayed */
	struct conn_config conn;               /* `max_connections` is the header's, `wanted` the consumers' */
	const struct record_consumer *consumers;
	size_t consumers_len;
	struct recorder *recorder; /* NULL: none */
	bool live;                 /* look processes up; in a replay they are in the stream */
};

/* 0 or -errno. The config's pointers must outlive the pipeline. */
int pipeline_new(struct pipeline **out, const struct pipeline_config *config);
void pipeline_free(struct pipeline *pipeline); /* NULL is fine */

/* What a format needs to know of the run, in strings that are the header's. */
void pipeline_context(const struct recording_header *header, const char *instance, struct record_context *ret_context);

/* An event_fn: `pipeline` is a struct pipeline. */
void pipeline_feed(void *pipeline, const struct wire_hdr *ev);

/* An event_fn: only looks up the processes that an event names, ahead of its turn. */
void pipeline_resolve(void *pipeline, const struct wire_hdr *ev);

/*
 * The stream ends here, if it did not with a WIRE_META "stop": emits what waits. Open connections are written only if progress
 * records are.
 */
void pipeline_stop(struct pipeline *pipeline, uint64_t now);

/* To ask it what should be put into the stream: conn_table_wants_...(). */
const struct conn_table *pipeline_table(const struct pipeline *pipeline);

struct pipeline_stats {
	uint64_t events;              /* fed that the kernel sent */
	uint64_t lost[WIRE_LOST_MAX]; /* by stage, as the stream said */
};
void pipeline_stats(const struct pipeline *pipeline, struct pipeline_stats *ret_stats);
