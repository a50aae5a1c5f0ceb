// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rounds: the rings are read every 20 ms while there is traffic, every 100 ms when idle, and at once when one fills. Events are
 * handed over COLLECTOR_HOLD_NS late, so that one still being written on another CPU is not overtaken. A tick every 100 ms
 * makes time pass in the stream; what the run itself finds out (losses, a clock that was set) goes into the stream too.
 */
#include "live.h"

#include "give_up.h"
#include "leak_watch.h"
#include "live_admin.h"
#include "live_say.h"
#include "src/core/conn.h"
#include "src/host/clock.h"
#include "src/host/self.h"
#include "src/host/terminal.h"
#include "src/io/loop.h"
#include "src/io/recording.h"
#include "src/kernel/checks.h"
#include "src/kernel/exec_probe.h"
#include "src/symbols/symbolizer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MS 1000000ull
#define BUSY_NS (20 * MS)
#define TICK_NS (100 * MS)
#define AGGREGATE_NS (1000 * MS)
#define RESYNC_NS (5000 * MS) /* at the most one scan for losses in this time */
#define RESYNC_TIMES 11       /* and so many times what the last one took: a tenth of the time at the most */
#define PROGRESS_SCANS 4      /* scans for the counters of living connections, in a period of progress */
#define PROGRESS_MIN_NS (1000 * MS)
#define MINISOCKS_NS (5000 * MS) /* between scans of minisockets, where no hook shows them */
#define LISTENERS_TIMES 50       /* between scans of listeners, times their CPU time: 2 % of a CPU at the most */
#define FINS_NS (500 * MS)       /* the same while a record waits for a FIN, */
#define FINS_TIMES 100           /* and so many times the CPU time of the last one: 1 % of a CPU at the most */

struct live {
	struct live_config config;
	struct recording_header *header;
	uint64_t progress_ns;
	int signal_fd;
	struct loop loop;
	struct live_admin admin;
	struct collector *collector;
	struct pipeline *pipeline;
	struct exec_probe *exec_probe; /* NULL: the kernel refused it */
	struct leak_watch leak_watch;
	struct symbolizer *symbolizer; /* NULL: not asked for, or it has ended */
	uint64_t next_tick, next_aggregates, next_resync, next_progress, next_minisocks, next_fins, next_listeners, stop_at;
	uint64_t rss_bytes; /* read once a second */
	int scan_failed;
	bool resync; /* something was lost: a scan is due */
	bool stop;
};

/* A loop_fn. */
static void on_signal(void *ctx)
{
	struct live *l = ctx;
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP || terminal_hung_up())
			live_stop(l);
		else
			l->config.reopen(l->config.ctx);
	}
}

/* A loop_fn: a ring has filled, or a process appeared that may not live long. */
static void on_ring(void *ctx)
{
	struct live *l = ctx;

	collector_acknowledge(l->collector);
	collector_peek(l->collector, pipeline_resolve, l->pipeline);
}

bool live_goes_on(struct live *l)
{
	on_signal(l);
	return !l->stop && (!l->stop_at || clock_now_ns() < l->stop_at);
}

/* Blocked before any thread starts, so that only the signalfd sees them. */
static int open_loop(struct live *l)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd < 0)
		return -errno;
	err = loop_open(&l->loop);
	return err ?: loop_add(&l->loop, l->signal_fd, on_signal, l);
}

static int error_of(enum collector_problem problem)
{
	return !problem ? 0 : problem == COLLECTOR_NO_PRIVILEGE ? -EPERM : -EOPNOTSUPP;
}

static int open_symbolizer(struct live *l, struct collector_failure *ret_failure)
{
	return error_of(collector_check(ret_failure))
		       ?: symbolizer_open(&l->symbolizer, l->config.collector.verbose, l->config.warn, ret_failure);
}

