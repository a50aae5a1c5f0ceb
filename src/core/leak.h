/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a leak scan found: each socket in CLOSE_WAIT with its holders, its age and the cause; and sockets in FIN_WAIT2, whose
 * peer leaks, and connections that were not accepted.
 */
#pragma once

#include "leak_judge.h"
#include "listener.h"

#define LEAK_ENDED_MAX 64

struct leak_set {
	struct pool sockets;         /* struct leak_socket by cookie, without holes */
	struct leak_holder *holders; /* where first_holder and next point into */
	uint32_t holders_len, holders_room;
	struct listeners listeners;
	struct pool in_use; /* struct leak_in_use by pid: processes that used a socket lately which does not leak */
	struct wire_exit ended[LEAK_ENDED_MAX]; /* processes that have ended, of those that were asked for in this scan */
	uint32_t ended_len;
	uint8_t epoch;
	uint64_t lost; /* found, and no room for it */
	bool partial;  /* the scan failed, or something was lost: what it did not meet may be there all the same */
};

int leak_set_init(struct leak_set *set, uint32_t max_sockets, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void leak_set_free(struct leak_set *set);                                                       /* all zero is fine */
uint64_t leak_set_memory(const struct leak_set *set);

/* Takes a scan's events in, and WIRE_EXIT; WIRE_LEAK_BEGIN forgets the scan before. `ev` must be wire_valid(). */
void leak_set_feed(struct leak_set *set, const struct wire_hdr *ev);

#define leak_set_for_each(socket, set)                                                                                         \
	for ((socket) = pool_at(&(set)->sockets, 1);                                                                           \
	     (socket) != (const struct leak_socket *)pool_at(&(set)->sockets, (set)->sockets.used); (socket)++)

const struct leak_socket *leak_set_find(const struct leak_set *set, uint64_t cookie); /* NULL: the scan did not meet it */

/* leak_judge_holders(), and whether that owner has ended. */
void leak_set_judge_owner(const struct leak_set *set, struct leak_socket *socket, const struct process *owner);

/* Which sockets are meant: NULL is all. */
typedef bool (*leak_wanted_fn)(void *ctx, const struct leak_socket *socket);

struct leak_totals leak_set_totals(const struct leak_set *set, uint64_t threshold_ns, leak_wanted_fn wanted, void *ctx);
