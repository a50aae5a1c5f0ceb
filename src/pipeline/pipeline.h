/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of an event through user space, the same live and in a replay: wire event -> owner, core -> record -> selection ->
 * sink -> line. Whatever the output depends on comes in as a wire event, so that a recording of them gives the same lines.
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "src/core/wire_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;
struct pipeline;
struct record;
struct recorder;
struct recording_header;
struct record_context;
struct record_owner;

/* False: the line was not taken, and is not counted as written. */
typedef bool (*line_fn)(void *ctx, const char *line, size_t len);

/* Who takes the records in place of a sink: all of the wanted kinds, selected or not; and writes when it likes. */
struct record_consumer {
	void (*take)(void *ctx, const struct record_context *context, const struct record *rec,
		     const struct record_owner *owner);
	void (*tick)(void *ctx, uint64_t now); /* UINT64_MAX: the stream is over */
	void *ctx;
	line_fn line; /* where to write: filled in by the pipeline */
	void *line_ctx;
	bool scan_only; /* live: no more than what exists at the start */
	bool done;      /* live: it needs no more */
};

struct pipeline_config {
	const struct options *options;
	const struct recording_header *header; /* of this run, or of the recording that is replayed */
	struct recorder *recorder;             /* NULL: none */
	bool live;                             /* look processes up; in a replay they are in the stream */
	line_fn line;
	line_fn alert; /* for lines that should get through when others do not; NULL: as line */
	void *line_ctx;
	struct record_consumer *record_consumer; /* NULL: the options' sink */
};

/* 0 or -errno. The config's pointers must outlive the pipeline. Writes the table's header, if the output has one. */
int pipeline_new(struct pipeline **out, const struct pipeline_config *config);
void pipeline_free(struct pipeline *pipeline); /* NULL is fine */

/* An event_fn: `pipeline` is a struct pipeline. */
void pipeline_feed(void *pipeline, const struct wire_hdr *ev);

/* An event_fn: only looks up the processes that an event names, ahead of its turn. */
void pipeline_resolve(void *pipeline, const struct wire_hdr *ev);

/* A text event of the run's own: WIRE_HOOK, WIRE_META. `len` bytes of text, NULs inside allowed. */
void pipeline_feed_text(struct pipeline *pipeline, uint64_t ts, unsigned int kind, uint64_t key, const char *text, size_t len);

/*
 * The stream ends here, if it did not with a WIRE_META "stop": tells what waits. Open connections are written only if progress
 * records are.
 */
void pipeline_stop(struct pipeline *pipeline, uint64_t now);

/* What should be put into the stream: a scan of minisockets, a leak scan, the port ranges before a tick at `now`. */
bool pipeline_wants_minisocks(const struct pipeline *pipeline);
bool pipeline_wants_leak_scan(const struct pipeline *pipeline, uint64_t now);
bool pipeline_wants_port_ranges(const struct pipeline *pipeline, uint64_t now);

struct pipeline_stats {
	uint64_t events;              /* fed that the kernel sent */
	uint64_t records;             /* written */
	uint64_t refused;             /* lines that the output did not take */
	uint64_t lost[WIRE_LOST_MAX]; /* by stage, as the stream said */
};
void pipeline_stats(const struct pipeline *pipeline, struct pipeline_stats *ret_stats);

#endif
