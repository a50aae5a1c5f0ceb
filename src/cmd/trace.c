// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live run: wiring, event loop, orderly end.
 *
 * Rounds: the rings are read every 20 ms while there is traffic, every 100 ms when idle, and at once when one fills. Events are
 * handed over HOLD_NS late, so that one still being written on another CPU is not overtaken. A tick every 100 ms makes time
 * pass in the stream; what the run itself finds out (losses, a clock that was set) goes into the stream too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "commands.h"
#include "leak_watch.h"
#include "src/cli/options.h"
#include "src/host/clock.h"
#include "src/host/self.h"
#include "src/io/queue.h"
#include "src/io/recording.h"
#include "src/kernel/checks.h"
#include "src/kernel/collector.h"
#include "src/pipeline/pipeline.h"
#include "src/symbols/symbolizer.h"

#include "bpf/wire.h"

#define MS 1000000ull
#define HOLD_NS (2 * MS)
#define BUSY_NS (20 * MS)
#define TICK_NS (100 * MS)
#define AGGREGATE_NS (1000 * MS)
#define RESYNC_NS (5000 * MS) /* at the most one scan for losses in this time */
#define PROGRESS_SCANS 4      /* so often in a period what goes on is scanned for its counters */
#define PROGRESS_MIN_NS (1000 * MS)
#define CLOCK_STEP_NS (1 * MS)   /* smaller changes of the wall clock are noise */
#define MINISOCKS_NS (5000 * MS) /* where no hook shows them, they are looked for so often */
#define FINS_NS (500 * MS)       /* and so often while a record waits for a FIN */
#define FLUSH_NS (100 * MS)      /* to anything but a terminal */
#define QUEUE_BYTES (64u << 20)
#define QUEUE_LAST_WAIT_NS (2000 * MS) /* for a reader that hangs, at the end */

struct trace {
	const struct options *options;
	struct record_consumer *record_consumer; /* NULL: none */
	struct recording_header header;
	int out_fd, record_fd, signal_fd, epoll_fd;
	struct queue *out, *record;
	struct recorder *recorder;
	struct collector *collector;
	struct pipeline *pipeline;
	struct leak_watch *leak_watch;
	struct symbolizer *stacks; /* NULL: not asked for */
	uint64_t next_tick, next_aggregates, next_resync, next_progress, next_minisocks, next_fins, stop_at;
	uint64_t emitted_dropped;
	bool resync; /* something was lost: look what exists */
	bool stop;
	int output_error; /* errno of the output, EPIPE when its reader left */
};

static bool put_line(void *ctx, const char *line, size_t len)
{
	return queue_put(((struct trace *)ctx)->out, line, len);
}

/* An alert may use room that other lines may not. */
static bool put_alert(void *ctx, const char *line, size_t len)
{
	return queue_put_urgent(((struct trace *)ctx)->out, line, len);
}

static int open_output(const char *path, int flags, int *ret_fd)
{
	int fd;

	if (!path || !strcmp(path, "-")) {
		*ret_fd = STDOUT_FILENO;
		return EXIT_OK;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0640);
	if (fd < 0)
		return fail(EXIT_OUTPUT, "cannot write %s: %s", path, strerror(errno));
	*ret_fd = fd;
	return EXIT_OK;
}

static int open_queues(struct trace *t)
{
	int err, exit_code = open_output(t->options->output, O_APPEND, &t->out_fd);

	if (!exit_code && t->options->record)
		exit_code = open_output(t->options->record, O_TRUNC, &t->record_fd);
	if (exit_code)
		return exit_code;
	err = queue_open(&t->out, t->out_fd, QUEUE_BYTES, isatty(t->out_fd) ? 0 : FLUSH_NS);
	if (!err && t->record_fd >= 0)
		err = queue_open(&t->record, t->record_fd, QUEUE_BYTES, FLUSH_NS);
	if (!err && t->record)
		err = recorder_new(&t->recorder, t->record, &t->header);
	return err ? fail(EXIT_RUNTIME, "cannot start the output: %s", strerror(-err)) : EXIT_OK;
}

static int watch(struct trace *t, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* Blocked before any thread starts, so that only the signalfd sees them. */
static int open_loop(struct trace *t)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (t->signal_fd < 0 || t->epoll_fd < 0 || watch(t, t->signal_fd))
		return fail(EXIT_RUNTIME, "cannot start the event loop: %s", strerror(errno));
	return EXIT_OK;
}

