/* SPDX-License-Identifier: GPL-2.0-only */
/* An output of a run, as outputs.c and output_trouble.c see it. */
#pragma once

#include "lines.h"
#include "output_spec.h"
#include "select.h"
#include "src/io/destination.h"
#include "src/io/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS 1000000ull
#define OUTPUT_QUEUE_BYTES (64u << 20)
#define OUTPUT_QUEUE_ROOM (OUTPUT_QUEUE_BYTES - OUTPUT_QUEUE_BYTES / 8) /* the rest is for urgent messages */
#define OUTPUT_STUCK_NS (2000 * MS) /* an output that takes nothing for so long is worth a word */
#define OUTPUT_WARN_NS (10000 * MS) /* between two sentences about the same output */

struct outputs_config {
	const struct selection *select;       /* each output has a sample of its own */
	struct format_options format;         /* likewise, and a detail */
	bool json;                            /* what OUTPUT_AS_RUN is */
	uint64_t max_connections, ring_bytes; /* for `meta` */
	void (*warn)(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

	/* OUTPUT_BLOCK: called while it waits for room; false if the run is to end. */
	bool (*goes_on)(void *ctx);
	/* OUTPUT_EXIT: there was no room. Called once. */
	void (*full)(void *ctx, const char *name);
	void *ctx;
};

struct output {
	const struct output_spec *spec;
	struct outputs *all;
	struct selection select;
	struct lines lines;
	enum format_detail detail; /* as asked for: the level may make it less */
	struct queue *queue;
	const struct destination *destination; /* the queue's */
	struct queue_stats stats;              /* as last looked at, as is the next */
	struct destination_fate fate;
	uint64_t delivered_ns; /* when the destination last delivered something, or had nothing to deliver */
	uint64_t success_ns;   /* when it last delivered something; 0: it never did */

	/* All that was there at caught_up_ns has left; at mark_ns there were mark_messages, which have not all left yet. */
	uint64_t caught_up_ns, mark_ns, mark_messages;

	uint64_t emitted_dropped, emitted_lost; /* of stats.dropped and fate.lost, what a `lost` record has said */
	uint64_t drop_from_ns, drop_ns;         /* the first and the last of the others that were dropped */
	uint64_t left_out;                      /* records that the level kept from it */
	uint64_t summed_dropped, summed_lost, summed_left_out; /* what a summary has said */

	int trouble; /* 0: none; an errno, or one of output_trouble.c */
	uint64_t trouble_ns, next_warn_ns, undelivered_ns;
	int reopen_error;
	uint64_t torn, next_torn_ns; /* destination->torn, as last said */
	uint64_t renewed;            /* destination->renewed, likewise */
	bool full;
	bool refused;    /* it has lost some of what it took, and delivered none since */
	bool has_header; /* the queue's first message is no record */
};

struct outputs {
	struct outputs_config config;
	enum record_level level;
	size_t len;
	struct output *items[OUTPUTS_MAX];
};
