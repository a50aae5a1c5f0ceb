/* SPDX-License-Identifier: GPL-2.0-only */
/* Capabilities: what this process may do here. Two are needed to run, each of the others adds something. */
#pragma once

#include "hook_info.h"

/* COLLECTOR_OK, or COLLECTOR_NO_PRIVILEGE if a run cannot work. Nothing is tried: the capabilities are read. */
enum collector_problem privileges_check(struct collector_failure *ret_failure);

/* " (AppArmor may forbid it ...)" behind an error that is a refusal; "" if nothing is known to be the reason. */
const char *privileges_reason(int err, char *buf, size_t size);

/* For the rows of HOOKS_FEATURES that are capabilities: each is tried, by what the tool does with it. */
void privileges_examine(struct hook_state *features, size_t n);

/* The name of a capability of the table that this process does not have; NULL: it has it. */
const char *privileges_missing(unsigned int capability);

/*
 * When all is loaded and attached: the calling thread keeps what the names of processes and control groups take, and finding
 * namespaces; what enters these is the process of admin.h. All threads give up the system calls that are not needed any more
 * (syscalls.h). 0 or -errno: a sentence about that is PRIVILEGES_STAY.
 */
#define PRIVILEGES_STAY "the run keeps system calls or capabilities that it does not need: %s"
enum privileges_helpers {
	PRIVILEGES_NO_HELPERS,
	PRIVILEGES_HELPERS,      /* processes of other users will be ended, and started by other threads */
	PRIVILEGES_HELPERS_HERE, /* and by this thread, too */
};
struct privileges_kept {
	bool (*works)(void *ctx); /* CAP_BPF and CAP_PERFMON go if it still returns true without them */
	void *ctx;
	enum privileges_helpers helpers;
	bool opens_output; /* this thread opens a file again, which may be in another user's folder */
};
int privileges_reduce(const struct privileges_kept *kept);
