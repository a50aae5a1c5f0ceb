// SPDX-License-Identifier: GPL-2.0-only
#include "settle.h"

#include "help.h"
#include "option_rules.h"
#include "output_arg.h"
#include "parse.h"
#include "ss_filter.h"
#include "unknown.h"
#include "src/format/format.h"
#include "src/io/output_open.h"
#include "src/io/unix_listen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIAGNOSE_DEFAULT_NS (30 * 1000000000ULL)
#define INTERVAL_MIN_NS (100 * 1000000ULL) /* between two ticks of a live run */

int refuse(struct context *ctx, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (ctx->why)
		vsnprintf(ctx->why, OPTIONS_WHY, format, args);
	else
		vfail(EXIT_USAGE, format, args);
	va_end(args);
	return finish(ctx, EXIT_USAGE);
}

static bool was_seen(const struct context *ctx, size_t field)
{
	for (size_t i = 0; i < option_rules_len; i++) {
		if (option_rules[i].field == field)
			return ctx->seen[i];
	}
	return false;
}
#define WAS_SEEN(ctx, member) was_seen(ctx, offsetof(struct options, member))

/* FILE:LINE of this option, the last one given; of an option with several values that of `value`. NULL: the command line. */
static const char *where_given(const struct context *ctx, const char *name, const char *value)
{
	const struct option_given *given = ctx->options.given.items;

	for (size_t i = ctx->options.given.len; i > 0; i--)
		if (!strcmp(given[i - 1].rule->name, name) && (!value || given[i - 1].value == value))
			return given[i - 1].where;
	return NULL;
}

/* refuse() with a sentence that begins with an option: "--NAME ...", or "FILE:LINE: NAME ..." */
__attribute__((format(printf, 4, 5))) static int refuse_option(struct context *ctx, const char *name, const char *value,
							       const char *format, ...)
{
	const char *where = where_given(ctx, name, value);
	char text[OPTIONS_WHY];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return refuse(ctx, "%s%s%s %s", where ?: "", where ? ": " : "--", name, text);
}

/* --progress and --summary ask for their records, whatever --events says. */
static int settle_events(struct context *ctx)
{
	struct options *o = &ctx->options;
	uint32_t no_rows = o->each.events & ~FORMAT_CSV_EVENTS;

	if (o->csv && o->json)
		return refuse_option(ctx, "csv", NULL, "and --json are two forms of the same: give one of the two");
	if (o->csv && WAS_SEEN(ctx, each.events) && no_rows)
		return refuse_option(ctx, "events", NULL,
				     "'%s': CSV has rows for connection, progress and lost only: use --json",
				     record_kind_name((unsigned int)__builtin_ctz(no_rows)));

	if (o->progress_ns)
		o->each.events |= 1U << RECORD_PROGRESS;
	if (WAS_SEEN(ctx, summary_ns))
		o->each.events |= 1U << RECORD_SUMMARY;
	return 0;
}

static bool has_json(const struct options *o, const struct output_spec *spec)
{
	return spec->kind != OUTPUT_FILE || spec->format == OUTPUT_JSON || (spec->format == OUTPUT_AS_RUN && o->json);
}

/* Some output is no table. */
static bool has_pipeline(const struct options *o)
{
	for (size_t i = 0; i < o->outputs_len; i++)
		if (has_json(o, &o->outputs[i]) || o->outputs[i].format == OUTPUT_CSV)
			return true;
	return false;
}

/* A table is read as it grows, a pipeline wants one record; and what is switched off has no hooks to choose. */
static int settle_time_wait(struct context *ctx)
{
	struct options *o = &ctx->options;

	if (o->command == COMMAND_DIAGNOSE || o->command == COMMAND_TOP) /* which count connections as they end */
		o->time_wait = CONN_TW_SPLIT;
	else if (!WAS_SEEN(ctx, time_wait))
		o->time_wait = has_pipeline(o) || o->from ? CONN_TW_JOIN : CONN_TW_SPLIT;
	if (o->time_wait == CONN_TW_OFF && o->tiers)
		return refuse_option(ctx, "hooks", NULL, "has no effect with --time-wait off: give one of the two");
	if (o->time_wait != CONN_TW_SPLIT || WAS_SEEN(ctx, each.events))
		return 0;
	for (size_t i = 0; i < o->outputs_len; i++)
		if (has_json(o, &o->outputs[i]) && o->outputs[i].kind != OUTPUT_JOURNAL && !o->outputs[i].events_given)
			o->outputs[i].events |= 1U << RECORD_TIME_WAIT;
	if (o->json)
		o->each.events |= 1U << RECORD_TIME_WAIT;
	return 0;
}

