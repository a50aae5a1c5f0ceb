// SPDX-License-Identifier: GPL-2.0-only
/*
 * From one or two records to the steps of a ladder: the segments first; then each end's states are put to the segments that
 * caused them, and a state without one has a step of its own.
 */
#include "ladder_words.h"

#include <string.h>

#define BIT(n) (1u << (n))
#define ONE_ROW_US 1000

/* States */

struct entry {
	struct ladder_state state;
	unsigned int tcp_state;
	int64_t at_us; /* of day */
	const char *note;
	bool found;        /* by a scan: its begin was not seen */
	bool brief;        /* FIN_WAIT2, and no segment of its own brought it */
	bool attempt_over; /* CLOSE, from SYN_SENT */
};

/* Which segments bring an end into a state. */
static const struct {
	uint32_t in, out; /* 1 << enum conn_flags */
} ladder_causes[WIRE_STATE_MAX] = {
	[WIRE_SYN_SENT] = {.out = BIT(CONN_FLAGS_SYN)},
	[WIRE_SYN_RECV] = {.in = BIT(CONN_FLAGS_SYN)},
	[WIRE_NEW_SYN_RECV] = {.in = BIT(CONN_FLAGS_SYN)},
	[WIRE_ESTABLISHED] = {.in = BIT(CONN_FLAGS_SYN_ACK) | BIT(CONN_FLAGS_ACK)},
	[WIRE_FIN_WAIT1] = {.out = BIT(CONN_FLAGS_FIN_ACK)},
	[WIRE_FIN_WAIT2] = {.in = BIT(CONN_FLAGS_ACK) | BIT(CONN_FLAGS_FIN_ACK)},
	[WIRE_CLOSING] = {.in = BIT(CONN_FLAGS_FIN_ACK)},
	[WIRE_TIME_WAIT] = {.in = BIT(CONN_FLAGS_FIN_ACK) | BIT(CONN_FLAGS_ACK)},
	[WIRE_CLOSE_WAIT] = {.in = BIT(CONN_FLAGS_FIN_ACK)},
	[WIRE_LAST_ACK] = {.out = BIT(CONN_FLAGS_FIN_ACK)},
	[WIRE_CLOSE] = {.in = BIT(CONN_FLAGS_RST) | BIT(CONN_FLAGS_RST_ACK) | BIT(CONN_FLAGS_ACK),
			.out = BIT(CONN_FLAGS_RST) | BIT(CONN_FLAGS_RST_ACK)},
};

static bool causes(const struct ladder_step *step, int side, const struct entry *entry)
{
	bool out = (step->seg.dir == CONN_OUT) == (side == LADDER_LEFT);
	uint32_t flags = out ? ladder_causes[entry->tcp_state].out : ladder_causes[entry->tcp_state].in;

	if (step->kind != LADDER_SEGMENT || !step->seen[side] || step->state[side].name || !(flags & BIT(step->seg.flags)))
		return false;
	/* A FIN that acknowledges ours brings FIN_WAIT2, and at once TIME_WAIT, whose time it has. */
	if (entry->tcp_state == WIRE_FIN_WAIT2 && step->seg.flags == CONN_FLAGS_FIN_ACK)
		return entry->brief;
	/* In SYN_SENT a reset answers what does not fit, and the attempt goes on. */
	if (out && entry->attempt_over)
		return false;
	/* A segment of ours leaves after the transition; one that had to wait stands on a row below. */
	if (out && step->at_known[side] && step->at_us[side] > entry->at_us && step->at_us[side] < entry->at_us + ONE_ROW_US)
		return true;
	/* The hook that sees a reset runs a moment before or after the transition. */
	return !step->at_known[side] || step->at_us[side] == entry->at_us || ladder_is_reset(&step->seg);
}

static bool is_second(const struct ladder_plan *plan, unsigned int i)
{
	return i && plan->steps[i - 1].crosses;
}

static bool is_later(const struct ladder_step *step, int side, int64_t at_us)
{
	int whose = step->at_known[side] ? side : !side;

	if (whose != side && step->seen[side])
		return false;
	return step->at_known[whose] && step->at_us[whose] > at_us;
}

/* A connection opens before the FINs of its end, also where their times are not known. */
static bool is_below(const struct ladder_step *step, int side, const struct entry *entry)
{
	bool opening =
		entry->tcp_state == WIRE_SYN_SENT || entry->tcp_state == WIRE_SYN_RECV || entry->tcp_state == WIRE_ESTABLISHED;
	bool fin = step->kind == LADDER_SEGMENT && step->seg.flags == CONN_FLAGS_FIN_ACK && step->seen[side];

	return (opening && fin) || is_later(step, side, entry->at_us);
}

