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

const char *ladder_clock_name(unsigned int clock)
{
	static const char *const names[] = {[LADDER_RELATIVE] = "relative", [LADDER_WALL] = "wall", [LADDER_DELTA] = "delta"};

	return clock < LADDER_CLOCKS ? names[clock] : NULL;
}

enum ladder_phase ladder_phase(const struct ladder_state *state)
{
	static const enum ladder_phase phases[WIRE_STATE_MAX] = {
		[WIRE_SYN_SENT] = LADDER_OPENING,   [WIRE_SYN_RECV] = LADDER_OPENING, [WIRE_ESTABLISHED] = LADDER_OPEN,
		[WIRE_CLOSE_WAIT] = LADDER_WAITING, [WIRE_LAST_ACK] = LADDER_CLOSING, [WIRE_FIN_WAIT1] = LADDER_CLOSING,
		[WIRE_FIN_WAIT2] = LADDER_CLOSING,  [WIRE_CLOSING] = LADDER_CLOSING,  [WIRE_TIME_WAIT] = LADDER_CLOSING,
	};

	for (unsigned int i = 1; state->name && i < WIRE_STATE_MAX; i++)
		if (!strcmp(state->name, conn_state_name(i)))
			return phases[i];
	return LADDER_NONE;
}

bool ladder_time_of(const struct ladder_step *step, int64_t *ret_us)
{
	bool segment = step->kind == LADDER_SEGMENT;
	int side = segment && step->seg.dir == CONN_IN ? LADDER_RIGHT : LADDER_LEFT;

	if (!step->at_known[side] && !(segment && side == LADDER_LEFT))
		side = !side;
	*ret_us = step->at_us[side];
	return step->at_known[side];
}
