// SPDX-License-Identifier: GPL-2.0-only
/*
 * The writer of a queue: it collects small messages, waits until the destination takes them, and after a failure tries again
 * each second, if the destination can be restored. Meanwhile messages wait, and those for which there is no room are dropped.
 */
#include "queue_internal.h"
#include "src/host/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/uio.h>

#define QUEUE_RETRY_NS UINT64_C(1000000000)
#define QUEUE_SPARE_NS UINT64_C(1000000000) /* so long without a message memory is kept for more of them */

/* Around each call of the destination. */
static void queue_enter(struct queue *q)
{
	atomic_store(&q->busy_ns, wait_now());
}

static void queue_leave(struct queue *q)
{
	atomic_store(&q->busy_ns, 0);
}

static void queue_fail(struct queue *q, int error)
{
	atomic_store(&q->error, error);
	wait_signal(q->error_fd);
}

/* Sleeps in `state` until the producer or queue_close() wakes it, or until `deadline`. False: the reader left meanwhile. */
static bool queue_sleep(struct queue *q, enum queue_sleep state, uint64_t deadline)
{
	struct pollfd fds[] = {{.fd = q->wake_fd, .events = POLLIN}, {.fd = q->destination->fd}};
	size_t enough = state == QUEUE_IDLE ? 1 : q->mark;

	/* Either the producer sees that we sleep, or we see its message: both sides store first and then load. */
	atomic_store(&q->sleep, state);
	if (atomic_load(&q->tail) - q->head < enough && !atomic_load(&q->closing))
		wait_poll(fds, 2, deadline);
	atomic_store(&q->sleep, QUEUE_AWAKE);
	if (fds[0].revents)
		wait_drain(q->wake_fd);
	return !(fds[1].revents & (POLLERR | POLLHUP));
}

/* Until a message comes. False: the reader left meanwhile. */
static bool queue_sleep_idle(struct queue *q)
{
	uint64_t spare_until = wait_later(atomic_load(&q->wrote_ns), QUEUE_SPARE_NS);

	if (wait_now() < spare_until)
		return queue_sleep(q, QUEUE_IDLE, spare_until);
	chunk_ring_free_spares(&q->ring);
	return queue_sleep(q, QUEUE_IDLE, WAIT_FOREVER);
}

/* Between messages; after a failure once more with what comes a second later. */
static void queue_reopen_if_asked(struct queue *q)
{
	struct destination *d = q->destination;
	bool again = atomic_load(&q->reopen_error) && wait_now() >= q->reopen_ns;

	if (q->head_done || !(atomic_load(&q->reopen) || again))
		return;
	queue_enter(q);
	atomic_store(&q->reopen, false);
	atomic_store(&q->reopen_error, d->reopen ? -d->reopen(d) : 0);
	queue_leave(q);
	q->reopen_ns = wait_later(wait_now(), QUEUE_RETRY_NS);
}

/*
 * The next piece of the messages up to `tail`, at the offset in a page that it will have in the file: the kernel's copies
 * between pages at other offsets took five times as long (measured on AMD Zen, "rep movsb").
 */
static struct iovec queue_stage(const struct queue *q, size_t tail)
{
	struct iovec out = {.iov_base = q->stage + (q->destination->offset & (QUEUE_PAGE - 1))};
	size_t done = q->head_done, piece = q->destination->piece, take;
	bool one = q->destination->datagrams || (done && atomic_load(&q->reopen));

	for (size_t pos = q->head; pos != tail && out.iov_len < piece; done = 0) {
		uint32_t len = queue_len(q, pos);
		take = len - done < piece - out.iov_len ? len - done : piece - out.iov_len;
		chunk_ring_read(&q->ring, pos + QUEUE_LEN_SIZE + done, (char *)out.iov_base + out.iov_len, take);
		out.iov_len += take;
		pos = one ? tail : pos + queue_span(len);
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
	atomic_store(&q->progress_ns, wait_now());
	if (messages)
		atomic_store(&q->wrote_ns, atomic_load(&q->progress_ns));
	atomic_store(&q->failing, 0);
	atomic_fetch_add(&q->written, messages);
	chunk_ring_give_back(&q->ring, q->head, head);
	atomic_store(&q->head, head);
}

enum queue_ready { QUEUE_READY, QUEUE_WOKEN, QUEUE_GIVEN_UP };

/* Waits until the destination can take something, or queue_close() or queue_reopen() wakes the thread. */
static enum queue_ready queue_ready(struct queue *q)
{
	struct pollfd fds[] = {{.fd = q->destination->fd, .events = POLLOUT}, {.fd = q->wake_fd, .events = POLLIN}};

