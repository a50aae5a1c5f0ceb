// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread keeps the parser and the opener and checks what the parser writes, so that the budget holds and nobody waits
 * whatever the main thread does. The main thread takes the events that were found good. What finds no room before that stays in
 * the pipe, then in the kernel's buffer, where it is counted.
 */
#include "symbolizer.h"

#include "keeper.h"
#include "stream_check.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"
#include "src/host/confine.h"
#include "src/host/self.h"
#include "src/kernel/stack_capture.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVENTS_BYTES (256 * 1024) /* for the main thread */
#define EMIT_NS 1000000000ull     /* between reports of losses */
#define SENTENCES 4

struct symbolizer {
	struct stack_source *source;
	warn_fn warn;
	pthread_t thread;
	bool started;
	bool opened; /* the keeper was */
	int stop_fd;

	/* the thread's own */
	struct keeper keeper;
	struct stream_check check;

	/* for both */
	pthread_mutex_t lock;
	char *events; /* EVENTS_BYTES of them, */
	size_t len;   /* filled up to here */
	char sentences[SENTENCES][240];
	unsigned int sentences_n;
	uint64_t lost[WIRE_LOST_MAX];

	/* the main thread's own */
	char *taken; /* EVENTS_BYTES */
	uint64_t reported[WIRE_LOST_MAX], reported_ns;
};

static void say(void *ctx, const char *text)
{
	struct symbolizer *s = ctx;

	pthread_mutex_lock(&s->lock);
	if (s->sentences_n < SENTENCES)
		snprintf(s->sentences[s->sentences_n++], sizeof(s->sentences[0]), "%s", text);
	pthread_mutex_unlock(&s->lock);
}

static void store(struct symbolizer *s, const union stream_event *event)
{
	if (event->hdr.kind == WIRE_LOST) {
		s->lost[event->lost.stage] += event->lost.count;
		return;
	}
	memcpy(s->events + s->len, event, event->hdr.len);
	s->len += event->hdr.len;
}

static bool has_room(struct symbolizer *s)
{
	size_t len;

	pthread_mutex_lock(&s->lock);
	len = s->len;
	pthread_mutex_unlock(&s->lock);
	return len <= EVENTS_BYTES - WIRE_MAX_LEN;
}

/* What was read already, as far as there is room. False: the parser must not go on. */
static bool store_all(struct symbolizer *s)
{
	union stream_event event;
	int n = 1;

	pthread_mutex_lock(&s->lock);
	while (s->len <= EVENTS_BYTES - WIRE_MAX_LEN && (n = stream_check_next(&s->check, &event)) > 0)
		store(s, &event);
	s->lost[WIRE_LOST_STACK_PARSER] += n < 0;
	pthread_mutex_unlock(&s->lock);
	return n >= 0;
}

static void close_events(struct symbolizer *s)
{
	close(s->keeper.events);
	s->keeper.events = -1;
	stream_check_reset(&s->check);
}

static void read_events(struct symbolizer *s)
{
	ssize_t n = 1;

	while (n > 0 && has_room(s)) {
		size_t room;
		void *to = stream_check_room(&s->check, &room);

		n = read(s->keeper.events, to, room); /* there is room: what could be stored was */
		if (n > 0)
			stream_check_added(&s->check, (size_t)n);
		if (!store_all(s)) {
			keeper_parser_lied(&s->keeper, clock_now_ns());
			close_events(s);
			return;
		}
	}
	if (!n)
		close_events(s); /* it has ended, and all that it wrote was read */
}

/* Nothing waits of what the last parser wrote. */
static bool is_drained(struct symbolizer *s)
{
	int waiting = 0;

	if (s->keeper.events < 0)
		return true;
	return store_all(s) && has_room(s) && !ioctl(s->keeper.events, FIONREAD, &waiting) && !waiting;
}

/* To open files of processes, which the opener does, and for helpers that are of other users. */
static void reduce_capabilities(void)
{
	const unsigned int map_files =
		!confine_begin() && confine_can(CAP_CHECKPOINT_RESTORE) ? CAP_CHECKPOINT_RESTORE : CAP_SYS_ADMIN;
	const unsigned int keep[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, map_files, CAP_SETUID, CAP_SETGID, CAP_KILL};

	confine_thread(keep, sizeof(keep) / sizeof(keep[0]));
}

