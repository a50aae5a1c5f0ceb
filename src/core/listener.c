// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening sockets by cookie and by (namespace, port). They are few and long-lived: one growing array, chained from two fixed
 * arrays of heads. Bound: LISTENERS_MAX, beyond it a listener is refused and the caller counts it.
 * Of several listeners on one address (SO_REUSEPORT workers) the latest answers: the right program, perhaps the wrong worker.
 */
#include "listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 65536u
#define HEADS 4096u
#define NONE UINT32_MAX

struct listener {
	uint64_t cookie; /* 0: free, chained by next_cookie */
	uint32_t next_cookie, next_port;
	uint32_t netns;
	uint16_t port;
	uint8_t epoch;
	uint8_t addr[16];
	struct wire_task task; /* tgid 0: not known */
};

struct listeners {
	struct listener *slots;
	uint32_t used, size, free_head, count;
	uint32_t by_cookie[HEADS], by_port[HEADS];
};

int listeners_new(struct listeners **out)
{
	struct listeners *ls = calloc(1, sizeof(*ls));

	if (!ls)
		return -ENOMEM;
	ls->free_head = NONE;
	memset(ls->by_cookie, 0xff, sizeof(ls->by_cookie));
	memset(ls->by_port, 0xff, sizeof(ls->by_port));
	*out = ls;
	return 0;
}

void listeners_free(struct listeners *ls)
{
	if (ls)
		free(ls->slots);
	free(ls);
}

uint64_t listeners_memory(const struct listeners *ls)
{
	return sizeof(*ls) + ls->size * sizeof(*ls->slots);
}

uint32_t listeners_count(const struct listeners *ls)
{
	return ls->count;
}

static uint32_t *cookie_head(struct listeners *ls, uint64_t cookie)
{
	return &ls->by_cookie[cookie % HEADS];
}

static uint32_t port_slot(uint32_t netns, uint16_t port)
{
	return (netns * 2654435761u + port) % HEADS;
}

static struct listener *find(struct listeners *ls, uint64_t cookie)
{
	for (uint32_t i = *cookie_head(ls, cookie); i != NONE; i = ls->slots[i].next_cookie) {
		if (ls->slots[i].cookie == cookie)
			return &ls->slots[i];
	}
	return NULL;
}

static int slot_take(struct listeners *ls, uint32_t *ret_slot)
{
	if (ls->free_head != NONE) {
		*ret_slot = ls->free_head;
		ls->free_head = ls->slots[ls->free_head].next_cookie;
		return 0;
	}
	if (ls->used == LISTENERS_MAX)
		return -ENOSPC;
	if (ls->used == ls->size) {
		uint32_t size = ls->size ? ls->size * 2 : 64;
		struct listener *slots = realloc(ls->slots, size * sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		ls->slots = slots;
		ls->size = size;
	}
	*ret_slot = ls->used++;
	return 0;
}

static int add(struct listeners *ls, uint64_t cookie, const struct wire_ident *ident, struct listener **out)
{
	uint32_t slot, *head;
	struct listener *l;
	int err;

	err = slot_take(ls, &slot);
	if (err)
		return err;
	l = &ls->slots[slot];
	memset(l, 0, sizeof(*l));
	l->cookie = cookie;
	l->netns = ident->netns;
	l->port = ident->local_port;
	memcpy(l->addr, ident->local_addr, sizeof(l->addr));
	head = cookie_head(ls, cookie);
	l->next_cookie = *head;
	*head = slot;
	head = &ls->by_port[port_slot(l->netns, l->port)];
	l->next_port = *head;
	*head = slot;
	ls->count++;
	*out = l;
	return 0;
}

int listeners_put(struct listeners *ls, uint64_t cookie, const struct wire_ident *ident, const struct wire_task *task,
		  bool certain, uint8_t epoch, bool *ret_seen)
{
	struct listener *l = find(ls, cookie);
	int err;

	*ret_seen = l && l->epoch == epoch;
	if (!l) {
		err = add(ls, cookie, ident, &l);
		if (err)
			return err;
	}
	l->epoch = epoch;
	if (task && task->tgid && (certain || !l->task.tgid))
		l->task = *task;
	return 0;
}

void listeners_remove(struct listeners *ls, uint64_t cookie)
{
	struct listener *l = find(ls, cookie);
	uint32_t slot, *link;

	if (!l)
		return;
	slot = l - ls->slots;
	for (link = cookie_head(ls, cookie); *link != slot;)
		link = &ls->slots[*link].next_cookie;
	*link = l->next_cookie;
	for (link = &ls->by_port[port_slot(l->netns, l->port)]; *link != slot;)
		link = &ls->slots[*link].next_port;
	*link = l->next_port;
	l->cookie = 0;
	l->next_cookie = ls->free_head;
	ls->free_head = slot;
	ls->count--;
}

void listeners_sweep(struct listeners *ls, uint8_t epoch)
{
	for (uint32_t i = 0; i < ls->used; i++) {
		if (ls->slots[i].cookie && ls->slots[i].epoch != epoch)
			listeners_remove(ls, ls->slots[i].cookie);
	}
}

static const struct wire_task *owner_at(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16])
{
	for (uint32_t i = ls->by_port[port_slot(netns, port)]; i != NONE; i = ls->slots[i].next_port) {
		const struct listener *l = &ls->slots[i];

		if (l->netns == netns && l->port == port && l->task.tgid && !memcmp(l->addr, addr, sizeof(l->addr)))
			return &l->task;
	}
	return NULL;
}

const struct wire_task *listeners_owner(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16])
{
	static const uint8_t any[16], any_v4[16] = {[10] = 0xff, [11] = 0xff};
	const struct wire_task *task = owner_at(ls, netns, port, addr);

	if (!task && !memcmp(addr, any_v4, 12))
		task = owner_at(ls, netns, port, any_v4);
	return task ? task : owner_at(ls, netns, port, any);
}
