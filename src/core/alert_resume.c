// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the run before knew comes at the begin of the stream. A cookie is never used again in a boot, but its socket may connect
 * again: a socket is the same one if its addresses are, too.
 *
 * An alert goes on when a leak scan, or the table, has its socket in CLOSE_WAIT. It is resolved when its socket is gone, which
 * takes a scan that would have met it: what a process holds is met in any namespace, all else where the scan may enter. Until
 * then it is neither open nor resolved. After a restart of the host every alert is resolved at once.
 *
 * Who made the state file may have edited it. A time that the kernel contradicts is not believed.
 */
#include "alert_resume.h"

#include "table.h"
#include "wire_read.h"

#include <string.h>

#define KNOWN_MAX 65536
#define SECOND_NS 1000000000ull
#define DOUBT_NS SECOND_NS           /* by which the kernel's bound may exceed an age that was seen: ticks and rounding */
#define SCAN_AGAIN_NS 60000000000ull /* for what a scan could not decide */

/* A pool_key_fn. */
static uint64_t known_cookie(const void *known)
{
	return ((const struct alert_known *)known)->socket.t.cookie;
}

int alerts_before_init(struct alerts_before *before, const struct hash_key *hash_key)
{
	return pool_init(&before->known, sizeof(struct alert_known), KNOWN_MAX, known_cookie, hash_key);
}

void alerts_before_free(struct alerts_before *before)
{
	pool_free(&before->known);
}

static bool same_place(const struct wire_ident *a, const struct wire_ident *b)
{
	return a->netns == b->netns && a->local_port == b->local_port && a->peer_port == b->peer_port &&
	       !memcmp(a->local_addr, b->local_addr, sizeof(a->local_addr)) &&
	       !memcmp(a->peer_addr, b->peer_addr, sizeof(a->peer_addr));
}

/* 0: it did not know this life of the socket. */
static uint32_t find(const struct alerts_before *before, const struct conn_tuple *t)
{
	uint32_t id = pool_count(&before->known) ? pool_find(&before->known, t->cookie) : 0;
	const struct alert_known *known = pool_at(&before->known, id);

	return id && same_place(&known->socket.t.id, &t->id) ? id : 0;
}

static const struct alert_known *known_at(const struct alerts_before *before, uint32_t id)
{
	return pool_at(&before->known, id);
}

const struct alert_known *alerts_before_find(const struct alerts_before *before, const struct conn_tuple *t)
{
	return known_at(before, find(before, t));
}

static void forget(struct alerts_before *before, uint32_t id)
{
	before->alerts -= !!(known_at(before, id)->flags & WIRE_KNOWN_ALERT);
	pool_remove(&before->known, id);
}

static struct alert_known known_of(const struct wire_known *ev, const struct wire_before *run)
{
	const struct process process = wire_process(&ev->hdr);
	uint64_t unseen_ns = ev->unseen_s * SECOND_NS;

	return (struct alert_known){
		.since_ns = ev->since_ns,
		.seen_ns = run->written_ns > unseen_ns ? run->written_ns - unseen_ns : 0,
		.seen_wall_ns = run->written_wall_ns > (int64_t)unseen_ns ? run->written_wall_ns - (int64_t)unseen_ns : 1,
		.flags = ev->flags,
		.socket =
			{
				.t = {.cookie = ev->hdr.cookie,
				      .role = ev->role,
				      .id_known = true,
				      .id = *wire_ident(&ev->hdr),
				      .from = ev->from,
				      .process = process},
				.state = WIRE_CLOSE_WAIT,
				.verdict = {.cause = ev->cause,
					    .certain = ev->flags & WIRE_KNOWN_CAUSE_CERTAIN,
					    .unread_unknown = true},
				.age_is_lower_bound = ev->flags & WIRE_KNOWN_LOWER_BOUND,
				.opened = ev->flags & WIRE_KNOWN_OPENED,
				.side_certain = ev->flags & WIRE_KNOWN_SIDE_CERTAIN,
				.first_holder = LEAK_NONE,
				.last_holder = LEAK_NONE,
			},
	};
}

/* Times of another boot are whatever its state file says. */
static uint64_t age_at(const struct alert_known *known, uint64_t now)
{
	uint64_t age = now > known->since_ns ? now - known->since_ns : 0;

	return age < WIRE_AGE_NS_MAX ? age : WIRE_AGE_NS_MAX;
}

