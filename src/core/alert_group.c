// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of alerts are few. In each group (one process, cause and dependency) the first SINGLES sockets have an alert each,
 * under their own cookie. The others are counted in the group's alert, which has a name of its own, and one record per GROUP_NS
 * has their count. All groups together have BUDGET records a minute. The counts add up to the number of sockets, at the end of
 * the run at the latest.
 *
 * An alert is resolved under the name that it was raised with. The ends of a group's sockets are counted in the same way, one
 * record for each way of ending.
 */
#include "alert_group.h"

#include "emit.h"

#include <string.h>

#define SINGLES 5
#define GROUP_NS 60000000000ull
#define BUDGET ALERT_BUDGET
#define BUDGET_NS 60000000000ull

/* Not emitted yet: how many ended in this way, and the last of them. */
struct waiting_ends {
	uint64_t count;
	struct alert_ending last;
};

struct alert_group {
	struct leak_key key; /* LEAK_BY_DEFAULT; its hash names the group */
	uint64_t digest;     /* leak_key_digest() */
	uint64_t open, waiting, singles;
	uint64_t resumed; /* of the run before: their record waits */
	uint64_t recounted;
	uint64_t emitted_ns, ends_emitted_ns;
	uint64_t mark_ns, mark_open; /* some time ago: for the growth */
	struct leak_socket example;
	struct waiting_ends ends[LEAK_RESOLUTION_MAX];
};

/* A pool_key_fn. */
static uint64_t group_key(const void *group)
{
	return ((const struct alert_group *)group)->digest;
}

int alert_groups_init(struct alert_groups *groups, const struct leak_set *found, uint32_t max, const struct hash_key *hash_key)
{
	*groups = (struct alert_groups){.found = found};
	return pool_init(&groups->groups, sizeof(struct alert_group), max, group_key, hash_key);
}

void alert_groups_free(struct alert_groups *groups)
{
	pool_free(&groups->groups);
}

static struct alert_group *group_at(const struct alert_groups *groups, uint32_t id)
{
	return pool_at(&groups->groups, id);
}

uint32_t alert_group_for(struct conn_table *t, struct alert_groups *groups, const struct leak_socket *socket)
{
	const struct leak_key key = leak_key_of(LEAK_BY_DEFAULT, NULL, socket);
	const struct alert_group fresh = {
		.key = key, .digest = leak_key_digest(&groups->groups, &key), .mark_ns = t->now, .example = *socket};
	uint32_t id;

	pool_for_each (id, &groups->groups, fresh.digest) {
		if (!memcmp(&group_at(groups, id)->key, &fresh.key, sizeof(fresh.key)))
			return id;
	}
	return pool_add(&groups->groups, &fresh);
}

static bool take(struct alert_budget *budget, uint64_t now)
{
	if (now - budget->since_ns >= BUDGET_NS)
		*budget = (struct alert_budget){.since_ns = now};
	if (budget->used >= BUDGET)
		return false;
	budget->used++;
	return true;
}

static struct leak_alert alert_of(const struct alert_group *g)
{
	return (struct leak_alert){.id = leak_key_hash(&g->key), .is_group = true};
}

static void note_growth(struct leak_record *leak, struct alert_group *g, uint64_t now)
{
	leak->growth_known = now - g->mark_ns >= GROUP_NS / 6;
	if (leak->growth_known)
		leak->growth_per_min = (int64_t)(g->open - g->mark_open) * (int64_t)(GROUP_NS / 1000000) /
				       (int64_t)((now - g->mark_ns) / 1000000);
	if (now - g->mark_ns >= GROUP_NS) {
		g->mark_ns = now;
		g->mark_open = g->open;
	}
}

/* What a record is of. `count` 0: the socket has an alert of its own. */
struct counted {
	const struct leak_socket *socket;
	uint64_t count;
	bool resumed;
};

static void emit_leak(struct conn_table *t, const struct leak_set *found, struct alert_group *g, struct counted counted)
{
	struct leak_socket copy = *counted.socket;
	uint64_t count = counted.count;
	struct leak_record leak = {
		.socket = &copy,
		.holders = found->holders,
		.threshold_ns = t->config.leak_threshold_ns,
		.alert = count ? alert_of(g) : (struct leak_alert){.id = copy.t.cookie},
		.count = count ? count : 1,
		.group_open = g->open,
		.resumed = counted.resumed,
	};

	if (!leak_set_find(found, copy.t.cookie)) { /* of a scan before: its holders are forgotten */
		copy.first_holder = LEAK_NONE;
		copy.holders = 0;
	}
	note_growth(&leak, g, t->now);
	emit_record(t, &(struct record){.kind = RECORD_CLOSE_WAIT_LEAK, .ts = t->now, .leak = &leak});
}

static void emit_ending(struct conn_table *t, struct leak_alert alert, const struct alert_ending *ending, uint64_t ts,
			uint64_t count)
{
	const struct leak_resolved_record resolved = {
		.t = &ending->t,
		.alert = alert,
		.in_state_ns = ending->in_state_ns,
		.age_is_lower_bound = ending->is_lower_bound,
		.resolution = ending->how,
		.count = count,
		.boot_id = *ending->boot_id ? ending->boot_id : NULL,
		.after_wall_ns = ending->after_wall_ns,
		.from_before = ending->from_before,
	};

	emit_record(t, &(struct record){.kind = RECORD_CLOSE_WAIT_RESOLVED, .ts = ts, .leak_resolved = &resolved});
}

static void emit_waiting(struct conn_table *t, struct alert_groups *groups, const struct alert_group *g,
			 struct waiting_ends *ends)
{
	emit_ending(t, alert_of(g), &ends->last, t->now, ends->count);
	groups->counted++;
	ends->count = 0;
}

