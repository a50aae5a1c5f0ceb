// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets are grouped as `leaks` groups them. What the scan does not know of a group's oldest socket, the table may know: who
 * closed it, who opened what a child holds.
 */
#include "finding_scan.h"

#include "emit.h"

#include <string.h>

#define QUEUES_MAX 32 /* whose oldest connection is looked for */

/* One look. */
struct look {
	struct finding_scan *scan;
	const struct conn_table *t;
	const struct leak_set *set;
	uint64_t now;
	struct finding_set *findings;
};

int finding_scan_init(struct finding_scan *scan, uint64_t threshold_ns, const struct hash_key *hash_key)
{
	scan->threshold_ns = threshold_ns;
	return finding_drain_init(&scan->drain, hash_key) ?: leak_groups_init(&scan->groups, LEAK_BY_DEFAULT, NULL, hash_key);
}

void finding_scan_free(struct finding_scan *scan)
{
	leak_groups_free(&scan->groups);
	finding_drain_free(&scan->drain);
}

uint64_t finding_scan_memory(const struct finding_scan *scan)
{
	return pool_memory(&scan->drain.by_cookie) + pool_memory(&scan->groups.groups) +
	       scan->groups.len * sizeof(*scan->groups.order) + scan->groups.members_room * sizeof(*scan->groups.members);
}

static struct conn_tuple known_of(const struct conn_table *t, uint64_t cookie)
{
	const struct conn *c = cookie ? table_find(t, cookie) : NULL;
	struct conn_tuple tuple = {0};

	if (c)
		emit_tuple(t, c, &tuple);
	return tuple;
}

static bool holds(const struct leak_set *set, const struct leak_socket *socket, const struct process *process)
{
	const struct leak_holder *holder;

	leak_for_each_holder (holder, set->holders, socket) {
		if (holder->task.tgid == process->task.tgid && holder->task.start_ns == process->task.start_ns)
			return true;
	}
	return false;
}

bool finding_opened(const struct conn_table *t, const struct conn_tuple *tuple)
{
	const struct wire_ident *id = &tuple->id;

	if (tuple->role == CONN_ROLE_UNKNOWN)
		return !listeners_any(&t->listeners, id->netns, id->local_port, id->local_addr);
	return tuple->role != CONN_SERVER;
}

/* These are leak_wanted_fns. */

static bool is_accepted(void *look, const struct leak_socket *socket)
{
	(void)look;
	return socket->verdict.cause != LEAK_NEVER_ACCEPTED;
}

/* A client may end its side and then take a long answer: who still sends to it has not forgotten it. */
static bool is_forgotten(void *look, const struct leak_socket *socket)
{
	const struct look *l = look;

	return is_accepted(look, socket) && !(socket->sent_known && socket->sent_ns < l->scan->threshold_ns);
}

/* All that hold it are strangers to it, and none is known to have used it. */
static bool is_held_by_child(void *look, const struct leak_socket *socket)
{
	const struct look *l = look;
	struct conn_tuple known;

	if (socket->verdict.cause != LEAK_INHERITED)
		return false;
	known = known_of(l->t, socket->t.cookie);
	return !conn_from_used(known.from) || !holds(l->set, socket, &known.process);
}

/* For so long nothing was acknowledged to what closes. The table may know since when it closes. */
static uint64_t stuck_ns(const struct look *l, const struct leak_socket *socket)
{
	const struct conn *c = socket->t.cookie ? table_find(l->t, socket->t.cookie) : NULL;
	bool known = c && finding_closes(c->state) && l->now > conn_entered_ns(c);

	return finding_drain_ns(&l->scan->drain, socket, known ? l->now - conn_entered_ns(c) : 0, l->now);
}

static bool is_stuck(const struct look *l, const struct leak_socket *socket)
{
	return stuck_ns(l, socket) >= FINDING_FIN_NS;
}

/* Segments are on the way, and nobody acknowledges them. */
static bool is_unanswered(void *look, const struct leak_socket *socket)
{
	return socket->unacked && is_stuck(look, socket);
}

/* All that was sent is acknowledged, and there is more: the window of the peer is closed (RFC 9293, 3.8.6.1). */
static bool is_blocked(void *look, const struct leak_socket *socket)
{
	return !socket->unacked && socket->verdict.unsent_bytes && is_stuck(look, socket);
}

