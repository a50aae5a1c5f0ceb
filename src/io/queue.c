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

#include "chunk_ring.h"
#include "destination.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_MIN_SIZE 4096
#define QUEUE_MAX_SIZE (1 << 30)
#define QUEUE_MARK (64 * 1024) /* so much waiting is worth a write at once */
#define QUEUE_URGENT 8         /* an eighth is for urgent messages alone */
#define QUEUE_PAGE 4096
#define QUEUE_LEN_SIZE sizeof(uint32_t)
#define QUEUE_NEVER UINT64_MAX
#define QUEUE_STEPS 4                       /* of the wait: how often progress is checked */
#define QUEUE_PATIENCE 15                   /* times the wait: so long may a slow reader take in all */
#define QUEUE_CANCEL_NS UINT64_C(100000000) /* grace for the thread to end by itself */

enum queue_sleep {
	QUEUE_AWAKE,
	QUEUE_IDLE,       /* until any message comes */
	QUEUE_COLLECTING, /* until the mark is passed or the time is up */
};

struct queue {
	struct chunk_ring ring;
	struct destination *destination;
	size_t size, mark;
	uint64_t flush_ns, opened;
	int wake_fd, error_fd, done_fd;
	pthread_t thread;
	size_t head_done; /* the writer's: bytes of the message at head that are written */
	char *stage;      /* the writer's: a piece, and up to a page before it */
	queue_lost_fn on_lost;
	void *on_lost_ctx;
	atomic_bool closing, give_up;
	atomic_int error;
	_Atomic uint64_t accepted, dropped, written; /* messages */
	_Atomic uint64_t bytes;                      /* written */
	/* Apart, so that the two threads do not share a cache line. */
	_Alignas(64) _Atomic size_t tail;
	_Alignas(64) _Atomic size_t head;
	_Alignas(64) atomic_int sleep; /* enum queue_sleep */
};

static uint64_t queue_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t queue_later(uint64_t now, uint64_t ns)
{
	return ns < QUEUE_NEVER - now ? now + ns : QUEUE_NEVER;
}

static void queue_signal(int event_fd)
{
	uint64_t one = 1;

	/* It fails only if the counter is full: then the fd is readable. */
	(void)!write(event_fd, &one, sizeof(one));
}

static void queue_drain(int event_fd)
{
	uint64_t count;

	(void)!read(event_fd, &count, sizeof(count));
}

static size_t queue_span(size_t len)
{
	return (QUEUE_LEN_SIZE + len + QUEUE_LEN_SIZE - 1) & ~(QUEUE_LEN_SIZE - 1);
}

