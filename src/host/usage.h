/* SPDX-License-Identifier: GPL-2.0-only */
/* What this run uses of the host: all its processes together. What BPF programs take is part of the processes that they
 * interrupt. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct usage {
	uint64_t cpu_ns;       /* of this process and all its helpers, also those that have ended */
	uint64_t memory_bytes; /* anonymous memory that is resident; of a helper that /proc hides it is not known, and not in it
				*/
};

void usage_read(struct usage *ret);

/* Of all helpers, also those that have ended. At a moment in which one ends it may be less than before. */
uint64_t usage_helpers_cpu_ns(void);

/* CPU time of another process; 0: it has ended. */
uint64_t usage_cpu_ns(pid_t pid);
