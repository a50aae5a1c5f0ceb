/* SPDX-License-Identifier: GPL-2.0-only */
/* What commands share that run a pipeline: live (trace.c), or from a recording (replay.c). */
#pragma once

#include "src/cli/error.h"
#include "src/cli/options.h"
#include "src/kernel/hook_info.h"
#include "src/pipeline/lines.h"

struct live;
struct recording_header;

/* Who takes the records of a run in place of lines. */
struct run_consumer {
	struct record_consumer consumer;
	bool silent;       /* replay: the consumer writes nothing, and a second pass says what is wrong with the recording */
	bool scan_only;    /* live: no more than what exists at the start */
	bool last_look;    /* live: for leaks, as it ends */
	bool quiet;        /* live: errors alone are said on stderr */
	bool hangup_ends;  /* live: SIGHUP ends the run; else outputs are opened again */
	line_fn put;       /* where it writes: filled in by the run */
	void *put_ctx;     /* likewise */
	struct live *live; /* likewise, to end the run; NULL in a replay */
};

/* The exit code. `consumer` NULL: lines, as the options say. */
int trace_run(const struct options *options, struct run_consumer *consumer);
int replay_run(const struct options *options, struct run_consumer *consumer);

/* What the options say of the connection table. */
struct conn_config run_conn_config(const struct options *options);

/* The consumer that writes lines: fills in *lines but for where they go. */
struct record_consumer run_lines(const struct options *options, struct lines *lines);

/* For a live run: warns, unless `quiet`, of what a selection names and this host does not have now. EXIT_RUNTIME if it can
 * never match. */
int run_check_selection(const struct selection *select, bool quiet);

/* All but magic, version and crc: this host, this program, this run. */
void run_header(const struct options *options, struct recording_header *ret_header);

/* Says what is not seen in a container without the host's pids. */
void warn_foreign_pids(const struct recording_header *header);

/* EXIT_PRIVILEGES, EXIT_KERNEL or EXIT_RUNTIME, after the collector's sentence. */
int fail_collector(const struct collector_failure *failure);

/* For output_open(), where signals are not blocked. */
#define READER_WAIT_MS 100
bool wait_for_reader(void *ctx, const char *path, bool first);
void warn_of_reader(const char *path, bool first);

/* An output for a command without a live run; writer_close() ends it. The exit code. */
struct writer;
int open_writer(struct writer *writer, const char *path);

/* For an output: `error` is an errno, or one of output_open(). EXIT_OK for 0 and for EPIPE, which is a reader that has left. */
int fail_output(const char *path, int error);