/* Waits for one of the fds, until `deadline`: 0 when it has passed. */
static int queue_poll(struct pollfd *fds, nfds_t n, uint64_t deadline)
{
	struct timespec timeout, *until = NULL;
	uint64_t now;

	if (deadline != QUEUE_NEVER) {
		now = queue_now();
		uint64_t left = deadline > now ? deadline - now : 0;
		timeout = (struct timespec){.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
		until = &timeout;
	}
	return ppoll(fds, n, until, NULL);
}

static void queue_fail(struct queue *q, int error)
{
	atomic_store(&q->error, error);
	queue_signal(q->error_fd);
}

/* Sleeps in `state` until the producer or queue_close() wakes it, or until `deadline`. False: the reader left meanwhile. */
static bool queue_sleep(struct queue *q, enum queue_sleep state, uint64_t deadline)
{
	struct pollfd fds[] = {{.fd = q->wake_fd, .events = POLLIN}, {.fd = q->destination->fd}};
	size_t enough = state == QUEUE_IDLE ? 1 : q->mark;

	/* Either the producer sees that we sleep, or we see its message: both sides store first and then load. */
	atomic_store(&q->sleep, state);
	if (atomic_load(&q->tail) - q->head < enough && !atomic_load(&q->closing))
		queue_poll(fds, 2, deadline);
	atomic_store(&q->sleep, QUEUE_AWAKE);
	if (fds[0].revents)
		queue_drain(q->wake_fd);
	if (!(fds[1].revents & POLLERR))
		return true;
	queue_fail(q, EPIPE);
	return false;
}

static uint32_t queue_len(const struct queue *q, size_t pos)
{
	uint32_t len;

	chunk_ring_read(&q->ring, pos, &len, sizeof(len));
	return len;
}

/*
 * The next piece of the messages up to `tail`, at the offset in a page that it will have in the file: the kernel's copies
 * between pages at other offsets took five times as long (measured on AMD Zen, "rep movsb").
 */
static struct iovec queue_stage(const struct queue *q, size_t tail)
{
	struct iovec out = {.iov_base = q->stage + (q->destination->offset & (QUEUE_PAGE - 1))};
	size_t done = q->head_done, piece = q->destination->piece, take;

	for (size_t pos = q->head; pos != tail && out.iov_len < piece; done = 0) {
		uint32_t len = queue_len(q, pos);
		take = len - done < piece - out.iov_len ? len - done : piece - out.iov_len;
		chunk_ring_read(&q->ring, pos + QUEUE_LEN_SIZE + done, (char *)out.iov_base + out.iov_len, take);
		out.iov_len += take;
		pos += queue_span(len);
	}
	return out;
}

/* Moves head over the messages that `bytes` more bytes complete. */
static void queue_consume(struct queue *q, size_t bytes)
{
	size_t head = q->head;
	uint64_t messages = 0;

	q->head_done += bytes;
	q->destination->offset += bytes;
	while (q->head_done > 0) {
		uint32_t len = queue_len(q, head);
		if (q->head_done < len)
			break;
		q->head_done -= len;
		head += queue_span(len);
		messages++;
	}
	atomic_fetch_add(&q->bytes, bytes);
	atomic_fetch_add(&q->written, messages);
	chunk_ring_give_back(&q->ring, q->head, head);
	atomic_store(&q->head, head);
}

/* Waits until the destination can take something. False: queue_close() gives it up. */
static bool queue_ready(struct queue *q)
{
	struct pollfd fds[] = {{.fd = q->destination->fd, .events = POLLOUT}, {.fd = q->wake_fd, .events = POLLIN}};

	while (!atomic_load(&q->give_up)) {
		if (queue_poll(fds, 2, QUEUE_NEVER) > 0 && fds[0].revents)
			return true; /* an error too: the write will name it */
		queue_drain(q->wake_fd);
	}
	return false;
}

/* Writes everything up to `tail`. False: no more can be written. */
static bool queue_write(struct queue *q, size_t tail)
{
	while (q->head != tail) {
		if (!queue_ready(q))
			return false;
		struct iovec piece = queue_stage(q, tail);
		/* Another writer may fill the pipe between poll() and here: queue_close() can cancel this call. */
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		ssize_t written = q->destination->write(q->destination, piece.iov_base, piece.iov_len);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		if (written >= 0) {
			queue_consume(q, (size_t)written);
		} else if (written != -EINTR && written != -EAGAIN) {
			queue_fail(q, (int)-written);
			return false;
		}
	}
	return true;
}

static void *queue_run(void *arg)
{
	struct queue *q = arg;
	uint64_t since = q->opened; /* what waits has come later than this */

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	for (;;) {
		bool closing = atomic_load(&q->closing);
		size_t tail = atomic_load(&q->tail);
		size_t waiting = tail - q->head;
		if (waiting == 0) {
			if (closing || !queue_sleep(q, QUEUE_IDLE, QUEUE_NEVER))
				break;
			since = queue_now();
			continue;
		}
		uint64_t due = queue_later(since, q->flush_ns), now = queue_now();
		if (!closing && waiting < q->mark && now < due) {
			if (!queue_sleep(q, QUEUE_COLLECTING, due))
				break;
			continue;
		}
		since = now;
		if (!queue_write(q, tail))
			break;
	}
	queue_signal(q->done_fd);
	return NULL;
}

/* The thread leaves signals to the rest of the program. */
static int queue_start(struct queue *q)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&q->thread, NULL, queue_run, q);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

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
	q->stage = aligned_alloc(QUEUE_PAGE, q->destination->piece + QUEUE_PAGE);
	err = q->stage ? chunk_ring_open(&q->ring, q->size) : -ENOMEM;
	return err ? err : queue_start(q);
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
		.opened = queue_now(),
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

bool queue_put(struct queue *q, const void *data, size_t len, bool urgent)
{
	size_t kept = urgent ? 0 : q->size / QUEUE_URGENT;
	size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	size_t head = atomic_load_explicit(&q->head, memory_order_acquire);
	uint32_t prefix = (uint32_t)len; /* the ring is far smaller than 4 GiB */

	if (len == 0)
		return true;
	if (atomic_load_explicit(&q->error, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&q->accepted, 1, memory_order_relaxed); /* and not written: lost */
		return false;
	}
	if (len > q->size || queue_span(len) + kept > q->size - (tail - head) ||
	    !chunk_ring_take(&q->ring, tail, tail + queue_span(len))) {
		atomic_fetch_add_explicit(&q->dropped, 1, memory_order_relaxed);
		return false;
	}
	atomic_fetch_add_explicit(&q->accepted, 1, memory_order_relaxed);
	chunk_ring_write(&q->ring, tail, &prefix, sizeof(prefix));
	chunk_ring_write(&q->ring, tail + sizeof(prefix), data, len);
	tail += queue_span(len);
	atomic_store(&q->tail, tail);
	int sleep = atomic_load(&q->sleep);
	if (sleep == QUEUE_IDLE || (sleep == QUEUE_COLLECTING && tail - head >= q->mark)) {
		/* One call for one sleep, however many messages follow before the thread runs. */
		if (atomic_compare_exchange_strong(&q->sleep, &sleep, QUEUE_AWAKE))
			queue_signal(q->wake_fd);
	}
	return true;
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
	};
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

void queue_close(struct queue *q, uint64_t wait_ns, struct queue_stats *ret_stats)
{
	struct pollfd done;
	uint64_t bytes;

	if (!q)
		return;
	done = (struct pollfd){.fd = q->done_fd, .events = POLLIN};
	atomic_store(&q->closing, true);
	queue_signal(q->wake_fd);
	for (int step = 0, idle = 0; idle < QUEUE_STEPS && step < QUEUE_STEPS * QUEUE_PATIENCE; step++) {
		bytes = atomic_load(&q->bytes);
		if (queue_poll(&done, 1, queue_later(queue_now(), wait_ns / QUEUE_STEPS)) > 0)
			break;
		idle = atomic_load(&q->bytes) == bytes ? idle + 1 : 0;
	}
	atomic_store(&q->give_up, true);
	queue_signal(q->wake_fd);
	if (!done.revents && !queue_poll(&done, 1, queue_later(queue_now(), QUEUE_CANCEL_NS)))
		pthread_cancel(q->thread);
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
