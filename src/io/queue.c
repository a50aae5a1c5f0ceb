// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring of messages between the event loop and a thread that writes them. It takes memory only for what waits in it.
 *
 * A message is its length (4 bytes), its bytes, and padding to 4. Head and tail only grow. The producer moves tail; the writer
 * moves head over whole messages that are written. What lies between them when the thread has ended was lost.
 *
 * The producer wakes the thread for the first message after a quiet time, and for the one that fills the ring past a mark. The
 * thread calls poll() and then writes no more than the destination takes without blocking.
 */
#include "queue.h"

#include "queue_internal.h"
#include "src/host/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_MIN_SIZE 4096
#define QUEUE_MAX_SIZE (1 << 30)
#define QUEUE_MARK (256 * 1024)             /* so much waiting is worth a write at once */
#define QUEUE_URGENT 8                      /* an eighth is for urgent messages alone */
#define QUEUE_PATIENCE 15                   /* times the wait: so long may a slow reader take in all */
#define QUEUE_CANCEL_NS UINT64_C(100000000) /* grace for the thread to end by itself */

static void queue_free(struct queue *q)
{
	if (q->wake_fd >= 0)
		close(q->wake_fd);
	if (q->error_fd >= 0)
		close(q->error_fd);
	if (q->done_fd >= 0)
		close(q->done_fd);
	free(q->stage);
	chunk_ring_close(&q->ring);
	destination_close(q->destination);
	free(q);
}

static int queue_init(struct queue *q, size_t size)
{
	int err;

	if (q->wake_fd < 0 || q->error_fd < 0 || q->done_fd < 0)
		return -errno;
	while (q->size < size)
		q->size *= 2;
	q->mark = q->size / 2 < QUEUE_MARK ? q->size / 2 : QUEUE_MARK;
	q->stage = aligned_alloc(QUEUE_PAGE, (q->destination->piece + 2 * QUEUE_PAGE - 1) & ~(size_t)(QUEUE_PAGE - 1));
	err = q->stage ? chunk_ring_open(&q->ring, q->size) : -ENOMEM;
	return err ? err : thread_start(&q->thread, queue_run, q);
}

