/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /tmp/perf-PID.map: where a process's generated code lies and what it is called, as its runtime writes it. Lines of "START
 * SIZE NAME", numbers in hex; the last of those that hold an address is right, since code makes room for other code. Anything
 * may stand in the file: what is no such line is passed over. Names stay in the file, of which each is read when it is asked
 * for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_MAP_BYTES (64u << 20)  /* a longer one is not opened */
#define PERF_MAP_SYMBOLS (1u << 19) /* of a map; those at its beginning */
#define PERF_NAME_MAX 512           /* what is longer is cut */

struct perf_map {
	int fd; /* -1: none */
	uint64_t inode, size, changed_ns;
	struct perf_symbol {
		uint64_t start;
		uint32_t size;
		uint32_t line; /* where its name begins in the file */
	} * symbols;
	size_t len, room;
};

/* Reads it; `fd`, a regular file, is the map's from now on. 0 or -errno; perf_map_close() in any case. */
int perf_map_open(struct perf_map *map, int fd);
void perf_map_close(struct perf_map *map);

/* It is another file's by now, or has other contents. */
bool perf_map_changed(const struct perf_map *map);

/* The name of what lies at `address`, and how far into it that is. Its bytes may be any but a newline. */
bool perf_map_find(const struct perf_map *map, uint64_t address, char name[PERF_NAME_MAX], uint64_t *ret_offset);