int live_new(struct live **out, const struct live_config *config, struct collector_failure *ret_failure)
{
	struct live *l;
	int err;

	collector_keep_memory(true);
	l = calloc(1, sizeof(*l));
	*ret_failure = (struct collector_failure){.problem = COLLECTOR_FAILED, .text = "out of memory"};
	if (!l)
		return -ENOMEM;
	l->config = *config;
	l->signal_fd = l->loop.epoll_fd = -1;
	l->config.collector.admin = live_admin_start(&l->admin);
	err = config->stacks ? open_symbolizer(l, ret_failure) : 0;
	l->collector = err ? NULL : collector_new(&l->config.collector);
	if (!err)
		err = l->collector ? error_of(collector_check_first(l->collector, ret_failure)) : -ENOMEM;
	if (!err) {
		err = open_loop(l);
		ret_failure->problem = COLLECTOR_FAILED;
		snprintf(ret_failure->text, sizeof(ret_failure->text), "cannot start the event loop: %s", self_error(err));
	}
	if (err)
		live_free(l);
	else
		*out = l;
	return err;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	symbolizer_close(l->symbolizer);
	leak_scan_close(l->leak_watch.scan);
	collector_close(l->collector);
	pipeline_free(l->pipeline);
	exec_probe_close(l->exec_probe);
	admin_stop(l->admin.admin);
	loop_close(&l->loop);
	if (l->signal_fd >= 0)
		close(l->signal_fd);
	free(l);
}

struct loop *live_loop(struct live *l)
{
	return &l->loop;
}

const struct pipeline *live_pipeline(const struct live *l)
{
	return l->pipeline;
}

uint64_t live_ignored(const struct live *l)
{
	return collector_ignored(l->collector);
}

uint64_t live_ring_peak(struct live *l, uint64_t *ret_size)
{
	return collector_ring_peak(l->collector, ret_size);
}

const struct collector *live_collector(const struct live *l)
{
	return l->collector;
}

bool live_wait(struct live *l, int ms)
{
	loop_wait(&l->loop, ms);
	return !l->stop;
}

void live_reach(const struct live *l, struct live_reach *ret_reach)
{
	uint64_t scan = l->leak_watch.scan ? leak_scan_missed(l->leak_watch.scan) : 0, start = collector_missed(l->collector);
	const char *why = l->leak_watch.failure.text;

	*ret_reach =
		(struct live_reach){.namespaces_missed = scan > start ? scan : start, .leak_scans_failed = *why ? why : NULL};
}

uint64_t live_wakes_saved(const struct live *l)
{
	return collector_wakes_saved(l->collector);
}

void live_stop(struct live *l)
{
	l->stop = true;
}

static int open_pipeline(struct live *l, const struct pipeline_config *config)
{
	struct pipeline_config with_probe = *config;
	int err = exec_probe_open(&l->exec_probe);

	if (err) {
		l->config.warn(EXEC_PROBE_REFUSED, self_few_descriptors(err) ?: strerror(-err));
	} else {
		with_probe.exec_fn = exec_probe_read;
		with_probe.exec_ctx = l->exec_probe;
	}
	with_probe.admin = l->admin.admin;
	return pipeline_new(&l->pipeline, &with_probe);
}

int live_start(struct live *l, const struct pipeline_config *config, struct recording_header *header,
	       struct collector_failure *ret_failure)
{
	int err;

	l->header = header;
	l->progress_ns = config->conn.progress_ns;
	l->leak_watch = (struct leak_watch){.verbose = l->config.collector.verbose,
					    .warn = l->config.warn,
					    .foreign_pids = header->foreign_pids,
					    .admin = l->admin.admin};
	err = collector_open(l->collector, ret_failure); /* first: what follows happens while the rings fill */
	if (err)
		return err;
	*ret_failure = (struct collector_failure){.problem = COLLECTOR_FAILED, .text = "out of memory"};
	err = open_pipeline(l, config);
	if (err)
		return err;
	err = loop_add(&l->loop, collector_fd(l->collector), on_ring, l) ?: live_admin_watch(&l->admin, &l->loop);
	if (err)
		snprintf(ret_failure->text, sizeof(ret_failure->text), "cannot start the event loop: %s", self_error(err));
	return err;
}

