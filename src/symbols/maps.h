/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of /proc/PID/maps as a list of files with code. Pure. */
#pragma once

#include "file_source.h"

#include <stdbool.h>

#define MAPS_PATH_MAX 4096

/* Which file a mapping is of. */
struct mapping {
	uint64_t start, end;
	uint64_t inode; /* 0: of no file */
	uint32_t major, minor;
	bool code;
	const char *path; /* in the line, as far as path_len */
	size_t path_len;
};

/* `line` without its newline. */
bool maps_parse(const char *line, size_t len, struct mapping *ret_mapping);

/* Mappings of one file that follow one another are a module if one of them has code. All zero is empty. */
struct module_list {
	struct module_range *modules; /* MODULES_MAX */
	size_t len;
	struct module_range open; /* what the last lines were of; high 0: none */
	uint64_t inode;
	uint32_t major, minor;
	bool code;
};

void module_list_add(struct module_list *list, const struct mapping *mapping);
void module_list_end(struct module_list *list);
