// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without a spool a line goes to the transport at once, and the pipe is not read while that has no room. With one each line
 * goes to the spool first. What leaves the spool is a window: when the transport has no line of it any more, it is done.
 */
#include "relay_loop.h"

#include "wait.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define WINDOW_LINES 8192
#define WINDOW_BYTES (8u << 20)
#define BUSY_MS 10  /* while lines are in the transport */
#define IDLE_MS 200 /* a new line ends it */
#define MS UINT64_C(1000000)

static void begin_counts(struct relay_page *page)
{
	atomic_store(&page->version, atomic_load(&page->version) | 1);
}

static void end_counts(struct relay_page *page)
{
	atomic_store(&page->version, (atomic_load(&page->version) | 1) + 1);
}

/* The page after a change of the spool. */
static void show_spool(struct relay_loop *l)
{
	struct relay_page *page = l->page;
	struct spool_counts c;
	char text[RELAY_ERROR_MAX];

	spool_counts(l->spool, &c);
	begin_counts(page);
	atomic_store(&page->delivered, c.delivered);
	if (c.lost > atomic_load(&page->lost) && c.error) {
		snprintf(text, sizeof(text), "spool: %s", c.error == ENOSPC ? "it is full" : strerror(c.error));
		relay_page_error(page, text);
	}
	atomic_store(&page->lost, c.lost);
	atomic_store(&page->spooled, c.waiting);
	atomic_store(&page->earlier_waiting, c.earlier_waiting);
	atomic_store(&page->earlier_delivered, c.earlier_delivered);
	atomic_store(&page->earlier_lost, c.earlier_lost);
	atomic_store(&page->torn, c.torn);
	atomic_store(&page->taken, c.taken);
	end_counts(page);
}

static void show_direct(struct relay_loop *l)
{
	begin_counts(l->page);
	atomic_store(&l->page->delivered, l->delivered);
	atomic_store(&l->page->lost, l->lost);
	atomic_store(&l->page->taken, l->number);
	end_counts(l->page);
}

/* No more than there are. */
static uint64_t landed(struct relay_loop *l, size_t lines)
{
	uint64_t n = lines < l->flying ? lines : l->flying;

	l->flying -= n;
	return n;
}

static void on_delivered(void *ctx, size_t lines)
{
	struct relay_loop *l = ctx;

	l->delivered += landed(l, lines);
}

static void on_lost(void *ctx, size_t lines, const char *why)
{
	struct relay_loop *l = ctx;

	l->lost += landed(l, lines);
	if (why && *why)
		relay_page_error(l->page, why);
}

struct transport_outcome relay_loop_outcome(struct relay_loop *l)
{
	return (struct transport_outcome){.ctx = l, .delivered = on_delivered, .lost = on_lost};
}

static void lose_one(struct relay_loop *l, const char *why)
{
	l->lost++;
	if (why)
		relay_page_error(l->page, why);
}

/* False: the transport has no room. -EREMOTEIO: it has said by its outcome why the peer will not take the line. */
static bool send_one(struct relay_loop *l, const char *line, size_t len)
{
	int err = l->transport->send(l->transport, line, len);

	if (err == -EAGAIN)
		return false;
	if (err)
		lose_one(l, err == -EMSGSIZE    ? "a line is larger than the peer takes"
			    : err == -EREMOTEIO ? NULL
						: strerror(-err));
	else
		l->flying++;
	return true;
}

/* What is held goes first. */
static bool send_held(struct relay_loop *l)
{
	if (l->held_len && !send_one(l, l->held, l->held_len))
		return false;
	l->held_len = 0;
	return true;
}

/* From the buffer to the transport. True: all of it. */
static bool pump_direct(struct relay_loop *l)
{
	const char *line;
	size_t len;

	if (!send_held(l))
		return false;
	while (relay_lines_next(&l->in, &line, &len)) {
		l->number++;
		if (!len) {
			lose_one(l, "a line is longer than 32 KB");
		} else if (!send_one(l, line, len)) {
			l->held = line;
			l->held_len = len;
			return false;
		}
	}
	return true;
}

static void fill_spool(struct relay_loop *l)
{
	const char *line;
	size_t len;

	while (relay_lines_next(&l->in, &line, &len))
		spool_put(l->spool, ++l->number, line, len);
	spool_flush(l->spool);
	show_spool(l);
}

/* Fills the window, and ends it when the transport has no line of it any more. */
static void pump_spool(struct relay_loop *l)
{
	for (;;) {
		while (send_held(l) && l->window < WINDOW_LINES && l->window_bytes < WINDOW_BYTES) {
			l->held_len = spool_next(l->spool, &l->held);
			if (!l->held_len)
				break;
			l->window++;
			l->window_bytes += l->held_len;
		}
		if (!l->window || l->held_len || l->flying)
			return;
		spool_done(l->spool, l->delivered, l->lost);
		l->delivered = l->lost = l->window = l->window_bytes = 0;
		show_spool(l);
	}
}

/* From now on there is only a short time to deliver. */
static void begin_end(struct relay_loop *l)
{
	if (l->ended)
		return;
	l->ended = true;
	l->until_ns = wait_now() + RELAY_FLUSH_MS * MS;
}

/* What has come in by the pipe, if anything. False: the end. */
static bool read_lines(struct relay_loop *l, int timeout_ms)
{
	struct pollfd fd = {.fd = l->lines_fd, .events = POLLIN};
	long n = 1;

	if (atomic_load(&l->page->ending))
		begin_end(l);
	if (poll(&fd, 1, timeout_ms) <= 0)
		return true;
	if (fd.revents & POLLHUP)
		begin_end(l);
	if (!l->held_len || l->spool) /* a held line stands in the buffer */
		n = relay_lines_read(&l->in, l->lines_fd);
	return n > 0 || n == -EINTR || n == -EAGAIN;
}

void relay_loop_start(struct relay_loop *l)
{
	l->number = atomic_load(&l->page->first) - 1;
	if (l->spool) {
		show_spool(l);
	} else {
		l->delivered = atomic_load(&l->page->delivered);
		l->lost = atomic_load(&l->page->lost);
		show_direct(l);
	}
}

/* All is delivered that can be, or the time is up. */
static void finish(struct relay_loop *l)
{
	uint64_t now = wait_now();

	if (relay_lines_torn(&l->in))
		atomic_fetch_add(&l->page->torn, 1);
	if (l->spool) {
		pump_spool(l);
		spool_close(l->spool);
		return;
	}
	l->transport->close(l->transport, now < l->until_ns ? (int)((l->until_ns - now) / MS) : 0);
	show_direct(l);
}

void relay_loop_run(struct relay_loop *l)
{
	bool more = true, idle;

	while (!l->ended || wait_now() < l->until_ns) {
		if (l->spool) {
			fill_spool(l);
			pump_spool(l);
			idle = !l->window;
		} else {
			idle = pump_direct(l) && !l->flying;
			show_direct(l);
		}
		if (!more && (idle || (!l->spool && !l->held_len)))
			break;
		l->transport->poll(l->transport, idle ? 0 : BUSY_MS);
		if (l->transport->fatal) {
			relay_page_error(l->page, l->transport->fatal);
			return;
		}
		more = more && read_lines(l, idle ? IDLE_MS : 0);
	}
	finish(l);
}