/* The programs are attached: what happens from here on is in the stream, what was before is in the scan. */
static void begin(struct live *l)
{
	uint64_t now = collector_attached_ns(l->collector);
	bool degraded;
	int err;

	live_say_mark(l->pipeline, now, WIRE_TW_TIER, collector_tier(l->collector));
	collector_reason_names(l->collector, now, pipeline_feed, l->pipeline);
	collector_forget_types(l->collector);
	degraded = live_say_hooks(l->pipeline, l->collector, now);
	live_say_meta(l->pipeline, now, "start");
	l->config.before(l->config.ctx, now, pipeline_recall, l->pipeline);
	err = collector_scan(l->collector, WIRE_SCAN_STARTUP, pipeline_feed, l->pipeline);
	collector_survey(l->collector, clock_now_ns(), true, pipeline_feed, l->pipeline);
	if (err)
		l->config.warn("not all existing sockets could be scanned (%s): some appear with their next event only",
			       self_error(err));
	collector_warn_missed(l->collector, l->config.warn);
	now = clock_now_ns();
	if (degraded)
		live_say_meta(l->pipeline, now, "degraded");
	live_say_meta(l->pipeline, now, "ready");
	l->leak_watch.wide = pipeline_wants(l->pipeline, RECORD_FINDING);
	give_up_privileges(&l->leak_watch, l->exec_probe, l->config.helpers);
	collector_keep_memory(false);
}

static void tick(struct live *l, uint64_t ts)
{
	struct wire_tick tick = {.hdr = {.ts = ts, .len = sizeof(tick), .kind = WIRE_TICK}};

	if (ts >= l->next_aggregates) {
		l->next_aggregates = ts + AGGREGATE_NS;
		collector_aggregates(l->collector, ts, pipeline_feed, l->pipeline);
		l->rss_bytes = self_rss_bytes();
	}
	live_say_clock(l->pipeline, ts, &l->header->clock_offset_ns);
	if (conn_table_wants_survey(pipeline_table(l->pipeline), ts))
		collector_survey(l->collector, ts, false, pipeline_feed, l->pipeline);
	live_admin_tick(&l->admin, l->collector, l->pipeline, ts, l->config.warn);
	tick.rss_bytes = l->rss_bytes;
	tick.cpu_us = clock_process_ns() / 1000;
	pipeline_feed(l->pipeline, &tick.hdr);
}

/* Scans */

/* What a failed scan has not found may be missing. A scan that works again is not worth a word. */
static void complain_scan(struct live *l, int err)
{
	if (err && err != l->scan_failed)
		l->config.warn("not all sockets could be scanned: %s", self_error(err));
	l->scan_failed = err;
}

/* The timer hooks do not show every FIN that arrives in FIN_WAIT2, and a record may wait for it. */
static bool fins_are_silent(const struct live *l)
{
	enum wire_tw_tier tier = collector_tier(l->collector);

	return tier == WIRE_TIER_SCAN || tier == WIRE_TIER_TIMER;
}

static bool minisocks_due(const struct live *l, uint64_t now)
{
	if (collector_tier(l->collector) == WIRE_TIER_SCAN && now >= l->next_minisocks)
		return true;
	return fins_are_silent(l) && now >= l->next_fins && conn_table_wants_minisocks(pipeline_table(l->pipeline));
}

static bool scan_listeners_if_due(struct live *l, uint64_t now)
{
	uint64_t cpu;

	if (now < l->next_listeners || !conn_table_wants_listeners(pipeline_table(l->pipeline), now))
		return false;
	cpu = live_admin_cpu_ns(&l->admin); /* a thread of its own reads the sockets */
	complain_scan(l, collector_scan(l->collector, WIRE_SCAN_LISTENERS, pipeline_feed, l->pipeline));
	l->next_listeners = now + live_admin_cpu_since(&l->admin, cpu) * LISTENERS_TIMES;
	return true;
}

