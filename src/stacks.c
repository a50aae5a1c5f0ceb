// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread takes a capture, unwinds it, and gives equal stacks one number. It runs a tenth of the time at the most: what a
 * flood of connections leaves no time for stays in the kernel's buffer, or is not taken and counted.
 */
#include "stacks.h"

#include "../bpf/shared.h"
#include "clock.h"
#include "collector_stack.h"
#include "complain.h"
#include "unwind.h"
#include "wire_text.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUFFER_BYTES (1u << 20)
#define TEXT_MAX 2000          /* of a stack: a line of output has room for it */
#define SHARE 10               /* the thread may run for a tenth of the time, */
#define CREDIT_NS 500000000ull /* and save what it did not use for a burst: a process is expensive at first */
#define POLL_MS 100
#define SLICE_NS 100000000ull /* of a rest: so often the thread looks whether it should end */
#define TELL_NS 1000000000ull /* losses are told so often */

struct buffer {
	char *bytes; /* events, one behind the other */
	size_t len;
};

struct known {
	char *text; /* NULL: free */
	enum wire_stack_note note;
	uint32_t number;
};

#define KNOWN_SLOTS (2 * WIRE_STACKS_MAX)

struct stacks {
	struct stack_source *source;
	struct unwinder *unwinder;
	struct known known[KNOWN_SLOTS]; /* open addressing by the hash of the text */
	uint32_t known_len;
	pthread_t thread;
	bool started;
	uint64_t told, told_ns; /* losses, and when */
	pthread_mutex_t lock;   /* of what follows */
	struct buffer filling, draining;
	uint64_t dropped;
	bool stop;
};

/* False: there is no room. */
static bool emit(struct stacks *s, const struct wire_hdr *ev)
{
	bool room;

	pthread_mutex_lock(&s->lock);
	room = s->filling.len + ev->len <= BUFFER_BYTES;
	if (room) {
		memcpy(s->filling.bytes + s->filling.len, ev, ev->len);
		s->filling.len += ev->len;
	} else {
		s->dropped++;
	}
	pthread_mutex_unlock(&s->lock);
	return room;
}

static bool emit_stack(struct stacks *s, uint32_t number, enum wire_stack_note note, const char *text)
{
	union wire_text_buf buf;

	return emit(s, wire_text_fill(&buf, WIRE_STACK, 0, number, note, text, strlen(text)));
}

static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

/* The number of this stack; 0 if there are too many already. */
static uint32_t number_of(struct stacks *s, enum wire_stack_note note, const char *text)
{
	uint32_t i = (hash(text) + note) % KNOWN_SLOTS;
	char *copy;

	for (; s->known[i].text; i = (i + 1) % KNOWN_SLOTS) {
		if (s->known[i].note == note && !strcmp(s->known[i].text, text))
			return s->known[i].number;
	}
	copy = s->known_len + 1 < WIRE_STACKS_MAX ? strdup(text) : NULL;
	if (!copy || !emit_stack(s, s->known_len + 1, note, text)) {
		free(copy);
		return 0;
	}
	s->known[i] = (struct known){copy, note, ++s->known_len};
	return s->known_len;
}

/* A capture_fn. */
static void take(void *ctx, const struct capture *capture)
{
	struct stacks *s = ctx;
	char text[TEXT_MAX];
	enum wire_stack_note note = unwinder_trace(s->unwinder, capture, text, sizeof(text));
	const struct wire_opened opened = {
		.hdr = {.cookie = capture->cookie, .len = sizeof(opened), .kind = WIRE_OPENED},
		.stack = number_of(s, note, text),
		.accepted = capture->accepted,
	};

	emit(s, &opened.hdr);
}

