// SPDX-License-Identifier: GPL-2.0-only
#include "leak.h"

#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>

#define HOLDERS_PER_SOCKET 8 /* room for so many on average */
#define HOLDERS_MIN 256
#define IN_USE_MAX 65536 /* processes */
#define STDERR 2         /* what is up to here was handed over on purpose, as inetd does */

/* A pool_key_fn. */
static uint64_t cookie_of(const void *socket)
{
	return ((const struct leak_socket *)socket)->t.cookie;
}

struct leak_in_use {
	uint64_t since_ns, start_ns, tgid;
};

/* A pool_key_fn. */
static uint64_t tgid_of(const void *in_use)
{
	return ((const struct leak_in_use *)in_use)->tgid;
}

int leak_set_init(struct leak_set *set, uint32_t max_sockets, const struct hash_key *hash_key)
{
	int err;

	*set = (struct leak_set){0};
	err = pool_init(&set->sockets, sizeof(struct leak_socket), max_sockets, cookie_of, hash_key);

	err = err ?: pool_init(&set->in_use, sizeof(struct leak_in_use), IN_USE_MAX, tgid_of, hash_key);
	return err ?: listeners_init(&set->listeners, hash_key);
}

void leak_set_free(struct leak_set *set)
{
	listeners_free(&set->listeners);
	pool_free(&set->in_use);
	pool_free(&set->sockets);
	free(set->holders);
}

static struct leak_socket *add(struct leak_set *set, const struct wire_leak *ev)
{
	struct leak_socket socket = {
		.t = {.cookie = ev->s.hdr.cookie, .id_known = true, .id = *wire_ident(&ev->s.hdr)},
		.state = ev->s.hdr.old_state,
		.verdict = leak_judge(ev),
		.age_ns = leak_age_ns(ev),
		.silent_ns = ev->since_ack_ns,
		.snd_una = ev->s.snd_una,
		.unacked = ev->s.snd_nxt - ev->s.snd_una,
		.age_is_lower_bound = true,
		.opened = ev->flags & WIRE_LEAK_OPENED,
		.side_certain = ev->flags & (WIRE_LEAK_OPENED | WIRE_LEAK_ACCEPTED),
		.first_holder = LEAK_NONE,
		.last_holder = LEAK_NONE,
	};
	uint32_t id;

	socket.sent_known = leak_sent_ns(ev, &socket.sent_ns);
	if (socket.side_certain)
		socket.t.role = socket.opened ? CONN_CLIENT : CONN_SERVER;
	id = pool_add(&set->sockets, &socket);
	return id ? pool_at(&set->sockets, id) : NULL;
}

static bool holders_make_room(struct leak_set *set)
{
	uint32_t room = set->holders_room ? set->holders_room * 2 : HOLDERS_MIN;
	struct leak_holder *holders;

	if (set->holders_len < set->holders_room)
		return true;
	if (set->holders_len / HOLDERS_PER_SOCKET >= set->sockets.max || room < set->holders_room)
		return false;
	holders = reallocarray(set->holders, room, sizeof(*holders));
	if (!holders)
		return false;
	set->holders = holders;
	set->holders_room = room;
	return true;
}

/* The process that is named is the oldest: of parent and child, the parent. */
static void add_holder(struct leak_set *set, struct leak_socket *socket, const struct process *process,
		       const struct wire_leak *ev)
{
	socket->holders++;
	socket->strangers += ev->flags & WIRE_LEAK_STRANGER && ev->fd > STDERR;
	if (socket->t.from == CONN_FROM_NONE || process->task.start_ns < socket->t.task.start_ns) {
		socket->t.from = CONN_FROM_SCAN;
		socket->t.process = *process;
	}
	if (!holders_make_room(set)) {
		set->lost++;
		return;
	}
	set->holders[set->holders_len] = (struct leak_holder){.task = process->task, .fd = ev->fd, .next = LEAK_NONE};
	if (socket->last_holder == LEAK_NONE)
		socket->first_holder = set->holders_len;
	else
		set->holders[socket->last_holder].next = set->holders_len;
	socket->last_holder = set->holders_len++;
}