static bool scan_if_due(struct live *l, uint64_t now)
{
	uint64_t progress_ns = l->progress_ns / PROGRESS_SCANS, cpu, took;
	enum wire_scan_cause cause;
	int err;

	if (l->resync && now >= l->next_resync) {
		cause = WIRE_SCAN_RESYNC;
		l->resync = false;
	} else if (l->progress_ns && now >= l->next_progress) {
		cause = WIRE_SCAN_PROGRESS;
		l->next_progress = now + (progress_ns > PROGRESS_MIN_NS ? progress_ns : PROGRESS_MIN_NS);
	} else if (minisocks_due(l, now)) {
		cause = WIRE_SCAN_MINISOCKS;
		l->next_minisocks = now + MINISOCKS_NS;
	} else {
		return scan_listeners_if_due(l, now);
	}
	now = clock_now_ns();
	cpu = live_admin_cpu_ns(&l->admin);
	err = collector_scan(l->collector, cause, pipeline_feed, l->pipeline);
	complain_scan(l, err);
	if (cause == WIRE_SCAN_MINISOCKS) {
		took = live_admin_cpu_since(&l->admin, cpu) * FINS_TIMES;
		l->next_fins = now + (took > FINS_NS ? took : FINS_NS);
	}
	if (cause != WIRE_SCAN_RESYNC)
		return true;
	l->resync |= err != 0; /* what it has not met may be gone, or live */
	took = clock_now_ns() - now;
	l->next_resync = now + (took * RESYNC_TIMES > RESYNC_NS ? took * RESYNC_TIMES : RESYNC_NS);
	return true;
}

/* One reading of the rings; returns how long to sleep, in ms. */
static int round_trip(struct live *l)
{
	uint64_t now = clock_now_ns(), until = now - COLLECTOR_HOLD_NS, n;
	bool scanned;

	if (collector_losses(l->collector, now, pipeline_feed, l->pipeline))
		l->resync = true;
	n = collector_drain(l->collector, until, pipeline_feed, l->pipeline);
	scanned = scan_if_due(l, now);
	if (l->symbolizer)
		symbolizer_drain(l->symbolizer, until, false, pipeline_feed, l->pipeline);
	scanned |= leak_watch_run(&l->leak_watch, l->collector, l->pipeline);
	if (scanned) {
		until = clock_now_ns() - COLLECTOR_HOLD_NS;
		collector_drain(l->collector, until, pipeline_feed, l->pipeline);
	}
	if (l->stop_at && now >= l->stop_at)
		l->stop = true;
	if (until >= l->next_tick || l->stop) { /* a summary that is due is not left to the end */
		l->next_tick = until + TICK_NS;
		tick(l, until);
	}
	return (n ? BUSY_NS : TICK_NS) / MS;
}

/* For the last look at what namespaces count, and at leaks. */
static void look_last(struct live *l)
{
	uint64_t until = clock_now_ns() - COLLECTOR_HOLD_NS;

	if (!conn_table_wants_survey(pipeline_table(l->pipeline), UINT64_MAX))
		return;
	collector_drain(l->collector, until, pipeline_feed, l->pipeline);
	collector_survey(l->collector, until, false, pipeline_feed, l->pipeline);
	if (l->config.last_look)
		leak_watch_run_last(&l->leak_watch, l->collector, l->pipeline);
}

/* Once the programs are detached no event is missing in the rings. */
static void finish(struct live *l)
{
	uint64_t now;

	look_last(l);
	/* Hooks may have missed a FIN in FIN_WAIT2, and what is emitted now depends on it. */
	if (fins_are_silent(l))
		collector_scan(l->collector, WIRE_SCAN_MINISOCKS, pipeline_feed, l->pipeline);
	if (l->progress_ns)
		collector_scan(l->collector, WIRE_SCAN_STOP, pipeline_feed, l->pipeline);
	collector_detach(l->collector);
	now = clock_now_ns();
	if (l->symbolizer)
		symbolizer_drain(l->symbolizer, now, true, pipeline_feed, l->pipeline);
	collector_losses(l->collector, now, pipeline_feed, l->pipeline);
	collector_drain(l->collector, UINT64_MAX, pipeline_feed, l->pipeline);
	l->next_aggregates = 0;
	tick(l, now);
	now = clock_now_ns(); /* not that of the tick: a summary of 0 us gives no rate */
	l->config.stops(l->config.ctx);
	live_say_meta(l->pipeline, now, "stop");
}

void live_run(struct live *l)
{
	int sleep_ms = 0;

	begin(l);
	if (l->config.duration_ns)
		l->stop_at = clock_now_ns() + l->config.duration_ns;
	l->stop |= l->config.scan_only;
	while (!l->stop) {
		loop_wait(&l->loop, sleep_ms);
		sleep_ms = round_trip(l);
	}
	finish(l);
}
