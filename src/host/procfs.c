// SPDX-License-Identifier: GPL-2.0-only
#include "procfs.h"

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
	char path[40], stat[1024];
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

bool procfs_started_at(const struct procfs_stat *stat, uint64_t start_ns)
{
	return stat->start_ticks == start_ns / (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}