/* The row where the other end was found too. */
static struct ladder_step *find_found(struct ladder_plan *plan, int side, const struct entry *entry)
{
	for (unsigned int i = 0; i < plan->len && entry->found; i++) {
		struct ladder_step *step = &plan->steps[i];
		if (step->kind == LADDER_MOMENT && step->note == entry->note && !step->state[side].name)
			return step;
	}
	return NULL;
}

/* `from` is where the state before it stands: it moves down to this one's. */
static void place(struct ladder_plan *plan, int side, const struct entry *entry, unsigned int *from)
{
	struct ladder_step *step;
	unsigned int i;

	for (i = *from; i < plan->len && !entry->found; i++) {
		if (!causes(&plan->steps[i], side, entry))
			continue;
		plan->steps[i].state[side] = entry->state;
		*from = is_second(plan, i) ? i - 1 : i;
		return;
	}
	step = find_found(plan, side, entry);
	if (step) {
		i = (unsigned int)(step - plan->steps);
	} else {
		i = *from;
		if (i < plan->len && plan->steps[i].state[side].name && plan->steps[i].at_known[side] &&
		    plan->steps[i].at_us[side] == entry->at_us)
			i++; /* by the same segment as the state before */
		else
			while (i < plan->len && !is_below(&plan->steps[i], side, entry))
				i++;
		i += is_second(plan, i);
		step = ladder_insert(plan, i, LADDER_MOMENT);
	}
	if (!step)
		return;
	step->state[side] = entry->state;
	step->at_known[side] = !entry->found; /* when it was found says nothing of its life */
	step->at_us[side] = entry->at_us;
	step->note = entry->note;
	*from = i;
}

static const char *end_note(const struct conn_record *rec, unsigned int last)
{
	static const char *const notes[CONN_END_MAX] = {
		[CONN_END_RST_SENT] = "reset",          [CONN_END_RST_RECEIVED] = "reset",
		[CONN_END_REFUSED] = "refused",         [CONN_END_TIMEOUT] = "timeout",
		[CONN_END_UNREACHABLE] = "unreachable", [CONN_END_ABORTED] = "aborted",
		[CONN_END_NO_PORT] = "no local port",   [CONN_END_NETNS_GONE] = "its network namespace is gone",
	};
	static const char *const minisock_notes[WIRE_CAUSE_MAX] = {
		[WIRE_CAUSE_EXPIRED] = "2 MSL are over",
		[WIRE_CAUSE_REUSED] = "a new connection took over",
		[WIRE_CAUSE_RESET] = "reset",
		[WIRE_CAUSE_KILLED] = "killed",
		[WIRE_CAUSE_OVERFLOW] = "too many in TIME_WAIT",
		[WIRE_CAUSE_NETNS_GONE] = "its network namespace is gone",
		[WIRE_CAUSE_RESET_SENT] = "reset",
	};

	if (!rec->time_wait.entered)
		return notes[rec->end];
	if (last == WIRE_FIN_WAIT2 && rec->time_wait.end == WIRE_CAUSE_EXPIRED)
		return "the other end never closed";
	return minisock_notes[rec->time_wait.end];
}

static const char found_note[] = "found: began before the tool";

/* What its minisocket lives through after the record is not in it. */
static bool outlives_record(const struct conn_record *rec, const struct conn_span *last)
{
	const struct conn_time_wait *tw = &rec->time_wait;

	if (!rec->final || (tw->entered && !tw->us_known && tw->end == WIRE_CAUSE_UNKNOWN))
		return true;
	return !tw->entered && last->state == WIRE_FIN_WAIT2 && (rec->end == CONN_END_FIN || !last->us_known);
}

static struct entry entry_of(const struct ladder_end *end, const struct conn_span *span, bool last)
{
	const struct conn_record *rec = &end->rec;
	const struct conn_time_wait *tw = &rec->time_wait;
	bool later_known = span->state == WIRE_TIME_WAIT && !span->us_known && tw->entered && tw->us_known;
	struct entry entry = {
		.state = {.name = conn_state_name(span->state),
			  .us = later_known ? tw->us : span->us,
			  .us_known = span->us_known || later_known,
			  .inferred = span->ev == CONN_EV_INFERRED},
		.tcp_state = span->state,
		.at_us = end->start_us + (int64_t)span->at_us,
		.found = span->ev == CONN_EV_SCAN,
		.note = span->ev == CONN_EV_SCAN ? found_note : NULL,
	};

	if (last && end->age_us && span->state == WIRE_CLOSE_WAIT) {
		entry.state.us = end->age_us;
		entry.state.us_known = true;
		entry.state.at_least = end->age_is_lower_bound;
	}
	entry.state.goes_on = last && (outlives_record(rec, span) || (span->state == WIRE_TIME_WAIT && !entry.state.us_known));
	return entry;
}