	if (atomic_load(&q->give_up))
		return QUEUE_GIVEN_UP;
	if (wait_poll(fds, 2, WAIT_FOREVER) > 0 && fds[0].revents)
		return QUEUE_READY; /* an error too: the write will name it */
	wait_drain(q->wake_fd);
	return QUEUE_WOKEN;
}

/* Until the next try. False: the queue is being closed. */
static bool queue_pause(struct queue *q)
{
	struct pollfd wake = {.fd = q->wake_fd, .events = POLLIN};

	if (!atomic_load(&q->closing))
		wait_poll(&wake, 1, wait_later(wait_now(), QUEUE_RETRY_NS));
	wait_drain(q->wake_fd);
	return !atomic_load(&q->closing);
}

/* Tries each second until the destination can be written again. False: it never will. */
static bool queue_recover(struct queue *q, int error)
{
	struct destination *d = q->destination;
	int err = -error;

	atomic_store(&q->unread_left, d->unread_left);
	d->unread_left = false;
	atomic_store(&q->failing, error);
	while (d->restore && err && !q->last_try) {
		q->last_try = !queue_pause(q);
		queue_enter(q);
		err = d->restore(d, q->head_done);
		queue_leave(q);
	}
	if (err || atomic_load(&q->give_up)) {
		queue_fail(q, error);
		return false;
	}
	q->head_done = 0;
	if (q->head == atomic_load(&q->tail))
		atomic_store(&q->failing, 0); /* else the next write shows it */
	return true;
}

static ssize_t queue_write_piece(struct queue *q, size_t tail)
{
	struct iovec piece = queue_stage(q, tail);
	ssize_t written;

	queue_enter(q);
	/* Another writer may fill the pipe between poll() and here: queue_close() can cancel this call. */
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	written = q->destination->write(q->destination, piece.iov_base, piece.iov_len);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	queue_leave(q);
	return written;
}

/* Writes everything up to `tail`. False: no more can be written. */
static bool queue_write(struct queue *q, size_t tail)
{
	while (q->head != tail) {
		queue_reopen_if_asked(q);
		enum queue_ready ready = queue_ready(q);
		if (ready == QUEUE_GIVEN_UP)
			return false;
		if (ready == QUEUE_WOKEN)
			continue;
		ssize_t written = queue_write_piece(q, tail);
		if (written >= 0)
			queue_consume(q, (size_t)written);
		else if (written != -EINTR && written != -EAGAIN && !queue_recover(q, (int)-written))
			return false;
	}
	return true;
}

/* Files may be root's or a group's, and processes of other users deliver over the network. */
static const unsigned int writer_capabilities[] = {CAP_DAC_OVERRIDE, CAP_CHOWN,  CAP_FOWNER, CAP_FSETID,
						   CAP_SETUID,       CAP_SETGID, CAP_KILL};

void *queue_run(void *arg)
{
	struct queue *q = arg;
	uint64_t since = wait_now(); /* what waits has come later than this */
	bool there = true;

	confine_thread(writer_capabilities, sizeof(writer_capabilities) / sizeof(writer_capabilities[0]));
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	while (there) {
		queue_reopen_if_asked(q);
		bool closing = atomic_load(&q->closing);
		size_t tail = atomic_load(&q->tail);
		size_t waiting = tail - q->head;
		if (waiting == 0) {
			if (closing)
				break;
			there = queue_sleep_idle(q) || queue_recover(q, EPIPE);
			since = wait_now();
			atomic_store(&q->progress_ns, since);
			continue;
		}
		uint64_t due = wait_later(since, q->flush_ns), now = wait_now();
		if (!closing && waiting < q->mark && now < due) {
			there = queue_sleep(q, QUEUE_COLLECTING, due) || queue_recover(q, EPIPE);
			continue;
		}
		since = now;
		there = queue_write(q, tail);
	}
	wait_signal(q->done_fd);
	return NULL;
}
