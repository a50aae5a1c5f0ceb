// SPDX-License-Identifier: GPL-2.0-only
#include "connections.h"

#include "src/core/leak.h"
#include "src/format/json_read.h"
#include "src/host/self.h"
#include "src/io/recording.h"
#include "src/io/writer.h"
#include "src/kernel/leak_scan.h"
#include "src/pipeline/ladder_end.h"
#include "src/pipeline/live.h"
#include "src/pipeline/pair.h"
#include "src/pipeline/select.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIVE_WAIT_NS (1000 * 1000000ull)
#define LIVE_BITS 12                       /* 4096 records wait at the most */
#define FILE_WAIT_NS (150 * 1000000000ull) /* the record of one end may follow its TIME_WAIT, with restarts */
#define FILE_BITS 15
#define NEVER_NS (UINT64_MAX / 2)
#define LINE_MAX_BYTES 65536 /* a record has 8,000 */
#define BAD_LINES_NAMED 10
#define SOCKETS_MAX (1u << 24)

struct source {
	const struct options *options;
	struct connections_taker *taker;
	struct run_consumer run;
	struct pairs pairs;
	struct leak_set leaks; /* live: how long sockets have been in CLOSE_WAIT */
	bool ready;            /* live: the user knows that the run has begun */
	bool leaks_known;
	bool announcing; /* the first of two passes over a file */
	bool no_memory;  /* in it */
	bool ended;      /* the taker knows that there is no more */
	bool done;       /* the one that was asked for is taken */
	uint64_t taken, bad_lines;
};

static bool opened(const struct ladder_end *end)
{
	return end->rec.t.role == CONN_CLIENT;
}

/* Where the taker writes is known once the run has begun. */
static void set_output(struct source *s)
{
	s->taker->put = s->run.put;
	s->taker->put_ctx = s->run.put_ctx;
}

/* A pair_fn: who opened stands at the left; the one that was seen, if it is one. */
static void take_pair(void *ctx, const struct ladder_end *a, const struct ladder_end *b)
{
	struct source *s = ctx;
	bool swap = b && opened(b) && !opened(a);

	if (s->done || (!a->selected && !(b && b->selected)))
		return;
	s->taken++;
	set_output(s);
	s->taker->take(s->taker->ctx, swap ? b : a, swap ? a : b);
	s->done = s->options->follow && s->options->select.cookie;
	if (s->done && s->run.live)
		live_stop(s->run.live);
}

static bool is_selected(const struct source *s, const struct ladder_end *end, const struct record *rec,
			const struct record_owner *owner)
{
	const struct selection *select = &s->options->select;

	return (!select->boot[0] || !strcmp(select->boot, end->boot)) && selection_matches(select, rec, owner);
}

/* A scan does not see when a state began, but the kernel's stamps show the age of CLOSE_WAIT. */
static void add_age(const struct source *s, struct ladder_end *end)
{
	const struct conn_span *last = end->rec.timeline + end->rec.timeline_len;
	const struct leak_socket *socket;

	if (!s->leaks_known || !end->rec.timeline_len)
		return;
	last--;
	if (last->state != WIRE_CLOSE_WAIT || last->ev != CONN_EV_SCAN)
		return;
	socket = leak_set_find(&s->leaks, end->rec.t.cookie);
	if (!socket)
		return;
	end->age_us = socket->age_ns / 1000;
	end->age_is_lower_bound = socket->age_is_lower_bound;
}

static void give(struct source *s, const struct ladder_end *end)
{
	if (!s->announcing)
		pairs_put(&s->pairs, end);
	else
		s->no_memory |= pairs_announce(&s->pairs, end) != 0;
}

static void take(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct ladder_end end;
	struct source *s = ctx;

	ladder_end_fill(context, rec, &end);
	end.selected = is_selected(s, &end, rec, owner);
	add_age(s, &end);
	give(s, &end);
}

