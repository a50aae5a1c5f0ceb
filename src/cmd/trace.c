// SPDX-License-Identifier: GPL-2.0-only
/* The live run: where its lines and its recording go, and its totals at the end. */
#include "commands.h"
#include "govern.h"
#include "metrics.h"
#include "notify.h"
#include "reload.h"
#include "run.h"
#include "status_run.h"
#include "trace_state.h"
#include "trace_totals.h"
#include "src/host/clock.h"
#include "src/host/self.h"
#include "src/io/destination.h"
#include "src/io/file.h"
#include "src/io/loop.h"
#include "src/io/queue.h"
#include "src/io/recording.h"
#include "src/pipeline/live.h"
#include "src/pipeline/output_kinds.h"
#include "src/pipeline/output_trouble.h"
#include "src/pipeline/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000ull
#define RECORD_FLUSH_NS (100 * MS)
#define RECORD_QUEUE_BYTES (64u << 20)
#define LAST_WAIT_NS (1500 * MS) /* for a reader that hangs, at the end */

struct trace {
	const struct options *options;
	struct run_consumer *other; /* NULL: lines */
	struct recording_header header;
	struct record_consumer consumers[OUTPUTS_MAX + 6]; /* and metrics, the live page, the state, the ticks of the run, the
							      service manager, and the status */
	size_t consumers_len;
	struct format_before before[OUTPUTS_MAX];
	struct outputs *outputs;
	struct queue *record;
	struct recorder *recorder;
	struct live *live;
	struct reload reload;
	struct govern govern;
	struct notify notify;
	struct metrics_sources sources;
	struct run_metrics *metrics; /* NULL: none */
	struct trace_state *state;   /* likewise */
	struct status_run *status;
	bool interrupted; /* while an output waited for a reader */
	bool record_failed;
	int exit_code; /* of what ended the run early */
	uint64_t not_recorded;
};

/* A line_fn, of another consumer. */
static bool put_line(void *ctx, const char *line, size_t len)
{
	return outputs_put(((struct trace *)ctx)->outputs, line, len);
}

/* A reader_wait_fn. Nothing is attached yet, so no event is lost. */
static bool wait_in_loop(void *ctx, const char *path, bool first)
{
	struct trace *t = ctx;

	warn_of_reader(path, first);
	t->interrupted = !live_wait(t->live, READER_WAIT_MS);
	return !t->interrupted;
}

/* outputs_config.goes_on */
static bool goes_on(void *ctx)
{
	return live_goes_on(((struct trace *)ctx)->live);
}

/* outputs_config.full */
static void on_full(void *ctx, const char *name)
{
	struct trace *t = ctx;

	t->exit_code = fail(EXIT_OUTPUT, "output %s is slower than its records, and --on-full is exit", name);
	live_stop(t->live);
}

static int open_output(struct trace *t, const struct output_spec *spec, struct format_before *before)
{
	struct destination *destination;
	char why[OUTPUT_WHY];
	int err;

	for (const struct output_spec *other = t->options->outputs; other < spec; other++) /* now they exist */
		if (other->kind == spec->kind && output_same(other->address, spec->address))
			return fail(EXIT_USAGE, "--output '%s' and '%s' are the same: give each output once", other->name,
				    spec->name);
	err = output_destination(&destination, spec, wait_in_loop, t, why);
	bool known;

	if (err == -EINTR)
		return EXIT_OK;
	if (err)
		return *why ? fail(EXIT_OUTPUT, "output %s: %s", spec->name, why) : fail_output(spec->address, -err);
	known = trace_state_before(t->state, destination, before);
	err = outputs_add(t->outputs, spec, destination, known ? before : NULL);
	return err ? fail(EXIT_RUNTIME, "cannot start the output: %s", self_error(err)) : EXIT_OK;
}

