/* SPDX-License-Identifier: GPL-2.0-only */
/* The perf maps of the programs seen last, each read again when it has changed, but never so often that this takes long. */
#pragma once

#include "file_source.h"
#include "perf_map.h"

#define PERF_MAPS 16

struct perf_maps {
	struct perf_maps_slot {
		struct program_id program; /* tgid 0: free */
		uint64_t used;
		uint64_t due_ns; /* it is looked at again no sooner */
		int error;       /* why there is none */
		struct perf_map map;
	} slots[PERF_MAPS];
	uint64_t uses;
};

void perf_maps_init(struct perf_maps *maps);
void perf_maps_free(struct perf_maps *maps);

/* The map of a program: NULL and *ret_error, a negative errno, if it has none. Good until the next call. */
const struct perf_map *perf_maps_of(struct perf_maps *maps, const struct file_source *source, const struct program_id *program,
				    int *ret_error);
