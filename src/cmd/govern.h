/* SPDX-License-Identifier: GPL-2.0-only */
/* --cpu-limit and --memory-limit of a live run: measures it, and sets the level of its outputs. */
#pragma once

#include "src/pipeline/governor.h"

struct options;
struct outputs;
struct record_context;

/* Zero at first. */
struct govern {
	struct governor governor;
	uint64_t next_ns;
	enum record_level said; /* on stderr */
	uint64_t said_ns;
	struct record_level_step last;
};

/* At each tick: measures once a second. `options` are those of the last reload. */
void govern_tick(struct govern *govern, const struct options *options, struct outputs *outputs,
		 const struct record_context *context, uint64_t now);
