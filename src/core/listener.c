// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening sockets, found by cookie and by (namespace, port), LISTENERS_MAX at most. Of several listeners on one address
 * (SO_REUSEPORT workers) the latest is taken: the right program, perhaps the wrong worker.
 */
#include "listener.h"

#include <errno.h>
#include <string.h>

#define LISTENERS_MAX 65536u
#define FIRST_BITS 6

struct listener {
	uint32_t netns;
	uint16_t port;
	uint8_t epoch;
	uint8_t addr[16];
	uint64_t cookie;       /* 0: free */
	uint64_t number;       /* in order of appearance */
	struct wire_task task; /* tgid 0: not known */
};

static struct listener *at(const struct listeners *ls, uint32_t id)
{
	return pool_at(&ls->by_cookie, id);
}

static uint64_t port_key(uint32_t netns, uint16_t port)
{
	return ((uint64_t)netns << 16 | port) + 1;
}

/* A pool_key_fn. */
static uint64_t cookie_of(const void *listener)
{
	return ((const struct listener *)listener)->cookie;
}

/* An index_key_fn. */
static uint64_t port_of(const void *listeners, uint32_t id)
{
	const struct listener *l = at(listeners, id);

	return l->cookie ? port_key(l->netns, l->port) : 0;
}

int listeners_init(struct listeners *ls)
{
	int err = pool_init(&ls->by_cookie, sizeof(struct listener), LISTENERS_MAX, cookie_of);

	return err ? err : index_init(&ls->by_port, FIRST_BITS, port_of, ls);
}

void listeners_free(struct listeners *ls)
{
	pool_free(&ls->by_cookie);
	index_free(&ls->by_port);
}

uint64_t listeners_memory(const struct listeners *ls)
{
	return pool_memory(&ls->by_cookie) + index_memory(&ls->by_port);
}

/* 0: no room. */
static uint32_t add(struct listeners *ls, uint64_t cookie, const struct wire_ident *ident)
{
	struct listener l = {.netns = ident->netns, .port = ident->local_port, .cookie = cookie, .number = ls->added++};
	uint32_t id;

	memcpy(l.addr, ident->local_addr, sizeof(l.addr));
	id = pool_add(&ls->by_cookie, &l);
	if (id && index_add(&ls->by_port, id, ls->by_cookie.used)) {
		pool_remove(&ls->by_cookie, id);
		return 0;
	}
	return id;
}

int listeners_put(struct listeners *ls, const struct listener_seen *seen, bool *ret_known)
{
	uint32_t id = pool_find(&ls->by_cookie, seen->cookie);
	struct listener *l;

	*ret_known = id && at(ls, id)->epoch == seen->epoch;
	if (!id)
		id = add(ls, seen->cookie, seen->ident);
	if (!id)
		return -ENOSPC;
	l = at(ls, id);
	l->epoch = seen->epoch;
	if (seen->task && seen->task->tgid && (seen->certain || !l->task.tgid))
		l->task = *seen->task;
	return 0;
}

void listeners_remove(struct listeners *ls, uint64_t cookie)
{
	uint32_t id = pool_find(&ls->by_cookie, cookie);

	if (!id)
		return;
	index_remove(&ls->by_port, id);
	pool_remove(&ls->by_cookie, id);
}

void listeners_sweep(struct listeners *ls, uint8_t epoch)
{
	for (uint32_t id = 1; id < ls->by_cookie.used; id++) {
		if (at(ls, id)->cookie && at(ls, id)->epoch != epoch)
			listeners_remove(ls, at(ls, id)->cookie);
	}
}

static const struct wire_task *owner_at(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16])
{
	const struct listener *l, *latest = NULL;
	uint32_t id;

	index_for_each (id, &ls->by_port, port_key(netns, port)) {
		l = at(ls, id);
		if (l->netns == netns && l->port == port && l->task.tgid && !memcmp(l->addr, addr, sizeof(l->addr)) &&
		    (!latest || l->number > latest->number))
			latest = l;
	}
	return latest ? &latest->task : NULL;
}

const struct wire_task *listeners_owner(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16])
{
	static const uint8_t any[16], any_v4[16] = {[10] = 0xff, [11] = 0xff};
	const struct wire_task *task = owner_at(ls, netns, port, addr);

	if (!task && !memcmp(addr, any_v4, 12))
		task = owner_at(ls, netns, port, any_v4);
	return task ? task : owner_at(ls, netns, port, any);
}
