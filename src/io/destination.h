/* SPDX-License-Identifier: GPL-2.0-only */
/* Where bytes go. Each kind of place is one file that fills in this struct: file.c. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct destination {
	const char *name; /* for messages: a path, or "standard output" */
	int fd;           /* poll() says when it takes `piece` bytes without blocking, and when its reader has left */
	size_t piece;
	size_t offset; /* in a file, as far as its place in a page matters for the cost of a write */

	/* The number of bytes written, or -errno. */
	ssize_t (*write)(struct destination *destination, const void *data, size_t len);
	void (*close)(struct destination *destination);
};

static inline void destination_close(struct destination *destination) /* NULL is fine */
{
	if (destination)
		destination->close(destination);
}
