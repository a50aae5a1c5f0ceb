// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cause follows from what waits in the socket: rcv_nxt - copied_seq is the payload that was not read, plus one for the FIN.
 *
 * The age is the longer of two lower bounds, since the kernel keeps no time stamp of the FIN. The FIN is not younger than the
 * last acceptable segment (since_ack), which is exact until the peer answers keepalive probes or acknowledges late data. And
 * the FIN is not younger than the later of the last payload and the due time of the last delayed ACK: a FIN without payload
 * sets that timer up to 200 ms ahead, keepalive does not, and a FIN that is acknowledged at once came with payload or while the
 * timer ran. (Only routes with the quickack attribute break this rule.)
 */
#include "leak.h"

#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>

#define HOLDERS_PER_SOCKET 8 /* room for so many on average */
#define HOLDERS_MIN 256

struct leak_verdict leak_judge(const struct wire_leak *ev)
{
	const struct wire_state *s = &ev->s;
	uint32_t waiting = s->rcv_nxt - s->copied_seq, fin = s->hdr.old_state == WIRE_CLOSE_WAIT;
	/* A psock, an upper layer or MPTCP empties the socket's queue into its own, which the process reads. */
	bool between = ev->flags || (wire_ident(&s->hdr)->flags & WIRE_ID_MPTCP);
	struct leak_verdict verdict = {
		.certain = !between,
		.unread_unknown = between,
		.unread_bytes = waiting > fin ? waiting - fin : 0,
		.unsent_bytes = s->write_seq - s->snd_nxt,
	};

	if (waiting > INT32_MAX) /* copied_seq is ahead: urgent data */
		verdict.unread_bytes = 0;
	if (s->hdr.sk_flags & WIRE_SK_ORPHAN) {
		verdict.cause = LEAK_NEVER_ACCEPTED;
	} else if (verdict.unread_bytes) {
		verdict.cause = LEAK_DATA_UNREAD;
	} else if (waiting == fin) {
		verdict.cause = LEAK_EOF_UNREAD;
	} else {
		verdict.cause = LEAK_EOF_READ_NOT_CLOSED;
		verdict.certain = false;
	}
	return verdict;
}

uint64_t leak_age_ns(const struct wire_leak *ev)
{
	uint64_t quiet = ev->since_data_ns;

	if (ev->s.hdr.old_state != WIRE_CLOSE_WAIT)
		return ev->since_ack_ns;
	if (ev->delack_known && ev->since_delack_ns < quiet)
		quiet = ev->since_delack_ns;
	return quiet > ev->since_ack_ns ? quiet : ev->since_ack_ns;
}

/* A pool_key_fn. */
static uint64_t cookie_of(const void *socket)
{
	return ((const struct leak_socket *)socket)->t.cookie;
}

int leak_set_init(struct leak_set *set, uint32_t max_sockets)
{
	int err;

	*set = (struct leak_set){0};
	err = pool_init(&set->sockets, sizeof(struct leak_socket), max_sockets, cookie_of);

	return err ? err : listeners_init(&set->listeners);
}

void leak_set_free(struct leak_set *set)
{
	listeners_free(&set->listeners);
	pool_free(&set->sockets);
	free(set->holders);
}

static struct leak_socket *add(struct leak_set *set, const struct wire_leak *ev)
{
	const struct leak_socket socket = {
		.t = {.cookie = ev->s.hdr.cookie, .id_known = true, .id = *wire_ident(&ev->s.hdr)},
		.state = ev->s.hdr.old_state,
		.verdict = leak_judge(ev),
		.age_ns = leak_age_ns(ev),
		.age_is_lower_bound = true,
		.first_holder = LEAK_NONE,
		.last_holder = LEAK_NONE,
	};
	uint32_t id = pool_add(&set->sockets, &socket);

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
static void add_holder(struct leak_set *set, struct leak_socket *socket, const struct process *process, int fd)
{
	socket->holders++;
	if (socket->t.from == CONN_FROM_NONE || process->task.start_ns < socket->t.task.start_ns) {
		socket->t.from = CONN_FROM_SCAN;
		socket->t.process = *process;
	}
	if (!holders_make_room(set)) {
		set->lost++;
		return;
	}
	set->holders[set->holders_len] = (struct leak_holder){.task = process->task, .fd = fd, .next = LEAK_NONE};
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

static void found(struct leak_set *set, const struct wire_leak *ev)
{
	const struct process process = wire_process(&ev->s.hdr);
	const struct wire_leak_queue *queue = wire_tail(&ev->s.hdr, sizeof(*queue));
	const struct listener_seen listener = {
		.cookie = ev->s.hdr.cookie, .ident = wire_ident(&ev->s.hdr), .process = process, .epoch = set->epoch};
	struct leak_socket *socket;
	bool known;

	if (ev->s.hdr.old_state == WIRE_LISTEN) {
		listeners_put(&set->listeners, &listener, &known);
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
		add_holder(set, socket, &process, ev->fd);
}

/* Whose accept queue has it; where that was not read, whose it must be by its address. */
static const struct process *acceptor(const struct leak_set *set, const struct leak_socket *socket)
{
	const struct wire_ident *id = &socket->t.id;

	return socket->listener ? listeners_owner_of(&set->listeners, socket->listener)
				: listeners_owner(&set->listeners, id->netns, id->local_port, id->local_addr);
}

static void end(struct leak_set *set)
{
	const struct process *owner;
	struct leak_socket *socket;

	listeners_sweep(&set->listeners, set->epoch);
	listeners_held(&set->listeners, set->epoch);
	for (uint32_t id = 1; id < set->sockets.used; id++) {
		socket = pool_at(&set->sockets, id);
		if (socket->verdict.cause != LEAK_NEVER_ACCEPTED)
			continue;
		socket->t.role = CONN_SERVER;
		owner = acceptor(set, socket);
		if (owner && socket->t.from == CONN_FROM_NONE) {
			socket->t.from = CONN_FROM_LISTENER;
			socket->t.process = *owner;
		}
	}
}

void leak_set_feed(struct leak_set *set, const struct wire_hdr *ev)
{
	switch (ev->kind) {
	case WIRE_LEAK_BEGIN:
		pool_clear(&set->sockets);
		set->holders_len = 0;
		set->lost = 0;
		set->epoch++;
		break;
	case WIRE_LEAK:
		found(set, (const struct wire_leak *)ev);
		break;
	case WIRE_LEAK_END:
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
		if (socket->state == WIRE_FIN_WAIT2) {
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
	return sizeof(*set) + pool_memory(&set->sockets) + set->holders_room * sizeof(*set->holders) +
	       listeners_memory(&set->listeners);
}
