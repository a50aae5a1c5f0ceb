// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socket that is in CLOSE_WAIT for the threshold makes the table want a leak scan, which says who holds it and why it leaks;
 * the alert is raised as that scan ends. So alerts depend on the stream alone, and a replay gives the same ones.
 *
 * Few records for many sockets: of each group (one process, one cause) the first SINGLES sockets are told one by one; the
 * others are counted and told as one record with a count, at the most one per GROUP_NS; and all groups together have BUDGET
 * records a minute. Nothing is left out: the counts add up to the number of sockets, at the end at the latest. The same for
 * their ends.
 */
#include "alert.h"

#include "emit.h"
#include "leak.h"
#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SINGLES 5
#define GROUP_NS 60000000000ull
#define BUDGET 60
#define BUDGET_NS 60000000000ull
#define GROUPS_MAX 1024 /* beyond it, groups share the last one */
#define INDEX_MIN_BITS 6

enum { LINUX_ECONNABORTED = 103 };

struct alert {
	uint64_t cookie; /* 0: free */
	uint64_t since_ns;
	uint32_t group;
	bool single, is_lower_bound;
};

struct ending {
	struct conn_tuple t;
	uint64_t in_state_ns;
	bool is_lower_bound;
	enum leak_resolution how;
};

struct alert_group {
	bool used;
	uint32_t tgid;
	uint64_t start_ns;
	enum leak_cause cause;
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
	struct leak_set *found;
	struct alert *open; /* open addressing by cookie */
	unsigned int open_bits;
	uint64_t open_len;
	struct alert_group *groups;
	uint32_t groups_len;
	struct budget leaks, ends;
	uint64_t scan_begin_ns;
	uint64_t next_due_ns; /* when a socket that a scan found younger is due; 0: none */
	bool scanned;
};

int alerts_new(struct alerts **out, const struct conn_config *config)
{
	struct alerts *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->threshold_ns = config->leak_threshold_ns;
	a->open_bits = INDEX_MIN_BITS;
	a->open = calloc(1u << INDEX_MIN_BITS, sizeof(*a->open));
	a->groups = calloc(GROUPS_MAX, sizeof(*a->groups));
	err = a->open && a->groups ? leak_set_new(&a->found, config->max_connections) : -ENOMEM;
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
	leak_set_free(a->found);
	free(a->groups);
	free(a->open);
	free(a);
}

uint64_t alerts_memory(const struct alerts *a)
{
	return sizeof(*a) + (sizeof(*a->open) << a->open_bits) + GROUPS_MAX * sizeof(*a->groups) + leak_set_memory(a->found);
}

uint64_t alerts_open(const struct alerts *a)
{
	return a->open_len;
}

uint64_t alerts_oldest_ns(const struct alerts *a, uint64_t since_ns)
{
	for (size_t i = 0; a->open_len && i < 1UL << a->open_bits; i++) {
		if (a->open[i].cookie && a->open[i].since_ns < since_ns)
			since_ns = a->open[i].since_ns;
	}
	return since_ns;
}

static uint32_t open_slot(const struct alerts *a, uint64_t cookie)
{
	return (cookie * 0x9e3779b97f4a7c15ULL) >> (64 - a->open_bits);
}

/* The alert of `cookie`, or the free slot that it would take. */
static struct alert *open_find(const struct alerts *a, uint64_t cookie)
{
	uint32_t mask = (1u << a->open_bits) - 1, i = open_slot(a, cookie);

	while (a->open[i].cookie && a->open[i].cookie != cookie)
		i = (i + 1) & mask;
	return &a->open[i];
}

static struct alert *open_add(struct alerts *a, uint64_t cookie)
{
	struct alert *grown, *old = a->open;
	size_t len = 1UL << a->open_bits;

	if (a->open_len >= len / 4 * 3) {
		grown = calloc(2 * len, sizeof(*grown));
		if (!grown)
			return NULL;
		a->open = grown;
		a->open_bits++;
		for (size_t i = 0; i < len; i++) {
			if (old[i].cookie)
				*open_find(a, old[i].cookie) = old[i];
		}
		free(old);
	}
	a->open_len++;
	return open_find(a, cookie);
}

