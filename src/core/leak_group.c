// SPDX-License-Identifier: GPL-2.0-only
/* Grouping: a hash of keys, whose counts of the time before stay for the growth, and an order by size. */
#include "leak_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MIN_BITS 8

/* Every byte is set: keys are compared as memory. */
struct key {
	uint64_t a, b, c;
	uint32_t cause;
	uint32_t known;
};

struct row {
	struct key key;
	struct leak_group group;
};

struct leak_groups {
	enum leak_by by;
	struct row *rows;
	uint32_t len, room;
	uint32_t *index; /* open addressing: 1 + place in rows */
	unsigned int index_bits;
	uint32_t *order; /* rows with a count, by size */
	uint32_t order_len;
};

static const char *const by_names[] = {
	[LEAK_BY_PROCESS] = "process",
	[LEAK_BY_PEER] = "peer",
	[LEAK_BY_CGROUP] = "cgroup",
};
_Static_assert(sizeof(by_names) / sizeof(by_names[0]) == LEAK_BY_MAX, "a grouping has no name");

const char *leak_by_name(enum leak_by by)
{
	return by_names[by];
}

int leak_groups_new(struct leak_groups **out, enum leak_by by)
{
	struct leak_groups *groups = calloc(1, sizeof(*groups));

	if (!groups)
		return -ENOMEM;
	groups->by = by;
	groups->index_bits = INDEX_MIN_BITS;
	groups->index = calloc(1u << INDEX_MIN_BITS, sizeof(*groups->index));
	if (!groups->index) {
		free(groups);
		return -ENOMEM;
	}
	*out = groups;
	return 0;
}

void leak_groups_free(struct leak_groups *groups)
{
	if (!groups)
		return;
	free(groups->order);
	free(groups->index);
	free(groups->rows);
	free(groups);
}

static struct key key_of(enum leak_by by, const struct leak_socket *socket)
{
	const struct conn_tuple *t = &socket->t;
	struct key key = {.cause = socket->verdict.cause, .known = true};

