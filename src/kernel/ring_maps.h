/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring buffers of all CPUs, and the map through which the programs find them. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ring_maps {
	unsigned int n; /* CPUs */
	uint32_t bytes; /* of each ring */
	int *fds;       /* NULL, or one per CPU, -1 where not created; not to be read before ring_maps_end() */
	int map_fd;     /* of the map; -1: none */
	int err;
	pthread_t thread;
	bool filling;
};

/* Creates the map, and begins to create and put in the rings. 0 or -errno; then it can only be closed. */
int ring_maps_begin(struct ring_maps *maps, unsigned int n, uint32_t bytes);

/* Waits until all are in the map. 0 or -errno. */
int ring_maps_end(struct ring_maps *maps);

void ring_maps_close(struct ring_maps *maps); /* also after a failed begin */
