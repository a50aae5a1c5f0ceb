// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a socket has been in CLOSE_WAIT for the threshold, the table wants a leak scan, which shows who holds it and why it
 * leaks. The alert is raised at the end of that scan. So alerts depend on the stream alone, and a replay gives the same ones.
 */
#include "alert.h"

#include "alert_resume.h"
#include "emit.h"
#include "verdict.h"
#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>

#define FOUND_MIN 65536 /* sockets of a scan, which include those that are not tracked */
#define PARTIAL_MAX 3   /* partial scans on end: then an alert without a holder is better than none */

/* A pool_key_fn. */
static uint64_t alert_key(const void *alert)
{
	return ((const struct alert *)alert)->cookie;
}

int alerts_new(struct alerts **out, const struct conn_config *config)
{
	struct alerts *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->threshold_ns = config->leak_threshold_ns;
	err = pool_init(&a->open, sizeof(struct alert), UINT32_MAX - 1, alert_key, &config->hash_key)
		?: leak_set_init(&a->found, config->max_connections > FOUND_MIN ? config->max_connections : FOUND_MIN,
&config->hash_key)
		?: alert_groups_init(&a->groups, &a->found, config->max_connections, &config->hash_key)
		?: alerts_before_init(&a->before, &config->hash_key);
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
	alerts_before_free(&a->before);
	alert_groups_free(&a->groups);
	leak_set_free(&a->found);
	pool_free(&a->open);
	free(a);
}

uint64_t alerts_memory(const struct alerts *a)
{
	return sizeof(*a) + pool_memory(&a->open) + pool_memory(&a->groups.groups) + pool_memory(&a->before.known) +
	       leak_set_memory(&a->found);
}

uint64_t alerts_open(const struct alerts *a)
{
	return pool_count(&a->open);
}

const struct leak_set *alerts_found(const struct alerts *a)
{
	return &a->found;
}

uint64_t alerts_oldest_ns(const struct alerts *a, uint64_t since_ns)
{
	for (uint32_t id = 1; pool_count(&a->open) && id < a->open.used; id++) {
		if (alert_at(a, id)->cookie && alert_at(a, id)->since_ns < since_ns)
			since_ns = alert_at(a, id)->since_ns;
	}
	return since_ns;
}

static void raise_alert(struct conn_table *t, const struct leak_socket *socket, uint64_t now)
{
	struct alerts *a = t->alerts;
	struct alert alert = {
		.cookie = socket->t.cookie,
		.group = alert_group_for(t, &a->groups, socket),
		.since_ns = now - socket->age_ns,
		.is_lower_bound = socket->age_is_lower_bound,
	};
	uint32_t id = alert.group ? pool_add(&a->open, &alert) : 0;

	a->changes++;
	if (id)
		alert_at(a, id)->single = alert_group_raise(t, &a->groups, alert.group, socket);
	else
		table_refuse(t, now);
}

static void take_role(struct leak_socket *socket, enum conn_role role)
{
	socket->t.role = role;
	socket->opened = role != CONN_SERVER;
	socket->side_certain = true;
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
		take_role(socket, known.role);
	if (conn_from_used(known.from))
		leak_set_judge_owner(&t->alerts->found, socket, &known.process);
	if (c->spans[c->spans_len - 1].ev == CONN_EV_EVENT) {
		socket->age_ns = now - conn_entered_ns(c);
		socket->age_is_lower_bound = false;
	} else {
		alerts_before_age(&t->alerts->before, socket, now);
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
		.opened = true,
		.first_holder = LEAK_NONE,
	};

	emit_tuple(t, c, &socket.t);
	if (socket.t.role != CONN_ROLE_UNKNOWN)
		take_role(&socket, socket.t.role);
	raise_alert(t, &socket, now);
}

/* The first in CLOSE_WAIT, in order of entry, that no scan found old enough; NULL: none. */
static const struct conn *next_unscanned(const struct conn_table *t)
{
	return t->close_wait_next == CONN_NONE ? NULL : table_by_id(t, t->close_wait_next);
}

/* Those that are old enough and that the scan did not find, in order of entry. */
static void raise_all_unseen(struct conn_table *t, uint64_t now)
{
	struct alerts *a = t->alerts;
	const struct conn *c;

	while ((c = next_unscanned(t)) && conn_entered_ns(c) + a->threshold_ns <= a->scan_begin_ns) {
		if (!pool_find(&a->open, c->cookie))
			raise_unseen(t, c, now);
		t->close_wait_next = c->next;
	}
}

/* A partial scan may have missed a socket that the next one finds with its holder: until then nothing is settled. */
static void scanned(struct conn_table *t, const struct wire_hdr *ev)
{
	uint64_t now = ev->ts;
	struct alerts *a = t->alerts;
	const struct leak_socket *found;
	bool settled;
	uint64_t due_ns;

	a->partial = a->found.partial ? a->partial + 1 : 0;
	settled = !a->found.partial || a->partial >= PARTIAL_MAX;
	a->scanned |= settled;
	if (settled)
		a->next_due_ns = 0;
	leak_set_for_each (found, &a->found) {
		struct leak_socket socket = *found;

		if (socket.state != WIRE_CLOSE_WAIT || pool_find(&a->open, socket.t.cookie) || !complete(t, &socket, now))
			continue;
		if (alerts_before_resume(t, &socket, now))
			continue;
		if (socket.age_ns >= a->threshold_ns) {
			raise_alert(t, &socket, now);
			continue;
		}
		due_ns = now + a->threshold_ns - socket.age_ns;
		if (!a->next_due_ns || due_ns < a->next_due_ns)
			a->next_due_ns = due_ns;
	}
	alerts_before_scanned(t, ev->new_state, now);
	if (settled)
		raise_all_unseen(t, now);
	alert_groups_emit(t, &a->groups, false);
}