const struct leak_socket *leak_set_find(const struct leak_set *set, uint64_t cookie)
{
	uint32_t id = pool_find(&set->sockets, cookie);

	return id ? pool_at(&set->sockets, id) : NULL;
}

/* The latest use of a process's sockets that do not leak. */
static void note_use(struct leak_set *set, const struct wire_task *task, uint64_t since_ns)
{
	const struct leak_in_use now = {since_ns, task->start_ns, task->tgid};
	uint32_t id = pool_find(&set->in_use, task->tgid);
	struct leak_in_use *in_use = id ? pool_at(&set->in_use, id) : NULL;

	if (!id && !pool_add(&set->in_use, &now))
		set->lost++;
	else if (id && (in_use->start_ns != now.start_ns || since_ns < in_use->since_ns))
		*in_use = now;
}

/* Of a connection that more than one process holds, a stranger is not who used it. */
static bool shows_use(const struct wire_leak *ev, const struct process *process)
{
	bool stranger = ev->flags & WIRE_LEAK_HELD && ev->flags & WIRE_LEAK_STRANGER;

	return ev->s.hdr.old_state == WIRE_ESTABLISHED && process->task.tgid && ev->fd >= 0 && !stranger;
}

static void judge_use(const struct leak_set *set, struct leak_socket *socket)
{
	uint32_t id = socket->t.from == CONN_FROM_SCAN ? pool_find(&set->in_use, socket->t.task.tgid) : 0;
	const struct leak_in_use *in_use = id ? pool_at(&set->in_use, id) : NULL;

	if (id && in_use->start_ns == socket->t.task.start_ns)
		leak_judge_use(socket, in_use->since_ns);
}

static void found(struct leak_set *set, const struct wire_leak *ev)
{
	const struct process process = wire_process(&ev->s.hdr);
	const struct wire_leak_queue *queue = wire_tail(&ev->s.hdr, sizeof(*queue));
	const struct {
		struct wire_leak_queue before;
		struct wire_queue at;
	} *tail = wire_tail(&ev->s.hdr, sizeof(*tail));
	const struct listener_seen listener = {
		.cookie = ev->s.hdr.cookie, .ident = wire_ident(&ev->s.hdr), .process = process, .epoch = set->epoch};
	struct leak_socket *socket;
	bool known;

	if (ev->s.hdr.old_state == WIRE_LISTEN) {
		listeners_put(&set->listeners, &listener, &known);
		if (tail && ev->fd < 0) /* who shows a descriptor does not look at the queue */
			listeners_read(&set->listeners, &ev->s.hdr, &tail->at);
		return;
	}
	if (shows_use(ev, &process)) {
		note_use(set, &process.task, leak_used_since_ns(ev));
		if (!(ev->flags & WIRE_LEAK_HELD))
			return;
	}
	socket = (struct leak_socket *)leak_set_find(set, ev->s.hdr.cookie);
	if (!socket)
		socket = add(set, ev);
	if (socket && queue && queue->listener)
		socket->listener = queue->listener;
	if (!socket)
		set->lost++;
	else if (process.task.tgid && ev->fd >= 0)
		add_holder(set, socket, &process, ev);
}

/* Whose accept queue has it; where that was not read, whose it must be by its address. */
static const struct process *acceptor(const struct leak_set *set, const struct leak_socket *socket)
{
	const struct wire_ident *id = &socket->t.id;

	return socket->listener ? listeners_owner_of(&set->listeners, socket->listener)
				: listeners_owner(&set->listeners, id->netns, id->local_port, id->local_addr);
}

/* By its listener, where the socket itself does not show it. */
static void judge_side(const struct leak_set *set, struct leak_socket *socket)
{
	const struct wire_ident *id = &socket->t.id;

	if (!socket->side_certain)
		socket->opened = !listeners_any(&set->listeners, id->netns, id->local_port, id->local_addr);
}

