// SPDX-License-Identifier: GPL-2.0-only
/* One page of pictures from any number of JSON lines. They are read once; what is kept of them has a fixed size. */
#include "commands.h"
#include "run.h"
#include "src/cli/embedded.h"
#include "src/core/record_types.h"
#include "src/format/html.h"
#include "src/format/report.h"
#include "src/host/self.h"
#include "src/io/line_reader.h"
#include "src/io/recording.h"
#include "src/io/replace_file.h"
#include "src/io/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progress_bar.h"
#include "report_lines.h"

#define BAD_LINES_NAMED 10
#define LINES_PER_LOOK 4096 /* at the progress */

struct reading {
	const struct options *options;
	struct report *report;
	struct progress_bar bar;
	struct report_lines *lines;
	const char *path; /* of the file that is read */
	uint64_t count;   /* of lines, in all files */
};

static const char *name_of(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

static int refuse_recording(const char *path)
{
	return fail(EXIT_USAGE,
		    "%s is a recording; report reads JSON lines: tcplife-fsm replay %s --json | tcplife-fsm report - -o %s",
		    path, path, "OUT.html");
}

static void name_bad_line(void *ctx, const struct report_bad *bad)
{
	struct reading *r = ctx;

	if (r->report->cover.bad > BAD_LINES_NAMED)
		return;
	progress_bar_clear(&r->bar);
	warn("%s line %llu: %s", name_of(r->path), (unsigned long long)bad->number,
	     bad->len < LINE_READER_MAX ? bad->why : "longer than any record");
}

static int read_lines(struct reading *r, struct line_reader *in)
{
	uint64_t number = 0;
	const char *line;
	size_t len;

	while (line_reader_next(in, &line, &len)) {
		number++;
		if (number == 1 && len && line[0] == RECORDING_MAGIC[0])
			return refuse_recording(r->path);
		if (len)
			report_lines_put(r->lines, number, line, len);
		if (++r->count % LINES_PER_LOOK == 0)
			progress_bar_show(&r->bar, r->report->cover.lines, line_reader_done(in));
	}
	report_lines_drain(r->lines);
	progress_bar_next(&r->bar, line_reader_size(in));
	if (line_reader_error(in))
		return fail(EXIT_RUNTIME, "cannot read all of %s: %s", name_of(r->path), line_reader_error(in));
	return EXIT_OK;
}

static int read_file(struct reading *r, const char *path)
{
	struct line_reader *in = NULL;
	int err = line_reader_open(&in, path), exit_code;

	r->path = path;
	if (err)
		return fail(EXIT_RUNTIME, "cannot read %s: %s", name_of(path), self_error(-err));
	if (line_reader_is_terminal(in))
		exit_code = fail(EXIT_USAGE, "a terminal has no records: give a file's name, or a pipe with JSON lines");
	else
		exit_code = read_lines(r, in);
	line_reader_close(in);
	return exit_code;
}

/* What all files have together; 0 if that is not known of one. */
static uint64_t size_of_all(const struct value_list *files)
{
	const char **paths = files->items;
	uint64_t sum = 0;
	struct stat st;

	for (size_t i = 0; i < files->len; i++) {
		if (!strcmp(paths[i], "-") ? fstat(STDIN_FILENO, &st) : stat(paths[i], &st))
			return 0;
		if (!S_ISREG(st.st_mode))
			return 0;
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

static int read_all(struct reading *r)
{
	const char **paths = r->options->files.items;
	int exit_code = EXIT_OK;

	progress_bar_init(&r->bar, "lines", size_of_all(&r->options->files));
	for (size_t i = 0; i < r->options->files.len && !exit_code; i++)
		exit_code = read_file(r, paths[i]);
	progress_bar_clear(&r->bar);
	if (!exit_code && r->report->cover.bad)
		warn("lines that are not records and were left out: %llu", (unsigned long long)r->report->cover.bad);
	if (!exit_code && !r->report->cover.records)
		warn("no record was found%s: the page is empty",
		     r->report->cover.outside ? " in the time that --since and --until ask for" : "");
	return exit_code;
}

/* A pipe or a device is written to, a file is replaced. */
static bool is_file(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 && (stat(path, &st) || S_ISREG(st.st_mode));
}

static int write_page(const char *path, const char *page, size_t len)
{
	struct writer *out;
	int exit_code;

	if (is_file(path))
		return fail_output(path, -replace_file(path, &(struct replace_data){page, len}));
	out = malloc(sizeof(*out));
	if (!out)
		return fail(EXIT_RUNTIME, "out of memory");
	exit_code = open_writer(out, path);
	for (size_t at = 0, piece; !exit_code && at < len; at += piece) {
		piece = len - at < WRITER_BYTES ? len - at : WRITER_BYTES;
		writer_put(out, page + at, piece);
	}
	if (!exit_code)
		exit_code = fail_output(path, writer_close(out));
	free(out);
	return exit_code;
}

static int make_page(const struct report *report, const char *path)
{
	const struct html_parts parts = embedded_report_parts();
	char *page = malloc(HTML_MAX);
	int exit_code;

	if (!page)
		return fail(EXIT_RUNTIME, "out of memory");
	exit_code = write_page(path, page, html_report(report, &parts, page, HTML_MAX));
	free(page);
	return exit_code;
}

static int read_and_make(const struct options *options, struct report *report, const char *path)
{
	struct reading r = {.options = options, .report = report};
	int exit_code;

	report_init(report, options->since_us, options->until_us ? options->until_us : INT64_MAX);
	r.lines = report_lines_new(report, name_bad_line, &r);
	if (!r.lines)
		return fail(EXIT_RUNTIME, "out of memory");
	exit_code = read_all(&r);
	report_lines_free(r.lines);
	if (exit_code)
		return exit_code;
	report_judge(report);
	return make_page(report, path);
}

int command_report(const struct options *options)
{
	const char *path = options->output ?: "-";
	int exit_code = is_file(path) ? fail_output(path, -replace_try(path)) : EXIT_OK;
	struct report *report;

	if (exit_code)
		return exit_code;
	report = calloc(1, sizeof(*report));
	if (!report)
		return fail(EXIT_RUNTIME, "out of memory");
	exit_code = read_and_make(options, report, path);
	free(report);
	return exit_code;
}