	switch (by) {
	case LEAK_BY_PROCESS:
		key.known = t->from != CONN_FROM_NONE;
		if (key.known) {
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

static uint32_t *index_find(const struct leak_groups *groups, const struct key *key)
{
	uint64_t hash = (key->a ^ key->b * 31 ^ key->c * 961 ^ key->cause) * 0x9e3779b97f4a7c15ULL;
	uint32_t mask = (1u << groups->index_bits) - 1, i = hash >> (64 - groups->index_bits);

	while (groups->index[i] && memcmp(&groups->rows[groups->index[i] - 1].key, key, sizeof(*key)) != 0)
		i = (i + 1) & mask;
	return &groups->index[i];
}

static int grow(struct leak_groups *groups)
{
	uint32_t room = groups->room ? groups->room * 2 : 64;
	struct row *rows;
	uint32_t *index;

	if (groups->len == groups->room) {
		rows = reallocarray(groups->rows, room, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		groups->rows = rows;
		groups->room = room;
	}
	if (groups->len < (3u << groups->index_bits) / 4)
		return 0;
	index = calloc(2UL << groups->index_bits, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(groups->index);
	groups->index = index;
	groups->index_bits++;
	for (uint32_t i = 0; i < groups->len; i++)
		*index_find(groups, &groups->rows[i].key) = i + 1;
	return 0;
}

static struct leak_group *group_for(struct leak_groups *groups, const struct leak_socket *socket)
{
	struct key key = key_of(groups->by, socket);
	uint32_t place = *index_find(groups, &key);

	if (place)
		return &groups->rows[place - 1].group;
	if (grow(groups))
		return NULL;
	groups->rows[groups->len] = (struct row){.key = key};
	*index_find(groups, &key) = groups->len + 1;
	return &groups->rows[groups->len++].group;
}

static bool one_process(const struct leak_set *set, const struct leak_socket *socket)
{
	uint32_t i = socket->first_holder, first;

	if (i == LEAK_NONE)
		return true;
	first = leak_holder(set, i)->task.tgid;
	for (; i != LEAK_NONE; i = leak_holder(set, i)->next) {
		if (leak_holder(set, i)->task.tgid != first)
			return false;
	}
	return true;
}

static void count_fds(struct leak_group *group, const struct leak_set *set, const struct leak_socket *socket)
{
	for (uint32_t i = socket->first_holder; i != LEAK_NONE; i = leak_holder(set, i)->next) {
		const struct leak_holder *holder = leak_holder(set, i);

		if (holder->task.tgid != group->oldest->t.task.tgid)
			continue;
		group->fds_all++;
		if (group->fds_len < LEAK_GROUP_FDS)
			group->fds[group->fds_len++] = holder->fd;
	}
}

static void count(struct leak_group *group, const struct leak_set *set, const struct leak_socket *socket, uint64_t threshold_ns)
{
	group->count++;
	group->over += socket->age_ns >= threshold_ns;
	group->unread_bytes += socket->verdict.unread_bytes;
	group->inherited += !one_process(set, socket);
	if (!group->oldest || socket->age_ns > group->oldest->age_ns)
		group->oldest = socket;
}

static uint64_t order_count(const struct leak_groups *groups, uint32_t i)
{
	return groups->rows[groups->order[i]].group.count;
}

/* A heap with the smallest on top, from which each is taken to its place at the end: the largest first. */
static void sift(struct leak_groups *groups, uint32_t i, uint32_t len)
{
	for (;;) {
		uint32_t child = 2 * i + 1, row = groups->order[i];

		if (child >= len)
			return;
		if (child + 1 < len && order_count(groups, child + 1) < order_count(groups, child))
			child++;
		if (order_count(groups, child) >= order_count(groups, i))
			return;
		groups->order[i] = groups->order[child];
		groups->order[child] = row;
		i = child;
	}
}

static int sort(struct leak_groups *groups)
{
	free(groups->order);
	groups->order_len = 0;
	groups->order = malloc((groups->len + 1) * sizeof(*groups->order));
	if (!groups->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < groups->len; i++) {
		if (groups->rows[i].group.count)
			groups->order[groups->order_len++] = i;
	}
	for (uint32_t i = groups->order_len / 2; i-- > 0;)
		sift(groups, i, groups->order_len);
	for (uint32_t len = groups->order_len; len > 1; len--) {
		uint32_t smallest = groups->order[0];

		groups->order[0] = groups->order[len - 1];
		groups->order[len - 1] = smallest;
		sift(groups, 0, len - 1);
	}
	return 0;
}

/* Groups that are empty now and were before are forgotten: a host may have very many processes, one after the other. */
static void begin(struct leak_groups *groups)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < groups->len; i++) {
		struct row *row = &groups->rows[i];

		if (!row->group.count)
			continue;
		groups->rows[kept++] = (struct row){.key = row->key, .group = {.before = row->group.count}};
	}
	groups->len = kept;
	memset(groups->index, 0, sizeof(*groups->index) << groups->index_bits);
	for (uint32_t i = 0; i < kept; i++)
		*index_find(groups, &groups->rows[i].key) = i + 1;
}

static bool is_meant(const struct leak_socket *socket, uint32_t states, leak_wanted_fn wanted, void *ctx)
{
	return (states & 1u << socket->state) && (!wanted || wanted(ctx, socket));
}

int leak_groups_fill(struct leak_groups *groups, const struct leak_set *set, uint32_t states, uint64_t threshold_ns,
		     leak_wanted_fn wanted, void *ctx)
{
	struct leak_group *group;

	begin(groups);
	for (size_t i = 0; i < leak_set_len(set); i++) {
		const struct leak_socket *socket = leak_set_at(set, i);

		if (!is_meant(socket, states, wanted, ctx))
			continue;
		group = group_for(groups, socket);
		if (!group)
			return -ENOMEM;
		count(group, set, socket, threshold_ns);
	}
	for (size_t i = 0; i < leak_set_len(set); i++) { /* now that each group's oldest is known */
		const struct leak_socket *socket = leak_set_at(set, i);

		if (is_meant(socket, states, wanted, ctx))
			count_fds(group_for(groups, socket), set, socket);
	}
	return sort(groups);
}

size_t leak_groups_len(const struct leak_groups *groups)
{
	return groups->order_len;
}

const struct leak_group *leak_groups_at(const struct leak_groups *groups, size_t i)
{
	return i < groups->order_len ? &groups->rows[groups->order[i]].group : NULL;
}

const struct leak_group *leak_groups_of(const struct leak_groups *groups, const struct leak_socket *socket)
{
	struct key key = key_of(groups->by, socket);
	uint32_t place = *index_find(groups, &key);

	return place ? &groups->rows[place - 1].group : NULL;
}
