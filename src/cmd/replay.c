// SPDX-License-Identifier: GPL-2.0-only
/* The output of a recording, without root: the recorded stream goes through the same pipeline. */
#include "commands.h"
#include "run.h"
#include "src/io/file.h"
#include "src/io/recording.h"
#include "src/io/writer.h"
#include "src/pipeline/pipeline.h"

#include "progress_bar.h"

#include <string.h>
#include <unistd.h>

#define EVENTS_PER_LOOK 4096 /* at the progress */

struct replay {
	const struct options *options;
	struct run_consumer *other; /* NULL: lines */
	struct record_consumer consumer;
	struct lines lines;
	struct writer out;
	struct recording *recording;
	struct pipeline *pipeline;
	uint64_t last_ts, events;
	struct progress_bar bar;
};

static void feed(void *ctx, const struct wire_hdr *ev)
{
	struct replay *r = ctx;

	pipeline_feed(r->pipeline, ev);
	r->last_ts = ev->ts;
	if (++r->events % EVENTS_PER_LOOK == 0)
		progress_bar_show(&r->bar, r->events, recording_done(r->recording));
}

/* A table that scrolls by shows itself how far it is. */
static bool is_seen(const struct replay *r)
{
	const char *output = r->options->output;

	return !r->other && (!output || !strcmp(output, "-")) && isatty(STDOUT_FILENO);
}

static void choose_consumer(struct replay *r)
{
	if (r->other) {
		r->consumer = r->other->consumer;
		r->other->put = writer_put;
		r->other->put_ctx = &r->out;
		return;
	}
	r->consumer = run_lines(r->options, &r->lines);
	r->lines.config.put = writer_put;
	r->lines.config.room = writer_room;
	r->lines.config.ctx = &r->out;
	if (!r->options->no_header)
		lines_begin(&r->lines, r->out.destination->fd);
}

/* 0, or what ended it early, with a sentence in `why`. */
static int run(struct replay *r, char *why)
{
	const struct pipeline_config config = {
		.header = recording_header(r->recording),
		.conn = run_conn_config(r->options),
		.consumers = &r->consumer,
		.consumers_len = 1,
	};
	int err;

	choose_consumer(r);
	err = pipeline_new(&r->pipeline, &config);
	if (err)
		return err;
	progress_bar_init(&r->bar, "events", recording_size(r->recording));
	r->bar.on &= !is_seen(r);
	err = recording_read(r->recording, feed, r, why);
	progress_bar_clear(&r->bar);
	if (recording_skipped(r->recording) && !(r->other && r->other->silent))
		warn("%s: %llu events that this version does not know were skipped; a later version may have recorded them",
		     r->options->file, (unsigned long long)recording_skipped(r->recording));
	pipeline_stop(r->pipeline, r->last_ts); /* of no consequence if the recorded run ended in order */
	pipeline_free(r->pipeline);
	return err;
}

int replay_run(const struct options *options, struct run_consumer *consumer)
{
	struct replay r = {.options = options, .other = consumer};
	char why[RECORDING_WHY_LEN] = "out of memory";
	int exit_code, err;

	if (recording_open(&r.recording, options->file, why))
		return fail(EXIT_RUNTIME, "%s", why);
	exit_code = open_writer(&r.out, options->output);
	if (!exit_code) {
		err = run(&r, why);
		exit_code = fail_output(options->output, writer_close(&r.out));
		if (err && !exit_code && !(consumer && consumer->silent))
			exit_code = fail(EXIT_RUNTIME, "%s", why);
	}
	recording_close(r.recording);
	return exit_code;
}

int command_replay(const struct options *options)
{
	return replay_run(options, NULL);
}
