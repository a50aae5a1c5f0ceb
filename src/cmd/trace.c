// SPDX-License-Identifier: GPL-2.0-only
/* The live run: where its lines and its recording go, and its totals at the end. */
#include "commands.h"
#include "run.h"
#include "src/core/wire_make.h"
#include "src/host/self.h"
#include "src/io/file.h"
#include "src/io/loop.h"
#include "src/io/queue.h"
#include "src/io/recording.h"
#include "src/pipeline/live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS 1000000ull
#define FLUSH_NS (100 * MS) /* to anything but a terminal */
#define QUEUE_BYTES (64u << 20)
#define QUEUE_LAST_WAIT_NS (2000 * MS) /* for a reader that hangs, at the end */

struct trace {
	const struct options *options;
	struct run_consumer *other; /* NULL: lines */
	struct recording_header header;
	struct record_consumer consumer;
	struct lines lines;
	struct queue *out, *record;
	struct recorder *recorder;
	struct live *live;
	uint64_t reported_dropped, not_recorded;
};

/* A line_fn. */
static bool put_line(void *ctx, const char *line, size_t len)
{
	return queue_put(((struct trace *)ctx)->out, line, len, false);
}

/* The same for alerts, which may use room that other lines may not. */
static bool put_alert(void *ctx, const char *line, size_t len)
{
	return queue_put(((struct trace *)ctx)->out, line, len, true);
}

static int open_queue(struct queue **out, const char *path, bool fresh)
{
	struct destination *destination;
	int err = file_open(&destination, path, fresh);

	if (err)
		return fail_output(path, -err);
	err = queue_open(out, destination, QUEUE_BYTES, isatty(destination->fd) ? 0 : FLUSH_NS);
	return err ? fail(EXIT_RUNTIME, "cannot start the output: %s", strerror(-err)) : EXIT_OK;
}

static int open_outputs(struct trace *t)
{
	int exit_code = open_queue(&t->out, t->options->output, false);

	if (exit_code || !t->options->record)
		return exit_code;
	exit_code = open_queue(&t->record, t->options->record, true);
	if (!exit_code && recorder_new(&t->recorder, t->record, &t->header))
		exit_code = fail(EXIT_RUNTIME, "cannot start the recording: out of memory");
	return exit_code;
}

/* live_config.before_tick: reports lines that the output had no room for, once it has room again. */
static void feed_dropped(void *ctx, struct pipeline *pipeline, uint64_t ts)
{
	struct trace *t = ctx;
	struct queue_stats stats;
	struct wire_lost lost;

	queue_stats(t->out, &stats);
	if (stats.dropped == t->reported_dropped || queue_room(t->out) < QUEUE_BYTES / 8)
		return;
	lost = wire_make_lost(WIRE_LOST_QUEUE, stats.dropped - t->reported_dropped, ts, ts);
	t->reported_dropped = stats.dropped;
	pipeline_feed(pipeline, &lost.hdr);
}

/* A loop_fn: the output has failed, or its reader has left. */
static void on_output_error(void *ctx)
{
	live_stop(((struct trace *)ctx)->live);
}

static struct live_config live_config(struct trace *t)
{
	const struct options *o = t->options;

	return (struct live_config){
		.collector =
			{
				.ring_bytes = o->ring_bytes,
				.verbose = o->verbose,
				.tiers = o->time_wait == CONN_TW_OFF ? 0
					 : o->tiers                  ? o->tiers
								     : COLLECTOR_TIERS_ALL,
				.tiers_forced = o->tiers,
			},
		.stacks = o->stacks,
		.duration_ns = o->duration_ns,
		.scan_only = t->other && t->other->scan_only,
		.warn = warn,
		.before_tick = feed_dropped,
		.ctx = t,
	};
}

static void choose_consumer(struct trace *t)
{
	if (!t->other) {
		t->consumer = run_lines(t->options, &t->lines);
		t->lines.config.put = put_line;
		t->lines.config.put_urgent = put_alert;
		t->lines.config.ctx = t;
		return;
	}
	t->consumer = t->other->consumer;
	t->other->put = put_line;
	t->other->put_ctx = t;
	t->other->live = t->live;
}