bool alert_group_raise(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct leak_socket *socket)
{
	struct alert_group *g = group_at(groups, id);

	g->open++;
	if (g->singles < SINGLES && groups->raised_len < BUDGET && take(&groups->leaks, t->now)) {
		g->singles++;
		groups->raised[groups->raised_len++] = (struct alert_raised){id, *socket, false};
		return true;
	}
	g->waiting++;
	g->example = *socket;
	return false;
}

static void emit_raised(struct conn_table *t, struct alert_groups *groups)
{
	for (uint32_t i = 0; i < groups->raised_len; i++) {
		const struct alert_raised *raised = &groups->raised[i];

		emit_leak(t, groups->found, group_at(groups, raised->group),
			  (struct counted){.socket = &raised->socket, .resumed = raised->resumed});
	}
	groups->raised_len = 0;
}

void alert_group_add(struct alert_groups *groups, uint32_t id)
{
	struct alert_group *g = group_at(groups, id);

	g->open++;
	g->mark_open++; /* the group does not grow by what is older than the run */
}

void alert_group_resume(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct alert_resumed *alert)
{
	struct alert_group *g = group_at(groups, id);

	alert_group_add(groups, id);
	if (alert->flags & WIRE_KNOWN_SINGLE) {
		g->singles++;
		if (groups->raised_len == BUDGET)
			emit_raised(t, groups);
		groups->raised[groups->raised_len++] = (struct alert_raised){id, *alert->socket, true};
		return;
	}
	if (alert->flags & WIRE_KNOWN_EMITTED)
		g->resumed++;
	else
		g->waiting++;
	g->example = *alert->socket;
}

const struct leak_socket *alert_group_example(const struct alert_groups *groups, uint32_t id)
{
	return &group_at(groups, id)->example;
}

void alert_groups_recount(struct alert_groups *groups)
{
	for (uint32_t id = 1; id < groups->groups.used; id++) {
		if (group_at(groups, id)->key.used)
			group_at(groups, id)->recounted = 0;
	}
}

bool alert_group_is_waiting(struct alert_groups *groups, uint32_t id)
{
	struct alert_group *g = group_at(groups, id);

	return g->recounted++ < g->waiting;
}

void alert_group_end(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct alert_ending *ending,
		     bool single)
{
	struct alert_group *g = group_at(groups, id);

	g->open--;
	if (single) {
		emit_ending(t, (struct leak_alert){.id = ending->t.cookie}, ending, ending->at_ns, 1);
		return;
	}
	alert_group_ended(t, groups, id, ending, 1);
}

void alert_group_ended(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct alert_ending *ending,
		       uint64_t count)
{
	struct alert_group *g = group_at(groups, id);
	struct waiting_ends *ends = &g->ends[ending->how];

	if (ends->count && ends->last.from_before != ending->from_before) /* no record is of both runs */
		emit_waiting(t, groups, g, ends);
	ends->count += count;
	ends->last = *ending;
}

void alert_groups_each_ending(const struct alert_groups *groups, alert_ending_fn fn, void *ctx)
{
	for (uint32_t id = 1; id < groups->groups.used; id++) {
		const struct alert_group *g = group_at(groups, id);

		for (unsigned int how = 0; g->key.used && how < LEAK_RESOLUTION_MAX; how++) {
			if (g->ends[how].count)
				fn(ctx, &g->example, &g->ends[how].last, g->ends[how].count);
		}
	}
}

/* True if none is left. */
static bool emit_ends(struct conn_table *t, struct alert_groups *groups, struct alert_group *g, bool all)
{
	bool due = all || !g->open || t->now - g->ends_emitted_ns >= GROUP_NS, left = false;

	for (unsigned int how = 0; how < LEAK_RESOLUTION_MAX; how++) {
		struct waiting_ends *ends = &g->ends[how];

		if (ends->count && due && (all || take(&groups->ends, t->now))) {
			emit_waiting(t, groups, g, ends);
			g->ends_emitted_ns = t->now;
		}
		left |= ends->count > 0;
	}
	return !left;
}

/* What is due of the group's counts; with `all`, all of them. True if the group can be forgotten. */
static bool emit_group(struct conn_table *t, struct alert_groups *groups, struct alert_group *g, bool all)
{
	bool due = !g->emitted_ns || t->now - g->emitted_ns >= GROUP_NS;

	if (g->waiting && (all || (due && take(&groups->leaks, t->now)))) {
		emit_leak(t, groups->found, g, (struct counted){.socket = &g->example, .count = g->waiting});
		groups->counted++;
		g->waiting = 0;
		g->emitted_ns = t->now;
	}
	if (g->resumed && (all || take(&groups->leaks, t->now))) {
		emit_leak(t, groups->found, g, (struct counted){&g->example, g->resumed, true});
		g->resumed = 0;
	}
	return !g->waiting && !g->resumed && emit_ends(t, groups, g, all) && !g->open && t->now - g->emitted_ns >= GROUP_NS;
}

/* The groups take turns: when the budget was used up, the next minute begins behind the last one that had a record. */
void alert_groups_emit(struct conn_table *t, struct alert_groups *groups, bool all)
{
	uint32_t count = groups->groups.used - 1, first = groups->turn;

	emit_raised(t, groups);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = 1 + (first + i) % count;
		struct alert_group *g = group_at(groups, id);

		if (!g->key.used)
			continue;
		if (emit_group(t, groups, g, all))
			pool_remove(&groups->groups, id);
		else if (g->emitted_ns == t->now || g->ends_emitted_ns == t->now)
			groups->turn = id;
	}
}
