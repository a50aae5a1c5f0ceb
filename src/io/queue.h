/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded queue of messages in front of a destination, with a thread that writes it: an output that stalls or fails never
 * blocks the caller. One producer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct destination;
struct queue;

struct queue_stats {
	uint64_t messages; /* accepted, and those that came after the last failure */
	uint64_t dropped;  /* messages refused because the queue was full */
	uint64_t lost;     /* of `messages`, those that could not be written; messages - lost were, or wait */
	int error;         /* errno of the failure for good, 0 if none; EPIPE: the reader is gone */
	int failing;       /* errno of the last try, which is made again each second; 0: it works */
	int reopen_error;  /* errno of the last queue_reopen(), after which the destination stays as it was */
	bool unread_left;  /* the peer that left last did not read all that was written to it */
	uint64_t waiting;  /* messages that are not written yet */
	uint64_t stuck_ns; /* so long nothing could be written of what waits; 0: nothing waits */
	uint64_t wrote_ns; /* when a message was written last; 0: none was */
};

/*
 * `destination` is the queue's from here on, which closes it. `size` in bytes is rounded up to a power of two. `flush_ns`: the
 * thread writes at the latest this long after a message came in (0: at once), so that small messages share a write. 0 or
 * -errno; the destination is closed then, too.
 */
int queue_open(struct queue **out, struct destination *destination, size_t size, uint64_t flush_ns);

/*
 * True if the message is in the queue. Never blocks. An eighth of the queue is kept for urgent messages. All stay in order.
 * What is refused counts by queue_drop(): as dropped, or as lost if the output has failed for good; false then.
 */
bool queue_try(struct queue *queue, const void *data, size_t len, bool urgent);
bool queue_drop(struct queue *queue);
bool queue_put(struct queue *queue, const void *data, size_t len, bool urgent); /* one or the other */

/* Between two messages the thread lets the destination open its name again. Returns at once. */
void queue_reopen(struct queue *queue);

/* queue_close() calls `fn` for each message that queue_put() took in and that was not written as a whole. */
typedef void (*queue_lost_fn)(void *ctx, const void *data, size_t len);
void queue_on_lost(struct queue *queue, queue_lost_fn fn, void *ctx);

/* Bytes that a message of this moment could still take, its 4-byte head included. */
size_t queue_room(const struct queue *queue);

void queue_stats(struct queue *queue, struct queue_stats *ret_stats);

/* For how long the thread has been in a call of the destination; 0: it is in none. Waiting for a reader is no such call. */
uint64_t queue_busy_ns(const struct queue *queue);
bool queue_reopening(const struct queue *queue); /* queue_reopen() was called, and its effect is still to come */

/* Begins what queue_close() waits for, so that several queues end at the same time. NULL is fine. */
void queue_end(struct queue *queue);

/*
 * Writes what is left and ends the thread; gives up when the reader takes nothing for `wait_ns`, or is not done after 15 times
 * that, both counted from queue_end(). Messages that could not be written count as lost in *ret_stats (may be NULL). NULL queue
 * is fine.
 */
void queue_close(struct queue *queue, uint64_t wait_ns, struct queue_stats *ret_stats);

/* An fd that becomes readable when writing has failed, or the reader has left though nothing was to write: for an event loop.
 */
int queue_error_fd(const struct queue *queue);