static int start(struct trace *t)
{
	const struct pipeline_config config = {
		.header = &t->header,
		.conn = run_conn_config(t->options),
		.consumers = &t->consumer,
		.consumers_len = 1,
		.recorder = t->recorder,
		.live = true,
	};
	struct collector_failure failure;

	if (live_start(t->live, &config, &t->header, &failure))
		return fail_collector(&failure);
	if (loop_add(live_loop(t->live), queue_error_fd(t->out), on_output_error, t))
		return fail(EXIT_RUNTIME, "cannot start the event loop: %s", strerror(errno));
	warn_foreign_pids(&t->header);
	if (!t->other && !t->options->no_header)
		lines_begin(&t->lines);
	live_run(t->live);
	return EXIT_OK;
}

static void print_totals(const struct trace *t, const struct pipeline_stats *s, const struct queue_stats *q)
{
	uint64_t hook = s->lost[WIRE_LOST_HOOK], ring = s->lost[WIRE_LOST_RING], table = s->lost[WIRE_LOST_TABLE];
	uint64_t lost = hook + ring + table + q->dropped + q->lost;
	uint64_t written = t->lines.seq > q->lost ? t->lines.seq - q->lost : 0;

	if (t->other && !hook && !ring && !table)
		return;
	fprintf(stderr, "tcplife-fsm: %llu events, %llu records, %llu lost", (unsigned long long)s->events,
		(unsigned long long)written, (unsigned long long)lost);
	if (lost)
		fprintf(stderr, " (hook %llu, ring %llu, table %llu, queue %llu, write %llu)", (unsigned long long)hook,
			(unsigned long long)ring, (unsigned long long)table, (unsigned long long)q->dropped,
			(unsigned long long)q->lost);
	if (s->leaks_open)
		fprintf(stderr, ", %llu leaks in CLOSE_WAIT go on", (unsigned long long)s->leaks_open);
	if (t->not_recorded)
		fprintf(stderr, ", %llu of the events not in the recording", (unsigned long long)t->not_recorded);
	if (t->options->verbose)
		fprintf(stderr, ", %llu hits of hooks ignored", (unsigned long long)live_ignored(t->live));
	fputc('\n', stderr);
}

/* A queue_lost_fn. */
static void count_not_recorded(void *ctx, const void *data, size_t len)
{
	((struct trace *)ctx)->not_recorded += recorder_events(data, len);
}

/* Writes what is left, says the totals if a run took place, and turns an output's error into the exit code. */
static int finish(struct trace *t, bool ran)
{
	struct queue_stats out = {0}, record = {0};
	struct pipeline_stats stats = {0};
	int exit_code;

	if (t->recorder) {
		recorder_flush(t->recorder);
		t->not_recorded = recorder_lost(t->recorder);
		queue_on_lost(t->record, count_not_recorded, t);
	}
	recorder_free(t->recorder, ran);
	queue_close(t->record, QUEUE_LAST_WAIT_NS, &record);
	queue_close(t->out, QUEUE_LAST_WAIT_NS, &out);
	if (!ran || out.error == EPIPE)
		return EXIT_OK;
	pipeline_stats(live_pipeline(t->live), &stats);
	print_totals(t, &stats, &out);
	exit_code = fail_output(t->options->output, out.error);
	if (!exit_code && record.error) /* of a recording nobody reads only a part */
		exit_code = fail(EXIT_OUTPUT, "cannot write %s: %s", t->options->record, strerror(record.error));
	return exit_code;
}

int trace_run(const struct options *options, struct run_consumer *consumer)
{
	struct trace t = {.options = options, .other = consumer};
	const struct live_config config = live_config(&t);
	struct collector_failure failure;
	int exit_code, finished;

	run_header(options, &t.header);
	if (live_new(&t.live, &config, &failure))
		return fail_collector(&failure);
	choose_consumer(&t);
	exit_code = run_check_selection(&options->select) ?: open_outputs(&t);
	if (!exit_code)
		exit_code = start(&t);
	finished = finish(&t, !exit_code);
	live_free(t.live);
	return exit_code ? exit_code : finished;
}

int command_trace(const struct options *options)
{
	return trace_run(options, NULL);
}
