/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of a spool: its segments, and what "state" says. */
#pragma once

#include "spool_segment.h"

/* How far the spool is delivered, and the counts of the run that wrote this. */
struct spool_state {
	char magic[8];
	uint64_t run, taken, delivered, lost, earlier_delivered, earlier_lost;
	uint64_t segment, offset; /* where the first entry stands that is not done */
	uint32_t index;           /* of that entry in its segment */
	uint32_t check;
};

struct spool_list {
	int dir, state_fd;
	struct segment *segments; /* the oldest first */
	size_t n, capacity;
	uint64_t next_id;
	uint64_t bytes; /* of all segments */
};

/* Reads the directory. Counts in *torn what was cut off or removed since it cannot be a spool's. 0 or -errno. */
int spool_list_open(struct spool_list *list, int dir, struct spool_state *ret_state, uint64_t *torn);
void spool_list_close(struct spool_list *list);

int spool_list_add(struct spool_list *list, uint64_t run); /* a new segment's descriptor or -errno */
void spool_list_remove(struct spool_list *list, size_t n); /* the oldest n */
uint64_t spool_list_next_id(const struct spool_list *list);

int spool_state_write(struct spool_list *list, struct spool_state *state); /* 0 or -errno */
