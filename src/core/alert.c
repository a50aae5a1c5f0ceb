// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a socket has been in CLOSE_WAIT for the threshold, the table wants a leak scan, which shows who holds it and why it
 * leaks. The alert is raised at the end of that scan. So alerts depend on the stream alone, and a replay gives the same ones.
 *
 * Records are few. In each group (one process, one cause) the first SINGLES sockets have a record each. The others are counted,
 * and one record per GROUP_NS has their count. All groups together have BUDGET records a minute. The counts add up to the
 * number of sockets, at the end of the run at the latest. The same holds for the records of resolved leaks.
 */
#include "alert.h"

#include "emit.h"
#include "leak_group.h"
#include "pool.h"
#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SINGLES 5
#define GROUP_NS 60000000000ull
#define BUDGET 60
#define BUDGET_NS 60000000000ull
#define GROUPS_MAX 1024 /* beyond it, groups share the last one */
#define FOUND_MIN 65536 /* sockets of a scan, which include those that are not tracked */

enum { LINUX_ECONNABORTED = 103 };

struct alert {
	uint32_t group; /* id */
	bool single, is_lower_bound;
	uint64_t cookie; /* 0: free */
	uint64_t since_ns;
};

struct ending {
	struct conn_tuple t;
	uint64_t in_state_ns;
	bool is_lower_bound;
	enum leak_resolution how;
};

struct alert_group {
	struct leak_key key;   /* by process */
	uint64_t first_cookie; /* names the group */
	uint64_t open, waiting, waiting_ends, singles;
	uint64_t emitted_ns, ends_emitted_ns;
	uint64_t mark_ns, mark_open; /* some time ago: for the growth */
	struct leak_socket example;
	struct ending ending;
};

struct budget {
	uint64_t since_ns, used;
};

struct alerts {
	uint64_t threshold_ns;
	struct leak_set found;
	struct pool open;   /* struct alert by cookie */
	struct pool groups; /* struct alert_group by key */
	struct budget leaks, ends;
	uint64_t scan_begin_ns;
	uint64_t next_due_ns; /* when a socket that a scan found younger is due; 0: none */
	bool scanned;
};

/* Two pool_key_fn. */

static uint64_t alert_key(const void *alert)
{
	return ((const struct alert *)alert)->cookie;
}

static uint64_t group_key(const void *group)
{
	return leak_key_hash(&((const struct alert_group *)group)->key);
}

int alerts_new(struct alerts **out, const struct conn_config *config)
{
	struct alerts *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->threshold_ns = config->leak_threshold_ns;
	err = pool_init(&a->open, sizeof(struct alert), UINT32_MAX - 1, alert_key)
		?: pool_init(&a->groups, sizeof(struct alert_group), GROUPS_MAX, group_key)
		?: leak_set_init(&a->found, config->max_connections > FOUND_MIN ? config->max_connections : FOUND_MIN);
	if (err) {
		alerts_free(a);
		return err;
	}
	*out = a;
	return 0;
}

void alerts_free(struct alerts *a)
{
	if (!a)
		return;
	leak_set_free(&a->found);
	pool_free(&a->groups);
	pool_free(&a->open);
	free(a);
}

uint64_t alerts_memory(const struct alerts *a)
{
	return sizeof(*a) + pool_memory(&a->open) + pool_memory(&a->groups) + leak_set_memory(&a->found);
}

uint64_t alerts_open(const struct alerts *a)
{
	return pool_count(&a->open);
}

static struct alert *alert_at(const struct alerts *a, uint32_t id)
{
	return pool_at(&a->open, id);
}

static struct alert_group *group_at(const struct alerts *a, uint32_t id)
{
	return pool_at(&a->groups, id);
}

uint64_t alerts_oldest_ns(const struct alerts *a, uint64_t since_ns)
{
	for (uint32_t id = 1; pool_count(&a->open) && id < a->open.used; id++) {
		if (alert_at(a, id)->cookie && alert_at(a, id)->since_ns < since_ns)
			since_ns = alert_at(a, id)->since_ns;
	}
	return since_ns;
}

static bool is_idle(const struct alert_group *g, uint64_t now)
{
	return !g->open && !g->waiting && !g->waiting_ends && now - g->emitted_ns >= GROUP_NS;
}

/* In the place of the first idle group, if there is one; in the last group, if there are too many. */
static uint32_t group_add(struct alerts *a, const struct alert_group *g, uint64_t now)
{
	uint32_t id = 1;

	while (id < a->groups.used && !is_idle(group_at(a, id), now))
		id++;
	if (id < a->groups.used)
		pool_remove(&a->groups, id);
	id = pool_add(&a->groups, g);
	return id ? id : a->groups.used - 1;
}

