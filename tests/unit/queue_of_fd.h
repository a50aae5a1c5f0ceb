/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef QUEUE_OF_FD_H
#define QUEUE_OF_FD_H

#include "src/io/file.h"
#include "src/io/queue.h"

/* A queue that writes to a descriptor, which stays the test's. */
static inline int queue_of_fd(struct queue **out, int fd, size_t size, uint64_t flush_ns)
{
	struct destination *destination;
	int err = file_of_fd(&destination, fd, "a test");

	return err ? err : queue_open(out, destination, size, flush_ns);
}

#endif
