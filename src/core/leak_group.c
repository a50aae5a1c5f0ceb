// SPDX-License-Identifier: GPL-2.0-only
/* Groups by key, whose counts of the time before stay for the growth, and their order. */
#include "leak_group.h"

#include "pool.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const by_names[] = {
	[LEAK_BY_PROCESS] = "process",     [LEAK_BY_DEPENDENCY] = "dependency",
	[LEAK_BY_PEER] = "peer",           [LEAK_BY_LOCAL_PORT] = "local_port",
	[LEAK_BY_CONTAINER] = "container", [LEAK_BY_USER] = "user",
	[LEAK_BY_UNIT] = "unit",           [LEAK_BY_CGROUP] = "cgroup",
};
_Static_assert(sizeof(by_names) / sizeof(by_names[0]) == LEAK_BY_MAX, "a grouping has no name");
_Static_assert(sizeof(struct leak_key) % 8 == 0, "a key is hashed as words");

const char *leak_by_name(unsigned int by)
{
	return by_names[by];
}

static void set_peer(struct leak_key *key, const struct leak_socket *socket)
{
	const struct wire_ident *id = &socket->t.id;

	memcpy(key->peer, id->peer_addr, sizeof(key->peer));
	key->ports |= (uint64_t)id->netns << 32;
	if (socket->opened)
		key->ports |= (uint64_t)id->peer_port << 16;
	key->side = socket->opened ? 1 : 2;
}

static void set_local_port(struct leak_key *key, const struct leak_socket *socket)
{
	key->ports |= (uint64_t)socket->t.id.netns << 32 | socket->t.id.local_port;
}

static void set_dependency(struct leak_key *key, const struct leak_socket *socket)
{
	if (socket->opened)
		set_peer(key, socket);
	else
		set_local_port(key, socket);
	key->side = socket->opened ? 1 : 2;
}

/* What waits to be read says nothing of why the peer does not end a socket in FIN_WAIT2. */
static uint32_t cause_of(const struct leak_socket *socket)
{
	bool of_peer = socket->state == WIRE_FIN_WAIT2 && socket->verdict.cause != LEAK_NEVER_ACCEPTED;

	return of_peer ? LEAK_UNSEEN : socket->verdict.cause;
}

struct leak_key leak_key_of(uint32_t by, const struct leak_names *names, const struct leak_socket *socket)
{
	struct leak_key key = {.cause = cause_of(socket), .used = 1};
	const struct conn_tuple *t = &socket->t;

	if (by & LEAK_BY(PROCESS) && t->from != CONN_FROM_NONE) {
		key.pid = t->task.tgid;
		key.start_ns = t->task.start_ns;
	}
	if (by & LEAK_BY(DEPENDENCY))
		set_dependency(&key, socket);
	if (by & LEAK_BY(PEER))
		set_peer(&key, socket);
	if (by & LEAK_BY(LOCAL_PORT))
		set_local_port(&key, socket);
	if (by & LEAK_BY(CGROUP))
		key.cgroup = t->id.cgroup_id;
	if (by & LEAK_BY(USER))
		key.user = leak_user(t) + 1ull;
	if (by & LEAK_BY(CONTAINER))
		key.container = names->number(names->ctx, LEAK_BY_CONTAINER, socket);
	if (by & LEAK_BY(UNIT))
		key.unit = names->number(names->ctx, LEAK_BY_UNIT, socket);
	return key;
}

uint64_t leak_key_hash(const struct leak_key *key)
{
	const uint64_t words[] = {key->pid,
				  key->start_ns,
				  be64toh(key->peer[0]),
				  be64toh(key->peer[1]),
				  key->ports,
				  key->cause,
				  key->side,
				  key->container,
				  key->unit,
				  key->cgroup,
				  key->user};
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = index_hash(hash, words[i]);
	return key->used ? hash : 0;
}

uint64_t leak_key_digest(const struct pool *pool, const struct leak_key *key)
{
	uint64_t words[sizeof(*key) / 8];

	memcpy(words, key, sizeof(words));
	return index_digest(&pool->index, words, sizeof(*key) / 8);
}

/* A pool_key_fn. */
static uint64_t key_of(const void *group)
{
	return ((const struct leak_group *)group)->digest;
}

