// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a leak scan.
 *
 * The cause follows from what waits in the socket: rcv_nxt - copied_seq is the payload that was not read, plus one for the FIN.
 *
 * The age: the kernel keeps no stamp of the FIN, but the FIN is never younger than the last acceptable segment (since_ack),
 * which is exact until the peer answers keepalive probes or acknowledges late data. And it is never younger than the later of
 * the last payload and the moment that the last delayed ACK was set for: a FIN without payload sets that timer up to 200 ms
 * ahead, keepalive does not; a FIN that is acknowledged at once came with payload, or while the timer ran. (Routes with the
 * quickack attribute break this rule, and no other.) The longer of the two ages is a lower bound that keepalive cannot make
 * useless.
 */
#include "leak.h"

#include "listener.h"
#include "wire_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MIN_BITS 10
#define HOLDERS_PER_SOCKET 8 /* room for so many on average */

struct leak_set {
	struct leak_socket *sockets;
	struct leak_holder *holders;
	uint32_t len, room, max;
	uint32_t holders_len, holders_room;
	uint32_t *index; /* open addressing by cookie: 1 + place in sockets */
	unsigned int index_bits;
	struct listeners *listeners;
	uint8_t epoch;
	uint64_t lost;
};

static const char *const cause_names[] = {
	[LEAK_NEVER_ACCEPTED] = "never_accepted",
	[LEAK_DATA_UNREAD] = "data_unread",
	[LEAK_EOF_UNREAD] = "eof_unread",
	[LEAK_EOF_READ_NOT_CLOSED] = "eof_read_not_closed",
	[LEAK_UNSEEN] = NULL,
};
_Static_assert(sizeof(cause_names) / sizeof(cause_names[0]) == LEAK_CAUSE_MAX, "a cause has no name");

const char *leak_cause_name(enum leak_cause cause)
{
	return cause_names[cause];
}

static const char *const resolution_names[] = {
	[LEAK_CLOSED] = "closed",
	[LEAK_PROCESS_EXIT] = "process_exit",
	[LEAK_RESET] = "reset",
	[LEAK_DAEMON_STOP] = "daemon_stop",
};
_Static_assert(sizeof(resolution_names) / sizeof(resolution_names[0]) == LEAK_RESOLUTION_MAX, "a resolution has no name");

const char *leak_resolution_name(enum leak_resolution resolution)
{
	return resolution_names[resolution];
}

