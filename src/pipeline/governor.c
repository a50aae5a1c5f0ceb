// SPDX-License-Identifier: GPL-2.0-only
#include "governor.h"

static uint64_t limit_of(const struct governor_limits *limits, enum level_reason reason)
{
	return reason == LEVEL_BY_CPU ? limits->cpu_ppm : limits->memory_bytes;
}

/* LEVEL_REASONS_MAX: no limit is exceeded. */
static enum level_reason find_exceeded(const struct governor *g, const struct governor_limits *limits)
{
	enum level_reason reason = 0;

	while (reason < LEVEL_REASONS_MAX && (!limit_of(limits, reason) || g->used[reason] <= limit_of(limits, reason)))
		reason++;
	return reason;
}

/* At most three quarters of each limit: what a level more costs should fit into the rest. */
static bool is_well_below(const struct governor *g, const struct governor_limits *limits)
{
	for (enum level_reason reason = 0; reason < LEVEL_REASONS_MAX; reason++) {
		uint64_t limit = limit_of(limits, reason);

		if (limit && g->used[reason] > limit - limit / 4)
			return false;
	}
	return true;
}

static uint64_t up_after(const struct governor *g)
{
	return g->up_ns ? g->up_ns : GOVERNOR_UP_NS;
}

/* After a step up: if it was too early, the next one waits for longer; if it held, for as long as at first. */
static void learn_from_down(struct governor *g, uint64_t now)
{
	if (!g->stepped_up)
		return;
	if (now - g->stepped_ns > up_after(g))
		g->up_ns = GOVERNOR_UP_NS;
	else if (up_after(g) < GOVERNOR_UP_MAX_NS)
		g->up_ns = 2 * up_after(g);
}

static bool step(struct governor *g, enum record_level to, const struct governor_limits *limits, uint64_t now,
		 struct record_level_step *ret_step)
{
	*ret_step = (struct record_level_step){.reason = g->reason,
					       .from = g->level,
					       .to = to,
					       .measured = g->used[g->reason],
					       .limit = limit_of(limits, g->reason)};
	g->stepped_up = to < g->level;
	g->stepped_ns = now;
	g->level = to;
	g->below_ns = 0;
	return true;
}

/* False while the window goes on. The first call begins one. */
static bool end_window(struct governor *g, const struct governor_sample *s)
{
	uint64_t cpu_us = s->cpu_ns > g->window_cpu_ns ? (s->cpu_ns - g->window_cpu_ns) / 1000 : 0;
	uint64_t ms = s->at_ns > g->window_ns ? (s->at_ns - g->window_ns) / 1000000 : 0;
	bool began = g->window_ns;

	if (began && ms < GOVERNOR_WINDOW_NS / 1000000)
		return false;
	if (began) {
		g->used[LEVEL_BY_CPU] = cpu_us * 1000 / ms;
		g->used[LEVEL_BY_MEMORY] = s->memory_bytes;
	}
	g->window_ns = s->at_ns;
	g->window_cpu_ns = s->cpu_ns;
	return began;
}

bool governor_judge(struct governor *g, const struct governor_limits *limits, const struct governor_sample *sample,
		    struct record_level_step *ret_step)
{
	uint64_t began_ns = g->window_ns, now = sample->at_ns;
	enum level_reason exceeded;

	if (!end_window(g, sample))
		return false;
	exceeded = find_exceeded(g, limits);
	if (exceeded < LEVEL_REASONS_MAX) {
		g->below_ns = 0;
		if (g->level == LEVEL_COUNTS)
			return false;
		learn_from_down(g, now);
		g->reason = exceeded;
		return step(g, g->level + 1, limits, now, ret_step);
	}
	if (!is_well_below(g, limits)) {
		g->below_ns = 0;
		return false;
	}
	if (!g->below_ns)
		g->below_ns = began_ns;
	if (g->level == LEVEL_FULL || now - g->below_ns < up_after(g))
		return false;
	return step(g, g->level - 1, limits, now, ret_step);
}
