// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four fifths of a report's time is a library that makes trees of lines. So lines go in batches round a ring: the caller fills
 * one, any thread parses it, the caller takes what is in it, in the order in which it came, and fills it again. What comes out
 * does not depend on the number of threads; with one processor there are none.
 *
 * The trees of a batch are in its arena and go with it: allocating and freeing each value by itself took a fifth of the time.
 * jansson has one allocator for the whole program, so nothing else may use jansson in a process that has made a struct
 * report_lines.
 */
#include "report_lines.h"

#include "src/io/line_reader.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 4
#define BATCHES 8
#define BATCH_LINES 32
#define BATCH_BYTES LINE_READER_MAX     /* a tree may have 80 times as many */
#define CHUNK_BYTES ((size_t)256 << 10) /* more than the trees of usual lines need */
#define ALIGN _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t data[];
};

struct line {
	uint64_t number;
	size_t at, len;
	struct report_parsed parsed;
};

struct batch {
	size_t len, bytes;
	bool parsed;
	struct chunk *arena;
	struct line lines[BATCH_LINES];
	char text[BATCH_BYTES];
};

struct report_lines {
	struct report *report;
	void (*bad)(void *ctx, const struct report_bad *bad);
	void *ctx;
	unsigned int threads_len;
	pthread_t threads[THREADS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t filled, parsed;
	bool stop;
	uint64_t fill, parse, take; /* the numbers of batches; those before are done. The lock's, as is batch.parsed */
	struct batch batches[BATCHES];
};

/* The arena */

static _Thread_local struct chunk **arena; /* of the batch that this thread parses */

static void *arena_alloc(size_t size)
{
	struct chunk *c = *arena;
	size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;

	if (!c || need > c->size - c->used) {
		size_t room = need > CHUNK_BYTES ? need : CHUNK_BYTES;

		c = malloc(sizeof(*c) + room);
		if (!c)
			return NULL;
		*c = (struct chunk){.next = *arena, .size = room};
		*arena = c;
	}
	c->used += need;
	return (char *)c->data + c->used - need;
}

static void arena_keep(void *value)
{
	(void)value;
}

/* The first chunk stays for the next lines. */
static void arena_clear(struct chunk **chunks)
{
	struct chunk *c = *chunks;

	while (c && (c->next || c->size > CHUNK_BYTES)) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
	if (c)
		c->used = 0;
	*chunks = c;
}

/* Threads */

static void parse(struct batch *b)
{
	arena = &b->arena;
	for (size_t i = 0; i < b->len; i++)
		report_parse(&b->lines[i].parsed, b->text + b->lines[i].at, b->lines[i].len);
}

static void *run(void *lines)
{
	struct report_lines *l = lines;
	struct batch *b;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		while (!l->stop && l->parse == l->fill)
			pthread_cond_wait(&l->filled, &l->lock);
		if (l->stop)
			break;
		b = &l->batches[l->parse++ % BATCHES];
		pthread_mutex_unlock(&l->lock);
		parse(b);
		pthread_mutex_lock(&l->lock);
		b->parsed = true;
		pthread_cond_signal(&l->parsed);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* As many as there are processors for this process. One that cannot be started is done without. */
static void start_threads(struct report_lines *l)
{
	cpu_set_t cpus;
	int max = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);

	if (max == 1)
		return;
	while (l->threads_len < THREADS_MAX && l->threads_len < (unsigned int)max &&
	       !pthread_create(&l->threads[l->threads_len], NULL, run, l))
		l->threads_len++;
}

struct report_lines *report_lines_new(struct report *report, void (*bad)(void *ctx, const struct report_bad *bad), void *ctx)
{
	struct report_lines *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->report = report;
	l->bad = bad;
	l->ctx = ctx;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->filled, NULL);
	pthread_cond_init(&l->parsed, NULL);
	json_set_alloc_funcs(arena_alloc, arena_keep);
	json_object_seed(0);
	start_threads(l);
	return l;
}

void report_lines_free(struct report_lines *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->filled);
	pthread_mutex_unlock(&l->lock);
	for (unsigned int i = 0; i < l->threads_len; i++)
		pthread_join(l->threads[i], NULL);
	for (unsigned int i = 0; i < BATCHES; i++) {
		arena_clear(&l->batches[i].arena);
		free(l->batches[i].arena);
	}
	free(l);
}

/* The caller's thread */

static void take_lines(struct report_lines *l, struct batch *b)
{
	for (size_t i = 0; i < b->len; i++) {
		struct line *line = &b->lines[i];

		if (!report_take(l->report, &line->parsed))
			l->bad(l->ctx, &(struct report_bad){.number = line->number, .len = line->len, .why = line->parsed.why});
	}
	arena_clear(&b->arena);
	b->len = b->bytes = 0;
	b->parsed = false;
}

static void take_oldest(struct report_lines *l)
{
	struct batch *b = &l->batches[l->take % BATCHES];

	if (!l->threads_len)
		parse(b);
	pthread_mutex_lock(&l->lock);
	while (l->threads_len && !b->parsed)
		pthread_cond_wait(&l->parsed, &l->lock);
	pthread_mutex_unlock(&l->lock);
	take_lines(l, b);
	l->take++;
}

/* The batch that is filled is complete. Behind it there is an empty one. */
static void submit(struct report_lines *l)
{
	pthread_mutex_lock(&l->lock);
	l->fill++;
	pthread_cond_signal(&l->filled);
	pthread_mutex_unlock(&l->lock);
	if (l->fill - l->take == BATCHES)
		take_oldest(l);
}

void report_lines_put(struct report_lines *l, uint64_t number, const char *line, size_t len)
{
	struct batch *b = &l->batches[l->fill % BATCHES];

	if (b->len == BATCH_LINES || len > sizeof(b->text) - b->bytes) {
		submit(l);
		b = &l->batches[l->fill % BATCHES];
	}
	b->lines[b->len].number = number;
	b->lines[b->len].at = b->bytes;
	b->lines[b->len++].len = len;
	memcpy(b->text + b->bytes, line, len);
	b->bytes += len;
}

void report_lines_drain(struct report_lines *l)
{
	if (l->batches[l->fill % BATCHES].len)
		submit(l);
	while (l->take < l->fill)
		take_oldest(l);
}
