// SPDX-License-Identifier: GPL-2.0-only
#include "ladder_steps.h"

#include <string.h>

struct ladder_step *ladder_insert(struct ladder_plan *plan, unsigned int at, enum ladder_kind kind)
{
	struct ladder_step *step = &plan->steps[at];

	if (plan->len == LADDER_STEPS_MAX)
		return NULL;
	memmove(step + 1, step, (plan->len - at) * sizeof(*step));
	plan->len++;
	*step = (struct ladder_step){.kind = kind};
	return step;
}

bool ladder_is_reset(const struct conn_segment *seg)
{
	return seg->flags == CONN_FLAGS_RST || seg->flags == CONN_FLAGS_RST_ACK;
}
