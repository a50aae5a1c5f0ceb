// SPDX-License-Identifier: GPL-2.0-only
/*
 * The far end of a connection of which one end was seen: the states that the segments imply by RFC 9293. A segment whose
 * arrival is not known implies nothing. How long a state lasted at the far end is not known.
 */
#include "ladder_steps.h"

static const uint32_t resets = 1u << CONN_FLAGS_RST | 1u << CONN_FLAGS_RST_ACK;

struct far_end {
	unsigned int state; /* 0: not known */
	bool answers;       /* it sent a SYN,ACK: so it was in SYN_RECV */
	bool heard;         /* it sends something later on; a reset may answer what came before */
	bool crossed;       /* this segment crossed one of its own */
};

static unsigned int on_fin(const struct far_end *far)
{
	switch (far->state) {
	case WIRE_FIN_WAIT1:
		return far->crossed ? WIRE_CLOSING : WIRE_TIME_WAIT;
	case WIRE_FIN_WAIT2:
		return WIRE_TIME_WAIT;
	default:
		return far->heard ? WIRE_CLOSE_WAIT : far->state;
	}
}

static unsigned int on_ack(const struct far_end *far)
{
	switch (far->state) {
	case WIRE_SYN_RECV:
		return WIRE_ESTABLISHED;
	case WIRE_FIN_WAIT1:
		return WIRE_FIN_WAIT2;
	case WIRE_CLOSING:
		return WIRE_TIME_WAIT;
	case WIRE_LAST_ACK:
		return WIRE_CLOSE;
	default:
		return far->state;
	}
}

/* What our segment makes of it. */
static unsigned int on_arrival(const struct far_end *far, const struct conn_segment *seg)
{
	switch (seg->flags) {
	case CONN_FLAGS_SYN:
		return far->answers || far->state == WIRE_SYN_SENT ? WIRE_SYN_RECV : far->state;
	case CONN_FLAGS_SYN_ACK:
		return far->heard ? WIRE_ESTABLISHED : far->state;
	case CONN_FLAGS_ACK:
		return on_ack(far);
	case CONN_FLAGS_FIN_ACK:
		return on_fin(far);
	default:
		return WIRE_CLOSE;
	}
}

/* What it was in when it sent a segment. */
static unsigned int on_departure(const struct far_end *far, const struct conn_segment *seg)
{
	switch (seg->flags) {
	case CONN_FLAGS_SYN:
		return WIRE_SYN_SENT;
	case CONN_FLAGS_FIN_ACK:
		return far->state == WIRE_CLOSE_WAIT ? WIRE_LAST_ACK : WIRE_FIN_WAIT1;
	case CONN_FLAGS_RST:
	case CONN_FLAGS_RST_ACK:
		return WIRE_CLOSE;
	default:
		return far->state;
	}
}

static void imply(struct far_end *far, struct ladder_step *step)
{
	unsigned int state = step->seg.dir == CONN_OUT ? on_arrival(far, &step->seg) : on_departure(far, &step->seg);

	if (step->lost || state == far->state)
		return;
	far->state = state;
	step->state[LADDER_RIGHT] = (struct ladder_state){.name = conn_state_name(state), .inferred = true};
}

static const struct ladder_step *find_in(const struct ladder_plan *plan, unsigned int from, uint32_t flags)
{
	for (unsigned int i = from; i < plan->len; i++) {
		const struct ladder_step *step = &plan->steps[i];
		if (step->kind == LADDER_SEGMENT && step->seg.dir == CONN_IN && flags & 1u << step->seg.flags)
			return step;
	}
	return NULL;
}

/* Before the first segment; said only if the left end's is. */
static unsigned int at_first(const struct ladder *ladder, const struct ladder_plan *plan)
{
	const struct ladder_step *first = &plan->steps[0];

	if (!plan->len || first->kind != LADDER_MOMENT || !first->state[LADDER_LEFT].name || first->at_known[LADDER_LEFT] ||
	    first->note)
		return 0;
	if (ladder->left->rec.t.role != CONN_CLIENT)
		return WIRE_CLOSE;
	if (find_in(plan, 0, 1u << CONN_FLAGS_SYN_ACK))
		return WIRE_LISTEN;
	return find_in(plan, 0, resets) ? WIRE_CLOSE : 0;
}

void ladder_imply(const struct ladder *ladder, struct ladder_plan *plan)
{
	struct far_end far = {
		.state = at_first(ladder, plan),
		.answers = find_in(plan, 0, 1u << CONN_FLAGS_SYN_ACK),
	};

	if (far.state)
		plan->steps[0].state[LADDER_RIGHT] =
			(struct ladder_state){.name = conn_state_name(far.state), .inferred = true};
	for (unsigned int i = 0; i < plan->len; i++) {
		struct ladder_step *step = &plan->steps[i];
		if (step->kind != LADDER_SEGMENT)
			continue;
		far.heard = find_in(plan, i + 1 + step->crosses, ~resets);
		far.crossed = step->crosses;
		if (step->crosses && i + 1 < plan->len) { /* it sent its own before ours came */
			imply(&far, step + 1);
			imply(&far, step);
			i++;
		} else {
			imply(&far, step);
		}
	}
}
