/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes to a destination from the caller's own thread, in large pieces: for commands without a live run. */
#pragma once

#include <stdbool.h>

#include "destination.h"

struct writer;

/* `destination` is the writer's from here on. 0 or -errno. */
int writer_new(struct writer **out, struct destination *destination);

/* False once a write has failed. `writer` is a struct writer. */
bool writer_put(void *writer, const char *data, size_t len);

/* Writes the rest; 0, or the errno of the first write that failed. EPIPE: the reader left. */
int writer_close(struct writer *writer);
