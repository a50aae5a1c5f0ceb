/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two threads of a queue share: queue.c is the producer's, queue_writer.c the writer's. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>

#include "chunk_ring.h"
#include "destination.h"
#include "wait.h"

#define QUEUE_PAGE 4096
#define QUEUE_LEN_SIZE sizeof(uint32_t)

enum queue_sleep {
	QUEUE_AWAKE,
	QUEUE_IDLE,       /* until any message comes */
	QUEUE_COLLECTING, /* until the mark is passed or the time is up */
};

struct queue {
	struct chunk_ring ring;
	struct destination *destination;
	size_t size, mark;
	uint64_t flush_ns;
	int wake_fd, error_fd, done_fd;
	pthread_t thread;
	size_t head_done; /* the writer's: bytes of the message at head that are written */
	char *stage;      /* the writer's: a piece, and up to a page before it */
	void (*on_lost)(void *ctx, const void *data, size_t len);
	void *on_lost_ctx;
	uint64_t reopen_ns; /* the writer\'s: when reopen() is tried again, if it failed */
	bool last_try;      /* the writer's: no more after it */
	atomic_bool closing, give_up, reopen, unread_left;
	atomic_int error, failing, reopen_error;
	_Atomic uint64_t accepted, dropped, written; /* messages */
	_Atomic uint64_t progress_ns;                /* when something was written, or came into an empty queue */
	_Atomic uint64_t wrote_ns;                   /* when a message was written last; 0: none was */
	_Atomic uint64_t busy_ns;                    /* since when the writer is in a call of the destination; 0: in none */
	uint64_t closing_ns;
	/* Apart, so that the two threads do not share a cache line. */
	_Alignas(64) _Atomic size_t tail;
	_Alignas(64) _Atomic size_t head;
	_Alignas(64) atomic_int sleep; /* enum queue_sleep */
};

static inline size_t queue_span(size_t len)
{
	return (QUEUE_LEN_SIZE + len + QUEUE_LEN_SIZE - 1) & ~(QUEUE_LEN_SIZE - 1);
}

static inline uint32_t queue_len(const struct queue *q, size_t pos)
{
	uint32_t len;

	chunk_ring_read(&q->ring, pos, &len, sizeof(len));
	return len;
}

/* The thread: `arg` is the queue. */
void *queue_run(void *arg);