/* The queue is full, which is a finding of its own. */
static bool in_queue_with_room(void *look, const struct leak_socket *socket)
{
	const struct listeners *ls = &((const struct look *)look)->set->listeners;
	uint32_t id = socket->listener ? listeners_find(ls, socket->listener) : 0;
	struct conn_listener_row row;

	return !id || !listeners_row(ls, id, &row) || !conn_queue_is_full(&row.at);
}

/* What holds for all of a group. */
static uint32_t about(const struct leak_socket *socket, uint32_t by)
{
	if (socket->opened)
		return FINDING_PEER_ADDR | FINDING_PEER_PORT;
	return by & LEAK_BY(PEER) ? FINDING_PEER_ADDR : FINDING_LOCAL_PORT;
}

static bool has_cause(enum finding_id id)
{
	return id == FINDING_CLOSE_WAIT_LEAK || id == FINDING_HELD_BY_CHILD;
}

/* As the scan shows it, and with what the table knows of who used it. */
static struct leak_socket judged(const struct look *l, const struct leak_socket *found)
{
	const struct conn_tuple known = known_of(l->t, found->t.cookie);
	struct leak_socket socket = *found;

	if (conn_from_used(known.from))
		leak_set_judge_owner(l->set, &socket, &known.process);
	return socket;
}

/* What the table knows may part a group, which the scan gave one cause: the commonest one is named, with its oldest example. */
static void set_cause(const struct look *l, const struct leak_group *group, struct finding_record *f)
{
	struct leak_socket socket, oldest[LEAK_CAUSE_MAX] = {0};
	uint64_t counts[LEAK_CAUSE_MAX] = {0};
	bool certain[LEAK_CAUSE_MAX] = {0};
	enum leak_cause cause;

	for (uint64_t i = 0; i < group->count; i++) {
		socket = judged(l, leak_group_member(&l->scan->groups, group, i));
		cause = socket.verdict.cause;
		certain[cause] = socket.verdict.certain && (!counts[cause] || certain[cause]);
		if (!counts[cause]++ || socket.age_ns > oldest[cause].age_ns)
			oldest[cause] = socket;
		if (counts[cause] > f->cause_count) {
			f->cause = cause;
			f->cause_count = counts[cause];
		}
	}
	f->t.cookie = oldest[f->cause].t.cookie;
	f->cause_certain = certain[f->cause];
	f->opener = oldest[f->cause].opener;
	f->opener_ended = oldest[f->cause].opener_ended;
}

static void offer_group(const struct look *l, enum finding_id id, const struct leak_group *group, uint32_t by)
{
	const struct leak_socket *oldest = group->oldest;
	const struct conn_tuple known = known_of(l->t, oldest->t.cookie);
	struct finding_record f = {.id = id, .count = group->count, .oldest_known = true, .t = oldest->t};

	if (f.t.from == CONN_FROM_NONE && known.from != CONN_FROM_NONE) {
		f.t.from = known.from;
		f.t.process = known.process;
	}
	f.of_known = finding_has_share(id);
	if (f.of_known)
		f.of = group->met > group->count ? group->met : group->count;
	f.oldest_ns = finding_closes(oldest->state) ? stuck_ns(l, oldest) : oldest->age_ns;
	f.cause = has_cause(id) ? oldest->verdict.cause : LEAK_UNSEEN;
	finding_set_about(&f, about(oldest, by));
	finding_name(&f, by & LEAK_BY(PROCESS)); /* by the scan's cause, which all have: which is the commonest may change */
	if (has_cause(id))
		set_cause(l, group, &f);
	finding_set_offer(l->findings, &f);
}

/* How many connections there are with the peer of each group, whatever their state, if a group may be a finding. */
static void meet_all(const struct look *l, enum finding_id id, struct leak_groups *groups)
{
	struct leak_socket socket = {.verdict.cause = LEAK_UNSEEN}; /* as in the key of what closes */
	bool needed = false;

	for (uint32_t i = 0; i < groups->len; i++)
		needed |= groups->order[i]->count >= finding_least(id);
	for (const struct conn *c = needed ? table_next(l->t, NULL) : NULL; c; c = table_next(l->t, c)) {
		if (!(c->facts & CONN_ID_KNOWN))
			continue;
		emit_tuple(l->t, c, &socket.t);
		socket.opened = finding_opened(l->t, &socket.t);
		leak_groups_meet(groups, &socket);
	}
}

struct kind {
	enum finding_id id;
	uint32_t states, by;
	leak_wanted_fn wanted;
	bool over_only, queue_only;
};