bool alerts_before_same_boot(const struct alerts *alerts)
{
	return !(alerts->before.run.flags & WIRE_BEFORE_OTHER_BOOT);
}

static void take_boot(struct alert_ending *ending, const char *boot_id)
{
	memcpy(ending->boot_id, boot_id, BOOT_DIGITS);
}

/* Nobody watched as its socket left CLOSE_WAIT. What no record has counted needs no end either. */
static void resolve(struct conn_table *t, const struct alert_known *known, enum leak_resolution how)
{
	struct alerts *a = t->alerts;
	const struct wire_before *run = &a->before.run;
	struct alert_ending ending = {
		.t = known->socket.t,
		.at_ns = t->now,
		.in_state_ns = age_at(known, known->seen_ns),
		.is_lower_bound = true,
		.how = how,
		.after_wall_ns = known->seen_wall_ns,
	};
	uint32_t group;

	a->changes++;
	if (!(known->flags & WIRE_KNOWN_EMITTED))
		return;
	group = alert_group_for(t, &a->groups, &known->socket);
	if (!group) {
		table_refuse(t, t->now);
		return;
	}
	if (how == LEAK_HOST_RESTART)
		take_boot(&ending, run->boot_id);
	alert_group_add(&a->groups, group);
	alert_group_end(t, &a->groups, group, &ending, known->flags & WIRE_KNOWN_SINGLE);
}

/* Their alerts are over. Only the record of that is still to be written. */
static void take_ended(struct conn_table *t, const struct wire_ended *ev)
{
	struct alerts *a = t->alerts;
	const struct alert_known known = known_of(&ev->known, &a->before.run);
	struct alert_ending ending = {
		.t = known.socket.t,
		.at_ns = t->now,
		.in_state_ns = ev->in_state_ns,
		.is_lower_bound = known.flags & WIRE_KNOWN_LOWER_BOUND,
		.how = ev->resolution,
		.after_wall_ns = ev->after_wall_ns,
		.from_before = true,
	};
	uint32_t group = a->threshold_ns ? alert_group_for(t, &a->groups, &known.socket) : 0;

	if (*ev->boot_id)
		take_boot(&ending, ev->boot_id);
	else if (!alerts_before_same_boot(a))
		take_boot(&ending, a->before.run.boot_id);
	a->changes++;
	if (group)
		alert_group_ended(t, &a->groups, group, &ending, ev->count);
	else if (a->threshold_ns)
		table_refuse(t, t->now);
}

void alerts_before_feed(struct conn_table *t, const struct wire_hdr *ev)
{
	struct alerts_before *before = &t->alerts->before;
	struct alert_known known;

	if (ev->kind == WIRE_BEFORE) {
		before->run = *(const struct wire_before *)ev;
		return;
	}
	if (ev->kind == WIRE_ENDED) {
		take_ended(t, (const struct wire_ended *)ev);
		return;
	}
	known = known_of((const struct wire_known *)ev, &before->run);
	if (!alerts_before_same_boot(t->alerts)) {
		if (known.flags & WIRE_KNOWN_ALERT && t->alerts->threshold_ns)
			resolve(t, &known, LEAK_HOST_RESTART);
		return;
	}
	if (pool_find(&before->known, ev->cookie) || !pool_add(&before->known, &known))
		return;
	before->alerts += !!(known.flags & WIRE_KNOWN_ALERT);
}

void alerts_before_age(const struct alerts_before *before, struct leak_socket *socket, uint64_t now)
{
	const struct alert_known *known = alerts_before_find(before, &socket->t);
	uint64_t age_ns = age_at(known, now);
	bool is_lower_bound = known->flags & WIRE_KNOWN_LOWER_BOUND;

	if (!known->since_ns || (is_lower_bound ? age_ns < socket->age_ns : age_ns + DOUBT_NS < socket->age_ns))
		return;
	socket->age_ns = age_ns;
	socket->age_is_lower_bound = is_lower_bound;
	socket->age_from_before = true;
}