static void end(struct source *s)
{
	pairs_tick(&s->pairs, UINT64_MAX);
	if (s->announcing || s->ended)
		return;
	s->ended = true; /* the stop of a recorded run is followed by that of its replay */
	set_output(s);
	if (s->taker->end)
		s->taker->end(s->taker->ctx);
}

static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct source *s = ctx;

	(void)context;
	if (s->options->follow && !s->ready) {
		s->ready = true;
		warn("waiting for a matching connection to end");
	}
	if (now == UINT64_MAX)
		end(s);
	else
		pairs_tick(&s->pairs, now);
}

/* JSON lines */

static void leave_out(struct source *s, uint64_t number, const char *why)
{
	if (!s->announcing && s->bad_lines++ < BAD_LINES_NAMED)
		warn("%s line %llu: %s", s->options->from, (unsigned long long)number, why);
}

static void take_line(struct source *s, const char *line, size_t len, uint64_t number)
{
	struct record_owner owner = {0};
	struct json_read r;
	char why[JSON_READ_WHY_LEN] = "";
	int kind = json_read_line(line, len, &r, why);
	const struct record rec = {
		.kind = r.end.rec.final ? RECORD_CONNECTION : RECORD_PROGRESS,
		.ts = r.end.ts,
		.conn = &r.end.rec,
	};

	if (kind < 0)
		leave_out(s, number, why);
	if (kind <= 0)
		return;
	owner.cgroup = r.has_cgroup ? r.cgroup : NULL;
	r.end.selected = is_selected(s, &r.end, &rec, &owner);
	give(s, &r.end);
}

/* One line, of which `size` bytes are kept: then *ret_len is `size`. False at the end of the file. */
static bool read_line(FILE *in, char *line, size_t size, size_t *ret_len)
{
	size_t len = 0;
	int c = getc_unlocked(in);

	if (c == EOF)
		return false;
	for (; c != EOF && c != '\n'; c = getc_unlocked(in)) {
		if (len < size)
			line[len++] = (char)c;
	}
	*ret_len = len;
	return true;
}

static int read_lines(struct source *s, FILE *in)
{
	char *line = malloc(LINE_MAX_BYTES);
	uint64_t number = 0;
	size_t len;

	if (!line)
		return fail(EXIT_RUNTIME, "out of memory");
	while (read_line(in, line, LINE_MAX_BYTES, &len)) {
		number++;
		if (len == LINE_MAX_BYTES)
			leave_out(s, number, "longer than any record");
		else if (len)
			take_line(s, line, len, number);
	}
	end(s);
	free(line);
	if (ferror(in))
		return fail(EXIT_RUNTIME, "cannot read %s: %s", s->options->from, self_error(errno));
	return EXIT_OK;
}

static int end_announcing(struct source *s, int exit_code)
{
	s->announcing = false;
	return exit_code || !s->no_memory ? exit_code : fail(EXIT_RUNTIME, "out of memory");
}

/* The first pass, over what can be read twice. */
static int announce_lines(struct source *s, FILE *in)
{
	struct stat st;
	int exit_code;

	if (in == stdin || fstat(fileno(in), &st) || !S_ISREG(st.st_mode))
		return EXIT_OK;
	s->announcing = true;
	exit_code = read_lines(s, in);
	rewind(in);
	return end_announcing(s, exit_code);
}

static int take_lines(struct source *s, FILE *in)
{
	struct writer out;
	int exit_code = open_writer(&out, s->options->output), closed;

	if (exit_code)
		return exit_code;
	s->run.put = writer_put;
	s->run.put_ctx = &out;
	exit_code = announce_lines(s, in);
	if (!exit_code)
		exit_code = read_lines(s, in);
	closed = fail_output(s->options->output, writer_close(&out));
	if (s->bad_lines)
		warn("%s: %llu lines are not records and were left out", s->options->from, (unsigned long long)s->bad_lines);
	return exit_code ? exit_code : closed;
}

/* Sources */

