// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening sockets, found by cookie, by address and by process, LISTENERS_MAX at most. Several may share an address
 * (SO_REUSEPORT, SO_BINDTODEVICE), and the kernel chooses one of them for each connection. Any user can have tens of thousands
 * of one port, address or process: each costs the same.
 *
 * A listener's process is the oldest that holds a descriptor of it, as far as the last scan and listen() show. It may be handed
 * over, by fork() and exec() or through a Unix socket, without an event: scans show that. The end of a process is an event, so
 * that none is named that has ended.
 */
#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define LISTENERS_MAX 65536u
#define SHARED_MAX 1024u

struct listener {
	uint32_t netns;
	uint16_t port;
	uint8_t epoch, held_epoch; /* of the scan that met it, or a holder of it, last */
	bool left_alone;
	uint8_t addr[16];
	uint64_t cookie; /* 0: free */
	uint64_t cgroup_id;
	struct chain_link same_address, same_process;
	struct listener_queue queue;
	bool mptcp;
	struct process process; /* nobody: not known */
	struct process settled; /* the same at the end of the last scan */
};

static struct listener *at(const struct listeners *ls, uint32_t id)
{
	return pool_at(&ls->by_cookie, id);
}

struct place {
	uint32_t netns;
	uint16_t port;
	const uint8_t *addr;
};

static const uint8_t any[16], any_v4[16] = {[10] = 0xff, [11] = 0xff};

static enum listener_address kind_of(const uint8_t addr[16])
{
	return !memcmp(addr, any_v4, sizeof(any_v4)) ? LISTENER_AT_ANY_V4
	       : !memcmp(addr, any, sizeof(any))     ? LISTENER_AT_ANY
						     : LISTENER_AT_ADDRESS;
}

static uint64_t place_key(const struct listeners *ls, const struct place *place)
{
	uint64_t words[3] = {[2] = (uint64_t)place->netns << 16 | place->port};

	memcpy(words, place->addr, sizeof(((struct listener *)0)->addr));
	return index_digest(&ls->by_address.firsts, words, 3);
}

static uint64_t process_key(const struct listeners *ls, const struct process *process)
{
	const uint64_t words[] = {process->task.tgid, process->task.start_ns};

	return index_digest(&ls->by_process.firsts, words, 2);
}

/* A chain_link_fn. */
static struct chain_link *same_address(const void *listeners, uint32_t id)
{
	return &at(listeners, id)->same_address;
}

/* A chain_link_fn. */
static struct chain_link *same_process(const void *listeners, uint32_t id)
{
	return &at(listeners, id)->same_process;
}

/* A pool_key_fn. */
static uint64_t cookie_of(const void *listener)
{
	return ((const struct listener *)listener)->cookie;
}

int listeners_init(struct listeners *ls, const struct hash_key *hash_key)
{
	int err = pool_init(&ls->by_cookie, sizeof(struct listener), LISTENERS_MAX, cookie_of, hash_key);

	memset(ls->at_port, 0, sizeof(ls->at_port));
	err = err ?: chains_init(&ls->by_address, same_address, ls, hash_key);
	return err ?: chains_init(&ls->by_process, same_process, ls, hash_key);
}

void listeners_free(struct listeners *ls)
{
	pool_free(&ls->by_cookie);
	chains_free(&ls->by_address);
	chains_free(&ls->by_process);
}

uint64_t listeners_memory(const struct listeners *ls)
{
	return pool_memory(&ls->by_cookie) + chains_memory(&ls->by_address) + chains_memory(&ls->by_process);
}

/* 0: no room. */
static uint32_t add(struct listeners *ls, uint64_t cookie, const struct wire_ident *ident)
{
	struct listener l = {
		.netns = ident->netns,
		.port = ident->local_port,
		.cookie = cookie,
		.cgroup_id = ident->cgroup_id,
		.mptcp = ident->flags & WIRE_ID_MPTCP,
	};
	const struct place place = {ident->netns, ident->local_port, ident->local_addr};
	uint32_t id;

	memcpy(l.addr, ident->local_addr, sizeof(l.addr));
	id = pool_add(&ls->by_cookie, &l);
	if (id && chains_add(&ls->by_address, id, place_key(ls, &place), ls->by_cookie.used)) {
		pool_remove(&ls->by_cookie, id);
		return 0;
	}
	if (id)
		ls->at_port[kind_of(l.addr)][l.port % LISTENERS_PORT_SLOTS]++;
	return id;
}