int leak_groups_init(struct leak_groups *groups, uint32_t by, const struct leak_names *names, const struct hash_key *hash_key)
{
	*groups = (struct leak_groups){.by = by, .names = names};
	return pool_init(&groups->groups, sizeof(struct leak_group), UINT32_MAX - 1, key_of, hash_key);
}

void leak_groups_free(struct leak_groups *groups)
{
	free(groups->members);
	free(groups->order);
	pool_free(&groups->groups);
}

static struct leak_group *find(const struct leak_groups *groups, const struct leak_key *key)
{
	struct leak_group *group;
	uint32_t id;

	pool_for_each (id, &groups->groups, leak_key_digest(&groups->groups, key)) {
		group = pool_at(&groups->groups, id);
		if (!memcmp(&group->key, key, sizeof(*key)))
			return group;
	}
	return NULL;
}

static struct leak_group *group_for(struct leak_groups *groups, const struct leak_socket *socket)
{
	const struct leak_key key = leak_key_of(groups->by, groups->names, socket);
	const struct leak_group empty = {.key = key, .digest = leak_key_digest(&groups->groups, &key)};
	struct leak_group *group = find(groups, &key);
	uint32_t id = group ? 0 : pool_add(&groups->groups, &empty);

	return id ? pool_at(&groups->groups, id) : group;
}

static bool one_process(const struct leak_holder *holders, const struct leak_socket *socket)
{
	const struct leak_holder *holder;

	leak_for_each_holder (holder, holders, socket) {
		if (holder->task.tgid != holders[socket->first_holder].task.tgid)
			return false;
	}
	return true;
}

static void count_fds(struct leak_group *group, const struct leak_holder *holders, const struct leak_socket *socket)
{
	const struct leak_holder *holder;

	leak_for_each_holder (holder, holders, socket) {
		if (holder->task.tgid != group->oldest->t.task.tgid)
			continue;
		group->fds_all++;
		if (group->fds_len < LEAK_GROUP_FDS)
			group->fds[group->fds_len++] = holder->fd;
	}
}

static void count(struct leak_group *group, const struct leak_holder *holders, const struct leak_socket *socket)
{
	group->count++;
	group->unread_bytes += socket->verdict.unread_bytes;
	group->inherited += !one_process(holders, socket);
	group->side_unclear += !socket->side_certain;
	if (!group->oldest || socket->age_ns > group->oldest->age_ns)
		group->oldest = socket;
}

static const struct leak_group *at(const void *place)
{
	return *(const struct leak_group *const *)place;
}

/* For qsort(): the largest first, and where the value is the same, the larger group. */
static int compare(int64_t a, int64_t b, const void *one, const void *other)
{
	if (a != b)
		return a > b ? -1 : 1;
	if (at(one)->count != at(other)->count)
		return at(one)->count > at(other)->count ? -1 : 1;
	return at(one) < at(other) ? -1 : 1;
}

#define COMPARE(name, value)                                                                                                   \
	static int by_##name(const void *one, const void *other)                                                               \
	{                                                                                                                      \
		return compare((int64_t)(at(one)->value), (int64_t)(at(other)->value), one, other);                            \
	}
COMPARE(count, count)
COMPARE(age, oldest->age_ns)
COMPARE(unread, unread_bytes)

static int by_growth(const void *one, const void *other)
{
	return compare((int64_t)(at(one)->count - at(one)->before), (int64_t)(at(other)->count - at(other)->before), one,
		       other);
}

static const struct {
	const char *name;
	int (*compare)(const void *one, const void *other);
	bool least_first;
} sorts[LEAK_SORT_MAX] = {
	[LEAK_SORT_DEFAULT] = {NULL, by_count, false},
	{"count", by_count, true},
	{"count:desc", by_count, false},
	{"oldest", by_age, true},
	{"oldest:desc", by_age, false},
	{"growth", by_growth, true},
	{"growth:desc", by_growth, false},
	{"unread_bytes", by_unread, true},
	{"unread_bytes:desc", by_unread, false},
};

const char *leak_sort_name(unsigned int sort)
{
	return sorts[sort].name;
}

static void reverse(const struct leak_group **order, uint32_t len)
{
	for (uint32_t i = 0; i < len / 2; i++) {
		const struct leak_group *group = order[i];

		order[i] = order[len - 1 - i];
		order[len - 1 - i] = group;
	}
}

