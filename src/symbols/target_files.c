// SPDX-License-Identifier: GPL-2.0-only
#include "target_files.h"

#include "maps.h"
#include "perf_map.h"
#include "src/host/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEBUG_FOLDER "/usr/lib/debug"

struct wanted {
	uint64_t start, end;
	struct mapping found;
	char path[MAPS_PATH_MAX];
};

struct target_files {
	/* What was asked for last: the parser asks for the files of one process after its modules. */
	struct program_id program;
	int len;
	struct module_range modules[MODULES_MAX];

	struct wanted wanted;
	char buf[64 * 1024]; /* of a list of mappings */
};

struct target_files *target_files_new(void)
{
	return calloc(1, sizeof(struct target_files));
}

/* Takes a mapping; false ends the reading. */
typedef bool (*mapping_fn)(void *ctx, const struct mapping *mapping);

/* The process is still the one that was captured, and runs the same program. */
static bool is_alive(const struct program_id *program)
{
	struct procfs_stat stat;

	return procfs_stat(program->tgid, &stat) && procfs_started_at(&stat, program->start_ns) &&
	       stat.exec_id == program->exec_id;
}

static int each_mapping(struct target_files *t, uint32_t tgid, mapping_fn fn, void *ctx)
{
	struct mapping mapping;
	size_t len = 0, total = 0;
	bool more = true;
	ssize_t n = 1;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/maps", tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (more && total < TARGET_MAPS_BYTES && (n = read(fd, t->buf + len, sizeof(t->buf) - len)) > 0) {
		const char *line = t->buf, *end;

		total += (size_t)n;
		len += (size_t)n;
		for (; more && (end = memchr(line, '\n', (size_t)(t->buf + len - line))); line = end + 1)
			more = !maps_parse(line, (size_t)(end - line), &mapping) || fn(ctx, &mapping);
		len = (size_t)(t->buf + len - line);
		memmove(t->buf, line, len);
	}
	close(fd);
	return 0;
}

static bool take_module(void *ctx, const struct mapping *mapping)
{
	struct module_list *list = ctx;

	module_list_add(list, mapping);
	return list->len < MODULES_MAX;
}

static int read_modules(struct target_files *t, const struct program_id *program, struct module_range *ret_modules)
{
	struct module_list list = {.modules = ret_modules};
	int err = is_alive(program) ? each_mapping(t, program->tgid, take_module, &list) : -ESRCH;

	module_list_end(&list);
	if (!err && !is_alive(program)) /* what was read was its own */
		err = -ESRCH;
	return err ?: (int)list.len;
}

static int read_last(struct target_files *t, const struct program_id *program)
{
	t->program = *program;
	t->len = read_modules(t, program, t->modules);
	return t->len;
}

int target_modules(struct target_files *t, const struct program_id *program, struct module_range *ret_modules)
{
	int len = read_last(t, program);

	if (len > 0)
		memcpy(ret_modules, t->modules, (size_t)len * sizeof(*ret_modules));
	return len;
}

/* 0 or -errno. */
static int check_module(struct target_files *t, const struct program_id *program, uint64_t start, uint64_t end)
{
	bool same = t->program.tgid == program->tgid && t->program.start_ns == program->start_ns &&
		    t->program.exec_id == program->exec_id;
	int len = same ? t->len : read_last(t, program);

	for (int i = 0; i < len; i++) {
		if (t->modules[i].start == start && t->modules[i].end == end)
			return 0;
	}
	return len < 0 ? len : -ENOENT;
}

static bool take_wanted(void *ctx, const struct mapping *mapping)
{
	struct wanted *w = ctx;

	if (mapping->start != w->start || mapping->end != w->end)
		return mapping->start <= w->start;
	if (mapping->code && mapping->inode && mapping->path_len < sizeof(w->path)) {
		w->found = *mapping;
		memcpy(w->path, mapping->path, mapping->path_len);
		w->path[mapping->path_len] = '\0';
	}
	return false;
}

enum kind {
	OF_PROCESS, /* a program or a library */
	OURS,       /* the host's debug information */
	MAP,        /* of generated code */
};

/* `uid` is the process's, for a MAP. */
static bool is_right(const struct stat *st, enum kind kind, uid_t uid)
{
	if (!S_ISREG(st->st_mode) || st->st_size > (kind == MAP ? PERF_MAP_BYTES : TARGET_FILE_BYTES))
		return false;
	if (kind == OURS)
		return !st->st_uid && !(st->st_mode & (S_IWGRP | S_IWOTH));
	return kind != MAP || ((!st->st_uid || st->st_uid == uid) && !(st->st_mode & S_IWOTH));
}

