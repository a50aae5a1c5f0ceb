// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unwinder is a process of its own, since it reads files that any user of the host may have made: if one of them breaks it,
 * or it needs too much memory, the tool goes on without stacks. It takes a capture, unwinds it, gives equal stacks one number,
 * and writes events to a pipe. It runs a tenth of the time at most: captures wait in the kernel's buffer meanwhile, and those
 * that do not fit are counted.
 */
#include "symbolizer.h"

#include "unwind.h"
#include "bpf/shared.h"
#include "src/core/pool.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"
#include "src/kernel/stack_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)
#define DATA_BYTES (1ul << 30) /* of the unwinder: what it allocates; the files it maps do not count */
#define TEXT_MAX 2000          /* of a stack: a line of output has room for it */
#define SHARE 10               /* it may run for a tenth of the time, */
#define CREDIT_NS 500000000ull /* and save what it did not use for a burst: a process is expensive at first */
#define POLL_MS 1000
#define EMIT_NS 1000000000ull /* between reports of losses */

/* A stack, whose id is its number. */
struct known {
	uint32_t note; /* enum wire_stack_note */
	char *text;    /* NULL: free */
};

/* The unwinder's own. */
struct child {
	struct stack_source *source;
	struct unwinder *unwinder;
	struct pool known; /* struct known by text and note */
	int pipe;
	uint64_t dropped; /* events that found no room in the pipe, not reported yet */
};

struct symbolizer {
	struct stack_source *source;
	warn_fn warn;
	pid_t child;
	int pipe;                       /* -1: the unwinder has ended */
	uint64_t reported, reported_ns; /* losses, and when */
	char bytes[64 * 1024];          /* events, the last one perhaps not whole */
	size_t len;
};

/* Writes of up to PIPE_BUF bytes, which no event exceeds, are whole or not at all. */
_Static_assert(WIRE_MAX_LEN <= 4096, "PIPE_BUF");

static bool put(struct child *c, const void *event)
{
	const struct wire_hdr *ev = event;

	if (write(c->pipe, ev, ev->len) == ev->len)
		return true;
	c->dropped++;
	return false;
}

static bool emit(struct child *c, const void *event)
{
	const struct wire_lost lost = wire_make_lost(WIRE_LOST_RATELIMIT, c->dropped, 0, 0);

	if (lost.count && put(c, &lost))
		c->dropped = 0;
	return put(c, event);
}

static bool emit_stack(struct child *c, uint32_t number, enum wire_stack_note note, const char *text)
{
	const struct wire_text head = {.hdr = {.kind = WIRE_STACK}, .key = number, .key2 = note};
	union wire_text_space buf;

	return emit(c, wire_make_text(&buf, &head, text, strlen(text)));
}

static uint64_t hash(enum wire_stack_note note, const char *text)
{
	uint64_t h = index_hash(0, note);

	for (; *text; text++)
		h = index_hash(h, (uint8_t)*text);
	return h;
}

/* A pool_key_fn. */
static uint64_t key_of(const void *known)
{
	const struct known *k = known;

	return k->text ? hash(k->note, k->text) : 0;
}

/* The number of this stack; 0 if there are too many already. */
static uint32_t number_of(struct child *c, enum wire_stack_note note, const char *text)
{
	const struct known *k;
	uint32_t number;
	char *copy;

	pool_for_each (number, &c->known, hash(note, text)) {
		k = pool_at(&c->known, number);
		if (k->note == note && !strcmp(k->text, text))
			return number;
	}
	copy = strdup(text);
	number = copy ? pool_add(&c->known, &(struct known){note, copy}) : 0;
	if (number && emit_stack(c, number, note, text))
		return number;
	if (number)
		pool_remove(&c->known, number);
	free(copy);
	return 0;
}

/* A capture_fn. */
static void take(void *ctx, const struct capture *capture)
{
	struct child *c = ctx;
	char text[TEXT_MAX];
	enum wire_stack_note note = unwinder_trace(c->unwinder, capture, text, sizeof(text));
	const struct wire_opened opened = {
		.hdr = {.cookie = capture->cookie, .len = sizeof(opened), .kind = WIRE_OPENED},
		.stack = number_of(c, note, text),
		.accepted = capture->accepted,
	};

	emit(c, &opened);
}

/* What it may still run, and from when that is. */
struct budget {
	uint64_t since_ns, cpu_ns, credit_ns;
};

static void spend(struct budget *b)
{
	uint64_t now = clock_now_ns(), cpu = clock_cpu_ns(), used = cpu - b->cpu_ns;
	uint64_t earned = b->credit_ns + (now - b->since_ns) / SHARE, owed;

	*b = (struct budget){now, cpu, earned > used ? earned - used : 0};
	if (b->credit_ns > CREDIT_NS)
		b->credit_ns = CREDIT_NS;
	if (earned >= used)
		return;
	owed = (used - earned) * SHARE;
	nanosleep(&(struct timespec){(time_t)(owed / 1000000000), (long)(owed % 1000000000)}, NULL);
	b->since_ns = clock_now_ns(); /* paid */
}

