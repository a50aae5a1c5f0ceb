/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of an event through user space, the same live and in a replay: wire event -> owner, core -> record -> consumers.
 * Whatever the output depends on comes in as a wire event, so that a recording of them gives the same lines.
 */
#pragma once

#include "consumer.h"
#include "src/core/conn_config.h"
#include "src/core/wire_read.h"
#include "src/host/owner.h"

struct admin;
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
	bool live;                 /* read processes' names; in a replay they are in the stream */
	owner_exec_fn exec_fn;     /* live: see owner_ask() */
	void *exec_ctx;
	struct admin *admin; /* see owner_use_admin() */
};

/* 0 or -errno. The config's pointers must outlive the pipeline. */
int pipeline_new(struct pipeline **out, const struct pipeline_config *config);
void pipeline_free(struct pipeline *pipeline); /* NULL is fine */

/* What a format needs to know of the run, in strings that are the header's. */
void pipeline_context(const struct recording_header *header, const char *instance, struct record_context *ret_context);

/* Of this run, with the steps of its clock. */
const struct record_context *pipeline_record_context(const struct pipeline *pipeline);

/* An event_fn: `pipeline` is a struct pipeline. */
void pipeline_feed(void *pipeline, const struct wire_hdr *ev);

/* An event_fn: reads the names of the processes of an event that still waits in a ring. */
void pipeline_resolve(void *pipeline, const struct wire_hdr *ev);

/* An event_fn: an event of what the run before knew. */
void pipeline_recall(void *pipeline, const struct wire_hdr *ev);

/* A WIRE_EXE of the program that the event's process runs, if that is known: for the next run. */
void pipeline_keep_program(const struct pipeline *pipeline, const struct wire_hdr *ev, event_fn fn, void *ctx);

/* The stream ends here, unless it ended with a WIRE_META "stop": emits what waits. */
void pipeline_stop(struct pipeline *pipeline, uint64_t now);

/* Whose a connection of the table is; the strings live until the next event. */
void pipeline_describe(const struct pipeline *pipeline, const struct conn_tuple *tuple, struct record_owner *ret_owner);

/* Some consumer wants records of this kind. */
bool pipeline_wants(const struct pipeline *pipeline, enum record_kind kind);

/* For conn_table_wants_...(). */
const struct conn_table *pipeline_table(const struct pipeline *pipeline);

struct pipeline_stats {
	uint64_t events;              /* fed that the kernel sent */
	uint64_t lost[WIRE_LOST_MAX]; /* by stage, as the stream said */
	uint64_t leaks_open;          /* of what a consumer selects, at the stop */
	uint64_t finding_scans, findings_left_out;
};
void pipeline_stats(const struct pipeline *pipeline, struct pipeline_stats *ret_stats);
