/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes to a destination from the caller's own thread, in large pieces: for commands without a live run. */
#pragma once

#include <stdbool.h>

#include "destination.h"

#define WRITER_BYTES (1 << 18)

struct writer {
	struct destination *destination; /* writer_close() closes it */
	int error;
	size_t len;
	char data[WRITER_BYTES];
};

/* Room for `size` bytes, at most WRITER_BYTES, which the next writer_put() may begin with. `writer` is a struct writer. */
char *writer_room(void *writer, size_t size);

/* False once a write has failed. Data that stand in the room already are not copied. */
bool writer_put(void *writer, const char *data, size_t len);

/* Writes the rest; 0, or the errno of the first write that failed. EPIPE: the reader left. */
int writer_close(struct writer *writer);