static void feed_hooks(struct trace *t, uint64_t now)
{
	const struct hook_state *hooks;
	size_t n, i;
	char text[200];
	int len;

	hooks = collector_hooks(t->collector, &n);
	for (i = 0; i < n; i++) {
		len = snprintf(text, sizeof(text), "%s%c%s%c%s", hooks[i].hook->name, '\0', hooks[i].hook->type, '\0',
			       hooks[i].why);
		pipeline_feed_text(t->pipeline, now, WIRE_HOOK, hooks[i].used ? 1 : hooks[i].not_needed ? 2 : 0, text, len);
	}
}

static void feed_meta_text(struct trace *t, uint64_t now, const char *what)
{
	pipeline_feed_text(t->pipeline, now, WIRE_META, 0, what, strlen(what));
}

static bool degraded(const struct trace *t)
{
	const struct hook_state *hooks;
	size_t n, i;

	hooks = collector_hooks(t->collector, &n);
	for (i = 0; i < n; i++) {
		if (!hooks[i].used && !hooks[i].not_needed)
			return true;
	}
	return false;
}

static void feed_tier(struct trace *t, uint64_t now)
{
	const struct wire_mark mark = {
		.hdr = {.ts = now, .len = sizeof(mark), .kind = WIRE_TW_TIER},
		.value = collector_tier(t->collector),
	};

	pipeline_feed(t->pipeline, &mark.hdr);
}

/* The programs are attached already: what happens from here on is in the stream, what was before is in the scan. */
static void feed_start(struct trace *t)
{
	uint64_t now = clock_now_ns();
	int err;

	feed_tier(t, now);
	collector_reason_names(now, pipeline_feed, t->pipeline);
	feed_hooks(t, now);
	feed_meta_text(t, now, "start");
	collector_port_ranges(now, pipeline_feed, t->pipeline);
	err = collector_scan(t->collector, WIRE_SCAN_STARTUP, pipeline_feed, t->pipeline);
	if (err)
		warn("not all existing sockets could be scanned (%s): some appear with their next event only", strerror(-err));
	now = clock_now_ns();
	if (degraded(t))
		feed_meta_text(t, now, "degraded");
	feed_meta_text(t, now, "ready");
}

static int open_trace(struct trace *t)
{
	const struct pipeline_config config = {
		.options = t->options,
		.header = &t->header,
		.live = true,
		.line = put_line,
		.alert = put_alert,
		.line_ctx = t,
		.record_consumer = t->record_consumer,
	};
	const struct collector_config collector_config = {
		.ring_bytes = t->options->ring_bytes,
		.verbose = t->options->verbose,
		.tiers = t->options->time_wait == CONN_TW_OFF ? 0
			 : t->options->tiers                  ? t->options->tiers
							      : COLLECTOR_TIERS_ALL,
		.tiers_forced = t->options->tiers,
	};
	struct collector_failure failure = {0};
	struct pipeline_config with_recorder = config;
	int exit_code;

	if (collector_check(&failure))
		return fail_collector(&failure);
	if (t->options->stacks && symbolizer_open(&t->stacks, t->options->verbose, &failure))
		return fail_collector(&failure);
	exit_code = open_loop(t);
	if (!exit_code)
		exit_code = open_queues(t);
	if (exit_code)
		return exit_code;
	with_recorder.recorder = t->recorder;
	if (pipeline_new(&t->pipeline, &with_recorder) || leak_watch_new(&t->leak_watch, t->options->verbose))
		return fail(EXIT_RUNTIME, "out of memory");
	if (collector_open(&t->collector, &collector_config, &failure))
		return fail_collector(&failure);
	if (watch(t, collector_fd(t->collector)) || watch(t, queue_error_fd(t->out)))
		return fail(EXIT_RUNTIME, "cannot start the event loop: %s", strerror(errno));
	return EXIT_OK;
}

/* Lines that the output had no room for, told once it has room again. */
static void feed_dropped(struct trace *t, uint64_t ts)
{
	struct wire_lost lost = {
		.hdr = {.ts = ts, .len = sizeof(lost), .kind = WIRE_LOST},
		.until_ns = ts,
		.stage = WIRE_LOST_QUEUE,
	};
	struct queue_stats stats;

	queue_stats(t->out, &stats);
	lost.count = stats.dropped - t->emitted_dropped;
	if (!lost.count || queue_room(t->out) < QUEUE_BYTES / 8)
		return;
	t->emitted_dropped = stats.dropped;
	pipeline_feed(t->pipeline, &lost.hdr);
}