static int take_output(struct context *ctx, const char *arg)
{
	struct options *o = &ctx->options;
	struct output_spec *spec = &o->outputs[o->outputs_len];
	char why[OUTPUT_ARG_WHY];
	int err = output_arg_parse(spec, arg, &o->each, why);

	if (err)
		return err == -EINVAL ? refuse_option(ctx, "output", arg, "'%.256s': %s", arg, why)
				      : finish(ctx, fail(EXIT_RUNTIME, "out of memory"));
	o->outputs_len++;
	if (spec->detail_given && !has_json(o, spec))
		return refuse_option(ctx, "output", arg, "'%s': detail is for JSON: add --json, or format=json", arg);
	for (struct output_spec *other = o->outputs; other < spec; other++)
		if (other->kind == spec->kind && output_same(other->address, spec->address))
			return refuse_option(ctx, "output", arg, "'%s' and '%s' are the same: give each output once",
					     other->name, spec->name);
	return 0;
}

/* A command without a run of its own has one output, which is a file. */
static int settle_single_output(struct context *ctx)
{
	struct options *o = &ctx->options;

	if (o->command == COMMAND_TRACE || !o->output_args.len)
		return 0;
	if (o->outputs_len > 1)
		return refuse(ctx, "%s takes one --output, and '%s' is a second one", help_command(o->command),
			      o->outputs[1].name);
	if (o->outputs->kind != OUTPUT_FILE || strchr(*(const char **)o->output_args.items, '?'))
		return refuse(ctx, "--output '%s': %s writes to a file, and takes no options with it",
			      *(const char **)o->output_args.items, help_command(o->command));
	o->output = o->outputs->address;
	return 0;
}

static int refuse_path(struct context *ctx, const char *name, const char *value)
{
	return refuse_option(ctx, name, NULL, "'%.256s': the path of a socket has at most %d bytes, its last part %d", value,
			     UNIX_LISTEN_PATH_MAX, UNIX_LISTEN_NAME_MAX);
}

static int settle_metrics(struct context *ctx)
{
	const struct options *o = &ctx->options;
	struct endpoint endpoint;

	if (o->metrics && !parse_endpoint(o->metrics, &endpoint) && (strncmp(o->metrics, "unix:", 5) != 0 || !o->metrics[5]))
		return refuse_option(ctx, "metrics", NULL,
				     "'%.256s': metrics are at ADDRESS:PORT, like 127.0.0.1:19435 or [::1]:19435, or at "
				     "unix:PATH",
				     o->metrics);
	if (o->metrics && !strncmp(o->metrics, "unix:", 5) && !unix_listen_fits(o->metrics + 5))
		return refuse_path(ctx, "metrics", o->metrics);
	if (o->metrics_file && !*o->metrics_file)
		return refuse_option(ctx, "metrics-file", NULL,
				     "'': a file needs a name, like /var/lib/node_exporter/tcplife.prom");
	if (o->metrics_by && !o->metrics && !o->metrics_file)
		return refuse_option(ctx, "metrics-by", NULL,
				     "needs metrics: add --metrics ADDRESS:PORT or --metrics-file FILE");
	if (o->live_page && !o->metrics)
		return refuse_option(ctx, "live-page", NULL,
				     "is a page of --metrics: add --metrics ADDRESS:PORT or --metrics unix:PATH");
	return 0;
}

static int settle_status(struct context *ctx)
{
	const char *path = ctx->options.status;

	if (path && !*path)
		return refuse_option(ctx, "status", NULL,
				     "'': a socket needs a name, like /run/tcplife-fsm/status.sock, or none");
	return path && !unix_listen_fits(path) ? refuse_path(ctx, "status", path) : 0;
}

static bool has_file(const struct options *o)
{
	for (size_t i = 0; i < o->outputs_len; i++)
		if (o->outputs[i].kind == OUTPUT_FILE && strcmp(o->outputs[i].address, "-") != 0)
			return true;
	return false;
}

static bool rotates(const struct options *o)
{
	for (size_t i = 0; i < o->outputs_len; i++)
		if (o->outputs[i].rotate_bytes)
			return true;
	return false;
}

