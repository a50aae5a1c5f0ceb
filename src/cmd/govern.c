// SPDX-License-Identifier: GPL-2.0-only
/*
 * A step is a `meta` record in each output. On stderr a first step is said at once, and then at most one sentence in 10 s,
 * about the level that holds by then.
 */
#include "govern.h"

#include "src/cli/error.h"
#include "src/cli/options.h"
#include "src/host/usage.h"
#include "src/pipeline/output_trouble.h"
#include "src/pipeline/outputs.h"

#include <stdio.h>

#define MEASURE_NS 1000000000ull
#define SAY_NS 10000000000ull
#define AMOUNT 32 /* bytes of its text */

static void format_amount(enum level_reason reason, uint64_t amount, char text[AMOUNT])
{
	if (reason == LEVEL_BY_MEMORY)
		snprintf(text, AMOUNT, "%.0fM of memory", (double)amount / (1 << 20));
	else
		snprintf(text, AMOUNT, "%.4g%% of one CPU", (double)amount / 10000);
}

static void say(struct govern *g, uint64_t now)
{
	const struct record_level_step *step = &g->last;
	enum record_level level = g->governor.level;
	char used[AMOUNT], limit[AMOUNT] = "none, by the last reload";

	if (level == g->said || (g->said_ns && now < g->said_ns + SAY_NS))
		return;
	format_amount(step->reason, step->measured, used);
	if (step->limit)
		format_amount(step->reason, step->limit, limit);
	warn("the level is %s, was %s: the tool takes %s, the limit is %s%s", record_level_name(level),
	     record_level_name(g->said), used, limit,
	     level == LEVEL_COUNTS ? "; records of single connections are left out and counted" : "");
	g->said = level;
	g->said_ns = now;
}

static void judge(struct govern *g, const struct governor_limits *limits, struct outputs *outputs,
		  const struct record_context *context, uint64_t now)
{
	const struct record_meta meta = {.what = "level", .step = &g->last};
	struct governor_sample sample = {.at_ns = now};
	struct usage usage;

	usage_read(&usage);
	sample.cpu_ns = usage.cpu_ns;
	sample.memory_bytes = usage.memory_bytes;
	if (!governor_judge(&g->governor, limits, &sample, &g->last))
		return;
	outputs_set_level(outputs, g->governor.level);
	outputs_emit_meta(outputs, context, &meta, now);
}

void govern_tick(struct govern *g, const struct options *o, struct outputs *outputs, const struct record_context *context,
		 uint64_t now)
{
	const struct governor_limits limits = {.cpu_ppm = o->cpu_limit_ppm, .memory_bytes = o->memory_limit};
	bool has_limit = limits.cpu_ppm || limits.memory_bytes;

	if (now < g->next_ns)
		return;
	g->next_ns = now + MEASURE_NS;
	if (has_limit || g->governor.level)
		judge(g, &limits, outputs, context, now);
	else
		g->governor.window_ns = 0; /* a limit that a reload brings begins one */
	say(g, now);
}