static void end(struct leak_set *set)
{
	const struct process *owner;
	struct leak_socket *socket;

	if (!set->partial) {
		listeners_sweep(&set->listeners, set->epoch);
		listeners_held(&set->listeners, set->epoch);
	}
	for (uint32_t id = 1; id < set->sockets.used; id++) {
		socket = pool_at(&set->sockets, id);
		if (socket->verdict.cause == LEAK_UNSEEN) {
			judge_side(set, socket);
			continue;
		}
		if (socket->verdict.cause != LEAK_NEVER_ACCEPTED) {
			judge_side(set, socket);
			leak_judge_holders(socket, set->holders, NULL);
			judge_use(set, socket);
			continue;
		}
		socket->t.role = CONN_SERVER;
		socket->opened = false;
		socket->side_certain = true;
		owner = acceptor(set, socket);
		if (owner && socket->t.from == CONN_FROM_NONE) {
			socket->t.from = CONN_FROM_LISTENER;
			socket->t.process = *owner;
		}
	}
}

static void note_ended(struct leak_set *set, const struct wire_exit *ev)
{
	if (set->ended_len < LEAK_ENDED_MAX)
		set->ended[set->ended_len++] = *ev;
}

static bool has_ended(const struct leak_set *set, const struct wire_task *task)
{
	for (uint32_t i = 0; i < set->ended_len; i++) {
		if (set->ended[i].tgid == task->tgid && set->ended[i].start_ns == task->start_ns)
			return true;
	}
	return false;
}

void leak_set_judge_owner(const struct leak_set *set, struct leak_socket *socket, const struct process *owner)
{
	leak_judge_holders(socket, set->holders, owner);
	socket->opener_ended = socket->opener.tgid && has_ended(set, &socket->opener);
}

void leak_set_feed(struct leak_set *set, const struct wire_hdr *ev)
{
	switch (ev->kind) {
	case WIRE_LEAK_BEGIN:
		pool_clear(&set->sockets);
		pool_clear(&set->in_use);
		set->holders_len = 0;
		set->lost = 0;
		set->ended_len = 0;
		set->epoch++;
		break;
	case WIRE_EXIT:
		note_ended(set, (const struct wire_exit *)ev);
		break;
	case WIRE_LEAK:
		found(set, (const struct wire_leak *)ev);
		break;
	case WIRE_LEAK_END:
		set->partial = ev->new_state >= WIRE_REACH_PART || set->lost;
		end(set);
		break;
	}
}

struct leak_totals leak_set_totals(const struct leak_set *set, uint64_t threshold_ns, leak_wanted_fn wanted, void *ctx)
{
	const struct leak_socket *socket;
	struct leak_totals totals = {0};

	leak_set_for_each (socket, set) {
		bool over = socket->age_ns >= threshold_ns;

		totals.close_wait_any += socket->state == WIRE_CLOSE_WAIT;
		if (wanted && !wanted(ctx, socket))
			continue;
		if (socket->verdict.cause == LEAK_NEVER_ACCEPTED) {
			totals.not_accepted++;
			totals.not_accepted_over += over;
		}
		if (socket->state == WIRE_CLOSE) {
			totals.killed++;
		} else if (socket->state == WIRE_FIN_WAIT2) {
			totals.fin_wait2++;
			totals.fin_wait2_over += over;
		} else if (socket->state == WIRE_CLOSE_WAIT) {
			totals.close_wait++;
			totals.close_wait_over += over;
			if (socket->age_ns > totals.oldest_ns)
				totals.oldest_ns = socket->age_ns;
		}
	}
	return totals;
}

uint64_t leak_set_memory(const struct leak_set *set)
{
	return sizeof(*set) + pool_memory(&set->sockets) + pool_memory(&set->in_use) +
	       set->holders_room * sizeof(*set->holders) + listeners_memory(&set->listeners);
}
