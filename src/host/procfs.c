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

/* `dir`: of a process or of a thread. */
static bool read_stat(const char *dir, struct procfs_stat *ret_stat)
{
	char path[80], stat[1024];
	const char *tail;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "%s/stat", dir);
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

bool procfs_stat(uint32_t pid, struct procfs_stat *ret_stat)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "/proc/%u", pid);
	return read_stat(dir, ret_stat);
}

/* First the link, then whose it was: an exec() between the two shows. */
static bool read_exe(const char *dir, uint64_t exec_id, char *buf, size_t size)
{
	struct procfs_stat stat;
	char path[80];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/exe", dir);
	len = readlink(path, buf, size - 1);
	if (len <= 0 || !read_stat(dir, &stat) || stat.exec_id != exec_id)
		len = 0;
	buf[len] = '\0';
	return len;
}

void procfs_exe(uint32_t pid, uint64_t exec_id, char *buf, size_t size)
{
	char path[64];
	struct dirent *entry;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (read_exe(path, exec_id, buf, size))
		return;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	threads = opendir(path);
	while (threads && !buf[0] && (entry = readdir(threads))) {
		snprintf(path, sizeof(path), "/proc/%u/task/%.20s", pid, entry->d_name);
		if (entry->d_name[0] != '.')
			read_exe(path, exec_id, buf, size);
	}
	if (threads)
		closedir(threads);
}

bool procfs_started_at(const struct procfs_stat *stat, uint64_t start_ns)
{
	return stat->start_ticks == start_ns / (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}