static void *run(void *arg)
{
	struct symbolizer *s = arg;
	struct pollfd wait[2] = {{.fd = s->stop_fd, .events = POLLIN}, {.events = POLLIN}};

	reduce_capabilities();
	for (;;) {
		bool drained = is_drained(s);
		uint64_t ns = keeper_look(&s->keeper, clock_now_ns(), drained, s->check.highest);

		wait[1].fd = has_room(s) ? s->keeper.events : -1;
		wait[1].revents = 0;
		poll(wait, 2, (int)(ns / 1000000));
		if (wait[0].revents)
			break;
		if (wait[1].revents)
			read_events(s);
	}
	return NULL;
}

/* Signals are the main thread's. SIGCHLD is ignored: blocked here it would interrupt the main thread. */
static int start_thread(struct symbolizer *s)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->started = !err;
	return -err;
}

static int open_all(struct symbolizer *s, bool verbose, struct collector_failure *ret_failure)
{
	int err = stack_source_open(&s->source, verbose, ret_failure);

	if (err)
		return err;
	s->events = malloc(EVENTS_BYTES);
	s->taken = malloc(EVENTS_BYTES);
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	err = !s->events || !s->taken ? -ENOMEM : s->stop_fd < 0 ? -errno : 0;
	if (!err) {
		s->opened = true;
		err = keeper_open(&s->keeper, stack_source_fd(s->source), say, s) ?: start_thread(s);
	}
	if (err) {
		ret_failure->problem = COLLECTOR_FAILED;
		snprintf(ret_failure->text, sizeof(ret_failure->text), "--stacks: no process can be started: %s",
			 self_error(err));
	}
	return err;
}

int symbolizer_open(struct symbolizer **out, bool verbose, warn_fn warn, struct collector_failure *ret_failure)
{
	struct symbolizer *s = calloc(1, sizeof(*s));
	int err;

	*ret_failure = (struct collector_failure){.problem = COLLECTOR_FAILED, .text = "out of memory"};
	if (!s)
		return -ENOMEM;
	s->stop_fd = -1;
	s->warn = warn;
	pthread_mutex_init(&s->lock, NULL);
	err = open_all(s, verbose, ret_failure);
	if (err) {
		symbolizer_close(s);
		return err;
	}
	if (stack_source_blind(s->source)[0])
		warn("--stacks: %s, so only connect() is seen", stack_source_blind(s->source));
	*out = s;
	return 0;
}

void symbolizer_close(struct symbolizer *s)
{
	if (!s)
		return;
	if (s->started) {
		eventfd_write(s->stop_fd, 1);
		pthread_join(s->thread, NULL);
	}
	if (s->opened)
		keeper_close(&s->keeper);
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	stack_source_close(s->source);
	pthread_mutex_destroy(&s->lock);
	free(s->events);
	free(s->taken);
	free(s);
}

static void emit_lost(struct symbolizer *s, const uint64_t *totals, uint64_t ts, event_fn fn, void *ctx)
{
	s->reported_ns = ts;
	for (enum wire_lost_stage stage = WIRE_LOST_STACK_RING; stage < WIRE_LOST_MAX; stage++) {
		const struct wire_lost lost = wire_make_lost(stage, totals[stage] - s->reported[stage], ts, ts);

		s->reported[stage] = totals[stage];
		if (lost.count)
			fn(ctx, &lost.hdr);
	}
}

/* What the thread has for the main thread: the length of `taken`. */
static size_t take_over(struct symbolizer *s, char (*sentences)[240], unsigned int *ret_n, uint64_t *ret_lost)
{
	char *events;
	size_t len;

	pthread_mutex_lock(&s->lock);
	events = s->events;
	s->events = s->taken;
	s->taken = events;
	len = s->len;
	s->len = 0;
	*ret_n = s->sentences_n;
	s->sentences_n = 0;
	memcpy(sentences, s->sentences, sizeof(s->sentences));
	memcpy(ret_lost, s->lost, sizeof(s->lost));
	pthread_mutex_unlock(&s->lock);
	return len;
}

void symbolizer_drain(struct symbolizer *s, uint64_t ts, bool last, event_fn fn, void *ctx)
{
	char sentences[SENTENCES][240];
	uint64_t lost[WIRE_LOST_MAX];
	unsigned int n;
	size_t len = take_over(s, sentences, &n, lost);

	for (size_t at = 0; at < len;) {
		struct wire_hdr *ev = (void *)(s->taken + at);

		ev->ts = ts;
		at += ev->len;
		fn(ctx, ev);
	}
	lost[WIRE_LOST_STACK_RING] += stack_source_lost(s->source);
	lost[WIRE_LOST_STACK_BUDGET] += stack_source_over_share(s->source);
	if (last || ts - s->reported_ns >= EMIT_NS)
		emit_lost(s, lost, ts, fn, ctx);
	for (unsigned int i = 0; i < n; i++)
		s->warn("%s", sentences[i]);
}