static void feed_clock(struct trace *t, uint64_t ts)
{
	int64_t offset = clock_wall_offset_ns();
	struct wire_mark mark = {
		.hdr = {.ts = ts, .len = sizeof(mark), .kind = WIRE_CLOCK},
		.value = offset,
	};

	if (llabs(offset - t->header.clock_offset_ns) < (int64_t)CLOCK_STEP_NS)
		return;
	t->header.clock_offset_ns = offset;
	pipeline_feed(t->pipeline, &mark.hdr);
}

static void tick(struct trace *t, uint64_t ts)
{
	struct wire_tick tick = {.hdr = {.ts = ts, .len = sizeof(tick), .kind = WIRE_TICK}};

	feed_dropped(t, ts);
	if (ts >= t->next_aggregates) {
		t->next_aggregates = ts + AGGREGATE_NS;
		collector_aggregates(t->collector, ts, pipeline_feed, t->pipeline);
	}
	feed_clock(t, ts);
	if (pipeline_wants_port_ranges(t->pipeline, ts))
		collector_port_ranges(ts, pipeline_feed, t->pipeline);
	tick.rss_bytes = self_rss_bytes();
	tick.cpu_us = self_cpu_us();
	pipeline_feed(t->pipeline, &tick.hdr);
	if (t->recorder)
		recorder_flush(t->recorder);
}

static uint64_t progress_scan_ns(const struct options *o)
{
	uint64_t interval = o->progress_ns / PROGRESS_SCANS;

	return interval > PROGRESS_MIN_NS ? interval : PROGRESS_MIN_NS;
}

/* With the timer hooks a FIN that comes to FIN_WAIT2 is silent as often as not, and a record may wait for it. */
static bool minisocks_due(const struct trace *t, uint64_t now)
{
	enum wire_tw_tier tier = collector_tier(t->collector);

	if (tier == WIRE_TIER_SCAN && now >= t->next_minisocks)
		return true;
	return (tier == WIRE_TIER_SCAN || tier == WIRE_TIER_TIMER) && now >= t->next_fins &&
	       pipeline_wants_minisocks(t->pipeline);
}

static bool scan_if_due(struct trace *t, uint64_t now)
{
	enum wire_scan_cause cause;

	if (t->resync && now >= t->next_resync) {
		cause = WIRE_SCAN_RESYNC;
		t->resync = false;
		t->next_resync = now + RESYNC_NS;
	} else if (t->options->progress_ns && now >= t->next_progress) {
		cause = WIRE_SCAN_PROGRESS;
		t->next_progress = now + progress_scan_ns(t->options);
	} else if (minisocks_due(t, now)) {
		cause = WIRE_SCAN_MINISOCKS;
		t->next_minisocks = now + MINISOCKS_NS;
		t->next_fins = now + FINS_NS;
	} else {
		return false;
	}
	collector_scan(t->collector, cause, pipeline_feed, t->pipeline);
	return true;
}

/* One reading of the rings; returns how long to sleep, in ms. */
static int round_trip(struct trace *t)
{
	uint64_t now = clock_now_ns(), until = now - HOLD_NS, n;
	bool scanned;

	if (collector_losses(t->collector, now, pipeline_feed, t->pipeline))
		t->resync = true;
	n = collector_drain(t->collector, until, pipeline_feed, t->pipeline);
	scanned = scan_if_due(t, now);
	if (t->stacks)
		symbolizer_drain(t->stacks, until, false, pipeline_feed, t->pipeline);
	scanned |= leak_watch_run(t->leak_watch, t->collector, t->pipeline);
	if (scanned) {
		until = clock_now_ns() - HOLD_NS;
		collector_drain(t->collector, until, pipeline_feed, t->pipeline);
	}
	if (until >= t->next_tick) {
		t->next_tick = until + TICK_NS;
		tick(t, until);
	}
	if (t->stop_at && now >= t->stop_at)
		t->stop = true;
	return (n ? BUSY_NS : TICK_NS) / MS;
}

static void on_output_error(struct trace *t)
{
	struct queue_stats stats;

	queue_stats(t->out, &stats);
	t->output_error = stats.error;
	t->stop = true;
}

static void run(struct trace *t)
{
	struct epoll_event events[4];
	int i, n, sleep_ms = 0;

	while (!t->stop) {
		n = epoll_wait(t->epoll_fd, events, 4, sleep_ms);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == t->signal_fd) {
				t->stop = true;
			} else if (events[i].data.fd == collector_fd(t->collector)) {
				collector_acknowledge(t->collector);
				collector_peek(t->collector, pipeline_resolve, t->pipeline);
			} else {
				on_output_error(t);
			}
		}
		sleep_ms = round_trip(t);
		t->stop |= t->record_consumer && t->record_consumer->done;
	}
}

