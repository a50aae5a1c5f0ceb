/* SPDX-License-Identifier: GPL-2.0-only */
/* Where bytes go. Each kind of place is one file that fills in this struct: file.c. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DESTINATION_ERROR_MAX 256

/* What became of messages after write() took them. */
struct destination_fate {
	uint64_t delivered;
	uint64_t lost;                                             /* they did not arrive, for good */
	uint64_t kept;                                             /* on disk; the next run delivers them */
	uint64_t waiting;                                          /* for any of these */
	uint64_t earlier_delivered, earlier_lost, earlier_waiting; /* what runs before had kept */
	char error[DESTINATION_ERROR_MAX];                         /* the last one, anybody's bytes; "": none */
};

struct destination {
	const char *name; /* for messages: a path, or "standard output" */
	int fd;           /* poll() says when it takes `piece` bytes without blocking, and when its reader has left */
	size_t piece;
	size_t offset;  /* in a file, as far as its place in a page matters for the cost of a write */
	bool shared;    /* another run writes to it, too */
	bool datagrams; /* one write() is given one whole message; else any part of a stream of messages */
	_Atomic uint64_t
		torn; /* lines that were broken off, by a failed write or by who wrote before, and ended by a newline */
	_Atomic uint64_t renewed; /* what was written before is in another file: a rotation, SIGHUP, copytruncate */
	bool unread_left;         /* set by write() and restore(): a peer left without reading all that was written to it */

	/* The number of bytes written, or -errno. */
	ssize_t (*write)(struct destination *destination, const void *data, size_t len);

	/*
	 * After a failed write(), each second until it succeeds: makes the destination fit to write again, with a descriptor
	 * that may be a new one. `torn`: so many bytes of a message that will not be completed stand at its end, which it
	 * removes, or ends so that the next message stands for itself. 0, or -errno: not yet. NULL: a failure is the end.
	 */
	int (*restore)(struct destination *destination, size_t torn);

	/* What is written from now on goes to where the name leads now (SIGHUP). 0 or -errno: it stays as it is. NULL: no
	 * effect. */
	int (*reopen)(struct destination *destination);

	/*
	 * The run ends: what was written has a short time from now on to reach its peer. Called once, on any thread, also while
	 * write() or restore() run and before more is written. NULL: no effect.
	 */
	void (*end)(struct destination *destination);

	void (*close)(struct destination *destination);

	/* On any thread, while it is open; close() fills in *last, if that is not NULL. NULL: what write() took has arrived. */
	void (*fate)(const struct destination *destination, struct destination_fate *ret);
	struct destination_fate *last;
};

static inline void destination_close(struct destination *destination) /* NULL is fine */
{
	if (destination)
		destination->close(destination);
}