/* Never returns: the parent ends it, by its own end too. */
static void run_child(struct stack_source *source, int pipe, pid_t parent)
{
	struct child *c = calloc(1, sizeof(*c));
	struct budget budget = {clock_now_ns(), clock_cpu_ns(), CREDIT_NS};
	sigset_t keyboard;

	sigemptyset(&keyboard); /* what a terminal sends to both is for the tool */
	sigaddset(&keyboard, SIGINT);
	sigaddset(&keyboard, SIGQUIT);
	sigaddset(&keyboard, SIGHUP);
	sigprocmask(SIG_SETMASK, &keyboard, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "tcplife-stacks");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_DATA, &(struct rlimit){DATA_BYTES, DATA_BYTES});
	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	unsetenv("DEBUGINFOD_URLS"); /* libdw would ask servers for debug information */
	if (getppid() != parent || !c || pool_init(&c->known, sizeof(struct known), WIRE_STACKS_MAX - 1, key_of))
		_exit(1);
	c->unwinder = unwinder_new();
	if (!c->unwinder)
		_exit(1);
	c->pipe = pipe;
	emit_stack(c, 0, WIRE_STACK_NOT_TAKEN, "");
	while (stack_source_read(source, POLL_MS, take, c) >= 0)
		spend(&budget);
	_exit(1);
}

static int start_child(struct symbolizer *s)
{
	pid_t parent = getpid();
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	s->child = fork();
	err = s->child < 0 ? -errno : 0;
	if (!s->child) {
		close(ends[0]);
		run_child(s->source, ends[1], parent);
	}
	s->pipe = ends[0];
	close(ends[1]);
	return err;
}

int symbolizer_open(struct symbolizer **out, bool verbose, warn_fn warn, struct collector_failure *ret_failure)
{
	struct symbolizer *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	*ret_failure = (struct collector_failure){.problem = COLLECTOR_FAILED, .text = "out of memory"};
	if (s) {
		s->child = s->pipe = -1;
		err = stack_source_open(&s->source, verbose, ret_failure);
	}
	if (!err) {
		err = start_child(s);
		snprintf(ret_failure->text, sizeof(ret_failure->text), "--stacks: no process can be started: %s",
			 strerror(-err));
	}
	if (err) {
		symbolizer_close(s);
		return err;
	}
	s->warn = warn;
	if (stack_source_blind(s->source)[0])
		warn("--stacks: %s, so only connect() is seen", stack_source_blind(s->source));
	*out = s;
	return 0;
}

/* Returns its status, as wait() gives it. */
static int end_child(struct symbolizer *s)
{
	int status = 0;

	if (s->child > 0) {
		kill(s->child, SIGKILL);
		waitpid(s->child, &status, 0);
	}
	if (s->pipe >= 0)
		close(s->pipe);
	s->child = s->pipe = -1;
	stack_source_close(s->source);
	s->source = NULL;
	return status;
}

void symbolizer_close(struct symbolizer *s)
{
	if (s)
		end_child(s);
	free(s);
}

static void hand_over(struct symbolizer *s, uint64_t ts, event_fn fn, void *ctx)
{
	size_t at = 0;

	while (s->len - at >= sizeof(struct wire_hdr)) {
		union wire_text_space buf;

		memcpy(&buf, s->bytes + at, sizeof(struct wire_hdr));
		if (buf.event.hdr.len > s->len - at)
			break;
		memcpy(&buf, s->bytes + at, buf.event.hdr.len);
		at += buf.event.hdr.len;
		buf.event.hdr.ts = ts;
		if (buf.event.hdr.kind == WIRE_LOST)
			((struct wire_lost *)&buf)->until_ns = ts;
		fn(ctx, &buf.event.hdr);
	}
	memmove(s->bytes, s->bytes + at, s->len - at);
	s->len -= at;
}

static void emit_lost(struct symbolizer *s, uint64_t ts, bool last, event_fn fn, void *ctx)
{
	uint64_t total = stack_source_lost(s->source);
	const struct wire_lost lost = wire_make_lost(WIRE_LOST_RATELIMIT, total - s->reported, ts, ts);

	if (total == s->reported || (!last && ts - s->reported_ns < EMIT_NS))
		return;
	s->reported = total;
	s->reported_ns = ts;
	fn(ctx, &lost.hdr);
}

void symbolizer_drain(struct symbolizer *s, uint64_t ts, bool last, event_fn fn, void *ctx)
{
	ssize_t len = 1;
	int status;

	if (s->pipe < 0)
		return;
	while ((len = read(s->pipe, s->bytes + s->len, sizeof(s->bytes) - s->len)) > 0) {
		s->len += (size_t)len;
		hand_over(s, ts, fn, ctx);
	}
	emit_lost(s, ts, last, fn, ctx);
	if (len < 0)
		return;
	status = end_child(s);
	s->warn("--stacks: the process that unwinds stacks has ended (%s %d): no more stacks are taken",
		WIFSIGNALED(status) ? "signal" : "exit code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