static int offer_groups(struct look *l, const struct kind *kind)
{
	const struct leak_choice choice = {kind->states,          kind->over_only, kind->queue_only,
					   l->scan->threshold_ns, kind->wanted,    l};
	struct leak_groups *groups = &l->scan->groups;
	int err;

	groups->by = kind->by;
	err = leak_groups_fill(groups, l->set, &choice);
	if (!err && finding_has_share(kind->id))
		meet_all(l, kind->id, groups);
	for (uint32_t i = 0; !err && i < groups->len; i++)
		offer_group(l, kind->id, groups->order[i], kind->by);
	return err;
}

/* Since when the connection has waited for accept(): a hook saw its begin, or the scan knows a later moment. */
static uint64_t waited_ns(const struct look *l, const struct leak_socket *socket)
{
	const struct conn *c = table_find(l->t, socket->t.cookie);
	uint64_t seen_ns = c && c->state == WIRE_ESTABLISHED && l->now > conn_entered_ns(c) ? l->now - conn_entered_ns(c) : 0;

	return seen_ns > socket->age_ns ? seen_ns : socket->age_ns;
}

static bool waits_at(const struct leak_socket *socket, const struct conn_listener_row *row)
{
	if (socket->verdict.cause != LEAK_NEVER_ACCEPTED)
		return false;
	if (socket->listener)
		return socket->listener == row->cookie;
	return socket->t.id.netns == row->netns && socket->t.id.local_port == row->local_port;
}

static void offer_queue(const struct look *l, const struct conn_listener_row *row)
{
	const struct process *process = listeners_owner(&l->set->listeners, row->netns, row->local_port, row->local_addr);
	struct finding_record f = {
		.id = FINDING_ACCEPT_QUEUE_FULL, .count = row->at.queue, .limit = (uint64_t)row->at.limit + 1};
	const struct leak_socket *socket;

	f.t = (struct conn_tuple){.id_known = true, .role = CONN_SERVER};
	f.t.id = (struct wire_ident){.netns = row->netns, .local_port = row->local_port, .family = FINDING_FAMILY(row->ipv4)};
	memcpy(f.t.id.local_addr, row->local_addr, sizeof(row->local_addr));
	if (process) {
		f.t.from = CONN_FROM_LISTENER;
		f.t.process = *process;
	}
	leak_set_for_each (socket, l->set) {
		if (!waits_at(socket, row) || (f.oldest_known && waited_ns(l, socket) <= f.oldest_ns))
			continue;
		f.oldest_known = true;
		f.oldest_ns = waited_ns(l, socket);
		f.t.cookie = socket->t.cookie;
	}
	finding_set_about(&f, FINDING_LOCAL_ADDR | FINDING_LOCAL_PORT);
	finding_name(&f, false);
	finding_set_offer(l->findings, &f);
}

static void offer_queues(const struct look *l)
{
	const struct listeners *ls = &l->set->listeners;
	struct conn_listener_row row;

	for (uint32_t id = 1, n = 0; id < listeners_end(ls) && n < QUEUES_MAX; id++) {
		if (!listeners_row(ls, id, &row) || !row.at.queue || row.at.queue < row.at.limit / 2)
			continue;
		offer_queue(l, &row);
		n++;
	}
}

int finding_scan_look(struct finding_scan *scan, const struct conn_table *t, const struct leak_set *set, uint64_t now,
		      struct finding_set *ret_findings)
{
	static const struct kind kinds[] = {
		{FINDING_CLOSE_WAIT_LEAK, 1u << WIRE_CLOSE_WAIT, LEAK_BY_DEFAULT, is_forgotten, true, false},
		{FINDING_HELD_BY_CHILD, 1u << WIRE_ESTABLISHED, LEAK_BY_DEFAULT, is_held_by_child, true, false},
		{FINDING_FIN_WAIT2_PILE, 1u << WIRE_FIN_WAIT2, LEAK_BY(PEER), is_accepted, true, false},
		{FINDING_FIN_UNANSWERED, UINT32_MAX, LEAK_BY(PEER), is_unanswered, false, false},
		{FINDING_FIN_BLOCKED, UINT32_MAX, LEAK_BY(PEER), is_blocked, false, false},
		{FINDING_ACCEPT_STALLED, UINT32_MAX, LEAK_BY_DEFAULT, in_queue_with_room, true, true},
	};
	struct look look = {scan, t, set, now, ret_findings};
	int err = 0;

	finding_drain_scanned(&scan->drain, set, now);
	offer_queues(&look);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !err; i++)
		err = offer_groups(&look, &kinds[i]);
	return err;
}