int queue_open(struct queue **out, struct destination *destination, size_t size, uint64_t flush_ns)
{
	struct queue *q = size <= QUEUE_MAX_SIZE ? aligned_alloc(_Alignof(struct queue), sizeof(*q)) : NULL;
	int err;

	if (!q) {
		destination_close(destination);
		return size <= QUEUE_MAX_SIZE ? -ENOMEM : -EINVAL;
	}
	*q = (struct queue){
		.destination = destination,
		.flush_ns = flush_ns,
		.progress_ns = wait_now(),
		.size = QUEUE_MIN_SIZE,
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.error_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	err = queue_init(q, size);
	if (err)
		queue_free(q);
	else
		*out = q;
	return err;
}

bool queue_try(struct queue *q, const void *data, size_t len, bool urgent)
{
	size_t kept = urgent ? 0 : q->size / QUEUE_URGENT;
	size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	size_t head = atomic_load_explicit(&q->head, memory_order_acquire);
	uint32_t prefix = (uint32_t)len; /* the ring is far smaller than 4 GiB */

	if (len == 0)
		return true;
	if (atomic_load_explicit(&q->error, memory_order_relaxed) || len > q->size ||
	    queue_span(len) + kept > q->size - (tail - head) || !chunk_ring_take(&q->ring, tail, tail + queue_span(len)))
		return false;
	atomic_fetch_add_explicit(&q->accepted, 1, memory_order_relaxed);
	if (tail == head)
		atomic_store_explicit(&q->progress_ns, wait_now(), memory_order_relaxed); /* it was not stuck before */
	chunk_ring_write(&q->ring, tail, &prefix, sizeof(prefix));
	chunk_ring_write(&q->ring, tail + sizeof(prefix), data, len);
	tail += queue_span(len);
	atomic_store(&q->tail, tail);
	int sleep = atomic_load(&q->sleep);
	if (sleep == QUEUE_IDLE || (sleep == QUEUE_COLLECTING && tail - head >= q->mark)) {
		/* One call for one sleep, however many messages follow before the thread runs. */
		if (atomic_compare_exchange_strong(&q->sleep, &sleep, QUEUE_AWAKE))
			wait_signal(q->wake_fd);
	}
	return true;
}

bool queue_drop(struct queue *q)
{
	bool failed = atomic_load_explicit(&q->error, memory_order_relaxed);

	/* What is accepted and never written is lost. */
	atomic_fetch_add_explicit(failed ? &q->accepted : &q->dropped, 1, memory_order_relaxed);
	return !failed;
}

bool queue_put(struct queue *q, const void *data, size_t len, bool urgent)
{
	if (queue_try(q, data, len, urgent))
		return true;
	queue_drop(q);
	return false;
}

size_t queue_room(const struct queue *q)
{
	size_t room = q->size - (atomic_load(&q->tail) - atomic_load(&q->head)), kept = q->size / QUEUE_URGENT;

	return room > kept ? room - kept : 0;
}

void queue_stats(struct queue *q, struct queue_stats *ret_stats)
{
	int error = atomic_load(&q->error);
	uint64_t written = atomic_load(&q->written);
	uint64_t accepted = atomic_load(&q->accepted);

	*ret_stats = (struct queue_stats){
		.messages = accepted,
		.dropped = atomic_load(&q->dropped),
		.lost = error ? accepted - written : 0,
		.error = error,
		.failing = atomic_load(&q->failing),
		.reopen_error = atomic_load(&q->reopen_error),
		.unread_left = atomic_load(&q->unread_left),
		.waiting = error ? 0 : accepted - written,
		.wrote_ns = atomic_load(&q->wrote_ns),
	};
	if (accepted != written) {
		uint64_t progress = atomic_load(&q->progress_ns), now = wait_now();

		ret_stats->stuck_ns = now > progress ? now - progress : 0;
	}
}

void queue_reopen(struct queue *q)
{
	atomic_store(&q->reopen, true);
	wait_signal(q->wake_fd);
}

bool queue_reopening(const struct queue *q)
{
	return atomic_load(&q->reopen) || atomic_load(&q->busy_ns); /* in this order: the writer sets busy_ns first */
}

uint64_t queue_busy_ns(const struct queue *q)
{
	uint64_t since = atomic_load(&q->busy_ns), now = wait_now();

	return since && now > since ? now - since : 0;
}

void queue_on_lost(struct queue *q, queue_lost_fn fn, void *ctx)
{
	q->on_lost = fn;
	q->on_lost_ctx = ctx;
}

/* After the thread's end. */
static void queue_show_lost(struct queue *q)
{
	char *data;
	uint32_t len;

	for (size_t pos = q->head; q->on_lost && pos != q->tail; pos += queue_span(len)) {
		len = queue_len(q, pos);
		data = malloc(len);
		if (!data)
			return;
		chunk_ring_read(&q->ring, pos + QUEUE_LEN_SIZE, data, len);
		q->on_lost(q->on_lost_ctx, data, len);
		free(data);
	}
}

void queue_end(struct queue *q)
{
	if (!q || atomic_load(&q->closing))
		return;
	q->closing_ns = wait_now();
	if (q->destination->end)
		q->destination->end(q->destination);
	atomic_store(&q->closing, true);
	wait_signal(q->wake_fd);
}

/* Until the thread is done, or has written nothing for `wait_ns`. True: it is done. */
static bool queue_wait_done(struct queue *q, uint64_t wait_ns)
{
	struct pollfd done = {.fd = q->done_fd, .events = POLLIN};
	uint64_t last = wait_later(q->closing_ns, wait_ns * QUEUE_PATIENCE), progress, deadline;

	do {
		progress = atomic_load(&q->progress_ns);
		deadline = wait_later(progress > q->closing_ns ? progress : q->closing_ns, wait_ns);
		deadline = deadline < last ? deadline : last;
		if (wait_poll(&done, 1, deadline) > 0)
			return true;
	} while (deadline < last && atomic_load(&q->progress_ns) != progress);
	return false;
}

void queue_close(struct queue *q, uint64_t wait_ns, struct queue_stats *ret_stats)
{
	struct pollfd done;

	if (!q)
		return;
	queue_end(q);
	if (!queue_wait_done(q, wait_ns)) {
		done = (struct pollfd){.fd = q->done_fd, .events = POLLIN};
		atomic_store(&q->give_up, true);
		wait_signal(q->wake_fd);
		if (!wait_poll(&done, 1, wait_later(wait_now(), QUEUE_CANCEL_NS)))
			pthread_cancel(q->thread);
	}
	pthread_join(q->thread, NULL);
	queue_show_lost(q);
	if (ret_stats) {
		queue_stats(q, ret_stats);
		ret_stats->lost = ret_stats->messages - atomic_load(&q->written);
	}
	queue_free(q);
}

int queue_error_fd(const struct queue *q)
{
	return q->error_fd;
}
