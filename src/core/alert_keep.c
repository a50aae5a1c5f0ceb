// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends that no record has counted yet first, then open alerts, then those of the run before that are not decided yet, then
 * sockets without an alert whose FIN was seen: the kernel does not keep the time of that. The oldest of these come first, and
 * the rest is left out where there is no room.
 */
#include "alert_keep.h"

#include "alert_resume.h"
#include "emit.h"

#include <string.h>

#define KEPT_MAX 16384
#define VISITED_MAX 65536 /* sockets without an alert: most have nothing that is worth keeping */
#define SECOND_NS 1000000000ull
#define YOUNG_NS SECOND_NS /* in CLOSE_WAIT for less than this is mostly over before the next run */

struct keeping {
	const struct conn_table *t;
	event_fn fn;
	void *ctx;
	uint32_t kept;
	bool at_stop;
};

/* With all the parts that it may have, in the order of the wire. */
struct known_parts {
	struct wire_task task;
	struct wire_ident ident;
	struct wire_exec exec;
	struct wire_program program;
};

union known_space {
	struct wire_hdr hdr;
	struct wire_known known;
	struct wire_ended ended;
	char bytes[sizeof(struct wire_ended) + sizeof(struct known_parts)];
};

/* Rounded up. An alert that waits for a scan was seen by a run before. */
static uint32_t unseen_s(const struct keeping *k, const struct alert_known *known)
{
	uint64_t s =
		known->seen_ns && k->t->now > known->seen_ns ? (k->t->now - known->seen_ns + SECOND_NS - 1) / SECOND_NS : 0;

	return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

static struct wire_known known_event(const struct keeping *k, const struct alert_known *known, unsigned int kind)
{
	const struct leak_socket *socket = &known->socket;

	return (struct wire_known){
		.hdr = {.ts = k->t->now,
			.cookie = socket->t.cookie,
			.kind = (uint8_t)kind,
			.old_state = WIRE_CLOSE_WAIT,
			.new_state = WIRE_CLOSE_WAIT},
		.since_ns = known->since_ns,
		.flags = known->flags,
		.cause = socket->verdict.cause,
		.role = socket->t.role,
		.from = socket->t.from,
		.unseen_s = unseen_s(k, known),
	};
}

/* Adds its parts. */
static void hand_over(struct keeping *k, union known_space *ev, const struct conn_tuple *t)
{
	const struct known_parts parts = {
		.task = t->task, .ident = t->id, .exec.cgroup_id = t->process_cgroup_id, .program.exec_count = t->program};
	size_t base = wire_base_size(ev->hdr.kind);
	bool has_process = t->from != CONN_FROM_NONE;

	if (!t->id_known)
		return;
	k->kept++;
	ev->hdr.parts = WIRE_PART_IDENT;
	if (has_process) {
		ev->hdr.parts |= WIRE_PART_TASK | WIRE_PART_EXEC | WIRE_PART_PROGRAM;
		memcpy(ev->bytes + base, &parts, sizeof(parts));
	} else {
		memcpy(ev->bytes + base, &parts.ident, sizeof(parts.ident));
	}
	ev->hdr.len = (uint16_t)(base + (has_process ? sizeof(parts) : sizeof(parts.ident)));
	k->fn(k->ctx, &ev->hdr);
}

static void put(struct keeping *k, const struct alert_known *known)
{
	union known_space ev = {.known = known_event(k, known, WIRE_KNOWN)};

	hand_over(k, &ev, &known->socket.t);
}

/* All sockets of a group have these in common. */
static uint8_t group_flags(const struct leak_socket *example)
{
	return (example->opened ? WIRE_KNOWN_OPENED : 0) | (example->side_certain ? WIRE_KNOWN_SIDE_CERTAIN : 0) |
	       (example->verdict.certain ? WIRE_KNOWN_CAUSE_CERTAIN : 0);
}

static uint8_t flags_of(struct keeping *k, const struct alert *alert, const struct leak_socket *example)
{
	bool waits = !alert->single && alert_group_is_waiting(&k->t->alerts->groups, alert->group);

	return WIRE_KNOWN_ALERT | (alert->single ? WIRE_KNOWN_SINGLE : 0) | (waits && !k->at_stop ? 0 : WIRE_KNOWN_EMITTED) |
	       (alert->is_lower_bound ? WIRE_KNOWN_LOWER_BOUND : 0) | group_flags(example);
}

/* An alert_ending_fn. The name of the group is made of the example's process. */
static void put_ending(void *ctx, const struct leak_socket *example, const struct alert_ending *ending, uint64_t count)
{
	struct keeping *k = ctx;
	struct alert_known known = {.socket = *example};
	union known_space ev;

	if (k->kept >= KEPT_MAX)
		return;
	known.flags = group_flags(example) | (ending->is_lower_bound ? WIRE_KNOWN_LOWER_BOUND : 0);
	known.socket.t = ending->t;
	known.socket.t.process = example->t.process;
	known.socket.t.from = example->t.from;
	ev.ended = (struct wire_ended){
		.known = known_event(k, &known, WIRE_ENDED),
		.count = count < UINT32_MAX ? count : UINT32_MAX,
		.in_state_ns = ending->in_state_ns,
		.after_wall_ns = ending->after_wall_ns,
		.resolution = ending->how,
	};
	memcpy(ev.ended.boot_id, ending->boot_id, sizeof(ending->boot_id));
	hand_over(k, &ev, &known.socket.t);
}

/* All sockets of a group have the process, the cause and the side in common. */
static void put_alert(struct keeping *k, const struct alert *alert)
{
	const struct leak_socket *example = alert_group_example(&k->t->alerts->groups, alert->group);
	const struct conn *c = table_find(k->t, alert->cookie);
	struct alert_known known = {.since_ns = alert->since_ns, .socket = *example};

	if (!c)
		return;
	known.flags = flags_of(k, alert, example);
	known.socket.t = (struct conn_tuple){0};
	emit_tuple(k->t, c, &known.socket.t);
	known.socket.t.process = example->t.process;
	known.socket.t.from = example->t.from;
	put(k, &known);
}

/* Without an alert: its FIN was seen, by this run or by the one before. */
static void put_young(struct keeping *k, const struct conn *c)
{
	const struct alerts *a = k->t->alerts;
	bool seen = c->spans[c->spans_len - 1].ev == CONN_EV_EVENT;
	const struct alert_known *before;
	struct alert_known known = {0};

	if (k->t->now - conn_entered_ns(c) < YOUNG_NS || pool_find(&a->open, c->cookie))
		return;
	emit_tuple(k->t, c, &known.socket.t);
	known.socket.t.from = CONN_FROM_NONE;
	before = alerts_before_find(&a->before, &known.socket.t);
	known.since_ns = seen ? conn_entered_ns(c) : before->since_ns;
	known.flags = seen ? 0 : before->flags & WIRE_KNOWN_LOWER_BOUND;
	if (known.since_ns && !(before->flags & WIRE_KNOWN_ALERT))
		put(k, &known);
}

void alerts_keep(const struct conn_table *t, bool at_stop, event_fn fn, void *ctx)
{
	const struct alerts *a = t->alerts;
	struct keeping k = {t, fn, ctx, 0, at_stop};
	uint32_t visited = 0;

	if (!at_stop)
		alert_groups_each_ending(&a->groups, put_ending, &k);
	alert_groups_recount(&t->alerts->groups);
	for (uint32_t id = 1; id < a->open.used && k.kept < KEPT_MAX; id++) {
		if (alert_at(a, id)->cookie)
			put_alert(&k, alert_at(a, id));
	}
	for (uint32_t id = 1; a->before.alerts && id < a->before.known.used && k.kept < KEPT_MAX; id++) {
		const struct alert_known *known = pool_at(&a->before.known, id);

		if (known->flags & WIRE_KNOWN_ALERT)
			put(&k, known);
	}
	for (uint32_t id = t->close_wait.head; id != CONN_NONE && k.kept < KEPT_MAX && visited++ < VISITED_MAX;
	     id = table_by_id(t, id)->next)
		put_young(&k, table_by_id(t, id));
}

uint64_t alerts_changes(const struct alerts *alerts)
{
	return alerts->changes + alerts->groups.counted;
}
