// SPDX-License-Identifier: GPL-2.0-only
#include "procfs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* proc(5) counts from 1; behind the name, which may hold anything, ')' too, stands the third field. */
#define FIELD_STATE 3
#define FIELD_STARTTIME 22
#define FIELD_ARG_START 48

static uint64_t field(const char *tail, unsigned int number)
{
	for (unsigned int at = FIELD_STATE; at < number && tail; at++) {
		tail = strchr(tail, ' ');
		tail = tail ? tail + 1 : NULL;
	}
	return tail ? strtoull(tail, NULL, 10) : 0;
}

bool procfs_stat(uint32_t pid, struct procfs_stat *ret_stat)
{
	char path[32], stat[1024];
	const char *tail;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	len = fread(stat, 1, sizeof(stat) - 1, file);
	fclose(file);
	stat[len] = '\0';
	tail = strrchr(stat, ')');
	if (!tail || tail[1] != ' ')
		return false;
	ret_stat->start_ticks = field(tail + 2, FIELD_STARTTIME);
	ret_stat->exec_id = field(tail + 2, FIELD_ARG_START);
	return true;
}

static bool read_exe(uint32_t tid, procfs_is_fn is_it, const void *ctx, char *buf, size_t size)
{
	char path[32];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%u/exe", tid);
	len = readlink(path, buf, size);
	if (len <= 0 || len == (ssize_t)size || !is_it(ctx, tid))
		len = 0;
	buf[len] = '\0';
	return len;
}

void procfs_exe(uint32_t pid, procfs_is_fn is_it, const void *ctx, char *buf, size_t size)
{
	char path[32];
	struct dirent *entry;
	DIR *threads;

	if (read_exe(pid, is_it, ctx, buf, size))
		return;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	threads = opendir(path);
	while (threads && !buf[0] && (entry = readdir(threads))) {
		if (entry->d_name[0] != '.')
			read_exe((uint32_t)strtoul(entry->d_name, NULL, 10), is_it, ctx, buf, size);
	}
	if (threads)
		closedir(threads);
}

bool procfs_started_at(const struct procfs_stat *stat, uint64_t start_ns)
{
	return stat->start_ticks == start_ns / (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* Without a descriptor, or where hidepid hides processes, the first one does not show either. */
bool procfs_ended(uint32_t pid, uint64_t start_ns)
{
	struct procfs_stat stat;

	if (procfs_stat(pid, &stat))
		return !procfs_started_at(&stat, start_ns);
	return procfs_stat(1, &stat);
}
