// SPDX-License-Identifier: GPL-2.0-only
/*
 * A segment that was sent more than once, where the time of the last one is known: one step for those before, of which nothing
 * says that they arrived, and one for the last. If the other end had it before the last was sent, it is the last that may be
 * lost.
 */
#include "ladder_steps.h"

/* Something came between: then a row for each would say that it answers the last one. */
static bool is_followed(const struct ladder_plan *plan, unsigned int i)
{
	int64_t us;

	for (unsigned int k = i + 1; k < plan->len; k++)
		if (ladder_time_of(&plan->steps[k], &us))
			return us < plan->steps[i].last_us;
	return false;
}

static bool splits(const struct ladder_plan *plan, unsigned int i)
{
	const struct ladder_step *step = &plan->steps[i];
	bool crossed = step->crosses || (i && plan->steps[i - 1].crosses);
	int to = step->seg.dir == CONN_OUT ? LADDER_RIGHT : LADDER_LEFT;

	if (step->kind != LADDER_SEGMENT || !step->last_known || step->seg.n < 2 || crossed)
		return false;
	if (step->seen[to] && !step->at_known[to]) /* the other end has it: which one, nobody knows */
		return false;
	return !is_followed(plan, i);
}

static void split(struct ladder_plan *plan, unsigned int i)
{
	int from = plan->steps[i].seg.dir == CONN_OUT ? LADDER_LEFT : LADDER_RIGHT;
	struct ladder_step *last = ladder_insert(plan, i + 1, LADDER_SEGMENT), *before = &plan->steps[i], *lost;

	if (!last)
		return;
	*last = *before;
	last->seg.n = 1;
	last->at_us[from] = before->last_us;
	last->at_known[from] = true;
	before->seg.n--;
	lost = before->at_known[!from] && before->at_us[!from] < before->last_us ? last : before;
	lost->lost = true;
	lost->seen[!from] = lost->at_known[!from] = false;
	before->last_known = last->last_known = false;
}

void ladder_repeat(struct ladder_plan *plan)
{
	for (unsigned int i = 0; i < plan->len; i++)
		if (splits(plan, i))
			split(plan, i++);
}