static uint32_t group_for(struct alerts *a, const struct leak_socket *socket, uint64_t now)
{
	const struct alert_group fresh = {
		.key = leak_key_of(LEAK_BY_PROCESS, socket), .first_cookie = socket->t.cookie, .mark_ns = now};
	uint32_t id;

	pool_for_each (id, &a->groups, leak_key_hash(&fresh.key)) {
		if (!memcmp(&group_at(a, id)->key, &fresh.key, sizeof(fresh.key)))
			return id;
	}
	return group_add(a, &fresh, now);
}

static bool take(struct budget *budget, uint64_t now)
{
	if (now - budget->since_ns >= BUDGET_NS)
		*budget = (struct budget){.since_ns = now};
	if (budget->used >= BUDGET)
		return false;
	budget->used++;
	return true;
}

static void emit_leak(struct conn_table *t, struct alert_group *g, const struct leak_socket *socket, uint64_t now,
		      uint64_t count)
{
	struct leak_socket copy = *socket;
	struct leak_record leak = {
		.socket = &copy,
		.holders = t->alerts->found.holders,
		.threshold_ns = t->alerts->threshold_ns,
		.alert_cookie = count > 1 ? g->first_cookie : socket->t.cookie,
		.count = count,
		.group_open = g->open,
		.growth_known = now - g->mark_ns >= GROUP_NS / 6,
	};

	if (!leak_set_find(&t->alerts->found, socket->t.cookie)) { /* of a scan before: its holders are forgotten */
		copy.first_holder = LEAK_NONE;
		copy.holders = 0;
	}
	if (leak.growth_known)
		leak.growth_per_min = (int64_t)(g->open - g->mark_open) * (int64_t)(GROUP_NS / 1000000) /
				      (int64_t)((now - g->mark_ns) / 1000000);
	if (now - g->mark_ns >= GROUP_NS) {
		g->mark_ns = now;
		g->mark_open = g->open;
	}
	emit_record(t, &(struct record){.kind = RECORD_CLOSE_WAIT_LEAK, .ts = now, .leak = &leak});
}

static void emit_ending(struct conn_table *t, const struct alert_group *g, const struct ending *ending, uint64_t now,
			uint64_t count)
{
	const struct leak_resolved_record resolved = {
		.t = &ending->t,
		.alert_cookie = count > 1 ? g->first_cookie : ending->t.cookie,
		.in_state_ns = ending->in_state_ns,
		.age_is_lower_bound = ending->is_lower_bound,
		.resolution = ending->how,
		.count = count,
	};

	emit_record(t, &(struct record){.kind = RECORD_CLOSE_WAIT_RESOLVED, .ts = now, .leak_resolved = &resolved});
}

/* Emits the counts that are due; with `all`, all of them. */
static void emit_waiting(struct conn_table *t, uint64_t now, bool all)
{
	struct alerts *a = t->alerts;

	for (uint32_t id = 1; id < a->groups.used; id++) {
		struct alert_group *g = group_at(a, id);

		if (g->waiting && (all || ((!g->emitted_ns || now - g->emitted_ns >= GROUP_NS) && take(&a->leaks, now)))) {
			emit_leak(t, g, &g->example, now, g->waiting);
			g->waiting = 0;
			g->emitted_ns = now;
		}
		if (!g->waiting && g->waiting_ends &&
		    (all || ((!g->open || now - g->ends_emitted_ns >= GROUP_NS) && take(&a->ends, now)))) {
			emit_ending(t, g, &g->ending, now, g->waiting_ends);
			g->waiting_ends = 0;
			g->ends_emitted_ns = now;
		}
	}
}

static void raise_alert(struct conn_table *t, const struct leak_socket *socket, uint64_t now)
{
	struct alerts *a = t->alerts;
	struct alert alert = {
		.cookie = socket->t.cookie,
		.group = group_for(a, socket, now),
		.since_ns = now - socket->age_ns,
		.is_lower_bound = socket->age_is_lower_bound,
	};
	struct alert_group *g = group_at(a, alert.group);

	alert.single = g->singles < SINGLES && take(&a->leaks, now);
	if (!pool_add(&a->open, &alert)) {
		table_refuse(t, now);
		return;
	}
	g->open++;
	if (alert.single) {
		g->singles++;
		emit_leak(t, g, socket, now, 1);
	} else {
		g->waiting++;
		g->example = *socket;
	}
}

/* Adds what the table knows and the scan does not: who it is, and when it entered CLOSE_WAIT, if that was seen. */
static bool complete(const struct conn_table *t, struct leak_socket *socket, uint64_t now)
{
	const struct conn *c = table_find(t, socket->t.cookie);
	struct conn_tuple known = {0};

	if (!c || c->state != WIRE_CLOSE_WAIT || now < socket->age_ns)
		return false;
	emit_tuple(t, c, &known);
	socket->t.generation = known.generation;
	if (known.role != CONN_ROLE_UNKNOWN)
		socket->t.role = known.role;
	if (c->spans[c->spans_len - 1].ev == CONN_EV_EVENT) {
		socket->age_ns = now - conn_entered_ns(c);
		socket->age_is_lower_bound = false;
	}
	return true;
}

