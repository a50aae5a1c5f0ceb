// SPDX-License-Identifier: GPL-2.0-only
#include "metrics_run.h"

#include <stdlib.h>

#define TEXT_NS 1000000000ull

struct metrics_run {
	struct metrics_run_config config;
	struct metrics metrics;
	uint64_t next_ns;
	char text[METRICS_TEXT_MAX];
};

struct metrics_run *metrics_run_new(const struct metrics_run_config *config)
{
	struct metrics_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->config = *config;
	metrics_init(&run->metrics, config->by);
	return run;
}

void metrics_run_free(struct metrics_run *run)
{
	free(run);
}

/* record_consumer.take */
static void take(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct metrics_run *run = ctx;

	(void)context;
	metrics_take(&run->metrics, rec, owner);
}

/* record_consumer.tick */
static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct metrics_run *run = ctx;
	struct metrics_table table = {0};
	struct metrics_self self = {0};
	const struct metrics_input in = {.metrics = &run->metrics, .table = &table, .self = &self, .context = context};

	if (now < run->next_ns || now == UINT64_MAX)
		return;
	run->next_ns = now + TEXT_NS;
	metrics_tick(&run->metrics, now);
	run->config.fill(run->config.ctx, now, &table, &self);
	run->config.publish(run->config.ctx, run->text, metrics_text(&in, run->text, sizeof(run->text)));
}

struct record_consumer metrics_run_consumer(struct metrics_run *run)
{
	return (struct record_consumer){.events = metrics_wants(), .ctx = run, .take = take, .tick = tick};
}