/* Without memory it has none: the end of that process would not be noticed. */
static void set_process(struct listeners *ls, uint32_t id, const struct process *process)
{
	struct listener *l = at(ls, id);

	ls->left_alone -= l->left_alone;
	l->left_alone = false;
	if (!process_is(&l->process, process)) {
		chains_remove(&ls->by_process, id);
		if (process->task.tgid && chains_add(&ls->by_process, id, process_key(ls, process), ls->by_cookie.used)) {
			l->process = (struct process){0};
			return;
		}
	}
	l->process = *process;
}

static void note_holder(struct listeners *ls, uint32_t id, const struct listener_seen *seen)
{
	struct listener *l = at(ls, id);
	bool first = l->held_epoch != seen->epoch || !l->process.task.tgid;

	if (!seen->process.task.tgid)
		return;
	if (seen->listens || first || seen->process.task.start_ns < l->process.task.start_ns)
		set_process(ls, id, &seen->process);
	l->held_epoch = seen->epoch;
}

int listeners_put(struct listeners *ls, const struct listener_seen *seen, bool *ret_known)
{
	uint32_t id = pool_find(&ls->by_cookie, seen->cookie);

	*ret_known = id && at(ls, id)->epoch == seen->epoch;
	if (!id)
		id = add(ls, seen->cookie, seen->ident);
	if (!id)
		return -ENOSPC;
	at(ls, id)->epoch = seen->epoch;
	note_holder(ls, id, seen);
	return 0;
}

void listeners_remove(struct listeners *ls, uint64_t cookie)
{
	uint32_t id = pool_find(&ls->by_cookie, cookie);

	if (!id)
		return;
	ls->left_alone -= at(ls, id)->left_alone;
	ls->at_port[kind_of(at(ls, id)->addr)][at(ls, id)->port % LISTENERS_PORT_SLOTS]--;
	chains_remove(&ls->by_address, id);
	chains_remove(&ls->by_process, id);
	pool_remove(&ls->by_cookie, id);
}

void listeners_sweep(struct listeners *ls, uint8_t epoch)
{
	for (uint32_t id = 1; id < ls->by_cookie.used; id++) {
		if (at(ls, id)->cookie && at(ls, id)->epoch != epoch)
			listeners_remove(ls, at(ls, id)->cookie);
	}
}

void listeners_held(struct listeners *ls, uint8_t epoch)
{
	static const struct process nobody;

	bool changed = false;

	for (uint32_t id = 1; id < ls->by_cookie.used; id++) {
		struct listener *l = at(ls, id);

		if (!l->cookie)
			continue;
		if (l->held_epoch != epoch)
			set_process(ls, id, &nobody);
		changed |= l->process.task.tgid != l->settled.task.tgid || l->process.task.start_ns != l->settled.task.start_ns;
		l->settled = l->process;
	}
	ls->doubted = false;
	if (changed)
		ls->fruitless = 0;
	else if (ls->fruitless < LISTENERS_FRUITLESS_MAX)
		ls->fruitless++;
}

void listeners_exited(struct listeners *ls, const struct wire_exit *ev)
{
	const struct process gone = {.task = {.tgid = ev->tgid, .start_ns = ev->start_ns}};
	static const struct process nobody;
	uint32_t id = ev->tgid ? chains_first(&ls->by_process, process_key(ls, &gone)) : 0, next;

	for (; id; id = next) {
		next = chains_next(&ls->by_process, id);
		if (!process_is(&at(ls, id)->process, &gone))
			continue;
		set_process(ls, id, &nobody);
		at(ls, id)->left_alone = true;
		ls->left_alone++;
	}
}

static bool is_at(const struct listener *l, const struct place *place)
{
	return l->netns == place->netns && l->port == place->port && !memcmp(l->addr, place->addr, sizeof(l->addr));
}

/*
 * True if somebody listens at this very address; the owner is NULL if it is not known, or several share the address. A process,
 * or a stranger's recording, can have tens of thousands of listeners there, and would slow down each of its connections: of
 * more than SHARED_MAX nobody is known as the owner.
 */
