/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, pipes, terminals: destinations that are a descriptor. */
#pragma once

#include <stdbool.h>

#include "destination.h"

/*
 * NULL or "-" is standard output. Else a file: `fresh` empties it, otherwise what is written is appended. 0 or -errno. `path`
 * must outlive the destination.
 */
int file_open(struct destination **out, const char *path, bool fresh);

/* A descriptor, which stays the caller's. */
int file_of_fd(struct destination **out, int fd, const char *name);