/* A recording with a hole is of no use: after its first failure it ends. */
static int open_record(struct trace *t)
{
	const char *path = t->options->record;
	struct destination *destination;
	int err;

	for (size_t i = 0; i < t->options->outputs_len; i++) /* now they exist */
		if (t->options->outputs[i].kind == OUTPUT_FILE && output_same(t->options->outputs[i].address, path))
			return fail(EXIT_USAGE, "--record '%s' is where the output goes: give two files", path);
	err = file_open(&destination, path, true, wait_in_loop, t);

	if (err == -EINTR)
		return EXIT_OK;
	if (err)
		return fail_output(path, -err);
	destination->restore = NULL;
	destination->reopen = NULL;
	err = queue_open(&t->record, destination, RECORD_QUEUE_BYTES, RECORD_FLUSH_NS);
	if (err || recorder_new(&t->recorder, t->record, &t->header))
		return fail(EXIT_RUNTIME, "cannot start the recording: %s", self_error(err ? err : -ENOMEM));
	return EXIT_OK;
}

static int open_outputs(struct trace *t)
{
	const struct options *o = t->options;
	const struct outputs_config config = {
		.select = &o->select,
		.format = {.wide = o->wide, .full_time = o->full_time},
		.json = o->json,
		.max_connections = t->header.max_connections,
		.ring_bytes = t->header.ring_bytes,
		.warn = warn,
		.goes_on = goes_on,
		.full = on_full,
		.ctx = t,
	};
	int exit_code = EXIT_OK;

	t->outputs = outputs_new(&config);
	if (!t->outputs)
		return fail(EXIT_RUNTIME, "out of memory");
	for (size_t i = 0; i < o->outputs_len && !exit_code && !t->interrupted; i++)
		exit_code = open_output(t, &o->outputs[i], &t->before[i]);
	if (!exit_code && !t->interrupted && o->record)
		exit_code = open_record(t);
	return exit_code;
}

/* A recording that has failed is named at once. */
static void check_record(struct trace *t, const struct record_context *context, uint64_t now)
{
	struct record_output about = {.name = t->options->record, .since_ns = now};
	const struct record_meta meta = {.what = "recording_failed", .output = &about};
	struct queue_stats stats;

	if (!t->record || t->record_failed)
		return;
	queue_stats(t->record, &stats);
	if (!stats.error)
		return;
	t->record_failed = true;
	about.error = strerror(stats.error);
	warn("the recording %s ends here: %s", about.name, about.error);
	if (!t->other)
		outputs_emit_meta(t->outputs, context, &meta, now == UINT64_MAX ? clock_now_ns() : now);
}

/* record_consumer.tick */
static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct trace *t = ctx;

	check_record(t, context, now);
	if (t->other || now == UINT64_MAX)
		return;
	reload_if_due(&t->reload, t->outputs, context, now);
	govern_tick(&t->govern, reload_options(&t->reload), t->outputs, context, now);
}

/* live_config.reopen: at any moment, also while an output waits for room. The next tick reads the configuration. */
static void reopen(void *ctx)
{
	struct trace *t = ctx;

	if (t->other && t->other->hangup_ends) {
		live_stop(t->live);
		return;
	}
	notify_reloading(&t->notify);
	outputs_reopen(t->outputs);
	t->reload.due = true;
}

/* live_config.before */
static void feed_state(void *ctx, uint64_t now, event_fn fn, void *fn_ctx)
{
	trace_state_feed(((struct trace *)ctx)->state, now, fn, fn_ctx);
}

/* live_config.stops */
static void on_stop(void *ctx)
{
	trace_state_stop(((struct trace *)ctx)->state);
}

/* A loop_fn: an output has failed, or its reader has left. */
static void on_output_error(void *ctx)
{
	live_stop(((struct trace *)ctx)->live);
}

static bool is_quiet(const struct trace *t)
{
	return t->other && t->other->quiet;
}

/* A warn_fn. */
static void warn_nobody(const char *fmt, ...)
{
	(void)fmt;
}

static struct live_config live_config(struct trace *t)
{
	const struct options *o = t->options;

