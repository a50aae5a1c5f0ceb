/* SPDX-License-Identifier: GPL-2.0-only */
/* The consumer of records that counts them, whatever is selected or sampled, and makes a text of the counts each second. */
#pragma once

#include "consumer.h"
#include "src/format/metrics_text.h"

struct metrics_run;

struct metrics_run_config {
	enum metrics_by by;
	/* What records do not say, as it is at `now`. */
	void (*fill)(void *ctx, uint64_t now, struct metrics_table *ret_table, struct metrics_self *ret_self);
	void (*publish)(void *ctx, const char *text, size_t len);
	void *ctx;
};

struct metrics_run *metrics_run_new(const struct metrics_run_config *config); /* NULL: no memory */
void metrics_run_free(struct metrics_run *run);                               /* NULL is fine */
struct record_consumer metrics_run_consumer(struct metrics_run *run);