/* Old enough, but the scan did not find it: its record has no holder. */
static void raise_unseen(struct conn_table *t, const struct conn *c, uint64_t now)
{
	struct leak_socket socket = {
		.state = WIRE_CLOSE_WAIT,
		.verdict = {.cause = LEAK_UNSEEN},
		.age_ns = now - conn_entered_ns(c),
		.age_is_lower_bound = c->spans[c->spans_len - 1].ev != CONN_EV_EVENT,
		.first_holder = LEAK_NONE,
	};

	emit_tuple(t, c, &socket.t);
	raise_alert(t, &socket, now);
}

/* The first in CLOSE_WAIT, in order of entry, that no scan found old enough; NULL: none. */
static const struct conn *next_unscanned(const struct conn_table *t)
{
	return t->close_wait_next == CONN_NONE ? NULL : table_by_id(t, t->close_wait_next);
}

static void scanned(struct conn_table *t, uint64_t now)
{
	struct alerts *a = t->alerts;
	const struct leak_socket *found;
	const struct conn *c;
	uint64_t due_ns;

	a->scanned = true;
	a->next_due_ns = 0;
	leak_set_for_each (found, &a->found) {
		struct leak_socket socket = *found;

		if (socket.state != WIRE_CLOSE_WAIT || pool_find(&a->open, socket.t.cookie) || !complete(t, &socket, now))
			continue;
		if (socket.age_ns >= a->threshold_ns) {
			raise_alert(t, &socket, now);
			continue;
		}
		due_ns = now + a->threshold_ns - socket.age_ns;
		if (!a->next_due_ns || due_ns < a->next_due_ns)
			a->next_due_ns = due_ns;
	}
	while ((c = next_unscanned(t)) && conn_entered_ns(c) + a->threshold_ns <= a->scan_begin_ns) {
		if (!pool_find(&a->open, c->cookie))
			raise_unseen(t, c, now);
		t->close_wait_next = c->next;
	}
	emit_waiting(t, now, false);
}

void alerts_scan(struct conn_table *t, const struct wire_hdr *ev)
{
	if (!t->alerts->threshold_ns)
		return;
	if (ev->kind == WIRE_LEAK_BEGIN)
		t->alerts->scan_begin_ns = ev->ts;
	leak_set_feed(&t->alerts->found, ev);
	if (ev->kind == WIRE_LEAK_END)
		scanned(t, ev->ts);
}

bool alerts_want_scan(const struct conn_table *t, uint64_t now)
{
	const struct alerts *a = t->alerts;
	const struct conn *next = next_unscanned(t);

	if (!a->threshold_ns || t->close_wait.head == CONN_NONE)
		return false;
	if (!a->scanned || (a->next_due_ns && now >= a->next_due_ns)) /* those that are older than we are */
		return true;
	return next && now >= conn_entered_ns(next) + a->threshold_ns;
}

static enum leak_resolution resolution_of(const struct wire_state *ev)
{
	const struct wire_task *task = ev ? wire_task(&ev->hdr) : NULL;

	if (!ev)
		return LEAK_CLOSED;
	if (ev->hdr.new_state == WIRE_CLOSE && (!task || !task->tgid || ev->err == LINUX_ECONNABORTED))
		return LEAK_RESET;
	return ev->hdr.sk_flags & WIRE_SK_EXITING ? LEAK_PROCESS_EXIT : LEAK_CLOSED;
}

/* With its own record, if the alert had one and the budget has room. */
void alerts_left(struct conn_table *t, const struct conn *c, const struct wire_state *ev)
{
	struct alerts *a = t->alerts;
	uint32_t id = pool_count(&a->open) ? pool_find(&a->open, c->cookie) : 0;
	const struct alert *alert = alert_at(a, id);
	struct alert_group *g = group_at(a, alert->group);
	uint64_t now = ev ? ev->hdr.ts : t->now;
	struct ending ending;

	if (!id)
		return;
	ending = (struct ending){
		.in_state_ns = now > alert->since_ns ? now - alert->since_ns : 0,
		.is_lower_bound = alert->is_lower_bound,
		.how = resolution_of(ev),
	};
	emit_tuple(t, c, &ending.t);
	g->open--;
	if (alert->single && take(&a->ends, now)) {
		emit_ending(t, g, &ending, now, 1);
	} else {
		g->waiting_ends++;
		g->ending = ending;
	}
	pool_remove(&a->open, id);
}

void alerts_tick(struct conn_table *t, uint64_t now)
{
	if (pool_count(&t->alerts->groups))
		emit_waiting(t, now, false);
}

void alerts_stop(struct conn_table *t, uint64_t now)
{
	emit_waiting(t, now, true);
	t->leaks_open += pool_count(&t->alerts->open);
	pool_clear(&t->alerts->open);
	pool_clear(&t->alerts->groups);
}
