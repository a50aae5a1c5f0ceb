/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, pipes, terminals: destinations that are a descriptor. */
#pragma once

#include <stdbool.h>

#include "destination.h"
#include "file_settings.h"
#include "output_open.h"

/*
 * NULL or "-" is standard output; else as output_open(). 0 or its error. `path` must outlive the destination. Not `fresh`: what
 * is written are lines. Each write() is of whole ones, and write(), restore() and reopen() leave no torn one in a file.
 */
int file_open(struct destination **out, const char *path, bool fresh, reader_wait_fn wait, void *ctx);

/* The same for lines, with settings, which are copied; NULL: none. */
int file_open_lines(struct destination **out, const char *path, const struct file_settings *settings, reader_wait_fn wait,
		    void *ctx);

/* A descriptor, which stays the caller's. A failure is the end: there is no restore(). */
int file_of_fd(struct destination **out, int fd, const char *name);