/* What is open at the end is taken too; each connection has its TIME_WAIT. */
static int take_recording(struct source *s)
{
	struct options options = *s->options;
	int exit_code;

	options.file = options.from;
	options.progress_ns = NEVER_NS; /* at the end only */
	s->run.consumer.events = 1u << RECORD_CONNECTION | 1u << RECORD_PROGRESS;
	options.output = NULL;
	s->announcing = s->run.silent = true;
	exit_code = end_announcing(s, replay_run(&options, &s->run));
	s->run.silent = false;
	options.output = s->options->output;
	return exit_code ? exit_code : replay_run(&options, &s->run);
}

static int take_file(struct source *s)
{
	const char *path = s->options->from;
	bool is_stdin = !strcmp(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	int first, exit_code;
	struct stat st;

	if (!in)
		return fail(EXIT_RUNTIME, "cannot read %s: %s", path, self_error(errno));
	first = isatty(fileno(in)) ? EOF : ungetc(getc(in), in);
	if (isatty(fileno(in)))
		exit_code = fail(EXIT_RUNTIME, "%s: a terminal has no records: give a file's name, or a pipe with JSON lines",
				 path);
	else if (first != RECORDING_MAGIC[0])
		exit_code = take_lines(s, in);
	else if (is_stdin || fstat(fileno(in), &st) || !S_ISREG(st.st_mode)) /* it is read twice */
		exit_code = fail(EXIT_RUNTIME, "a recording does not come through %s: give a file's name",
				 is_stdin ? "standard input" : "a pipe");
	else
		exit_code = take_recording(s);
	if (!is_stdin)
		fclose(in);
	return exit_code;
}

/* An event_fn. */
static void take_leak(void *ctx, const struct wire_hdr *ev)
{
	leak_set_feed(ctx, ev);
}

/* Without it the ages are not known, and the run says why it does not work. */
static void scan_leaks(struct source *s)
{
	struct collector_failure failure = {0};
	struct leak_scan *scan = NULL;

	if (leak_set_init(&s->leaks, SOCKETS_MAX, &s->pairs.hash_key) || leak_scan_open(&scan, s->options->verbose, &failure))
		return;
	s->leaks_known = !leak_scan_run(scan, take_leak, &s->leaks);
	leak_scan_close(scan);
}

static int take_live(struct source *s)
{
	struct options options = *s->options;

	if (!options.follow)
		scan_leaks(s);
	options.progress_ns = options.follow ? 0 : NEVER_NS;
	s->run.consumer.events = 1u << (options.follow ? RECORD_CONNECTION : RECORD_PROGRESS);
	s->run.scan_only = !options.follow;
	return trace_run(&options, &s->run);
}

static void warn_of_missing(const struct source *s)
{
	uint64_t hurried = s->pairs.hurried;

	if (!s->taken && s->options->from)
		warn("no connection in %s matches", strcmp(s->options->from, "-") ? s->options->from : "standard input");
	else if (!s->taken)
		warn(s->options->follow ? "no matching connection has ended"
					: "no open connection matches: --follow waits for the next");
	if (hurried)
		warn("%llu connections are shown from one end only: too many ended at the same time",
		     (unsigned long long)hurried);
}

int connections_take(const struct options *options, struct connections_taker *taker)
{
	struct source s = {.options = options, .taker = taker};
	int exit_code;

	s.run.consumer = (struct record_consumer){.take = take, .tick = tick, .ctx = &s};
	s.pairs = (struct pairs){.fn = take_pair, .ctx = &s, .wait_ns = options->from ? FILE_WAIT_NS : LIVE_WAIT_NS};
	self_hash_key(&s.pairs.hash_key);
	if (pairs_init(&s.pairs, options->from ? FILE_BITS : LIVE_BITS))
		return fail(EXIT_RUNTIME, "out of memory");
	exit_code = options->from ? take_file(&s) : take_live(&s);
	if (!exit_code)
		warn_of_missing(&s);
	if (!exit_code && !s.taken && !options->follow && (options->select.cookie || options->select.endpoint.port))
		exit_code = EXIT_RUNTIME;
	pairs_free(&s.pairs);
	leak_set_free(&s.leaks);
	return exit_code;
}