/* Its group is the one that it was raised in: the cause and the process stay, as in the run before. */
static void resume(struct conn_table *t, uint32_t id, const struct leak_socket *socket, uint64_t now)
{
	struct alerts *a = t->alerts;
	const struct alert_known known = *known_at(&a->before, id);
	struct leak_socket resumed = *socket;
	struct alert alert = {
		.cookie = socket->t.cookie,
		.single = known.flags & WIRE_KNOWN_SINGLE,
		.is_lower_bound = socket->age_is_lower_bound,
		.since_ns = now - socket->age_ns,
	};

	resumed.t.process = known.socket.t.process;
	resumed.t.from = known.socket.t.from;
	resumed.t.role = known.socket.t.role;
	if (resumed.verdict.cause != known.socket.verdict.cause) {
		resumed.verdict.cause = known.socket.verdict.cause;
		resumed.verdict.certain = known.socket.verdict.certain;
	}
	resumed.opened = known.socket.opened;
	resumed.side_certain = known.socket.side_certain;
	forget(&a->before, id);
	alert.group = alert_group_for(t, &a->groups, &resumed);
	if (!alert.group || !pool_add(&a->open, &alert)) {
		table_refuse(t, now);
		return;
	}
	a->changes++;
	alert_group_resume(t, &a->groups, alert.group, &(struct alert_resumed){&resumed, known.flags});
}

bool alerts_before_resume(struct conn_table *t, const struct leak_socket *socket, uint64_t now)
{
	uint32_t id = find(&t->alerts->before, &socket->t);

	if (!id || !(known_at(&t->alerts->before, id)->flags & WIRE_KNOWN_ALERT))
		return false;
	resume(t, id, socket, now);
	return true;
}

/* The leak scan has not met it, but the table has it in CLOSE_WAIT. */
static bool is_tracked(const struct conn_table *t, const struct conn_tuple *tuple)
{
	const struct conn *c = table_find(t, tuple->cookie);

	return c && c->state == WIRE_CLOSE_WAIT && c->local_port == tuple->id.local_port &&
	       c->peer_port == tuple->id.peer_port && !memcmp(c->peer_addr, tuple->id.peer_addr, sizeof(c->peer_addr));
}

static bool would_be_met(const struct alert_known *known, enum wire_leak_reach reach)
{
	return reach == WIRE_REACH_WHOLE || (reach == WIRE_REACH_HELD && known->socket.t.from == CONN_FROM_SCAN);
}

static void decide(struct conn_table *t, uint32_t id, enum wire_leak_reach reach, uint64_t now)
{
	struct alerts *a = t->alerts;
	const struct alert_known *known = known_at(&a->before, id);
	const struct leak_socket *found = leak_set_find(&a->found, known->socket.t.cookie);
	bool met = found && found->state == WIRE_CLOSE_WAIT && same_place(&found->t.id, &known->socket.t.id);
	struct leak_socket socket = known->socket;

	if (is_tracked(t, &socket.t)) {
		socket.age_ns = age_at(known, now);
		socket.age_from_before = true;
		resume(t, id, &socket, now);
	} else if (!met && !a->found.lost && would_be_met(known, reach)) {
		resolve(t, known, LEAK_WHILE_DOWN);
		forget(&a->before, id);
	}
}

void alerts_before_scanned(struct conn_table *t, enum wire_leak_reach reach, uint64_t now)
{
	struct alerts_before *before = &t->alerts->before;

	for (uint32_t id = 1; before->alerts && id < before->known.used; id++) {
		if (known_at(before, id)->flags & WIRE_KNOWN_ALERT)
			decide(t, id, reach, now);
	}
	before->next_scan_ns = now + SCAN_AGAIN_NS;
}

/* It was there at the start, so it goes on and ends. */
void alerts_before_left(struct conn_table *t, struct alert_ending *ending)
{
	struct alerts *a = t->alerts;
	uint32_t id = find(&a->before, &ending->t), group;
	struct alert_known known = *known_at(&a->before, id);

	if (!id)
		return;
	forget(&a->before, id);
	if (!(known.flags & WIRE_KNOWN_ALERT))
		return;
	a->changes++;
	group = alert_group_for(t, &a->groups, &known.socket);
	if (!group) {
		table_refuse(t, t->now);
		return;
	}
	ending->in_state_ns = age_at(&known, ending->at_ns);
	ending->is_lower_bound = known.flags & WIRE_KNOWN_LOWER_BOUND;
	known.socket.age_ns = ending->in_state_ns;
	known.socket.age_from_before = true;
	alert_group_resume(t, &a->groups, group, &(struct alert_resumed){&known.socket, known.flags});
	alert_groups_emit(t, &a->groups, false);
	alert_group_end(t, &a->groups, group, ending, known.flags & WIRE_KNOWN_SINGLE);
}