/* Closes the hole by moving back what had to probe past it. */
static void open_remove(struct alerts *a, struct alert *alert)
{
	uint32_t mask = (1u << a->open_bits) - 1, hole = (uint32_t)(alert - a->open), i;

	for (i = (hole + 1) & mask; a->open[i].cookie; i = (i + 1) & mask) {
		if (((i - open_slot(a, a->open[i].cookie)) & mask) >= ((i - hole) & mask)) {
			a->open[hole] = a->open[i];
			hole = i;
		}
	}
	a->open[hole].cookie = 0;
	a->open_len--;
}

static bool is_idle(const struct alert_group *g)
{
	return !g->open && !g->waiting && !g->waiting_ends;
}

static struct alert_group *group_for(struct alerts *a, const struct leak_socket *socket, uint64_t now)
{
	uint32_t tgid = socket->t.from == CONN_FROM_NONE ? 0 : socket->t.task.tgid;
	uint64_t start_ns = tgid ? socket->t.task.start_ns : 0;
	struct alert_group *g, *free_one = NULL;

	for (uint32_t i = 0; i < a->groups_len; i++) {
		g = &a->groups[i];
		if (g->used && g->tgid == tgid && g->start_ns == start_ns && g->cause == socket->verdict.cause)
			return g;
		if (!free_one && (!g->used || (is_idle(g) && now - g->emitted_ns >= GROUP_NS)))
			free_one = g;
	}
	if (!free_one && a->groups_len == GROUPS_MAX)
		return &a->groups[GROUPS_MAX - 1];
	g = free_one ? free_one : &a->groups[a->groups_len++];
	*g = (struct alert_group){
		.used = true,
		.tgid = tgid,
		.start_ns = start_ns,
		.cause = socket->verdict.cause,
		.first_cookie = socket->t.cookie,
		.mark_ns = now,
	};
	return g;
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
		.set = t->alerts->found,
		.threshold_ns = t->alerts->threshold_ns,
		.alert_cookie = count > 1 ? g->first_cookie : socket->t.cookie,
		.count = count,
		.group_open = g->open,
		.growth_known = now - g->mark_ns >= GROUP_NS / 6,
	};

	if (!leak_set_find(t->alerts->found, socket->t.cookie)) { /* of a scan before: its holders are forgotten */
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
	if (emit_wanted(t, RECORD_CLOSE_WAIT_LEAK))
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

	if (emit_wanted(t, RECORD_CLOSE_WAIT_RESOLVED))
		emit_record(t, &(struct record){.kind = RECORD_CLOSE_WAIT_RESOLVED, .ts = now, .leak_resolved = &resolved});
}

/* What was counted is told where it is due; with `all`, whatever it costs. */
static void emit_waiting(struct conn_table *t, uint64_t now, bool all)
{
	struct alerts *a = t->alerts;

	for (uint32_t i = 0; i < a->groups_len; i++) {
		struct alert_group *g = &a->groups[i];

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
	struct alert_group *g = group_for(a, socket, now);
	struct alert *alert = open_add(a, socket->t.cookie);

	if (!alert) {
		table_refuse(t, now);
		return;
	}
	g->open++;
	*alert = (struct alert){
		.cookie = socket->t.cookie,
		.since_ns = now - socket->age_ns,
		.group = (uint32_t)(g - a->groups),
		.is_lower_bound = socket->age_is_lower_bound,
		.single = g->singles < SINGLES && take(&a->leaks, now),
	};
	if (alert->single) {
		g->singles++;
		emit_leak(t, g, socket, now, 1);
	} else {
		g->waiting++;
		g->example = *socket;
	}
}

/* What the table knows better than the scan: when it came to CLOSE_WAIT, if that was seen, and who it is. */
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
		socket->age_ns = now - table_entered_ns(c);
		socket->age_is_lower_bound = false;
	}
	return true;
}

/* Old enough, and not met: it is told without a holder. */
static void raise_unseen(struct conn_table *t, const struct conn *c, uint64_t now)
{
	struct leak_socket socket = {
		.state = WIRE_CLOSE_WAIT,
		.verdict = {.cause = LEAK_UNSEEN},
		.age_ns = now - table_entered_ns(c),
		.age_is_lower_bound = c->spans[c->spans_len - 1].ev != CONN_EV_EVENT,
		.first_holder = LEAK_NONE,
	};

	emit_tuple(t, c, &socket.t);
	raise_alert(t, &socket, now);
}

