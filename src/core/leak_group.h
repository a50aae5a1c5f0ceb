/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaked sockets with one cause in one process, of one peer or in one cgroup. */
#pragma once

#include "leak.h"

enum leak_by { LEAK_BY_PROCESS, LEAK_BY_PEER, LEAK_BY_CGROUP, LEAK_BY_MAX };
const char *leak_by_name(unsigned int by);

/* What the sockets of a group have in common. Every byte is set: keys are compared as memory. */
struct leak_key {
	uint64_t a, b, c; /* by process: pid and start time; by peer: address and namespace; by cgroup: its id */
	uint32_t cause;   /* enum leak_cause */
	uint32_t used;    /* 1; 0 in no key */
};
struct leak_key leak_key_of(enum leak_by by, const struct leak_socket *socket);
uint64_t leak_key_hash(const struct leak_key *key); /* 0 if it is not used */

#define LEAK_GROUP_FDS 8

struct leak_group {
	struct leak_key key;
	const struct leak_socket *oldest;
	uint64_t count, over;             /* over the threshold */
	uint64_t unread_bytes, inherited; /* inherited: sockets that more than one process holds */
	int32_t fds[LEAK_GROUP_FDS];      /* the first ones, of the oldest's process */
	uint32_t fds_len, fds_all;
	uint64_t before; /* its count in the grouping before this one */
};

/* Which sockets are grouped. */
struct leak_choice {
	uint32_t states; /* 1 << enum wire_tcp_state */
	bool over_only;  /* those over the threshold */
	bool queue_only; /* those that were never accepted */
	uint64_t threshold_ns;
	leak_wanted_fn wanted; /* NULL: all */
	void *ctx;
};

struct leak_groups {
	enum leak_by by;
	struct pool groups;              /* struct leak_group by its key */
	const struct leak_group **order; /* of size, the largest first; valid until the next grouping */
	uint32_t len;
};

int leak_groups_init(struct leak_groups *groups, enum leak_by by); /* 0 or -ENOMEM */
void leak_groups_free(struct leak_groups *groups);                 /* all zero is fine */

/* Forgets the grouping before, but for its counts. 0 or -ENOMEM. */
int leak_groups_fill(struct leak_groups *groups, const struct leak_set *set, const struct leak_choice *choice);

const struct leak_group *leak_groups_of(const struct leak_groups *groups, const struct leak_socket *socket);