static void place_states(struct ladder_plan *plan, const struct ladder_end *end, int side)
{
	const struct conn_record *rec = &end->rec;
	struct entry entry = {.state = {.goes_on = true}};
	unsigned int from = 0;

	for (unsigned int i = 0; i < rec->timeline_len; i++) {
		entry = entry_of(end, &rec->timeline[i], i + 1 == rec->timeline_len);
		entry.brief = rec->close_kind == CONN_CLOSE_THREE_SEGMENT;
		if (entry.state.name)
			place(plan, side, &entry, &from);
	}
	if (entry.state.goes_on || entry.tcp_state == WIRE_CLOSE)
		return;
	if (entry.tcp_state == WIRE_TIME_WAIT)
		entry.at_us += (int64_t)entry.state.us;
	else
		entry.at_us = ladder_end_us(end);
	entry.note = end_note(rec, entry.tcp_state);
	entry.state = (struct ladder_state){.name = conn_state_name(WIRE_CLOSE)};
	entry.attempt_over = entry.tcp_state == WIRE_SYN_SENT;
	entry.tcp_state = WIRE_CLOSE;
	entry.found = false;
	place(plan, side, &entry, &from);
}

/* A FIN, a reset, or the left end's CLOSE without either. */
static bool is_close(const struct ladder_plan *plan, unsigned int i)
{
	const struct ladder_step *step = &plan->steps[i];
	const char *state = step->state[LADDER_LEFT].name;

	if (step->kind == LADDER_SEGMENT)
		return step->seg.flags == CONN_FLAGS_FIN_ACK || ladder_is_reset(&step->seg);
	return step->kind == LADDER_MOMENT && i && state && !strcmp(state, conn_state_name(WIRE_CLOSE));
}

static void add_data(struct ladder_plan *plan, unsigned int at, uint64_t out, uint64_t in, const char *note)
{
	struct ladder_step *step = out || in ? ladder_insert(plan, at, LADDER_DATA) : NULL;

	if (!step)
		return;
	step->bytes[CONN_OUT] = out;
	step->bytes[CONN_IN] = in;
	step->note = note;
}

/* Before the first close; of a half-close, the other direction before the second. */
static void place_data(struct ladder_plan *plan, const struct conn_record *left, const struct conn_record *right)
{
	uint64_t out = left->stats_known ? left->payload_acked : right ? right->payload_received : 0;
	uint64_t in = left->stats_known ? left->payload_received : right ? right->payload_acked : 0;
	bool half = left->close_kind == CONN_CLOSE_HALF, by_left = left->closed_by == CONN_LOCAL;
	unsigned int first = 0, second;

	while (first < plan->len && !is_close(plan, first))
		first++;
	for (second = first + 1; second < plan->len && !is_close(plan, second); second++)
		;
	if (half && second < plan->len) {
		add_data(plan, second, by_left ? 0 : out, by_left ? in : 0, " in all");
		add_data(plan, first, by_left ? out : 0, by_left ? 0 : in, NULL);
	} else {
		add_data(plan, first, out, in, NULL);
	}
}

static const char *first_state(const struct conn_record *rec)
{
	if (!rec || !rec->start_known || !rec->timeline_len)
		return NULL;
	return conn_state_name(rec->t.role == CONN_SERVER ? WIRE_LISTEN : WIRE_CLOSE);
}

void ladder_plan(const struct ladder *ladder, struct ladder_plan *plan)
{
	const struct conn_record *left = &ladder->left->rec, *right = ladder->right ? &ladder->right->rec : NULL;
	struct ladder_step *step;

	*plan = (struct ladder_plan){.begin_us = ladder->left->start_us};
	if (right && ladder->right->start_us < plan->begin_us)
		plan->begin_us = ladder->right->start_us;
	ladder_merge(ladder, plan);
	place_states(plan, ladder->left, LADDER_LEFT);
	if (right)
		place_states(plan, ladder->right, LADDER_RIGHT);
	if (first_state(left) || first_state(right)) {
		step = ladder_insert(plan, 0, LADDER_MOMENT);
		if (step) {
			step->state[LADDER_LEFT].name = first_state(left);
			step->state[LADDER_RIGHT].name = first_state(right);
		}
	}
	if (!right)
		ladder_imply(ladder, plan);
	place_data(plan, left, right);
	if (!left->final || (right && !right->final)) {
		step = ladder_insert(plan, plan->len, LADDER_MOMENT);
		if (step)
			step->note = ladder_open_note(ladder);
	}
}