void alerts_scan(struct conn_table *t, const struct wire_hdr *ev)
{
	if (!t->alerts->threshold_ns)
		return;
	if (ev->kind == WIRE_LEAK_BEGIN)
		t->alerts->scan_begin_ns = ev->ts;
	leak_set_feed(&t->alerts->found, ev);
	if (ev->kind == WIRE_LEAK_END)
		scanned(t, ev);
}

void alerts_openers(const struct conn_table *t, opener_fn fn, void *ctx)
{
	const struct leak_set *set = &t->alerts->found;
	const struct leak_socket *found;
	struct leak_socket socket;
	struct conn_tuple known;
	const struct conn *c;
	uint64_t asked_ns = 0;

	leak_set_for_each (found, set) {
		c = table_find(t, found->t.cookie);
		if (!c)
			continue;
		known = (struct conn_tuple){0};
		emit_tuple(t, c, &known);
		if (!conn_from_used(known.from) || known.task.start_ns == asked_ns)
			continue;
		socket = *found;
		leak_set_judge_owner(set, &socket, &known.process);
		if (!socket.opener.tgid || socket.opener_ended)
			continue;
		asked_ns = known.task.start_ns; /* most sockets that follow are of the same process */
		fn(ctx, &socket.opener);
	}
}

bool alerts_want_scan(const struct conn_table *t, uint64_t now)
{
	const struct alerts *a = t->alerts;
	const struct conn *next = next_unscanned(t);

	if (a->threshold_ns && a->before.alerts && now >= a->before.next_scan_ns)
		return true;
	if (!a->threshold_ns || t->close_wait.head == CONN_NONE)
		return false;
	if (!a->scanned || (a->next_due_ns && now >= a->next_due_ns)) /* those that are older than we are */
		return true;
	return next && now >= conn_entered_ns(next) + a->threshold_ns;
}

/*
 * tcp_reset() leaves EPIPE in CLOSE_WAIT, and tcp_abort() ECONNABORTED. tcp_write_err() leaves ETIMEDOUT, or the soft error of
 * an ICMP answer.
 */
static enum leak_resolution resolution_of_error(const struct conn *c, const struct wire_state *ev)
{
	const struct conn_numbers numbers = conn_numbers(ev);

	switch (ev->err) {
	case EPIPE:
	case ECONNRESET:
	case ECONNABORTED:
		return LEAK_RESET;
	case ETIMEDOUT:
	case ECONNREFUSED:
		return LEAK_TIMEOUT;
	default:
		return verdict_end(c, &numbers) == CONN_END_UNREACHABLE ? LEAK_TIMEOUT : LEAK_UNKNOWN;
	}
}

/* close() sets both bits of sk_shutdown before it changes the state, whatever error is left from before. */
static enum leak_resolution resolution_of(const struct conn *c, const struct wire_state *ev)
{
	const struct wire_task *task = ev ? wire_task(&ev->hdr) : NULL;
	bool by_task = task && task->tgid;

	if (!ev)
		return LEAK_UNKNOWN;
	if (ev->hdr.new_state == WIRE_CLOSE && !(ev->hdr.shutdown & 2)) {
		if (ev->err)
			return resolution_of_error(c, ev);
		if (!by_task)
			return LEAK_UNKNOWN;
	}
	return by_task && (ev->hdr.sk_flags & WIRE_SK_EXITING) ? LEAK_PROCESS_EXIT : LEAK_CLOSED;
}

void alerts_left(struct conn_table *t, const struct conn *c, const struct wire_state *ev)
{
	struct alerts *a = t->alerts;
	uint32_t id = pool_count(&a->open) ? pool_find(&a->open, c->cookie) : 0;
	const struct alert *alert = alert_at(a, id);
	struct alert_ending ending;

	if (!id && (!pool_count(&a->before.known) || !pool_find(&a->before.known, c->cookie)))
		return;
	ending = (struct alert_ending){
		.at_ns = ev ? ev->hdr.ts : t->now,
		.is_lower_bound = alert->is_lower_bound,
		.how = resolution_of(c, ev),
	};
	emit_tuple(t, c, &ending.t);
	if (!id) {
		alerts_before_left(t, &ending);
		return;
	}
	if (ending.at_ns > alert->since_ns)
		ending.in_state_ns = ending.at_ns - alert->since_ns;
	a->changes++;
	alert_group_end(t, &a->groups, alert->group, &ending, alert->single);
	pool_remove(&a->open, id);
}

void alerts_tick(struct conn_table *t)
{
	alert_groups_emit(t, &t->alerts->groups, false);
}

void alerts_stop(struct conn_table *t)
{
	alert_groups_emit(t, &t->alerts->groups, true);
	t->leaks_open += pool_count(&t->alerts->open);
	pool_clear(&t->alerts->open);
	pool_clear(&t->alerts->groups.groups);
	pool_clear(&t->alerts->before.known); /* what it knew goes on, too */
}
