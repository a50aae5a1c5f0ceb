// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two bounded caches, of processes by (pid, start time) and of cgroups by id: in sets of four, where a new one replaces the
 * oldest. An empty text stands for a process that ended before it was read.
 */
#include "owner.h"

#include "cgroup.h"
#include "procfs.h"
#include "bpf/wire.h"
#include "src/core/record_types.h"
#include "src/core/wire_make.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETS 8192 /* times WAYS processes, and as many cgroups */
#define WAYS 4

struct entry {
	uint64_t key, key2;
	char *text;                /* NULL: free entry */
	char comm[WIRE_COMM_LEN];  /* of a process: another name means another executable (exec) */
	char pod_uid[POD_UID_LEN]; /* of a cgroup; "" without */
};

struct cache {
	struct entry entries[SETS][WAYS];
	uint8_t oldest[SETS];
};

struct owner {
	struct cache exes, cgroups;
	int cgroup_root;
	size_t cgroup_mount_len;
};

int owner_new(struct owner **out)
{
	struct owner *owner = calloc(1, sizeof(*owner));

	if (!owner)
		return -ENOMEM;
	owner->cgroup_root = cgroup_open_root(&owner->cgroup_mount_len);
	*out = owner;
	return 0;
}

static void cache_clear(struct cache *cache)
{
	for (size_t i = 0; i < SETS * WAYS; i++)
		free(cache->entries[i / WAYS][i % WAYS].text);
}

void owner_free(struct owner *owner)
{
	if (!owner)
		return;
	cache_clear(&owner->exes);
	cache_clear(&owner->cgroups);
	if (owner->cgroup_root >= 0)
		close(owner->cgroup_root);
	free(owner);
}

static size_t set_of(uint64_t key, uint64_t key2)
{
	return ((key ^ key2) * 0x9e3779b97f4a7c15ull) >> 51; /* 13 bits: SETS */
}

static struct entry *cache_find(const struct cache *cache, uint64_t key, uint64_t key2)
{
	const struct entry *set = cache->entries[set_of(key, key2)];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].text && set[i].key == key && set[i].key2 == key2)
			return (struct entry *)&set[i];
	}
	return NULL;
}

static struct entry *cache_put(struct cache *cache, uint64_t key, uint64_t key2, const char *text)
{
	struct entry *entry = cache_find(cache, key, key2);
	size_t set = set_of(key, key2);
	char *copy = strdup(text);

	if (!copy)
		return NULL;
	if (!entry) {
		entry = &cache->entries[set][cache->oldest[set]++ % WAYS];
		memset(entry->comm, 0, sizeof(entry->comm));
	}
	free(entry->text);
	entry->key = key;
	entry->key2 = key2;
	entry->text = copy;
	return entry;
}

static void read_exe(const struct wire_task *task, char *buf, size_t size)
{
	struct procfs_stat stat;

	procfs_exe(task->tgid, buf, size);
	if (!procfs_stat(task->tgid, &stat) || !procfs_started_at(&stat, task->start_ns))
		buf[0] = '\0'; /* the pid is another process's now, or pids here are of another namespace */
}

void owner_resolve_task(struct owner *owner, const struct wire_task *task, uint64_t ts, event_fn fn, void *ctx)
{
	const struct wire_text head = {.hdr = {.ts = ts, .kind = WIRE_EXE}, .key = task->tgid, .key2 = task->start_ns};
	struct entry *entry = cache_find(&owner->exes, task->tgid, task->start_ns);
	union wire_text_space buf;
	char text[PATH_MAX];

	if (!task->tgid || (entry && !memcmp(entry->comm, task->comm, sizeof(entry->comm))))
		return;
	read_exe(task, text, sizeof(text));
	fn(ctx, wire_make_text(&buf, &head, text, strlen(text)));
	entry = cache_find(&owner->exes, task->tgid, task->start_ns);
	if (entry)
		memcpy(entry->comm, task->comm, sizeof(entry->comm));
}

void owner_resolve_cgroup(struct owner *owner, uint64_t id, uint64_t ts, event_fn fn, void *ctx)
{
	const struct wire_text head = {.hdr = {.ts = ts, .kind = WIRE_CGROUP}, .key = id};
	union wire_text_space buf;
	char text[PATH_MAX];

	if (!id || cache_find(&owner->cgroups, id, 0))
		return;
	if (owner->cgroup_root < 0 || !cgroup_path(owner->cgroup_root, owner->cgroup_mount_len, id, text, sizeof(text)))
		text[0] = '\0';
	fn(ctx, wire_make_text(&buf, &head, text, strlen(text)));
}

void owner_feed(struct owner *owner, const struct wire_hdr *ev)
{
	const struct wire_text *text = (const void *)ev;
	struct entry *entry;

	if (ev->kind == WIRE_EXE) {
		cache_put(&owner->exes, text->key, text->key2, text->text);
	} else if (ev->kind == WIRE_CGROUP) {
		entry = cache_put(&owner->cgroups, text->key, 0, text->text);
		if (entry && !cgroup_pod_uid(text->text, entry->pod_uid))
			entry->pod_uid[0] = '\0';
	}
}

void owner_describe(const struct owner *owner, const struct conn_tuple *tuple, struct record_owner *ret_owner)
{
	const struct entry *entry;

	memset(ret_owner, 0, sizeof(*ret_owner));
	if (tuple->from != CONN_FROM_NONE) {
		entry = cache_find(&owner->exes, tuple->task.tgid, tuple->task.start_ns);
		if (entry && entry->text[0])
			ret_owner->exe = entry->text;
	}
	if (!tuple->id_known || !tuple->id.cgroup_id)
		return;
	entry = cache_find(&owner->cgroups, tuple->id.cgroup_id, 0);
	if (!entry || !entry->text[0])
		return;
	ret_owner->cgroup = entry->text;
	ret_owner->container_id = cgroup_container_id(entry->text);
	if (entry->pod_uid[0]) {
		ret_owner->pod_uid = entry->pod_uid;
		ret_owner->pod_uid_len = POD_UID_LEN;
	}
}
