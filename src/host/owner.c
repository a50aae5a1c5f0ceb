// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two bounded caches, of programs by (pid, start time, exec) and of cgroups by id: in sets of four, where a new one replaces
 * the oldest. An empty text stands for a program that had ended, or had become another, before it was read.
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
#define DELETED " (deleted)"

struct entry {
	uint64_t key, key2, key3;
	char *text;                /* NULL: free entry */
	bool deleted;              /* the file of a program was */
	char comm[WIRE_COMM_LEN];  /* of a program; "" not known */
	char pod_uid[POD_UID_LEN]; /* of a cgroup */
	size_t pod_uid_len;        /* 0 without */
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

static struct entry *cache_find(const struct cache *cache, uint64_t key, uint64_t key2, uint64_t key3)
{
	const struct entry *set = cache->entries[set_of(key, key2)];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].text && set[i].key == key && set[i].key2 == key2 && set[i].key3 == key3)
			return (struct entry *)&set[i];
	}
	return NULL;
}

static struct entry *cache_put(struct cache *cache, const struct wire_text *text, uint64_t key3)
{
	struct entry *entry = cache_find(cache, text->key, text->key2, key3);
	size_t set = set_of(text->key, text->key2);
	char *copy = strdup(text->text);

	if (!copy)
		return NULL;
	if (!entry) {
		entry = &cache->entries[set][cache->oldest[set]++ % WAYS];
		memset(entry->comm, 0, sizeof(entry->comm));
	}
	free(entry->text);
	entry->key = text->key;
	entry->key2 = text->key2;
	entry->key3 = key3;
	entry->text = copy;
	return entry;
}

/* Which program the process runs is not known: it exits. It is the one that was read under this name. */
static const struct entry *same_name(const struct cache *cache, const struct wire_task *task)
{
	const struct entry *set = cache->entries[set_of(task->tgid, task->start_ns)];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].text && set[i].key == task->tgid && set[i].key2 == task->start_ns &&
		    !memcmp(set[i].comm, task->comm, sizeof(task->comm)))
			return &set[i];
	}
	return NULL;
}

/* "" unless it is this program's for sure: the pid may be another process's now, or be of another namespace. */
static void read_exe(const struct process *process, char *buf, size_t size)
{
	struct procfs_stat stat;

	buf[0] = '\0';
	if (!process->exec.arg_start)
		return;
	procfs_exe(process->task.tgid, process->exec.arg_start, buf, size);
	if (!procfs_stat(process->task.tgid, &stat) || !procfs_started_at(&stat, process->task.start_ns))
		buf[0] = '\0';
}

void owner_resolve_process(struct owner *owner, const struct process *process, uint64_t ts, event_fn fn, void *ctx)
{
	const struct wire_task *task = &process->task;
	const struct wire_text head = {.hdr = {.ts = ts, .cookie = process->exec.arg_start, .kind = WIRE_EXE},
				       .key = task->tgid,
				       .key2 = task->start_ns};
	struct entry *entry = cache_find(&owner->exes, task->tgid, task->start_ns, process->exec.arg_start);
	const struct entry *known = process->exec.arg_start ? NULL : same_name(&owner->exes, task);
	union wire_text_space buf;
	char text[PATH_MAX];

	if (!task->tgid || (entry && (process->exec.arg_start || !memcmp(entry->comm, task->comm, sizeof(entry->comm)))))
		return;
	read_exe(process, text, sizeof(text));
	if (known)
		snprintf(text, sizeof(text), "%s%s", known->text, known->deleted ? DELETED : "");
	fn(ctx, wire_make_text(&buf, &head, text, strlen(text)));
	entry = cache_find(&owner->exes, task->tgid, task->start_ns, process->exec.arg_start);
	if (entry)
		memcpy(entry->comm, task->comm, sizeof(entry->comm));
}

void owner_resolve_cgroup(struct owner *owner, uint64_t id, uint64_t ts, event_fn fn, void *ctx)
{
	const struct wire_text head = {.hdr = {.ts = ts, .kind = WIRE_CGROUP}, .key = id};
	union wire_text_space buf;
	char text[PATH_MAX];

	if (!id || cache_find(&owner->cgroups, id, 0, 0))
		return;
	if (owner->cgroup_root < 0 || !cgroup_path(owner->cgroup_root, owner->cgroup_mount_len, id, text, sizeof(text)))
		text[0] = '\0';
	fn(ctx, wire_make_text(&buf, &head, text, strlen(text)));
}

/* What the kernel appends to the path of a file that has been replaced (d_path()). */
static bool cut_deleted(char *path)
{
	size_t len = strlen(path), tail = strlen(DELETED);

	if (len <= tail || strcmp(path + len - tail, DELETED) != 0)
		return false;
	path[len - tail] = '\0';
	return true;
}

void owner_feed(struct owner *owner, const struct wire_hdr *ev)
{
	const struct wire_text *text = (const void *)ev;
	struct entry *entry;

	if (ev->kind == WIRE_EXE) {
		entry = cache_put(&owner->exes, text, ev->cookie);
		if (entry)
			entry->deleted = cut_deleted(entry->text);
	} else if (ev->kind == WIRE_CGROUP) {
		entry = cache_put(&owner->cgroups, text, 0);
		if (entry)
			entry->pod_uid_len = cgroup_pod_uid(text->text, entry->pod_uid);
	}
}

static const struct entry *find_cgroup(const struct owner *owner, uint64_t id)
{
	const struct entry *entry = id ? cache_find(&owner->cgroups, id, 0, 0) : NULL;

	return entry && entry->text[0] ? entry : NULL;
}

/*
 * The process's, since its listener may be made elsewhere (socket activation). Without a process it is the socket's. Older
 * recordings do not know the process's control group: one that connects has made its socket, of others a container is not
 * known.
 */
static void describe_container(const struct owner *owner, const struct conn_tuple *tuple, const struct entry *of_socket,
			       struct record_owner *ret_owner)
{
	const struct entry *entry = of_socket;
	const char *id;
	bool assumed;

	if (tuple->from != CONN_FROM_NONE && tuple->exec.cgroup_id)
		entry = find_cgroup(owner, tuple->exec.cgroup_id);
	if (!entry)
		return;
	id = cgroup_container_id(entry->text);
	assumed = tuple->from != CONN_FROM_NONE && tuple->from != CONN_FROM_CONNECT && !tuple->exec.cgroup_id;
	ret_owner->container_known = !assumed || (!id && !entry->pod_uid_len);
	if (!ret_owner->container_known)
		return;
	ret_owner->container_id = id;
	if (entry->pod_uid_len) {
		ret_owner->pod_uid = entry->pod_uid;
		ret_owner->pod_uid_len = entry->pod_uid_len;
	}
}

void owner_describe(const struct owner *owner, const struct conn_tuple *tuple, struct record_owner *ret_owner)
{
	const struct entry *cgroup = tuple->id_known ? find_cgroup(owner, tuple->id.cgroup_id) : NULL, *exe;

	memset(ret_owner, 0, sizeof(*ret_owner));
	if (cgroup)
		ret_owner->cgroup = cgroup->text;
	describe_container(owner, tuple, cgroup, ret_owner);
	if (tuple->from == CONN_FROM_NONE)
		return;
	exe = cache_find(&owner->exes, tuple->task.tgid, tuple->task.start_ns, tuple->exec.arg_start);
	if (exe && exe->text[0]) {
		ret_owner->exe = exe->text;
		ret_owner->exe_deleted = exe->deleted;
	}
}