	return (struct live_config){
		.collector =
			{
				.ring_bytes = o->ring_bytes,
				.no_lanes = o->no_lanes,
				.verbose = o->verbose,
				.tiers = o->time_wait == CONN_TW_OFF ? 0
					 : o->tiers                  ? o->tiers
								     : COLLECTOR_TIERS_ALL,
				.tiers_forced = o->tiers,
			},
		.stacks = o->stacks,
		.helpers = o->metrics                                                        ? PRIVILEGES_HELPERS_HERE
			   : o->stacks || outputs_have_processes(o->outputs, o->outputs_len) ? PRIVILEGES_HELPERS
											     : PRIVILEGES_NO_HELPERS,
		.duration_ns = o->duration_ns,
		.scan_only = t->other && t->other->scan_only,
		.last_look = t->other && t->other->last_look,
		.warn = is_quiet(t) ? warn_nobody : warn,
		.reopen = reopen,
		.before = feed_state,
		.stops = on_stop,
		.ctx = t,
	};
}

static void choose_consumers(struct trace *t)
{
	if (t->other) {
		t->consumers[t->consumers_len++] = t->other->consumer;
		t->other->put = put_line;
		t->other->put_ctx = t;
		t->other->live = t->live;
	} else {
		t->consumers_len = outputs_consumers(t->outputs, t->consumers);
	}
	if (t->metrics)
		t->consumers_len += run_metrics_consumers(t->metrics, &t->consumers[t->consumers_len]);
	if (t->state)
		t->consumers[t->consumers_len++] = trace_state_consumer(t->state, t->live);
	t->consumers[t->consumers_len++] = (struct record_consumer){.tick = tick, .ctx = t};
	t->notify.live = t->live;
	t->notify.outputs = t->outputs;
	t->notify.record = t->record;
	t->consumers[t->consumers_len++] = notify_consumer(&t->notify); /* behind tick(), which ends a reload */
	if (t->status)
		t->consumers[t->consumers_len++] = status_run_consumer(t->status);
}

static bool wants_findings(const struct options *o)
{
	uint32_t events = 0;

	for (size_t i = 0; i < o->outputs_len; i++)
		events |= o->outputs[i].events;
	return events & 1u << RECORD_FINDING;
}

static int open_metrics(struct trace *t)
{
	t->sources = (struct metrics_sources){.live = t->live,
					      .outputs = t->outputs,
					      .max_connections = t->header.max_connections,
					      .ring_bytes = t->header.ring_bytes};
	t->sources.findings = wants_findings(t->options);
	return run_metrics_open(&t->metrics, t->options, &t->sources);
}

static int open_status(struct trace *t)
{
	struct status_sources sources = {.live = t->live,
					 .outputs = t->outputs,
					 .reload = &t->reload,
					 .hostname = t->header.hostname,
					 .max_connections = t->header.max_connections};

	sources.findings = wants_findings(t->options);
	return status_run_open(&t->status, t->options, &sources);
}

static int fill_loop(struct trace *t)
{
	int err = t->status ? loop_add(live_loop(t->live), status_run_fd(t->status), status_run_answer, t->status) : 0;

	for (size_t i = 0; i < outputs_len(t->outputs) && !err; i++)
		err = loop_add(live_loop(t->live), outputs_error_fd(t->outputs, i), on_output_error, t);
	return err ? fail(EXIT_RUNTIME, "cannot start the event loop: %s", self_error(err)) : EXIT_OK;
}

static int start(struct trace *t)
{
	const struct pipeline_config config = {
		.header = &t->header,
		.conn = run_conn_config(t->options),
		.consumers = t->consumers,
		.consumers_len = t->consumers_len,
		.recorder = t->recorder,
		.live = true,
	};
	struct collector_failure failure;

	if (live_start(t->live, &config, &t->header, &failure))
		return fail_collector(&failure);
	if (fill_loop(t))
		return EXIT_RUNTIME;
	if (!is_quiet(t))
		warn_foreign_pids(&t->header);
	if (!t->other && !t->options->no_header)
		outputs_begin(t->outputs);
	live_run(t->live);
	return EXIT_OK;
}

