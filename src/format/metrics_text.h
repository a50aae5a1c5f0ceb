/* SPDX-License-Identifier: GPL-2.0-only */
/* Metrics in Prometheus's text format, version 0.0.4. */
#pragma once

#include "src/core/metrics.h"

#include <stddef.h>

/* Enough for all series that there can be, with keys of full length that are escaped. */
#define METRICS_TEXT_MAX (512u << 10)

struct metrics_output {
	const char *kind;                /* such as "kafka" */
	uint64_t written, dropped, lost; /* records: given to its queue, refused for want of room, not delivered */
	uint64_t left_out;               /* records that the level kept from it */
	uint64_t queued, queue_size;     /* bytes */
};
#define METRICS_OUTPUTS_MAX 8

/* Whom the live page was not shown to. */
#define METRICS_REFUSALS(X)                                                                                                    \
	X(METRICS_REFUSED_HOST, "host") /* a name in the Host header that may be a stranger's */                               \
	X(METRICS_REFUSED_SITE, "site") /* a page of another site */                                                           \
	X(METRICS_REFUSED_FULL, "full") /* enough pages are open */                                                            \
	X(METRICS_REFUSED_SLOW, "slow") /* it did not read what it was sent */
enum metrics_refused { METRICS_REFUSALS(ENUM_VALUE) METRICS_REFUSED_MAX };

struct metrics_live_counts {
	bool on; /* else there is no live page */
	uint64_t pages, refused[METRICS_REFUSED_MAX];
};

/* What neither records nor the table know. */
struct metrics_self {
	uint64_t events; /* from the kernel */
	uint64_t cpu_us, helpers_cpu_us, rss_bytes;
	enum record_level level;
	int64_t start_wall_ns;
	uint64_t max_connections;
	uint64_t ring_bytes, ring_used, ring_size; /* of all; of the fullest one at its fullest */
	struct metrics_live_counts live;
	size_t outputs_len;
	struct metrics_output outputs[METRICS_OUTPUTS_MAX];
};

struct metrics_input {
	const struct metrics *metrics;
	const struct metrics_table *table;
	const struct metrics_self *self;
	const struct record_context *context;
};

/* The number of bytes. What would not fit is --metrics-by, which is left out as a whole. */
size_t metrics_text(const struct metrics_input *in, char *buf, size_t size);