/* Everything that was seen is written: nothing is in flight once the programs are detached. */
static void finish(struct trace *t)
{
	enum wire_tw_tier tier = collector_tier(t->collector);
	uint64_t now;

	/* A FIN that came to FIN_WAIT2 may have been silent: what is told now has no other chance to know of it. */
	if (tier == WIRE_TIER_TIMER || tier == WIRE_TIER_SCAN)
		collector_scan(t->collector, WIRE_SCAN_MINISOCKS, pipeline_feed, t->pipeline);
	if (t->options->progress_ns)
		collector_scan(t->collector, WIRE_SCAN_STOP, pipeline_feed, t->pipeline);
	collector_detach(t->collector);
	now = clock_now_ns();
	if (t->stacks)
		symbolizer_drain(t->stacks, now, true, pipeline_feed, t->pipeline);
	collector_losses(t->collector, now, pipeline_feed, t->pipeline);
	collector_drain(t->collector, UINT64_MAX, pipeline_feed, t->pipeline);
	t->next_aggregates = 0;
	tick(t, now);
	feed_meta_text(t, now, "stop");
}

/* On the way to the records. */
static bool pipeline_lost(const struct pipeline_stats *s)
{
	return s->lost[WIRE_LOST_HOOK] || s->lost[WIRE_LOST_RING] || s->lost[WIRE_LOST_TABLE];
}

static void print_totals(const struct pipeline_stats *s, const struct queue_stats *q, uint64_t not_recorded)
{
	uint64_t hook = s->lost[WIRE_LOST_HOOK], ring = s->lost[WIRE_LOST_RING], table = s->lost[WIRE_LOST_TABLE];
	uint64_t lost = hook + ring + table + q->dropped + q->lost;
	uint64_t written = s->records > q->lost ? s->records - q->lost : 0;

	fprintf(stderr, "tcplife-fsm: %llu events, %llu records, %llu lost", (unsigned long long)s->events,
		(unsigned long long)written, (unsigned long long)lost);
	if (lost)
		fprintf(stderr, " (hook %llu, ring %llu, table %llu, queue %llu, write %llu)", (unsigned long long)hook,
			(unsigned long long)ring, (unsigned long long)table, (unsigned long long)q->dropped,
			(unsigned long long)q->lost);
	if (not_recorded)
		fprintf(stderr, ", %llu events not in the recording", (unsigned long long)not_recorded);
	fputc('\n', stderr);
}

/* Closes what is open, tells the totals if a run took place, and turns an output's error into the exit code. */
static int close_trace(struct trace *t, bool ran)
{
	struct queue_stats out = {0}, record = {0};
	struct pipeline_stats stats = {0};
	uint64_t not_recorded = 0;

	symbolizer_close(t->stacks);
	leak_watch_free(t->leak_watch);
	collector_close(t->collector);
	if (t->recorder)
		not_recorded = recorder_lost(t->recorder);
	recorder_free(t->recorder, ran);
	queue_close(t->record, QUEUE_LAST_WAIT_NS, &record);
	queue_close(t->out, QUEUE_LAST_WAIT_NS, &out);
	if (t->pipeline)
		pipeline_stats(t->pipeline, &stats);
	pipeline_free(t->pipeline);
	if (t->signal_fd >= 0)
		close(t->signal_fd);
	if (t->epoll_fd >= 0)
		close(t->epoll_fd);
	if (!ran || out.error == EPIPE)
		return EXIT_OK;
	if (!t->record_consumer || pipeline_lost(&stats))
		print_totals(&stats, &out, not_recorded);
	if (out.error)
		return fail(EXIT_OUTPUT, "cannot write %s: %s", t->options->output ? t->options->output : "to standard output",
			    strerror(out.error));
	if (record.error)
		return fail(EXIT_OUTPUT, "cannot write %s: %s", t->options->record, strerror(record.error));
	return EXIT_OK;
}

int trace_run(const struct options *options, struct record_consumer *record_consumer)
{
	struct trace t = {.options = options,
			  .record_consumer = record_consumer,
			  .out_fd = -1,
			  .record_fd = -1,
			  .signal_fd = -1,
			  .epoll_fd = -1};
	int exit_code, closed;

	run_header_fill(&t.header, options);
	exit_code = open_trace(&t);
	if (!exit_code) {
		feed_start(&t);
		if (options->duration_ns)
			t.stop_at = clock_now_ns() + options->duration_ns;
		t.stop = record_consumer && record_consumer->scan_only;
		run(&t);
		finish(&t);
	}
	closed = close_trace(&t, !exit_code);
	return exit_code ? exit_code : closed;
}

int command_trace(const struct options *options)
{
	return trace_run(options, NULL);
}