/* A queue_lost_fn. */
static void count_not_recorded(void *ctx, const void *data, size_t len)
{
	((struct trace *)ctx)->not_recorded += recorder_events(data, len);
}

/* What belongs to the recording is in its queue then. */
static void end_record(struct trace *t, bool ran)
{
	if (t->recorder) {
		recorder_flush(t->recorder);
		t->not_recorded = recorder_lost(t->recorder);
		queue_on_lost(t->record, count_not_recorded, t);
	}
	recorder_free(t->recorder, ran);
	queue_end(t->record);
}

static bool is_stdout(const struct trace *t, size_t output)
{
	return !strcmp(t->options->outputs[output].address, "-");
}

/* What could not be written at the end is an error, unless the reader of standard output left: that is its right. */
static int judge_end(const struct trace *t, size_t output, const struct output_result *r)
{
	if (!r->lost_at_end || (r->error == EPIPE && is_stdout(t, output)))
		return EXIT_OK;
	if (r->error && r->error != EPIPE)
		return fail_output(t->options->outputs[output].address, r->error);
	return fail(EXIT_OUTPUT, "output %s did not take %llu records at the end%s%s",
		    is_stdout(t, output) ? "to standard output" : r->name, (unsigned long long)r->lost_at_end,
		    *r->why ? ": " : "", r->why);
}

/* Writes what is left, says the totals if a run took place, and turns an output's error into the exit code. */
static int finish(struct trace *t, bool ran)
{
	struct output_result results[OUTPUTS_MAX];
	struct queue_stats record = {0};
	struct trace_totals totals = {.only_losses = t->other, .live = t->options->verbose ? t->live : NULL};
	int exit_code = EXIT_OK;
	size_t n;

	end_record(t, ran);
	n = outputs_close(t->outputs, LAST_WAIT_NS, results);
	queue_close(t->record, LAST_WAIT_NS, &record);
	if (!ran)
		return EXIT_OK;
	if (n == 1 && results[0].error == EPIPE && is_stdout(t, 0))
		return EXIT_OK;
	pipeline_stats(live_pipeline(t->live), &totals.stats);
	totals.not_recorded = t->not_recorded;
	if (!is_quiet(t))
		trace_print_totals(&totals, results, n);
	for (size_t i = 0; i < n && !exit_code; i++)
		exit_code = judge_end(t, i, &results[i]);
	if (!exit_code && record.error) /* of a recording nobody reads only a part */
		exit_code = fail(EXIT_OUTPUT, "cannot write %s: %s", t->options->record, strerror(record.error));
	return exit_code ? exit_code : t->exit_code;
}

int trace_run(const struct options *options, struct run_consumer *consumer)
{
	struct trace t = {.options = options, .other = consumer, .reload.start = options};
	const struct live_config config = live_config(&t);
	struct collector_failure failure;
	int exit_code, finished;

	notify_open(&t.notify);
	run_header(options, &t.header);
	if (live_new(&t.live, &config, &failure)) {
		notify_close(&t.notify);
		return fail_collector(&failure);
	}
	exit_code = run_check_selection(&options->select, is_quiet(&t))
		?: trace_state_open(&t.state, options, &t.header)
		?: open_outputs(&t);
	if (!exit_code && !t.interrupted && !consumer)
		exit_code = open_metrics(&t) ?: open_status(&t);
	if (!exit_code && !t.interrupted) {
		choose_consumers(&t);
		exit_code = start(&t);
	}
	run_metrics_close(t.metrics);
	status_run_close(t.status);
	finished = finish(&t, !exit_code && !t.interrupted);
	trace_state_close(t.state);
	live_free(t.live);
	reload_free(&t.reload);
	notify_close(&t.notify);
	return exit_code ? exit_code : finished;
}

int command_trace(const struct options *options)
{
	return trace_run(options, NULL);
}