/* After all options that hold for each of them. */
static int settle_outputs(struct context *ctx)
{
	struct options *o = &ctx->options;
	const char **args = o->output_args.items;

	o->select.sample = o->each.sample;
	if (o->csv)
		o->each.format = OUTPUT_CSV;
	if (o->output_args.len > OUTPUTS_MAX)
		return refuse_option(ctx, "output", args[OUTPUTS_MAX], "'%s': there are at most %d outputs", args[OUTPUTS_MAX],
				     OUTPUTS_MAX);
	o->outputs = calloc(o->output_args.len ?: 1, sizeof(*o->outputs));
	if (!o->outputs)
		return finish(ctx, fail(EXIT_RUNTIME, "out of memory"));
	for (size_t i = 0; i < o->output_args.len; i++)
		if (take_output(ctx, args[i]))
			return ECANCELED;
	if (!o->outputs_len && take_output(ctx, "-"))
		return ECANCELED;
	if (o->each.rotate_bytes && !has_file(o))
		return refuse_option(ctx, "rotate-bytes", NULL, "is for files: add --output FILE");
	if (o->each.group && !has_file(o) && !o->status)
		return refuse_option(ctx, "group", NULL,
				     "is for files and for the socket of --status: add --output FILE or --status SOCKET");
	if ((WAS_SEEN(ctx, each.rotate_keep) || o->each.rotate_compress) && !rotates(o))
		return refuse_option(ctx, o->each.rotate_compress ? "rotate-compress" : "rotate-keep", NULL,
				     "has no effect without --rotate-bytes, the size at which a new file begins: add "
				     "--rotate-bytes 100M");
	for (size_t i = 0; i < o->outputs_len && !o->progress_ns; i++)
		if (o->outputs[i].events & 1U << RECORD_PROGRESS)
			return refuse_option(ctx, "events", NULL,
					     "'progress' needs an interval: add --progress DUR, like --progress 1m");
	return settle_single_output(ctx);
}

