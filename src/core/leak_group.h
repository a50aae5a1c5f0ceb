/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaked sockets that have the same thing to be done about them: one cause, in one process, of one peer or in one cgroup. */
#ifndef CORE_LEAK_GROUP_H
#define CORE_LEAK_GROUP_H

#include "leak.h"

enum leak_by { LEAK_BY_PROCESS, LEAK_BY_PEER, LEAK_BY_CGROUP, LEAK_BY_MAX };
const char *leak_by_name(enum leak_by by);

#define LEAK_GROUP_FDS 8

struct leak_group {
	const struct leak_socket *oldest;
	uint64_t count, over;             /* over the threshold */
	uint64_t unread_bytes, inherited; /* inherited: sockets that more than one process holds */
	int32_t fds[LEAK_GROUP_FDS];      /* the first ones, of the oldest's process */
	uint32_t fds_len, fds_all;
	uint64_t before; /* its count in the grouping before this one */
};

struct leak_groups;

int leak_groups_new(struct leak_groups **out, enum leak_by by);
void leak_groups_free(struct leak_groups *groups); /* NULL is fine */

/* Groups the sockets of `set` in one of `states` (1 << enum wire_tcp_state) anew. 0 or -ENOMEM. */
int leak_groups_fill(struct leak_groups *groups, const struct leak_set *set, uint32_t states, uint64_t threshold_ns,
		     leak_wanted_fn wanted, void *ctx);

/* In order of size, the largest first. NULL behind the last. */
const struct leak_group *leak_groups_at(const struct leak_groups *groups, size_t i);
size_t leak_groups_len(const struct leak_groups *groups);
const struct leak_group *leak_groups_of(const struct leak_groups *groups, const struct leak_socket *socket);

#endif
