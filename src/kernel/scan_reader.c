// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three buffers: the thread fills one, the caller reads another, and the third changes hands between them. A buffer comes with
 * a time: what the thread finds later was read later.
 */
#include "scan_reader.h"

#include "src/host/clock.h"
#include "src/host/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUFFER_BYTES (128 * 1024) /* several reads of an iterator */
#define WAIT_NS 1000000

struct buffer {
	char *bytes;
	size_t len;
	uint64_t until_ns;
};

struct scan_reader {
	const struct scan_reading *reading;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct buffer filling; /* the thread's */
	struct buffer between; /* of the mutex, as all below */
	bool full, done;
	int result;
};

static void swap(struct buffer *a, struct buffer *b)
{
	struct buffer c = *a;

	*a = *b;
	*b = c;
}

/* What comes after it was read at `until_ns` or later. */
static void pass_on(struct scan_reader *r, uint64_t until_ns)
{
	r->filling.until_ns = until_ns;
	pthread_mutex_lock(&r->mutex);
	while (r->full)
		pthread_cond_wait(&r->changed, &r->mutex);
	swap(&r->filling, &r->between);
	r->full = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->mutex);
	r->filling.len = 0;
}

void scan_reader_pause(void *reader)
{
	pass_on(reader, clock_now_ns());
}

void scan_reader_put(void *reader, const struct wire_hdr *ev)
{
	struct scan_reader *r = reader;

	if (r->filling.len + ev->len > BUFFER_BYTES)
		pass_on(r, ev->ts);
	memcpy(r->filling.bytes + r->filling.len, ev, ev->len);
	r->filling.len += ev->len;
}

static void *run(void *reader)
{
	struct scan_reader *r = reader;
	int result = r->reading->work(r->reading->ctx, r);

	scan_reader_pause(r);
	pthread_mutex_lock(&r->mutex);
	r->result = result;
	r->done = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->mutex);
	return NULL;
}

/* Waits for the next buffer, for a millisecond at the most. True: *ret has it. */
static bool take(struct scan_reader *r, struct buffer *ret, bool *ret_done)
{
	struct timespec until;
	bool taken;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&r->mutex);
	while (!r->full && !r->done && pthread_cond_timedwait(&r->changed, &r->mutex, &until) != ETIMEDOUT)
		;
	taken = r->full;
	if (taken)
		swap(ret, &r->between);
	r->full = false;
	*ret_done = r->done && !taken;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->mutex);
	return taken;
}

static void hand_over(const struct scan_reading *reading, const struct buffer *buffer)
{
	for (size_t pos = 0; pos < buffer->len;) {
		const struct wire_hdr *ev = (const void *)(buffer->bytes + pos);

		reading->fn(reading->ctx, ev);
		pos += ev->len;
	}
}

/* What the kernel walks through meanwhile: `until_ns` stays what it was, and the caller reads its rings up to that time. */
static int consume(struct scan_reader *r, struct buffer *buffer)
{
	bool done = false;

	while (!done) {
		if (take(r, buffer, &done))
			hand_over(r->reading, buffer);
		r->reading->pause(r->reading->ctx, buffer->until_ns);
		buffer->len = 0;
	}
	return r->result;
}

int scan_reader_run(const struct scan_reading *reading)
{
	struct scan_reader r = {.reading = reading, .mutex = PTHREAD_MUTEX_INITIALIZER};
	struct buffer buffer = {.bytes = malloc(BUFFER_BYTES), .until_ns = clock_now_ns()};
	pthread_condattr_t attr;
	pthread_t thread;
	int err;

	r.filling.bytes = malloc(BUFFER_BYTES);
	r.between.bytes = malloc(BUFFER_BYTES);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r.changed, &attr);
	err = buffer.bytes && r.filling.bytes && r.between.bytes ? thread_start(&thread, run, &r) : -ENOMEM;
	if (!err) {
		err = consume(&r, &buffer);
		pthread_join(thread, NULL);
	}
	pthread_cond_destroy(&r.changed);
	pthread_condattr_destroy(&attr);
	free(buffer.bytes);
	free(r.filling.bytes);
	free(r.between.bytes);
	return err;
}
