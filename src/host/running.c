// SPDX-License-Identifier: GPL-2.0-only
#include "running.h"

#include "clock.h"
#include "cmdline.h"
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SLOTS 512
#define FDS_COUNTED 1000000 /* by hand, before Linux 6.2: what has more is not known */

struct slot {
	uint32_t tgid; /* 0: free */
	uint64_t start_ns;
	struct record_running shown;
	char cmdline[CMDLINE_MAX];
};

struct running {
	bool redact;
	struct cmdline_reader *reader;
	struct slot slots[SLOTS];
};

int running_new(struct running **out, bool redact)
{
	struct running *running = calloc(1, sizeof(*running));

	if (!running)
		return -ENOMEM;
	running->redact = redact;
	running->reader = cmdline_reader_new();
	*out = running;
	return 0;
}

void running_free(struct running *running)
{
	if (!running)
		return;
	cmdline_reader_free(running->reader);
	free(running);
}

void running_forget(struct running *running)
{
	for (size_t i = 0; i < SLOTS; i++)
		running->slots[i].tgid = 0;
}

/* Each entry but "." and "..". */
static bool count_entries(const char *path, uint64_t *ret_count)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	uint64_t count = 0;

	if (!folder)
		return false;
	while (count <= FDS_COUNTED && (entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	closedir(folder);
	*ret_count = count;
	return count <= FDS_COUNTED;
}

/* Since Linux 6.2 the folder's size is the number of descriptors. */
static bool count_fds(uint32_t pid, uint64_t *ret_count)
{
	struct stat stat_of;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	if (stat(path, &stat_of))
		return false;
	*ret_count = (uint64_t)stat_of.st_size;
	return stat_of.st_size > 0 || count_entries(path, ret_count);
}

static bool read_limit(uint32_t pid, uint64_t *ret_limit)
{
	char path[32], line[256];
	unsigned long long limit;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/limits", pid);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "Max open files %llu", &limit) == 1;
	if (file)
		fclose(file);
	if (found)
		*ret_limit = limit;
	return found;
}

static uint32_t netns_of(uint32_t pid)
{
	struct stat stat_of;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	return stat(path, &stat_of) ? 0 : (uint32_t)stat_of.st_ino;
}

/* Once the first thread of a process has ended, its pid shows no descriptors, no namespaces and no command line. */
static uint32_t running_thread(uint32_t pid)
{
	char path[32];
	struct dirent *entry;
	uint32_t tid = 0;
	DIR *threads;

	if (netns_of(pid))
		return pid;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	threads = opendir(path);
	while (threads && !netns_of(tid) && (entry = readdir(threads)))
		tid = (uint32_t)strtoul(entry->d_name, NULL, 10); /* 0 of "." and ".." */
	if (threads)
		closedir(threads);
	return netns_of(tid) ? tid : pid;
}

static uint64_t age_us(uint64_t start_ns)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_BOOTTIME, &now);
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return ns > start_ns ? (ns - start_ns) / 1000 : 0;
}

/* The pid may be another process's by now: what is read counts only if it is still the same afterwards. */
static bool fill(struct running *running, struct slot *slot, const struct wire_task *task)
{
	struct procfs_stat stat;
	const uint32_t tid = running_thread(task->tgid);
	struct record_running shown = {.cmdline = slot->cmdline, .age_us = age_us(task->start_ns), .tid = tid};

	shown.cmdline_len = cmdline_read(running->reader, tid, slot->cmdline, &shown.cmdline_cut);
	if (running->redact)
		shown.cmdline_len = cmdline_redact(slot->cmdline, shown.cmdline_len);
	if (running->redact)
		shown.cmdline_cut = false;
	shown.fds_known = count_fds(tid, &shown.fds_open);
	shown.netns = netns_of(tid);
	shown.fds_limit_known = read_limit(tid, &shown.fds_limit);
	if (!procfs_stat(task->tgid, &stat) || !procfs_started_at(&stat, task->start_ns))
		return false;
	slot->tgid = task->tgid;
	slot->start_ns = task->start_ns;
	slot->shown = shown;
	return true;
}

const struct record_running *running_find(struct running *running, const struct wire_task *task)
{
	struct slot *slot = &running->slots[task->tgid % SLOTS];

	if (slot->tgid && slot->tgid == task->tgid && slot->start_ns == task->start_ns)
		return &slot->shown;
	slot->tgid = 0;
	return task->tgid && fill(running, slot, task) ? &slot->shown : NULL;
}
