// SPDX-License-Identifier: GPL-2.0-only
/* The same output from a recording, without root: the recorded stream through the same pipeline, written as fast as it is read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "src/cli/options.h"
#include "src/io/file.h"
#include "src/io/recording.h"
#include "src/pipeline/pipeline.h"

#include "bpf/wire.h"

struct replay {
	const struct options *options;
	struct record_consumer *record_consumer; /* NULL: none */
	FILE *out;
	struct recording *recording;
	struct pipeline *pipeline;
	uint64_t last_ts;
};

static bool put_line(void *ctx, const char *line, size_t len)
{
	return fwrite(line, 1, len, ((struct replay *)ctx)->out) == len;
}

static void feed(void *ctx, const struct wire_hdr *ev)
{
	struct replay *r = ctx;

	pipeline_feed(r->pipeline, ev);
	r->last_ts = ev->ts;
}

static int run(struct replay *r)
{
	const struct pipeline_config config = {
		.options = r->options,
		.header = recording_header(r->recording),
		.line = put_line,
		.line_ctx = r,
		.record_consumer = r->record_consumer,
	};
	char why[RECORDING_WHY_LEN] = "";
	int err, exit_code;

	if (pipeline_new(&r->pipeline, &config))
		return fail(EXIT_RUNTIME, "out of memory");
	err = recording_read(r->recording, feed, r, why);
	pipeline_stop(r->pipeline, r->last_ts); /* of no consequence if the recorded run ended in order */
	exit_code = output_close(r->out, r->options->output);
	if (err && !exit_code)
		exit_code = fail(EXIT_RUNTIME, "%s", why);
	pipeline_free(r->pipeline);
	return exit_code;
}

int replay_run(const struct options *options, struct record_consumer *record_consumer)
{
	struct replay r = {.options = options, .record_consumer = record_consumer};
	char why[RECORDING_WHY_LEN] = "out of memory";
	int exit_code;

	if (recording_open(&r.recording, options->file, why))
		return fail(EXIT_RUNTIME, "%s", why);
	exit_code = output_open(options->output, &r.out);
	if (!exit_code)
		exit_code = run(&r);
	recording_close(r.recording);
	return exit_code;
}

int command_replay(const struct options *options)
{
	return replay_run(options, NULL);
}
