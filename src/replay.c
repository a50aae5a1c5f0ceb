// SPDX-License-Identifier: GPL-2.0-only
/* The same output from a recording, without root: the recorded stream through the same pipeline, written as fast as it is read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "pipeline.h"
#include "recording.h"

#include "../bpf/wire.h"

struct replay {
	const struct options *options;
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

static int open_output(struct replay *r)
{
	const char *path = r->options->output;

	r->out = path && strcmp(path, "-") ? fopen(path, "ae") : stdout;
	if (!r->out)
		return complain(EXIT_OUTPUT, "cannot write %s: %s", path, strerror(errno));
	setvbuf(r->out, NULL, _IOFBF, 1 << 18);
	return EXIT_OK;
}

static int close_output(struct replay *r)
{
	int err = 0;

	if (fflush(r->out) || ferror(r->out))
		err = errno;
	if (r->out != stdout)
		fclose(r->out);
	if (!err || err == EPIPE)
		return EXIT_OK;
	return complain(EXIT_OUTPUT, "cannot write %s: %s", r->options->output ? r->options->output : "to standard output",
			strerror(err));
}

static int run(struct replay *r)
{
	const struct pipeline_config config = {
		.options = r->options,
		.header = recording_header(r->recording),
		.line = put_line,
		.line_ctx = r,
	};
	char why[RECORDING_WHY_LEN] = "";
	int err, exit_code;

	if (pipeline_new(&r->pipeline, &config))
		return complain(EXIT_RUNTIME, "out of memory");
	err = recording_read(r->recording, feed, r, why);
	pipeline_stop(r->pipeline, r->last_ts); /* of no consequence if the recorded run ended in order */
	exit_code = close_output(r);
	if (err && !exit_code)
		exit_code = complain(EXIT_RUNTIME, "%s", why);
	pipeline_free(r->pipeline);
	return exit_code;
}

int command_replay(const struct options *options)
{
	struct replay r = {.options = options};
	char why[RECORDING_WHY_LEN] = "out of memory";
	int exit_code;

	if (recording_open(&r.recording, options->file, why))
		return complain(EXIT_RUNTIME, "%s", why);
	exit_code = open_output(&r);
	if (!exit_code)
		exit_code = run(&r);
	recording_close(r.recording);
	return exit_code;
}
