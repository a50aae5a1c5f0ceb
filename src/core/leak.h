/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a leak scan found: every socket that waits in CLOSE_WAIT for its process, who holds it, since when and why; and its
 * mirror images, sockets in FIN_WAIT2 and connections that nobody accepts.
 */
#pragma once

#include "record_types.h"

struct leak_set;

struct leak_verdict leak_judge(const struct wire_leak *ev);

/* For how long it has been in CLOSE_WAIT at least, by the kernel's own stamps. */
uint64_t leak_age_ns(const struct wire_leak *ev);

/* Which sockets are meant: NULL is all. */
typedef bool (*leak_wanted_fn)(void *ctx, const struct leak_socket *socket);

int leak_set_new(struct leak_set **out, uint32_t max_sockets);
void leak_set_free(struct leak_set *set); /* NULL is fine */

/* Takes a scan's events in; WIRE_LEAK_BEGIN forgets the scan before. `ev` must be wire_valid(). */
void leak_set_feed(struct leak_set *set, const struct wire_hdr *ev);

size_t leak_set_len(const struct leak_set *set);
const struct leak_socket *leak_set_at(const struct leak_set *set, size_t i);
const struct leak_socket *leak_set_find(const struct leak_set *set, uint64_t cookie); /* NULL: the scan did not meet it */
const struct leak_holder *leak_set_holders(const struct leak_set *set); /* where first_holder and next point into */
struct leak_totals leak_set_totals(const struct leak_set *set, uint64_t threshold_ns, leak_wanted_fn wanted, void *ctx);
uint64_t leak_set_memory(const struct leak_set *set);
uint64_t leak_set_lost(const struct leak_set *set); /* found, and no room for it */
