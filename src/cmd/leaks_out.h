/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the looks of `leaks` go, the pause between two of them, and the signals that end it. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leaks_out {
	const char *path; /* NULL or "-": standard output */
	int fd;
	int signal_fd; /* of a run that repeats; else -1 */
	int error;     /* the first errno of a write; 0: none */
	bool stopped;  /* by a signal, also while the output takes nothing */
	bool hung_up;  /* SIGHUP asks to open it again */
	size_t len;
	char buf[16 * PIPE_BUF];
};

/* `repeats`: from now on signals wait. Before any thread starts. 0, or -errno, or an error of output_open(). */
int leaks_out_open(struct leaks_out *out, const char *path, bool repeats);
void leaks_out_close(struct leaks_out *out);

void leaks_out_put(struct leaks_out *out, const char *text, size_t len); /* whole lines */
void leaks_out_flush(struct leaks_out *out);

/* Waits. False: a signal ends the run. */
bool leaks_out_wait(struct leaks_out *out, uint64_t until_ns);
