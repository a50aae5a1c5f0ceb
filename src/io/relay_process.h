/* SPDX-License-Identifier: GPL-2.0-only */
/* The process of a relay, as the tracer sees it. */
#pragma once

#include "relay_page.h"
#include "relay_retain.h"

#include <sys/types.h>

struct relay_process {
	struct relay_page *page;
	pid_t pid;                        /* 0: there is none */
	int lines, say;                   /* pipes to and from it, or -1 */
	int page_fd, orders_fd, spool_fd; /* spool_fd: /dev/null if there is no spool */
};

/* All that a relay needs, without starting it. 0, or -errno with a sentence. relay_process_close() in any case. */
int relay_process_open(struct relay_process *process, const struct relay_config *config, char *why, size_t why_size);
void relay_process_close(struct relay_process *process);

int relay_process_start(struct relay_process *process, int pipe_size); /* 0 or -errno */

/* 0: it is ready; -EAGAIN: it is not yet; another -errno: it will not be, with its sentence. */
int relay_process_ready(struct relay_process *process, int timeout_ms, char *why, size_t why_size);

/* Its lines end; it may deliver until RELAY_END_MS after `since_ns`, then it ends. */
void relay_process_finish(struct relay_process *process, uint64_t since_ns);
void relay_process_end(struct relay_process *process); /* at once */