static bool stopped(struct stacks *s)
{
	bool stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

/* What the thread may still run, and from when that is. */
struct budget {
	uint64_t since_ns, cpu_ns, credit_ns;
};

static void spend(struct stacks *s, struct budget *b)
{
	uint64_t now = clock_now_ns(), cpu = clock_cpu_ns(), used = cpu - b->cpu_ns;
	uint64_t earned = b->credit_ns + (now - b->since_ns) / SHARE, owed, slice;

	*b = (struct budget){now, cpu, earned > used ? earned - used : 0};
	if (b->credit_ns > CREDIT_NS)
		b->credit_ns = CREDIT_NS;
	if (earned >= used)
		return;
	for (owed = (used - earned) * SHARE; owed && !stopped(s); owed -= slice) {
		slice = owed < SLICE_NS ? owed : SLICE_NS;
		nanosleep(&(struct timespec){.tv_nsec = (long)slice}, NULL);
	}
	b->since_ns = clock_now_ns(); /* paid */
}

static void *run(void *ctx)
{
	struct stacks *s = ctx;
	struct budget budget = {clock_now_ns(), clock_cpu_ns(), CREDIT_NS};

	while (!stopped(s)) {
		stack_source_read(s->source, POLL_MS, take, s);
		spend(s, &budget);
	}
	return NULL;
}

/* The thread leaves signals to the rest of the program. */
static int start(struct stacks *s)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->started = !err;
	return -err;
}

static int open_stacks(struct stacks *s)
{
	int err = unwinder_new(&s->unwinder);

	s->filling.bytes = malloc(BUFFER_BYTES);
	s->draining.bytes = malloc(BUFFER_BYTES);
	if (err || !s->filling.bytes || !s->draining.bytes)
		return -ENOMEM;
	unsetenv("DEBUGINFOD_URLS"); /* libdw would ask servers for debug information */
	emit_stack(s, 0, WIRE_STACK_NOT_TAKEN, "");
	return start(s);
}

int stacks_open(struct stacks **out, bool verbose, struct collector_failure *ret_failure)
{
	struct stacks *s = calloc(1, sizeof(*s));
	int err;

	*ret_failure = (struct collector_failure){.problem = COLLECTOR_FAILED, .text = "out of memory"};
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	err = stack_source_open(&s->source, verbose, ret_failure);
	if (!err)
		err = open_stacks(s);
	if (err) {
		stacks_close(s);
		return err;
	}
	if (stack_source_blind(s->source)[0])
		complain(0, "--stacks: %s, only connect() is looked at", stack_source_blind(s->source));
	*out = s;
	return 0;
}

void stacks_close(struct stacks *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_mutex_unlock(&s->lock);
	if (s->started)
		pthread_join(s->thread, NULL);
	for (size_t i = 0; i < KNOWN_SLOTS; i++)
		free(s->known[i].text);
	unwinder_free(s->unwinder);
	stack_source_close(s->source);
	pthread_mutex_destroy(&s->lock);
	free(s->filling.bytes);
	free(s->draining.bytes);
	free(s);
}

static void tell_lost(struct stacks *s, uint64_t ts, uint64_t dropped, bool last, event_fn fn, void *ctx)
{
	uint64_t total = stack_source_lost(s->source) + dropped;
	const struct wire_lost lost = {
		.hdr = {.ts = ts, .len = sizeof(lost), .kind = WIRE_LOST},
		.count = total - s->told,
		.until_ns = ts,
		.stage = WIRE_LOST_RATELIMIT,
	};

	if (total == s->told || (!last && ts - s->told_ns < TELL_NS))
		return;
	s->told = total;
	s->told_ns = ts;
	fn(ctx, &lost.hdr);
}

void stacks_drain(struct stacks *s, uint64_t ts, bool last, event_fn fn, void *ctx)
{
	struct buffer full;
	uint64_t dropped;
	size_t at = 0;

	pthread_mutex_lock(&s->lock);
	full = s->filling;
	s->filling = s->draining;
	s->filling.len = 0;
	dropped = s->dropped;
	pthread_mutex_unlock(&s->lock);
	s->draining = full;
	while (at < full.len) {
		struct wire_hdr *ev = (struct wire_hdr *)(full.bytes + at);

		ev->ts = ts;
		at += ev->len;
		fn(ctx, ev);
	}
	tell_lost(s, ts, dropped, last, fn, ctx);
}