struct leak_verdict leak_judge(const struct wire_leak *ev)
{
	const struct wire_state *s = &ev->s;
	uint32_t waiting = s->rcv_nxt - s->copied_seq, fin = s->hdr.old_state == WIRE_CLOSE_WAIT;
	struct leak_verdict verdict = {
		.certain = true,
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

static uint32_t index_slot(const struct leak_set *set, uint64_t cookie)
{
	return (cookie * 0x9e3779b97f4a7c15ULL) >> (64 - set->index_bits);
}

/* The place of `cookie` in the index, or the free one that it would take. */
static uint32_t *index_find(const struct leak_set *set, uint64_t cookie)
{
	uint32_t mask = (1u << set->index_bits) - 1, i = index_slot(set, cookie);

	while (set->index[i] && set->sockets[set->index[i] - 1].t.cookie != cookie)
		i = (i + 1) & mask;
	return &set->index[i];
}

static int index_resize(struct leak_set *set, unsigned int bits)
{
	uint32_t *index = calloc(1UL << bits, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(set->index);
	set->index = index;
	set->index_bits = bits;
	for (uint32_t i = 0; i < set->len; i++)
		*index_find(set, set->sockets[i].t.cookie) = i + 1;
	return 0;
}

/* Room for one more in an array that may grow to `max`. */
static int make_room(void *array, uint32_t len, uint32_t *room, uint32_t max, size_t size)
{
	uint32_t wanted = *room ? *room * 2 : 256;
	char *grown;

	if (len < *room)
		return 0;
	if (len >= max)
		return -ENOSPC;
	memcpy(&grown, array, sizeof(grown));
	grown = reallocarray(grown, wanted, size);
	if (!grown)
		return -ENOMEM;
	memcpy(array, &grown, sizeof(grown));
	*room = wanted;
	return 0;
}

int leak_set_new(struct leak_set **out, uint32_t max_sockets)
{
	struct leak_set *set = calloc(1, sizeof(*set));
	int err;

	if (!set)
		return -ENOMEM;
	set->max = max_sockets;
	err = index_resize(set, INDEX_MIN_BITS);
	if (!err)
		err = listeners_new(&set->listeners);
	if (err) {
		leak_set_free(set);
		return err;
	}
	*out = set;
	return 0;
}

void leak_set_free(struct leak_set *set)
{
	if (!set)
		return;
	listeners_free(set->listeners);
	free(set->index);
	free(set->holders);
	free(set->sockets);
	free(set);
}

static void begin(struct leak_set *set)
{
	set->len = 0;
	set->holders_len = 0;
	set->lost = 0;
	set->epoch++;
	memset(set->index, 0, sizeof(*set->index) << set->index_bits);
}

static struct leak_socket *add(struct leak_set *set, const struct wire_leak *ev)
{
	struct leak_socket *socket;

	if (make_room(&set->sockets, set->len, &set->room, set->max, sizeof(*set->sockets)))
		return NULL;
	if (set->len >= (3u << set->index_bits) / 4 && index_resize(set, set->index_bits + 1))
		return NULL;
	*index_find(set, ev->s.hdr.cookie) = set->len + 1;
	socket = &set->sockets[set->len++];
	*socket = (struct leak_socket){
		.t = {.cookie = ev->s.hdr.cookie, .id_known = true, .id = *wire_ident(&ev->s.hdr)},
		.state = ev->s.hdr.old_state,
		.verdict = leak_judge(ev),
		.age_ns = leak_age_ns(ev),
		.age_is_lower_bound = true,
		.first_holder = LEAK_NONE,
		.last_holder = LEAK_NONE,
	};
	return socket;
}

/* The process that stands for the socket is the one that is there for longest: of parent and child, the parent. */
static void add_holder(struct leak_set *set, struct leak_socket *socket, const struct wire_task *task, int fd)
{
	uint32_t max = set->max > UINT32_MAX / HOLDERS_PER_SOCKET ? UINT32_MAX - 1 : set->max * HOLDERS_PER_SOCKET;

	socket->holders++;
	if (socket->t.from == CONN_FROM_NONE || task->start_ns < socket->t.task.start_ns) {
		socket->t.from = CONN_FROM_SCAN;
		socket->t.task = *task;
	}
	if (make_room(&set->holders, set->holders_len, &set->holders_room, max, sizeof(*set->holders))) {
		set->lost++;
		return;
	}
	set->holders[set->holders_len] = (struct leak_holder){.task = *task, .fd = fd, .next = LEAK_NONE};
	if (socket->last_holder == LEAK_NONE)
		socket->first_holder = set->holders_len;
	else
		set->holders[socket->last_holder].next = set->holders_len;
	socket->last_holder = set->holders_len++;
}

static void found(struct leak_set *set, const struct wire_leak *ev)
{
	const struct wire_task *task = wire_task(&ev->s.hdr);
	struct leak_socket *socket;
	uint32_t place;
	bool seen;

	if (ev->s.hdr.old_state == WIRE_LISTEN) {
		listeners_put(set->listeners, ev->s.hdr.cookie, wire_ident(&ev->s.hdr), task, false, set->epoch, &seen);
		return;
	}
	place = *index_find(set, ev->s.hdr.cookie);
	socket = place ? &set->sockets[place - 1] : add(set, ev);
	if (!socket)
		set->lost++;
	else if (task->tgid && ev->fd >= 0)
		add_holder(set, socket, task, ev->fd);
}

static void end(struct leak_set *set)
{
	const struct wire_task *owner;

	listeners_sweep(set->listeners, set->epoch);
	for (uint32_t i = 0; i < set->len; i++) {
		struct leak_socket *socket = &set->sockets[i];

		if (socket->verdict.cause != LEAK_NEVER_ACCEPTED)
			continue;
		socket->t.role = CONN_SERVER;
		owner = listeners_owner(set->listeners, socket->t.id.netns, socket->t.id.local_port, socket->t.id.local_addr);
		if (owner && socket->t.from == CONN_FROM_NONE) {
			socket->t.from = CONN_FROM_LISTENER;
			socket->t.task = *owner;
		}
	}
}

void leak_set_feed(struct leak_set *set, const struct wire_hdr *ev)
{
	switch (ev->kind) {
	case WIRE_LEAK_BEGIN:
		begin(set);
		break;
	case WIRE_LEAK:
		found(set, (const struct wire_leak *)ev);
		break;
	case WIRE_LEAK_END:
		end(set);
		break;
	}
}

size_t leak_set_len(const struct leak_set *set)
{
	return set->len;
}

const struct leak_socket *leak_set_at(const struct leak_set *set, size_t i)
{
	return &set->sockets[i];
}

const struct leak_socket *leak_set_find(const struct leak_set *set, uint64_t cookie)
{
	uint32_t place = *index_find(set, cookie);

	return place ? &set->sockets[place - 1] : NULL;
}

const struct leak_holder *leak_holder(const struct leak_set *set, uint32_t index)
{
	return &set->holders[index];
}

struct leak_totals leak_set_totals(const struct leak_set *set, uint64_t threshold_ns, leak_wanted_fn wanted, void *ctx)
{
	struct leak_totals totals = {0};

	for (uint32_t i = 0; i < set->len; i++) {
		const struct leak_socket *socket = &set->sockets[i];
		bool over = socket->age_ns >= threshold_ns;

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
	return sizeof(*set) + set->room * sizeof(*set->sockets) + set->holders_room * sizeof(*set->holders) +
	       (sizeof(*set->index) << set->index_bits) + listeners_memory(set->listeners);
}

uint64_t leak_set_lost(const struct leak_set *set)
{
	return set->lost;
}