/* For reading, if what `place` stands for is a regular file that is not too long; it is closed. */
static int open_again(int place, enum kind kind, uid_t uid)
{
	struct stat st;
	char path[40];
	int fd = -EACCES;

	if (place < 0)
		return place;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	if (!fstat(place, &st) && is_right(&st, kind, uid)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		fd = fd < 0 ? -errno : fd;
	}
	close(place);
	return fd;
}

/* O_PATH opens nothing yet: no device is asked, no FIFO waits. */
static int find_place(int root, const char *path, uint64_t resolve)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve};
	long fd = syscall(__NR_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* As the process sees it. A descriptor or -errno. */
static int open_root(uint32_t tgid)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/root", tgid);
	fd = open(path, O_PATH | O_CLOEXEC | O_DIRECTORY);
	return fd < 0 ? -errno : fd;
}

/* The mapping's path in the root of its process, whose file must be the mapping's. */
static int find_in_root(struct target_files *t, uint32_t tgid, uint64_t start, uint64_t end)
{
	struct wanted *w = &t->wanted;
	struct stat st;
	int root, fd;

	*w = (struct wanted){.start = start, .end = end};
	fd = each_mapping(t, tgid, take_wanted, w);
	if (fd || !w->found.inode)
		return fd ?: -ENOENT;
	root = open_root(tgid);
	if (root < 0)
		return root;
	fd = find_place(root, w->path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	close(root);
	if (fd >= 0 && (fstat(fd, &st) || st.st_ino != w->found.inode || major(st.st_dev) != w->found.major ||
			minor(st.st_dev) != w->found.minor)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

int target_open(struct target_files *t, const struct program_id *program, uint64_t start, uint64_t end)
{
	char path[80];
	int place, err = check_module(t, program, start, end);

	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", program->tgid, (unsigned long long)start,
		 (unsigned long long)end);
	place = open(path, O_PATH | O_CLOEXEC);
	if (place < 0)
		place = find_in_root(t, program->tgid, start, end);
	if (!is_alive(program)) {
		if (place >= 0)
			close(place);
		place = -ESRCH;
	}
	return open_again(place, OF_PROCESS, 0);
}

/* The last number of a line of /proc/PID/status, which `name` begins; false: there is none. */
static bool last_number(const char *status, const char *name, uint32_t *ret)
{
	const char *line = strstr(status, name), *end = line ? strchr(line + strlen(name), '\n') : NULL;

	while (end && end > line && end[-1] >= '0' && end[-1] <= '9')
		end--;
	return end && sscanf(end, "%u", ret) == 1;
}

/* Whose files it makes, and which pid it calls its own. The name in it has no newline: the kernel sees to that. */
static int read_status(struct target_files *t, uint32_t tgid, uint32_t *ret_uid, uint32_t *ret_pid)
{
	char path[40];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/status", tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < sizeof(t->buf) - 1 && (n = read(fd, t->buf + len, sizeof(t->buf) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	t->buf[len] = '\0';
	return last_number(t->buf, "\nUid:", ret_uid) && last_number(t->buf, "\nNStgid:", ret_pid) ? 0 : -ENOENT;
}

/* Root may have made /tmp a link; what is in it may be anybody's, and is none. */
static int find_map(uint32_t tgid, uint32_t pid)
{
	int root = open_root(tgid), folder, fd;
	char name[40];

	if (root < 0)
		return root;
	folder = find_place(root, "tmp", RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	close(root);
	if (folder < 0)
		return folder;
	snprintf(name, sizeof(name), "perf-%u.map", pid);
	fd = find_place(folder, name, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
	close(folder);
	return fd;
}

int target_open_map(struct target_files *t, const struct program_id *program)
{
	uint32_t uid = 0, pid = 0;
	int place = is_alive(program) ? read_status(t, program->tgid, &uid, &pid) : -ESRCH;

	if (!place)
		place = find_map(program->tgid, pid);
	if (place >= 0 && !is_alive(program)) {
		close(place);
		place = -ESRCH;
	}
	return open_again(place, MAP, uid);
}

int target_open_debug(const uint8_t *build_id, size_t len)
{
	char path[2 * BUILD_ID_MAX + 16];
	int folder, place, at;

	folder = open(DEBUG_FOLDER, O_PATH | O_CLOEXEC | O_DIRECTORY);
	if (folder < 0)
		return -errno;
	at = snprintf(path, sizeof(path), ".build-id/%02x/", build_id[0]);
	for (size_t i = 1; i < len && i < BUILD_ID_MAX; i++)
		at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", build_id[i]);
	snprintf(path + at, sizeof(path) - (size_t)at, ".debug");
	place = find_place(folder, path, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	close(folder);
	return open_again(place, OURS, 0);
}
