// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two bounded caches, of programs by (pid, start time, count of exec()) and of cgroups by id. An empty text stands for a
 * program that had ended, or had become another, before it was read.
 *
 * The kernel counts the exec() calls of a process, and no process can set that count. Each event has it, and the path is read
 * only while the count still is the same. So the path is that of the program whose name the event has.
 */
#include "owner.h"

#include "cgroup.h"
#include "path_cache.h"
#include "procfs.h"
#include "self.h"
#include "bpf/shared.h"
#include "bpf/wire.h"
#include "src/core/record_types.h"
#include "src/core/wire_make.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELETED " (deleted)"

struct owner {
	struct path_cache exes, cgroups;
	owner_exec_fn exec_fn; /* NULL: no path can be read */
	void *exec_ctx;
	struct admin *admin;
	int cgroup_root;
	size_t cgroup_mount_len;
	uint64_t forgotten;  /* owner_take_forgotten() */
	uint64_t starved_ns; /* when a path could not be read for lack of a descriptor last; 0: never */
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

void owner_free(struct owner *owner)
{
	if (!owner)
		return;
	path_cache_clear(&owner->exes);
	path_cache_clear(&owner->cgroups);
	if (owner->cgroup_root >= 0)
		close(owner->cgroup_root);
	free(owner);
}

void owner_ask(struct owner *owner, owner_exec_fn fn, void *ctx)
{
	owner->exec_fn = fn;
	owner->exec_ctx = ctx;
}

void owner_use_admin(struct owner *owner, struct admin *admin)
{
	owner->admin = admin;
}

#define STARVED_NS 100000000ull /* between two tries to read a path for which no descriptor was left */

static bool is_starved(const struct owner *owner, uint64_t ts)
{
	return owner->starved_ns && ts - owner->starved_ns < STARVED_NS;
}

/* A path was not read: true if no descriptor was left. Then it stays unknown, and a later event tries again. */
static bool starves(struct owner *owner, const char *path, uint64_t ts)
{
	if (*path || !self_try_descriptor())
		return false;
	owner->starved_ns = ts ? ts : 1;
	return true;
}

static struct path_key key_of_program(const struct process *process)
{
	return (struct path_key){process->task.tgid, process->task.start_ns, process->program};
}

struct asked {
	const struct owner *owner;
	const struct process *process;
};

/*
 * A procfs_is_fn. The count is the same before and after the reading, and exec() is not under way now: it was not then, since
 * it would have counted.
 */
static bool is_program(const void *asked, uint32_t tid)
{
	const struct asked *a = asked;
	const struct process *process = a->process;
	struct exec_shown shown;

	return a->owner->exec_fn && a->owner->exec_fn(a->owner->exec_ctx, tid, &shown) && shown.arg_start &&
	       shown.tgid == process->task.tgid && shown.start_ns == process->task.start_ns &&
	       shown.exec_count == process->program;
}

static struct wire_text head_of_program(const struct process *process, uint64_t ts)
{
	return (struct wire_text){.hdr = {.ts = ts, .cookie = process->program, .kind = WIRE_EXE},
				  .key = process->task.tgid,
				  .key2 = process->task.start_ns};
}

void owner_resolve_process(struct owner *owner, const struct process *process, uint64_t ts, event_fn fn, void *ctx)
{
	const struct wire_task *task = &process->task;
	const struct wire_text head = head_of_program(process, ts);
	const struct asked asked = {owner, process};
	union wire_text_space buf;
	char text[PATH_MAX];

	if (!task->tgid || !process->program || path_cache_find(&owner->exes, key_of_program(process)) || is_starved(owner, ts))
		return;
	procfs_exe(task->tgid, is_program, &asked, text, sizeof(text));
	if (starves(owner, text, ts))
		return;
	fn(ctx, wire_make_path(&buf, &head, text, NULL));
}

bool owner_read_again(struct owner *owner, const struct wire_text *program, event_fn fn, void *ctx)
{
	const struct process process = {.task = {.tgid = (uint32_t)program->key, .start_ns = program->key2},
					.program = program->hdr.cookie};
	const struct path_entry *entry;

	owner_resolve_process(owner, &process, program->hdr.ts, fn, ctx);
	entry = path_cache_find(&owner->exes, key_of_program(&process));
	return !entry || entry->text[0];
}

void owner_keep_program(const struct owner *owner, const struct process *process, uint64_t ts, event_fn fn, void *ctx)
{
	const struct path_entry *entry = path_cache_find(&owner->exes, key_of_program(process));
	const struct wire_text head = head_of_program(process, ts);
	char text[WIRE_MAX_LEN + sizeof(DELETED)];
	union wire_text_space buf;

	if (!entry || !entry->text[0])
		return;
	snprintf(text, sizeof(text), "%s%s", entry->text, entry->deleted ? DELETED : "");
	fn(ctx, wire_make_path(&buf, &head, text, NULL));
}

void owner_resolve_cgroup(struct owner *owner, uint64_t id, uint64_t ts, event_fn fn, void *ctx)
{
	const struct wire_text head = {.hdr = {.ts = ts, .kind = WIRE_CGROUP}, .key = id};
	struct wire_cgroup cgroup = {.root_len = CGROUP_ROOT_LEN_UNKNOWN, .known = 1};
	union wire_text_space buf;
	char text[PATH_MAX];

	if (!id || path_cache_find(&owner->cgroups, (struct path_key){.a = id}) || is_starved(owner, ts))
		return;
	if (owner->cgroup_root < 0 || !cgroup_path(owner->cgroup_root, owner->cgroup_mount_len, id, text, sizeof(text)))
		text[0] = '\0';
	if (starves(owner, text, ts))
		return;
	if (text[0])
		cgroup.root_len = cgroup_root_len(owner->cgroup_root, owner->admin, text);
	fn(ctx, wire_make_path(&buf, &head, text, &cgroup));
}

/* What the kernel appends to the path of a file that has been replaced (d_path()). */
static size_t len_without_deleted(const char *path)
{
	size_t len = strlen(path), tail = strlen(DELETED);

	return len > tail && !strcmp(path + len - tail, DELETED) ? len - tail : len;
}

static void feed_program(struct owner *owner, const struct wire_text *text)
{
	size_t len = len_without_deleted(text->text);
	struct path_entry *entry;
	char path[WIRE_MAX_LEN];

	memcpy(path, text->text, len);
	path[len] = '\0';
	entry = path_cache_put(&owner->exes, (struct path_key){text->key, text->key2, text->hdr.cookie}, path);
	if (entry)
		entry->deleted = text->text[len] != '\0';
}

static void feed_cgroup(struct owner *owner, const struct wire_text *text)
{
	const struct wire_cgroup *cgroup = wire_text_tail(text, sizeof(*cgroup));
	struct path_entry *entry = path_cache_put(&owner->cgroups, (struct path_key){.a = text->key}, text->text);
	const char *unit;
	size_t unit_len;

	if (!entry)
		return;
	cgroup_container(entry->text, cgroup ? cgroup->root_len : CGROUP_ROOT_LEN_UNKNOWN, &entry->container);
	unit = cgroup_unit(entry->text, &unit_len);
	entry->unit_at = unit ? (uint16_t)(unit - entry->text) : 0; /* no event is longer than WIRE_MAX_LEN */
	entry->unit_len = (uint16_t)unit_len;
}

void owner_feed(struct owner *owner, const struct wire_hdr *ev)
{
	if (ev->kind == WIRE_EXE)
		feed_program(owner, (const void *)ev);
	else if (ev->kind == WIRE_CGROUP)
		feed_cgroup(owner, (const void *)ev);
}

/* Whatever an event named was put in, unless there was no descriptor: what is not there any more has made room for others. */
static const struct path_entry *find_path(const struct owner *owner, const struct path_cache *cache, struct path_key key,
					  bool *ret_forgotten)
{
	const struct path_entry *entry = path_cache_find(cache, key);

	*ret_forgotten |= !entry && (cache->dropped || owner->starved_ns);
	return entry && entry->text[0] ? entry : NULL;
}

static const struct path_entry *find_cgroup(const struct owner *owner, uint64_t id, bool *ret_forgotten)
{
	return id ? find_path(owner, &owner->cgroups, (struct path_key){.a = id}, ret_forgotten) : NULL;
}

/*
 * The process's, since its listener may be made elsewhere (socket activation). Without a process it is the socket's. Older
 * recordings do not know the process's control group: one that connects has made its socket, of others a container is not
 * known.
 */
static void describe_container(const struct conn_tuple *tuple, const struct path_entry *entry, struct record_owner *ret_owner)
{
	const struct cgroup_container *container;
	bool assumed;

	if (!entry)
		return;
	container = &entry->container;
	assumed = tuple->from != CONN_FROM_NONE && tuple->from != CONN_FROM_CONNECT && !tuple->process_cgroup_id;
	ret_owner->container_known = !assumed || (!container->id && !container->pod_uid_len);
	if (!ret_owner->container_known)
		return;
	ret_owner->container_id = container->id;
	ret_owner->id_claimed = container->id_claimed;
	if (container->pod_uid_len) {
		ret_owner->pod_uid = container->pod_uid;
		ret_owner->pod_uid_len = container->pod_uid_len;
		ret_owner->pod_claimed = container->pod_claimed;
	}
}

void owner_describe(struct owner *owner, const struct conn_tuple *tuple, struct record_owner *ret_owner)
{
	const struct path_entry *socket, *cgroup, *exe;
	bool forgotten = false, exe_forgotten = false, process = tuple->from != CONN_FROM_NONE;

	memset(ret_owner, 0, sizeof(*ret_owner));
	cgroup = socket = find_cgroup(owner, tuple->id_known ? tuple->id.cgroup_id : 0, &forgotten);
	if (socket)
		ret_owner->cgroup = socket->text;
	if (process && tuple->process_cgroup_id)
		cgroup = find_cgroup(owner, tuple->process_cgroup_id, &forgotten);
	describe_container(tuple, cgroup, ret_owner);
	if (ret_owner->container_known && cgroup->unit_len) {
		ret_owner->unit = cgroup->text + cgroup->unit_at;
		ret_owner->unit_len = cgroup->unit_len;
	}
	exe = process ? find_path(owner, &owner->exes, key_of_program(&tuple->process), &exe_forgotten) : NULL;
	if (exe) {
		ret_owner->exe = exe->text;
		ret_owner->exe_deleted = exe->deleted;
	}
	owner->forgotten +=
		forgotten || (exe_forgotten && tuple->program); /* the oldest recordings have a path for program 0 */
}

uint64_t owner_take_forgotten(struct owner *owner)
{
	uint64_t forgotten = owner->forgotten;

	owner->forgotten = 0;
	return forgotten;
}
