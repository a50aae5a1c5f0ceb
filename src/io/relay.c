// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracer's side of a relay. Whole lines are counted when the pipe has taken them. Without a spool the end of a relay loses
 * those that it has neither delivered nor lost itself. With one, the tracer keeps each line until the relay says that it is in
 * the spool, and writes it again to the next relay: the spool knows lines by their numbers.
 */
#include "relay.h"

#include "destination.h"
#include "relay_process.h"
#include "wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)
#define RETAIN_SIZE (4u << 20) /* more than the pipe and a relay's buffer hold together */
#define READY_MS 20000         /* a relay that reads a large spool from a slow disk takes its time */
#define READY_STEP_MS 200      /* of a new start: the queue's thread does not wait longer */
#define PIECE (64 * 1024)
#define SECOND UINT64_C(1000000000)
#define PAUSE_MIN SECOND
#define PAUSE_MAX (30 * SECOND)

enum relay_phase {
	RELAY_DOWN,
	RELAY_STARTING, /* until it says that it is ready */
	RELAY_FILLING,  /* until it has what the one before did not put away */
	RELAY_RUNNING,
};

struct relay {
	struct destination destination; /* first */
	struct relay_process process;
	enum relay_phase phase;
	bool spooled;
	struct retain retain;
	size_t again; /* bytes of `retain` that the new relay has got */
	uint64_t started_ns, next_ns, pause_ns;
	_Atomic uint64_t written, gone, starts; /* gone: lines that ended with a relay or were never taken by one */
	_Atomic uint64_t ending_ns;             /* 0: the run goes on */
	struct relay_counts *last;
};

/* What a relay says, checked: it cannot have done more than there is. */
static void read_counts(const struct relay *r, struct relay_counts *c)
{
	const struct relay_page *page = r->process.page;
	uint64_t version;

	for (int tries = 0; tries < 100; tries++) {
		version = atomic_load(&page->version);
		c->delivered = atomic_load(&page->delivered);
		c->lost = atomic_load(&page->lost);
		c->spooled = atomic_load(&page->spooled);
		c->earlier_waiting = atomic_load(&page->earlier_waiting);
		c->earlier_delivered = atomic_load(&page->earlier_delivered);
		c->earlier_lost = atomic_load(&page->earlier_lost);
		c->torn = atomic_load(&page->torn);
		if (version == atomic_load(&page->version) && !(version & 1))
			break;
	}
	memcpy(c->error, page->error, sizeof(c->error));
	c->error[sizeof(c->error) - 1] = '\0';
	c->restarts = atomic_load(&r->starts) - 1;
	c->written = atomic_load(&r->written);

	uint64_t left = c->written, gone = atomic_load(&r->gone);

	c->delivered = c->delivered < left ? c->delivered : left;
	left -= c->delivered;
	c->lost = c->lost + gone < left ? c->lost + gone : left;
	left -= c->lost;
	c->spooled = c->spooled < left ? c->spooled : left;
	c->waiting = left - c->spooled;
}

void relay_counts(const struct destination *destination, struct relay_counts *ret_counts)
{
	read_counts((const struct relay *)destination, ret_counts);
}

/* destination.fate */
static void relay_fate(const struct destination *destination, struct destination_fate *ret)
{
	struct relay_counts c;

	relay_counts(destination, &c);
	*ret = (struct destination_fate){.delivered = c.delivered,
					 .lost = c.lost,
					 .kept = c.spooled,
					 .waiting = c.waiting,
					 .earlier_delivered = c.earlier_delivered,
					 .earlier_lost = c.earlier_lost,
					 .earlier_waiting = c.earlier_waiting};
	memcpy(ret->error, c.error, sizeof(ret->error));
}

static uint64_t count_lines(const char *data, size_t len)
{
	const char *end = data + len;
	uint64_t lines = 0;

	while ((data = memchr(data, '\n', (size_t)(end - data)))) {
		lines++;
		data++;
	}
	return lines;
}

/* Lines of which nobody will hear again. */
static void lose_waiting(struct relay *r)
{
	struct relay_counts c;

	read_counts(r, &c);
	atomic_fetch_add(&r->gone, c.waiting);
}

static void drop_safe(struct relay *r)
{
	uint64_t taken = atomic_load(&r->process.page->taken), written = atomic_load(&r->written);

	retain_drop(&r->retain, taken < written ? taken : written);
}

static ssize_t relay_write(struct destination *destination, const void *data, size_t len)
{
	struct relay *r = (struct relay *)destination;
	ssize_t n;

	if (r->phase != RELAY_RUNNING)
		return -EPIPE;
	if (r->spooled) {
		drop_safe(r);
		if (retain_room(&r->retain) < len) /* it does not say what it has put away: it is none of ours */
			return -EPIPE;
	}
	n = write(destination->fd, data, len);
	if (n < 0)
		return -errno;
	if (r->spooled)
		retain_add(&r->retain, data, (size_t)n);
	atomic_fetch_add(&r->written, count_lines(data, (size_t)n));
	return n;
}

