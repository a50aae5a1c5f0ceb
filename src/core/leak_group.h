/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaked sockets with one cause, and what else they have in common: a process, a peer, a control group. */
#pragma once

#include "leak.h"

/* In the order of the table's columns. */
enum leak_by {
	LEAK_BY_PROCESS,
	LEAK_BY_DEPENDENCY, /* what it opened: the peer's address and port; what it accepted: the local port */
	LEAK_BY_PEER,       /* what it opened: address and port; what it accepted: the address, since clients choose ports */
	LEAK_BY_LOCAL_PORT,
	LEAK_BY_CONTAINER,
	LEAK_BY_USER,
	LEAK_BY_UNIT,
	LEAK_BY_CGROUP,
	LEAK_BY_MAX
};
const char *leak_by_name(unsigned int by);

#define LEAK_BY(by) (1u << LEAK_BY_##by)
#define LEAK_BY_DEFAULT (LEAK_BY(PROCESS) | LEAK_BY(DEPENDENCY))

/* What the sockets of a group have in common. Every byte is set: keys are compared as memory. */
struct leak_key {
	uint64_t pid, start_ns;
	uint64_t peer[2];
	uint64_t ports; /* the peer's, the local one, and the namespace that they are of */
	uint64_t container, unit, cgroup, user;
	uint32_t cause; /* enum leak_cause */
	uint16_t used;  /* 1; 0 in no key */
	uint16_t side;  /* of a dependency or a peer: 1 opened, 2 accepted; 0 in others */
};

/* Numbers that stand for a socket's container and its unit, whose names the core does not know. */
struct leak_names {
	uint64_t (*number)(void *ctx, enum leak_by by, const struct leak_socket *socket);
	void *ctx;
};

/* `by`: bits, LEAK_BY(). `names` may be NULL if these are not of the two. */
struct leak_key leak_key_of(uint32_t by, const struct leak_names *names, const struct leak_socket *socket);

/* The same in every run, for a group's name: 0 if the key is not used. */
uint64_t leak_key_hash(const struct leak_key *key);

/* For a pool of groups: strangers cannot choose keys with the same. */
uint64_t leak_key_digest(const struct pool *pool, const struct leak_key *key);

/* Who it belongs to: the process's, else the socket's. */
static inline uint32_t leak_user(const struct conn_tuple *t)
{
	return t->from != CONN_FROM_NONE ? t->task.uid : t->id.uid;
}

/* In which order groups stand: each key from the least or from the most on. */
enum leak_sort { LEAK_SORT_DEFAULT, LEAK_SORT_MAX = 9 }; /* the default: the largest first */
const char *leak_sort_name(unsigned int sort);           /* "count:desc"; NULL for the default */

#define LEAK_GROUP_FDS 8

struct leak_group {
	struct leak_key key;
	uint64_t digest; /* of the key; 0: not used */
	const struct leak_socket *oldest;
	uint64_t count;
	uint64_t unread_bytes, inherited; /* inherited: sockets that more than one process holds */
	uint64_t side_unclear;            /* sockets whose side is not certain */
	int32_t fds[LEAK_GROUP_FDS];      /* the first ones, of the oldest's process */
	uint32_t fds_len, fds_all;
	uint64_t met;            /* connections that leak_groups_meet() met */
	uint64_t begin, placed;  /* its sockets in leak_groups.members */
	uint64_t before;         /* its count in the grouping before this one */
	struct leak_socket last; /* what `oldest` was, without its holders: of a group that has gone */
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

bool leak_choice_has(const struct leak_choice *choice, const struct leak_socket *socket);

struct leak_groups {
	uint32_t by; /* bits, LEAK_BY() */
	const struct leak_names *names;
	struct pool groups;                 /* struct leak_group by its key */
	unsigned int sort;                  /* leak_sort_name() */
	const struct leak_group **order;    /* as `sort` says; valid until the next grouping */
	const struct leak_socket **members; /* those of a group stand together: leak_group_member() */
	uint64_t members_room;
	uint32_t len;
	uint32_t gone; /* so many follow them, which had sockets in the grouping before and have none now */
};

/* 0 or -ENOMEM. `names` as in leak_key_of(). */
int leak_groups_init(struct leak_groups *groups, uint32_t by, const struct leak_names *names, const struct hash_key *hash_key);
void leak_groups_free(struct leak_groups *groups); /* all zero is fine */

/* Forgets the grouping before, but for its counts. 0 or -ENOMEM. */
int leak_groups_fill(struct leak_groups *groups, const struct leak_set *set, const struct leak_choice *choice);

/* The socket `i` of a group, below its count; valid as long as `oldest`. */
static inline const struct leak_socket *leak_group_member(const struct leak_groups *groups, const struct leak_group *group,
							  uint64_t i)
{
	return groups->members[group->begin + i];
}

/* Counts a connection where it would be grouped, if there is such a group. */
void leak_groups_meet(struct leak_groups *groups, const struct leak_socket *socket);

const struct leak_group *leak_groups_of(const struct leak_groups *groups, const struct leak_socket *socket);