static int sort(struct leak_groups *groups)
{
	const struct leak_group **order = reallocarray(groups->order, groups->groups.used, sizeof(*order)), *group;

	if (!order)
		return -ENOMEM;
	groups->order = order;
	groups->len = 0;
	groups->gone = 0;
	for (uint32_t id = 1; id < groups->groups.used; id++) {
		group = pool_at(&groups->groups, id);
		if (group->count)
			order[groups->len++] = group;
	}
	qsort(order, groups->len, sizeof(*order), sorts[groups->sort].compare);
	if (sorts[groups->sort].least_first)
		reverse(order, groups->len);
	for (uint32_t id = 1; id < groups->groups.used; id++) {
		group = pool_at(&groups->groups, id);
		if (group->before && !group->count)
			order[groups->len + groups->gone++] = group;
	}
	return 0;
}

/* Groups that are empty now and were before are forgotten: a host may have very many processes, one after the other. */
static void begin(struct leak_groups *groups)
{
	struct leak_group *group;

	for (uint32_t id = 1; id < groups->groups.used; id++) {
		group = pool_at(&groups->groups, id);
		if (group->key.used && !group->count)
			pool_remove(&groups->groups, id);
		else if (group->key.used)
			*group = (struct leak_group){
				.key = group->key, .digest = group->digest, .before = group->count, .last = group->last};
	}
}

/* The next scan forgets its sockets. */
static void remember(struct leak_groups *groups)
{
	struct leak_group *group;

	for (uint32_t id = 1; id < groups->groups.used; id++) {
		group = pool_at(&groups->groups, id);
		if (!group->key.used)
			continue;
		if (group->count)
			group->last = *group->oldest;
		group->last.holders = 0;
		group->last.first_holder = LEAK_NONE;
		if (!group->count)
			group->oldest = &group->last;
	}
}

bool leak_choice_has(const struct leak_choice *choice, const struct leak_socket *socket)
{
	return (choice->states & 1u << socket->state) && (!choice->over_only || socket->age_ns >= choice->threshold_ns) &&
	       (!choice->queue_only || socket->verdict.cause == LEAK_NEVER_ACCEPTED) &&
	       (!choice->wanted || choice->wanted(choice->ctx, socket));
}

/* Where each group's sockets stand. */
static int make_places(struct leak_groups *groups)
{
	const struct leak_socket **members;
	struct leak_group *group;
	uint64_t total = 0;

	for (uint32_t id = 1; id < groups->groups.used; id++) {
		group = pool_at(&groups->groups, id);
		group->begin = total;
		total += group->count;
	}
	if (total <= groups->members_room)
		return 0;
	members = reallocarray(groups->members, total, sizeof(const struct leak_socket *));
	if (!members)
		return -ENOMEM;
	groups->members = members;
	groups->members_room = total;
	return 0;
}

/* Now that each group's oldest is known, and how many there are. */
static void place(struct leak_groups *groups, const struct leak_holder *holders, const struct leak_socket *socket)
{
	struct leak_group *group = group_for(groups, socket);

	groups->members[group->begin + group->placed++] = socket;
	count_fds(group, holders, socket);
}

int leak_groups_fill(struct leak_groups *groups, const struct leak_set *set, const struct leak_choice *choice)
{
	const struct leak_socket *socket;
	struct leak_group *group;

	begin(groups);
	leak_set_for_each (socket, set) {
		if (!leak_choice_has(choice, socket))
			continue;
		group = group_for(groups, socket);
		if (!group)
			return -ENOMEM;
		count(group, set->holders, socket);
	}
	if (make_places(groups))
		return -ENOMEM;
	leak_set_for_each (socket, set) {
		if (leak_choice_has(choice, socket))
			place(groups, set->holders, socket);
	}
	remember(groups);
	return sort(groups);
}

const struct leak_group *leak_groups_of(const struct leak_groups *groups, const struct leak_socket *socket)
{
	const struct leak_key key = leak_key_of(groups->by, groups->names, socket);

	return find(groups, &key);
}

void leak_groups_meet(struct leak_groups *groups, const struct leak_socket *socket)
{
	const struct leak_key key = leak_key_of(groups->by, groups->names, socket);
	struct leak_group *group = find(groups, &key);

	if (group)
		group->met++;
}