static void go_down(struct relay *r, uint64_t now)
{
	relay_process_end(&r->process);
	if (r->spooled)
		drop_safe(r);
	else
		lose_waiting(r);
	r->phase = RELAY_DOWN;
	if (now - r->started_ns > PAUSE_MAX)
		r->pause_ns = 0;
	r->next_ns = now + r->pause_ns;
	r->pause_ns = r->pause_ns ? 2 * r->pause_ns : PAUSE_MIN;
	if (r->pause_ns > PAUSE_MAX)
		r->pause_ns = PAUSE_MAX;
}

/* The new relay gets what the one before did not keep. 0, or -errno: not all yet. */
static int write_again(struct relay *r)
{
	const char *data;
	size_t len;

	while (r->spooled && (len = retain_at(&r->retain, r->again, &data)) > 0) {
		ssize_t n = write(r->process.lines, data, len);

		if (n < 0)
			return -errno;
		r->again += (size_t)n;
	}
	return 0;
}

static int start(struct relay *r, uint64_t now)
{
	int err;

	if (now < r->next_ns)
		return -EAGAIN;
	if (atomic_load(&r->ending_ns) && !r->spooled) /* it would deliver nothing any more */
		return -EPIPE;
	r->started_ns = now;
	r->again = 0;
	atomic_store(&r->process.page->first, r->spooled ? r->retain.first : atomic_load(&r->written) + 1);
	err = relay_process_start(&r->process, PIPE_SIZE);
	r->destination.fd = r->process.lines;
	if (err) {
		relay_page_error(r->process.page, strerror(-err));
		go_down(r, now);
		return err;
	}
	r->phase = RELAY_STARTING;
	atomic_fetch_add(&r->starts, 1);
	return 0;
}

/* The relay that is starting becomes the one that runs. 0; -EAGAIN: not yet; another -errno, with its sentence. */
static int go_up(struct relay *r, uint64_t now, char *said, size_t size)
{
	int err = 0;

	if (r->phase == RELAY_STARTING) {
		err = relay_process_ready(&r->process, READY_STEP_MS, said, size);
		if (err == -EAGAIN && now - r->started_ns > READY_MS * (SECOND / 1000))
			return -ETIMEDOUT;
		r->phase = err ? RELAY_STARTING : RELAY_FILLING;
	}
	err = err ?: write_again(r);
	if (!err)
		r->phase = RELAY_RUNNING;
	return err;
}

static int relay_restore(struct destination *destination, size_t torn)
{
	struct relay *r = (struct relay *)destination;
	uint64_t now = wait_now();
	char said[RELAY_ERROR_MAX] = "";
	int err = 0;

	if (r->phase == RELAY_RUNNING) {
		go_down(r, now);
		if (r->spooled)
			retain_cut(&r->retain, torn); /* the queue writes that message again; a relay sends whole lines only */
	}
	if (r->phase == RELAY_DOWN)
		err = start(r, now);
	if (err)
		return err;
	err = go_up(r, now, said, sizeof(said));
	if (err && err != -EAGAIN) {
		go_down(r, now);
		if (*said)
			relay_page_error(r->process.page, said);
	}
	return err;
}

/* On any thread. */
static void relay_end(struct destination *destination)
{
	struct relay *r = (struct relay *)destination;
	uint64_t never = 0;

	atomic_compare_exchange_strong(&r->ending_ns, &never, wait_now());
	atomic_store(&r->process.page->ending, 1);
}

static void relay_close(struct destination *destination)
{
	struct relay *r = (struct relay *)destination;

	relay_end(destination);
	if (r->phase != RELAY_DOWN)
		relay_process_finish(&r->process, atomic_load(&r->ending_ns));
	lose_waiting(r);
	if (r->last)
		read_counts(r, r->last);
	if (destination->last)
		relay_fate(destination, destination->last);
	relay_process_close(&r->process);
	retain_close(&r->retain);
	free(r);
}

static int first_start(struct relay *r, char *why, size_t why_size)
{
	int err = start(r, wait_now());

	if (err) {
		snprintf(why, why_size, "the process for network outputs cannot be started: %s", strerror(-err));
		return err;
	}
	err = relay_process_ready(&r->process, READY_MS, why, why_size);
	if (err == -EAGAIN)
		snprintf(why, why_size, "the process for network outputs was not ready within %d s", READY_MS / 1000);
	if (err)
		return err == -EAGAIN ? -ETIMEDOUT : err;
	r->phase = RELAY_RUNNING;
	return 0;
}

int relay_open(struct destination **out, const struct relay_config *config, char *why, size_t why_size)
{
	struct relay *r = calloc(1, sizeof(*r));
	int err;

	snprintf(why, why_size, "%s", strerror(ENOMEM));
	if (!r)
		return -ENOMEM;
	r->destination = (struct destination){
		.name = config->name,
		.piece = PIECE,
		.write = relay_write,
		.restore = relay_restore,
		.end = relay_end,
		.close = relay_close,
		.fate = relay_fate,
	};
	r->spooled = config->spool != NULL;
	err = relay_process_open(&r->process, config, why, why_size);
	err = err ?: r->spooled ? retain_open(&r->retain, RETAIN_SIZE) : 0;
	err = err ?: first_start(r, why, why_size);
	if (err) {
		relay_process_end(&r->process);
		relay_process_close(&r->process);
		retain_close(&r->retain);
		free(r);
		return err;
	}
	r->last = config->last;
	*out = &r->destination;
	return 0;
}
