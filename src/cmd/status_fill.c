// SPDX-License-Identifier: GPL-2.0-only
#include "status_fill.h"

#include "reload.h"
#include "src/cli/embedded.h"
#include "src/cli/option_rules.h"
#include "src/core/conn.h"
#include "src/core/record_clock.h"
#include "src/host/clock.h"
#include "src/host/self.h"
#include "src/host/usage.h"
#include "src/pipeline/live.h"
#include "src/pipeline/outputs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECENT_NS 10000000000ull
#define MILLION 1000000ull

_Static_assert(HOOKS_MAX <= STATUS_HOOKS_MAX, "the status names each hook");
_Static_assert(WIRE_LOST_MAX <= STATUS_LOST_MAX, "the status names each stage");

void status_cpu_begin(struct status_cpu *cpu)
{
	uint64_t now = clock_now_ns(), used = clock_process_ns();

	*cpu = (struct status_cpu){.begun_ns = now, .mark_ns = now, .mark_cpu_ns = used, .last_ns = now, .last_cpu_ns = used};
}

void status_cpu_tick(struct status_cpu *cpu)
{
	uint64_t now = clock_now_ns();

	if (now < cpu->last_ns + RECENT_NS)
		return;
	cpu->mark_ns = cpu->last_ns;
	cpu->mark_cpu_ns = cpu->last_cpu_ns;
	cpu->last_ns = now;
	cpu->last_cpu_ns = clock_process_ns();
}

static void fill_self(const struct status_cpu *cpu, struct status *s)
{
	uint64_t now = clock_now_ns(), used = clock_process_ns(), us = (now - cpu->mark_ns) / 1000;

	s->uptime_us = (now - cpu->begun_ns) / 1000;
	s->cpu_us = used / 1000;
	s->cpu_recent_ppm = us ? (used - cpu->mark_cpu_ns) / 1000 * MILLION / us : 0;
	s->helpers_cpu_us = usage_helpers_cpu_ns() / 1000;
	s->rss_bytes = self_rss_bytes();
}

static void fill_hooks(const struct live *live, struct status_space *space, struct status *s)
{
	const struct hook_state *states = collector_hooks(live_collector(live), &s->hooks_len);

	for (size_t i = 0; i < s->hooks_len; i++)
		space->hooks[i] = (struct status_hook){.name = states[i].hook->name,
						       .type = states[i].hook->type,
						       .attached = states[i].used,
						       .not_needed = states[i].not_needed,
						       .why = states[i].used ? "" : states[i].why};
	s->hooks = space->hooks;
}

/* Of outputs, too. */
static void fill_lost(const struct pipeline_stats *stats, struct status_space *space, struct status *s)
{
	for (unsigned int stage = 0; stage < WIRE_LOST_MAX; stage++) {
		const char *name = conn_lost_stage_name(stage);
		uint64_t count = stats->lost[stage];

		for (size_t i = 0; i < s->outputs_len; i++)
			count += stage == WIRE_LOST_QUEUE   ? s->outputs[i].dropped
				 : stage == WIRE_LOST_WRITE ? s->outputs[i].lost
							    : 0;
		if (name)
			space->lost[s->lost_len++] = (struct status_lost){.stage = name, .count = count};
	}
	s->lost = space->lost;
}

static void fill_counts(const struct live *live, struct status *s)
{
	struct metrics_table table = {0};
	struct collector_ring ring;

	conn_table_metrics(pipeline_table(live_pipeline(live)), clock_now_ns(), &table);
	collector_ring(live_collector(live), &ring);
	s->connections = table.tracked;
	s->table_bytes = table.memory_bytes;
	s->leaks_open = table.leaks_open;
	s->ring_used = ring.used;
	s->ring_highest = ring.highest;
	s->ring_bytes = ring.size;
}

/* A reload changes some of them: these are as the files say now. */
static void add_options(const struct options *o, bool reloaded, struct status_space *space, struct status *s)
{
	const struct option_given *given = o->given.items;

	for (size_t i = 0; i < o->given.len && s->options_len < STATUS_OPTIONS_MAX; i++)
		if (option_reloads(given[i].rule) == reloaded)
			space->options[s->options_len++] =
				(struct status_option){.name = given[i].rule->name, .value = given[i].value};
}

static void fill_options(const struct reload *reload, struct status_space *space, struct status *s)
{
	const struct options *now = reload->now ? reload->now : reload->start;
	const char **words = now->filter_args.items;
	size_t len = 0;

	add_options(reload->start, false, space, s);
	add_options(now, true, space, s);
	s->options = space->options;
	for (size_t i = 0; i < now->filter_args.len && len < sizeof(space->filter); i++)
		len += (size_t)snprintf(space->filter + len, sizeof(space->filter) - len, "%s%s", i ? " " : "", words[i]);
	s->filter = len ? space->filter : NULL;
}

/* From the table, which knows those of the run before, too. */
static void fill_findings(const struct status_sources *from, struct status_space *space, struct status *s)
{
	struct status_findings *all = &space->standing;

	status_findings_clear(all);
	conn_table_findings(pipeline_table(live_pipeline(from->live)), status_findings_add, all);
	s->findings_watched = from->findings;
	s->findings_count = all->count;
	s->findings_len = status_findings_list(all, pipeline_record_context(live_pipeline(from->live)), space->findings);
	s->findings = space->findings;
}

void status_fill(const struct status_sources *from, const struct status_cpu *cpu, struct status_space *space,
		 struct status *ret)
{
	const struct record_context *context = pipeline_record_context(live_pipeline(from->live));
	struct pipeline_stats stats;

	pipeline_stats(live_pipeline(from->live), &stats);
	*ret = (struct status){
		.version = version_string,
		.hostname = from->hostname,
		.pid = (uint64_t)getpid(),
		.start_wall_ns = record_wall_ns(context, cpu->begun_ns),
		.now_wall_ns = (int64_t)clock_now_ns() + clock_wall_offset_ns(),
		.events = stats.events,
		.max_connections = from->max_connections,
		.outputs = space->outputs,
		.level = record_level_name(outputs_level(from->outputs)),
	};
	ret->outputs_len = outputs_status(from->outputs, context, space->outputs);
	fill_self(cpu, ret);
	fill_hooks(from->live, space, ret);
	fill_lost(&stats, space, ret);
	fill_counts(from->live, ret);
	fill_findings(from, space, ret);
	fill_options(from->reload, space, ret);
}
