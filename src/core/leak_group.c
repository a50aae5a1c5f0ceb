// SPDX-License-Identifier: GPL-2.0-only
/* Groups by key, whose counts of the time before stay for the growth, and an order by size. */
#include "leak_group.h"

#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const by_names[] = {
	[LEAK_BY_PROCESS] = "process",
	[LEAK_BY_PEER] = "peer",
	[LEAK_BY_CGROUP] = "cgroup",
};
_Static_assert(sizeof(by_names) / sizeof(by_names[0]) == LEAK_BY_MAX, "a grouping has no name");

const char *leak_by_name(unsigned int by)
{
	return by_names[by];
}

struct leak_key leak_key_of(enum leak_by by, const struct leak_socket *socket)
{
	const struct conn_tuple *t = &socket->t;
	struct leak_key key = {.cause = socket->verdict.cause, .used = 1};

	switch (by) {
	case LEAK_BY_PROCESS:
		if (t->from != CONN_FROM_NONE) {
			key.a = t->task.tgid;
			key.b = t->task.start_ns;
		}
		break;
	case LEAK_BY_PEER:
		memcpy(&key.a, t->id.peer_addr, 8);
		memcpy(&key.b, t->id.peer_addr + 8, 8);
		key.c = t->id.netns;
		break;
	default:
		key.a = t->id.cgroup_id;
	}
	return key;
}

uint64_t leak_key_hash(const struct leak_key *key)
{
	return key->used ? index_hash(index_hash(index_hash(index_hash(0, key->a), key->b), key->c), key->cause) : 0;
}

/* A pool_key_fn. */
static uint64_t key_of(const void *group)
{
	return leak_key_hash(&((const struct leak_group *)group)->key);
}

int leak_groups_init(struct leak_groups *groups, enum leak_by by)
{
	*groups = (struct leak_groups){.by = by};
	return pool_init(&groups->groups, sizeof(struct leak_group), UINT32_MAX - 1, key_of);
}

void leak_groups_free(struct leak_groups *groups)
{
	free(groups->order);
	pool_free(&groups->groups);
}

static struct leak_group *find(const struct leak_groups *groups, const struct leak_key *key)
{
	struct leak_group *group;
	uint32_t id;

	pool_for_each (id, &groups->groups, leak_key_hash(key)) {
		group = pool_at(&groups->groups, id);
		if (!memcmp(&group->key, key, sizeof(*key)))
			return group;
	}
	return NULL;
}

static struct leak_group *group_for(struct leak_groups *groups, const struct leak_socket *socket)
{
	const struct leak_group empty = {.key = leak_key_of(groups->by, socket)};
	struct leak_group *group = find(groups, &empty.key);
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

static void count(struct leak_group *group, const struct leak_holder *holders, const struct leak_socket *socket,
		  uint64_t threshold_ns)
{
	group->count++;
	group->over += socket->age_ns >= threshold_ns;
	group->unread_bytes += socket->verdict.unread_bytes;
	group->inherited += !one_process(holders, socket);
	if (!group->oldest || socket->age_ns > group->oldest->age_ns)
		group->oldest = socket;
}

/* The largest first, for qsort(). */
static int by_size(const void *one, const void *other)
{
	const struct leak_group *a = *(const struct leak_group *const *)one, *b = *(const struct leak_group *const *)other;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a < b ? -1 : 1;
}

static int sort(struct leak_groups *groups)
{
	const struct leak_group **order = reallocarray(groups->order, groups->groups.used, sizeof(*order)), *group;

	if (!order)
		return -ENOMEM;
	groups->order = order;
	groups->len = 0;
	for (uint32_t id = 1; id < groups->groups.used; id++) {
		group = pool_at(&groups->groups, id);
		if (group->count)
			order[groups->len++] = group;
	}
	qsort(order, groups->len, sizeof(*order), by_size);
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
			*group = (struct leak_group){.key = group->key, .before = group->count};
	}
}

static bool is_meant(const struct leak_choice *choice, const struct leak_socket *socket)
{
	return (choice->states & 1u << socket->state) && (!choice->over_only || socket->age_ns >= choice->threshold_ns) &&
	       (!choice->queue_only || socket->verdict.cause == LEAK_NEVER_ACCEPTED) &&
	       (!choice->wanted || choice->wanted(choice->ctx, socket));
}

int leak_groups_fill(struct leak_groups *groups, const struct leak_set *set, const struct leak_choice *choice)
{
	const struct leak_socket *socket;
	struct leak_group *group;

	begin(groups);
	leak_set_for_each (socket, set) {
		if (!is_meant(choice, socket))
			continue;
		group = group_for(groups, socket);
		if (!group)
			return -ENOMEM;
		count(group, set->holders, socket, choice->threshold_ns);
	}
	leak_set_for_each (socket, set) { /* now that each group's oldest is known */
		if (is_meant(choice, socket))
			count_fds(group_for(groups, socket), set->holders, socket);
	}
	return sort(groups);
}

const struct leak_group *leak_groups_of(const struct leak_groups *groups, const struct leak_socket *socket)
{
	const struct leak_key key = leak_key_of(groups->by, socket);

	return find(groups, &key);
}
