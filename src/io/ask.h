/* SPDX-License-Identifier: GPL-2.0-only */
/* Asks who listens on a Unix stream socket: what it sends from its own accord until it ends the connection. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ask_answer {
	pid_t pid;  /* who listens; 0: not known, as of another pid namespace */
	char *text; /* which the caller frees, also after a failure that pid is known of; NULL: none */
	size_t len;
};

/*
 * 0; -ETIMEDOUT: the answer was not there, or not at its end, in `wait_ns`; -EFBIG: it has more than `max` bytes;
 * -ECONNREFUSED: nobody listens; another -errno, or -output_refusal.
 */
int ask(const char *path, size_t max, uint64_t wait_ns, struct ask_answer *ret);