static uint64_t round_up_to_mib(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

/* No level makes the table of connections smaller: all of it has to fit. By default half of the limit is for other memory. */
static int settle_memory(struct context *ctx)
{
	struct options *o = &ctx->options;
	uint64_t table = (uint64_t)o->max_connections * CONN_BYTES;

	if (!o->memory_limit)
		return 0;
	if (!WAS_SEEN(ctx, max_connections)) {
		if (table > o->memory_limit / 2)
			o->max_connections = (uint32_t)(o->memory_limit / 2 / CONN_BYTES);
		return 0;
	}
	if (table <= o->memory_limit)
		return 0;
	return refuse_option(ctx, "memory-limit", NULL,
			     "has %lluM, and --max-connections %u may take %lluM: allow more than that, like "
			     "--memory-limit %lluM, or give --max-connections %llu",
			     (unsigned long long)(o->memory_limit >> 20), o->max_connections,
			     (unsigned long long)round_up_to_mib(table), (unsigned long long)round_up_to_mib(2 * table),
			     (unsigned long long)(o->memory_limit / 2 / CONN_BYTES));
}

static int settle_filter(struct context *ctx)
{
	struct options *o = &ctx->options;
	char why[SS_FILTER_WHY];
	int err = 0;

	if (o->filter_args.len)
		err = ss_filter_parse(&o->select.filter, o->filter_args.items, o->filter_args.len, why);
	if (err == -EINVAL)
		return refuse(ctx, "filter: %s", why);
	return err ? finish(ctx, fail(EXIT_RUNTIME, "out of memory")) : 0;
}

/* A page is for a browser: standard output is fine if it is no terminal. */
static int check_report(struct context *ctx)
{
	const struct options *o = &ctx->options;
	const char **files = o->files.items;

	if (!o->files.len)
		return refuse(ctx,
			      "report needs JSON lines: tcplife-fsm report FILE... -o OUT.html, with - for standard input");
	if ((!o->output || !strcmp(o->output, "-")) && isatty(STDOUT_FILENO))
		return refuse(ctx, "report writes a page for a browser, and this is a terminal: add -o OUT.html");
	for (size_t i = 0; i < o->files.len; i++)
		if (o->output && output_is_input(o->output, files[i]))
			return refuse(ctx, "--output '%s' is a file that is read: give another one", o->output);
	if (o->until_us && o->since_us > o->until_us)
		return refuse(ctx, "--since is later than --until: nothing is between them");
	return 0;
}

static int check_files(struct context *ctx)
{
	const struct options *o = &ctx->options;

	if (o->command == COMMAND_REPLAY && !o->file)
		return refuse(ctx, "replay needs a recording: tcplife-fsm replay FILE");
	if (o->command == COMMAND_REPLAY && o->output && output_same(o->output, o->file))
		return refuse(ctx, "--output '%s' is the recording that is read: give another file", o->output);
	if (o->command == COMMAND_REPORT && check_report(ctx))
		return ECANCELED;
	if (o->from && o->follow)
		return refuse(ctx, "--follow waits for connections, --from reads a file: give one of the two");
	if (o->from && o->output && output_is_input(o->output, o->from))
		return refuse(ctx, "--output '%s' is what --from reads: give another file", o->output);
	for (size_t i = 0; i < o->outputs_len; i++)
		if (o->record && o->outputs[i].kind == OUTPUT_FILE && output_same(o->record, o->outputs[i].address))
			return refuse_option(ctx, "record", NULL, "'%s' is where the output goes: give two files", o->record);
	return 0;
}

/* Of `show` */
static int settle_pictures(struct context *ctx)
{
	const struct options *o = &ctx->options;

	if (o->last && o->follow)
		return refuse(ctx, "--follow draws each connection as it ends, --last those at the end: give one of the two");
	if (o->command == COMMAND_SHOW && o->duration_ns && !o->follow)
		return refuse(ctx, "show takes --duration only with --follow");
	if (o->svg && o->mermaid)
		return refuse(ctx, "--svg and --mermaid are two forms of one picture: give one of the two");
	if ((o->svg || o->mermaid) && (o->width || o->ascii || WAS_SEEN(ctx, colour)))
		return refuse(ctx, "--%s is for ladders of text, and --%s is none: give one of the two",
			      o->width   ? "width"
			      : o->ascii ? "ascii"
					 : "color",
			      o->svg ? "svg" : "mermaid");
	if (o->svg && has_file(o))
		return refuse(ctx, "--svg writes one document, and --output would add it to a file: write > %s instead",
			      o->output);
	return 0;
}

/* `explain WORD`, or `explain --from FILE [ID]` */
static int settle_explain(struct context *ctx)
{
	struct options *o = &ctx->options;
	struct selection *select = &o->select;

	if (o->command != COMMAND_EXPLAIN)
		return 0;
	if (!o->from && (o->last || o->width))
		return refuse(ctx, "explain takes --%s only with --from FILE", o->last ? "last" : "width");
	if (o->from && o->word && !parse_conn_id(o->word, select->boot, &select->cookie) &&
	    !parse_endpoint(o->word, &select->endpoint))
		return finish(ctx, unknown_id(o->word));
	return 0;
}

/* What only the whole command line can decide. */
int settle(struct context *ctx)
{
	const struct options *o = &ctx->options;

	if (o->leak_sort && 1u << o->command & (1u << COMMAND_TRACE | 1u << COMMAND_REPLAY | 1u << COMMAND_SHOW))
		return refuse(ctx, "--sort orders what leaks lists at one time, and %s writes as it comes: sort what it wrote",
			      help_command(o->command));
	for (size_t i = 0; i < option_rules_len; i++)
		if (ctx->seen[i] && !option_rules[i].takes)
			return refuse(ctx, "--%s belongs to one output: -o 'URL?%s=%s'", option_rules[i].name,
				      option_rules[i].name, option_rules[i].arg);
		else if (ctx->seen[i] && !(option_rules[i].takes & 1U << o->command))
			return refuse(ctx, "%s does not take --%s: see `tcplife-fsm %s --help`", help_command(o->command),
				      option_rules[i].name, help_command(o->command));
	if (settle_filter(ctx) || settle_events(ctx) || settle_outputs(ctx) || settle_metrics(ctx) || settle_status(ctx) ||
	    settle_memory(ctx) || check_files(ctx))
		return ECANCELED;
	if (settle_pictures(ctx) || settle_explain(ctx))
		return ECANCELED;
	if (o->command == COMMAND_LEAKS && o->stacks && !o->watch_ns)
		return refuse(ctx, "leaks takes --stacks only with --watch: stacks are taken as connections open. Add "
				   "--watch 5s, or use trace --stacks");
	if (o->command == COMMAND_LEAKS && o->duration_ns && !o->watch_ns)
		return refuse(ctx, "leaks takes --duration only with --watch");
	if (o->leak_sort && (o->json || o->csv))
		return refuse(ctx, "--sort orders the groups of the table, and --%s has none: give one of the two",
			      o->json ? "json" : "csv");
	if (o->command == COMMAND_DIAGNOSE && !o->duration_ns)
		ctx->options.duration_ns = DIAGNOSE_DEFAULT_NS;
	if (o->command == COMMAND_TOP && o->interval_ns < INTERVAL_MIN_NS)
		return refuse(ctx, "--interval: pictures are at least 100ms apart");
	if (o->command == COMMAND_TOP && o->once && o->duration_ns)
		return refuse(ctx, "--once ends after one --interval, and --duration says when to end: give one of the two");
	if (o->leaks_max && o->watch_ns)
		return refuse(ctx, "--max has no effect with --watch: give one of the two");
	return settle_time_wait(ctx);
}