static void scanned(struct conn_table *t, uint64_t now)
{
	struct alerts *a = t->alerts;
	const struct conn *c;
	uint64_t due_ns;

	a->scanned = true;
	a->next_due_ns = 0;
	for (size_t i = 0; i < leak_set_len(a->found); i++) {
		struct leak_socket socket = *leak_set_at(a->found, i);

		if (socket.state != WIRE_CLOSE_WAIT || open_find(a, socket.t.cookie)->cookie || !complete(t, &socket, now))
			continue;
		if (socket.age_ns >= a->threshold_ns) {
			raise_alert(t, &socket, now);
			continue;
		}
		due_ns = now + a->threshold_ns - socket.age_ns;
		if (!a->next_due_ns || due_ns < a->next_due_ns)
			a->next_due_ns = due_ns;
	}
	while ((c = table_close_wait_next(t)) && table_entered_ns(c) + a->threshold_ns <= a->scan_begin_ns) {
		if (!open_find(a, c->cookie)->cookie)
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
	leak_set_feed(t->alerts->found, ev);
	if (ev->kind == WIRE_LEAK_END)
		scanned(t, ev->ts);
}

bool alerts_want_scan(const struct conn_table *t, uint64_t now)
{
	const struct alerts *a = t->alerts;
	const struct conn *next = table_close_wait_next(t);

	if (!a->threshold_ns || t->close_wait.head == CONN_NONE)
		return false;
	if (!a->scanned || (a->next_due_ns && now >= a->next_due_ns)) /* those that are older than we are */
		return true;
	return next && now >= table_entered_ns(next) + a->threshold_ns;
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

static struct ending ending_of(const struct conn_table *t, const struct conn *c, const struct alert *alert, uint64_t now,
			       enum leak_resolution how)
{
	struct ending ending = {
		.in_state_ns = now > alert->since_ns ? now - alert->since_ns : 0,
		.is_lower_bound = alert->is_lower_bound,
		.how = how,
	};

	emit_tuple(t, c, &ending.t);
	return ending;
}

void alerts_left(struct conn_table *t, const struct conn *c, const struct wire_state *ev)
{
	struct alerts *a = t->alerts;
	struct alert *alert = a->open_len ? open_find(a, c->cookie) : NULL;
	uint64_t now = ev ? ev->hdr.ts : t->now;
	struct ending ending;
	struct alert_group *g;

	if (!alert || !alert->cookie)
		return;
	ending = ending_of(t, c, alert, now, resolution_of(ev));
	g = &a->groups[alert->group];
	g->open--;
	if (alert->single && take(&a->ends, now)) {
		emit_ending(t, g, &ending, now, 1);
	} else {
		g->waiting_ends++;
		g->ending = ending;
	}
	open_remove(a, alert);
}

void alerts_tick(struct conn_table *t, uint64_t now)
{
	if (t->alerts->groups_len)
		emit_waiting(t, now, false);
}

/* Alerts that are still open end with us: those that were told singly singly, the others by group. */
void alerts_stop(struct conn_table *t, uint64_t now)
{
	struct alerts *a = t->alerts;

	emit_waiting(t, now, true);
	for (size_t i = 0; i < 1UL << a->open_bits; i++) {
		const struct alert *alert = &a->open[i];
		struct alert_group *g = &a->groups[alert->group];
		const struct conn *c = alert->cookie ? table_find(t, alert->cookie) : NULL;
		struct ending ending;

		if (!c)
			continue;
		ending = ending_of(t, c, alert, now, LEAK_DAEMON_STOP);
		g->open--;
		if (alert->single) {
			emit_ending(t, g, &ending, now, 1);
		} else {
			g->waiting_ends++;
			g->ending = ending;
		}
	}
	emit_waiting(t, now, true);
	memset(a->open, 0, sizeof(*a->open) << a->open_bits);
	a->open_len = 0;
	a->groups_len = 0;
}