static bool find_owner_at(const struct listeners *ls, enum listener_address kind, const struct place *place,
			  const struct process **ret_owner)
{
	uint32_t id, met = 0;

	*ret_owner = NULL;
	if (!ls->at_port[kind][place->port % LISTENERS_PORT_SLOTS])
		return false;
	for (id = chains_first(&ls->by_address, place_key(ls, place)); id; id = chains_next(&ls->by_address, id)) {
		const struct listener *l = at(ls, id);

		if (!is_at(l, place))
			continue;
		if (!met)
			*ret_owner = l->process.task.tgid ? &l->process : NULL;
		else if (*ret_owner && (met == SHARED_MAX || !process_is(*ret_owner, &l->process)))
			*ret_owner = NULL;
		met++;
		if (!*ret_owner)
			break;
	}
	return met;
}

/* The exact address goes before the wildcard of its family, and that before the other's. */
static bool find_owner(const struct listeners *ls, const struct place *place, const struct process **ret_owner)
{
	const struct place at_any_v4 = {place->netns, place->port, any_v4}, at_any = {place->netns, place->port, any};
	bool is_v4 = !memcmp(place->addr, any_v4, 12);

	return find_owner_at(ls, kind_of(place->addr), place, ret_owner) ||
	       (is_v4 && find_owner_at(ls, LISTENER_AT_ANY_V4, &at_any_v4, ret_owner)) ||
	       find_owner_at(ls, LISTENER_AT_ANY, &at_any, ret_owner);
}

const struct process *listeners_owner(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16])
{
	const struct process *owner;

	find_owner(ls, &(struct place){netns, port, addr}, &owner);
	return owner;
}

bool listeners_any(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16])
{
	const struct process *owner;

	return find_owner(ls, &(struct place){netns, port, addr}, &owner);
}

const struct process *listeners_owner_of(const struct listeners *ls, uint64_t cookie)
{
	uint32_t id = pool_find(&ls->by_cookie, cookie);

	return id && at(ls, id)->process.task.tgid ? &at(ls, id)->process : NULL;
}

uint32_t listeners_find(const struct listeners *ls, uint64_t cookie)
{
	return pool_find(&ls->by_cookie, cookie);
}

void listeners_read(struct listeners *ls, const struct wire_hdr *ev, const struct wire_queue *now)
{
	uint32_t id = pool_find(&ls->by_cookie, ev->cookie);
	struct listener_queue *q = id ? &at(ls, id)->queue : NULL;
	bool begins = ev->new_state == WIRE_LISTEN && ev->old_state != WIRE_LISTEN;

	if (!q)
		return;
	if (begins)
		*q = (struct listener_queue){.began_ns = ev->ts};
	if (q->read_ns)
		q->drops += (uint32_t)(now->drops - q->at.drops);
	else
		q->since_ns = ev->ts;
	q->at = *now;
	q->read_ns = ev->ts;
}

bool listeners_tuple(const struct listeners *ls, uint32_t id, struct conn_tuple *ret_tuple)
{
	const struct listener *l = at(ls, id);

	if (!l->cookie)
		return false;
	*ret_tuple = (struct conn_tuple){
		.cookie = l->cookie,
		.id_known = true,
		.id = {.netns = l->netns, .local_port = l->port, .cgroup_id = l->cgroup_id},
		.from = l->process.task.tgid ? CONN_FROM_LISTENER : CONN_FROM_NONE,
		.process = l->process,
	};
	memcpy(ret_tuple->id.local_addr, l->addr, sizeof(l->addr));
	ret_tuple->id.family = memcmp(l->addr, any_v4, 12) ? AF_INET6 : AF_INET;
	return true;
}

bool listeners_row(const struct listeners *ls, uint32_t id, struct conn_listener_row *ret_row)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct listener *l = at(ls, id);

	if (!l->cookie || !l->queue.read_ns)
		return false;
	*ret_row = (struct conn_listener_row){
		.netns = l->netns,
		.local_port = l->port,
		.ipv4 = !memcmp(l->addr, mapped, sizeof(mapped)),
		.mptcp = l->mptcp,
		.task = l->process.task,
		.at = l->queue.at,
		.drops = l->queue.drops,
		.interval_us = (l->queue.read_ns - l->queue.since_ns) / 1000,
		.began_ns = l->queue.began_ns,
		.read_ns = l->queue.read_ns,
		.cookie = l->cookie,
	};
	memcpy(ret_row->local_addr, l->addr, sizeof(l->addr));
	return true;
}

void listeners_reported(struct listeners *ls)
{
	for (uint32_t id = 1; id < ls->by_cookie.used; id++) {
		struct listener_queue *q = &at(ls, id)->queue;

		q->drops = 0;
		q->since_ns = q->read_ns;
	}
}
