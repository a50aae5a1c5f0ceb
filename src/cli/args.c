// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line. Each option is a row of the argp table, which --help prints, and a row of option_rules[], which says what
 * its value must look like. A wrong value gives one sentence, never a page of usage.
 */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "embedded.h"
#include "error.h"
#include "option_rules.h"
#include "parse.h"
#include "src/core/record_types.h"
#include "src/format/format.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define THRESHOLD_DEFAULT_NS (60 * 1000000000ULL)
#define SUMMARY_DEFAULT_NS (60 * 1000000000ULL)
#define RING_DEFAULT (16ULL << 20)
#define CONNECTIONS_DEFAULT 1000000
#define NAME_MAX_LEN 32 /* of an option, dashes and NUL included */

static const struct argp_option argp_options[] = {
	{.doc = "Select (all must match; of several values, one):", .group = 1},
	{.key = 'p', .arg = "PID,..", .doc = "Process that owns the socket"},
	{.key = 'c', .arg = "COMM", .doc = "Its name, in full"},
	{.key = 'L', .arg = "PORT,A-B,..", .doc = "Local port"},
	{.key = 'D', .arg = "PORT,A-B,..", .doc = "Peer's port"},
	{.name = "local", .key = KEY_LOCAL, .arg = "CIDR,..", .doc = "Local address or network"},
	{.name = "peer", .key = KEY_PEER, .arg = "CIDR,..", .doc = "Peer's address or network"},
	{.key = '4', .doc = "IPv4 only"},
	{.key = '6', .doc = "IPv6 only"},
	{.name = "netns", .key = KEY_NETNS, .arg = "INUM", .doc = "Network namespace, by inode number"},
	{.name = "cgroup", .key = KEY_CGROUP, .arg = "PATH", .doc = "Control group and all below it"},
	{.name = "min-duration", .key = KEY_MIN_DURATION, .arg = "DUR", .doc = "Lived at least so long"},
	{.name = "state", .key = KEY_STATE, .arg = "STATE,..", .doc = "Was ever in one of these states"},
	{.name = "end", .key = KEY_END, .arg = "REASON,..", .doc = "Ended for one of these reasons"},

	{.doc = "Output:", .group = 2},
	{.name = "json", .key = 'j', .doc = "JSON lines instead of a table"},
	{.name = "output", .key = 'o', .arg = "FILE", .doc = "Write to FILE, not to standard output"},
	{.name = "events", .key = KEY_EVENTS, .arg = "LIST", .doc = "Records to write"},
	{.name = "time-wait",
	 .key = KEY_TIME_WAIT,
	 .arg = "join,split,off",
	 .doc = "Tell a connection after its TIME_WAIT (join, the default with --json), or at its close and TIME_WAIT apart "
		"(split, the default without), or do not follow TIME_WAIT at all"},
	{.name = "progress", .key = KEY_PROGRESS, .arg = "DUR", .doc = "Report living connections every DUR"},
	{.name = "summary", .key = KEY_SUMMARY, .arg = "DUR", .doc = "Totals every DUR (60s)"},
	{.key = 'T', .doc = "Full date and time"},
	{.key = 'w', .doc = "Wide columns, for IPv6"},
	{.name = "no-header", .key = KEY_NO_HEADER, .doc = "No line of column names"},
	{.name = "record", .key = KEY_RECORD, .arg = "FILE", .doc = "Keep all events in FILE, for replay"},
	{.name = "schema", .key = KEY_SCHEMA, .doc = "Print the JSON Schema of the records"},

	{.doc = "Leaks:", .group = 3},
	{.name = "threshold", .key = KEY_THRESHOLD, .arg = "DUR", .doc = "In CLOSE_WAIT for so long is a leak (60s)"},
	{.name = "by", .key = KEY_BY, .arg = "WHAT", .doc = "Group them by process, peer or cgroup (process)"},
	{.name = "watch", .key = KEY_WATCH, .arg = "DUR", .doc = "Look again every DUR"},
	{.name = "stacks",
	 .key = KEY_STACKS,
	 .doc = "Where in its program each leaked connection was opened, if that was while this runs"},
	{.name = "max", .key = KEY_MAX, .arg = "N", .doc = "More leaks than N give exit code 3 (0)"},

	{.doc = "Show:", .group = 4},
	{.name = "follow", .key = KEY_FOLLOW, .doc = "Each connection as it ends; without it, what is open now"},
	{.name = "from", .key = KEY_FROM, .arg = "FILE", .doc = "From JSON lines (- for standard input) or a recording"},
	{.name = "ascii", .key = KEY_ASCII, .doc = "Draw with ASCII characters"},

	{.doc = "Run:", .group = 5},
	{.name = "hooks",
	 .key = KEY_HOOKS,
	 .arg = "fentry,timer,scan",
	 .doc = "How TIME_WAIT may be seen: the best of these that works (default: all)"},
	{.name = "duration", .key = 'd', .arg = "DUR", .doc = "Stop after DUR"},
	{.name = "ring", .key = KEY_RING, .arg = "SIZE", .doc = "Buffer for the kernel's events (16M)"},
	{.name = "max-connections", .key = KEY_MAX_CONNECTIONS, .arg = "N", .doc = "Track at most N at a time (1000000)"},
	{.name = "verbose", .key = 'v', .doc = "Say what is being done, on stderr"},
	{.name = "version", .key = 'V', .doc = "Print the version"},
	{.name = "help", .key = 'h', .doc = "Print this text"},
	{0},
};

static const char help_text[] =
	"Trace the whole life of TCP connections: every state and how long it lasted, who closed, and why.\v"
	"Commands: trace (the default) shows live connections and needs root; replay gives the same output from a recording; "
	"leaks finds the sockets that are stuck in CLOSE_WAIT, who holds them and why; explain tells what a word means; "
	"show draws connections as ladders, one by its ID (conn_id, or what ss -e prints after sk:) or those selected; "
	"doctor says what this kernel offers and what is used of it (with -j as JSON).\n\n"
	"DUR is 500ms, 30s, 5m or 2h. SIZE is 64K, 16M or 1G. A list given twice adds up.\n\n";

static const char help_examples[] = "Examples:\n"
				    "  tcplife-fsm                       all connections as they end\n"
				    "  tcplife-fsm -L 443 --end timeout  of a web server, those that timed out\n"
				    "  tcplife-fsm -j -o life.jsonl --record life.rec -d 30s\n"
				    "  tcplife-fsm leaks                 who holds sockets in CLOSE_WAIT, and why\n"
				    "  tcplife-fsm show --from life.rec  each as a ladder of states and segments\n";

static const char *const command_names[] = {
	[COMMAND_TRACE] = "trace", [COMMAND_REPLAY] = "replay",   [COMMAND_DOCTOR] = "doctor",
	[COMMAND_LEAKS] = "leaks", [COMMAND_EXPLAIN] = "explain", [COMMAND_SHOW] = "show",
};
_Static_assert(ARRAY_SIZE(command_names) == COMMAND_MAX, "a command without a name");

struct context {
	struct options options;
	bool seen[OPTION_RULES_MAX]; /* by index in option_rules */
	bool command_given;
	int exit_code;
};

/* For argp, which stops at any error; what the user gets is exit_code. */
static error_t finish(struct context *ctx, int exit_code)
{
	ctx->exit_code = exit_code;
	return ECANCELED;
}

__attribute__((format(printf, 2, 3))) static error_t refuse(struct context *ctx, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	warn_v(format, args);
	va_end(args);
	return finish(ctx, EXIT_USAGE);
}

static error_t out_of_memory(struct context *ctx)
{
	return finish(ctx, fail(EXIT_RUNTIME, "out of memory"));
}

/* The option as the user may have typed it. */
static const char *option_name(int key, char buf[NAME_MAX_LEN])
{
	const struct argp_option *option = argp_options;

	while (option->key != key)
		option++;
	if (option->name)
		snprintf(buf, NAME_MAX_LEN, "--%s", option->name);
	else
		snprintf(buf, NAME_MAX_LEN, "-%c", key);
	return buf;
}

static error_t take_option(struct context *ctx, const struct option_rule *rule, const char *arg)
{
	bool *seen = &ctx->seen[rule - option_rules];
	char name[NAME_MAX_LEN], *bad;
	int err;

	/* The first --events replaces the default, a second one adds to the first. */
	if (rule->key == KEY_EVENTS && !*seen)
		ctx->options.events = 0;
	*seen = true;

	err = option_set(&ctx->options, rule, arg, &bad);
	if (err == -EINVAL) {
		refuse(ctx, "%s '%s': %s", option_name(rule->key, name), bad, rule->expects);
		free(bad);
		return ECANCELED;
	}
	return err ? out_of_memory(ctx) : 0;
}

static error_t take_id(struct context *ctx, const char *arg)
{
	struct selection *s = &ctx->options.select;

	if (s->cookie)
		return refuse(ctx, "'%s': show takes one ID, or options that select", arg);
	if (!parse_conn_id(arg, s->boot, &s->cookie))
		return refuse(ctx, "'%s': an ID is a conn_id like 7c9e6679.2a01, or what ss -e prints after sk:", arg);
	return 0;
}

static error_t take_argument(struct context *ctx, const char *arg)
{
	struct options *o = &ctx->options;

	if (ctx->command_given) {
		if (o->command == COMMAND_EXPLAIN && !o->word) {
			o->word = arg;
			return 0;
		}
		if (o->command == COMMAND_EXPLAIN)
			return refuse(ctx, "'%s': explain takes one word, and has '%s'", arg, o->word);
		if (o->command == COMMAND_SHOW)
			return take_id(ctx, arg);
		if (o->command != COMMAND_REPLAY)
			return refuse(ctx, "'%s': %s takes no argument", arg, command_names[o->command]);
		if (o->file)
			return refuse(ctx, "'%s': replay takes one file, and has '%s'", arg, o->file);
		o->file = arg;
		return 0;
	}
	for (enum command command = 0; command < COMMAND_MAX; command++) {
		if (strcmp(arg, command_names[command]))
			continue;
		o->command = command;
		ctx->command_given = true;
		return 0;
	}
	return refuse(ctx, "unknown command '%s': commands are trace, leaks, replay FILE, show, explain WORD and doctor", arg);
}

static bool was_seen(const struct context *ctx, int key)
{
	return ctx->seen[option_rule(key) - option_rules];
}

/* NULL is standard output, as "-" is. */
static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	a = a ? a : "-";
	b = b ? b : "-";
	if (!strcmp(a, b))
		return true;
	return !stat(a, &sa) && !stat(b, &sb) && S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* --progress and --summary ask for their records, whatever --events says. */
static error_t settle_events(struct context *ctx)
{
	struct options *o = &ctx->options;

	if (o->progress_ns)
		o->events |= 1U << RECORD_PROGRESS;
	else if (o->events & 1U << RECORD_PROGRESS)
		return refuse(ctx, "--events 'progress': how often? Add --progress DUR, like --progress 1m");
	if (was_seen(ctx, KEY_SUMMARY))
		o->events |= 1U << RECORD_SUMMARY;
	return 0;
}

/* A table is read as it grows, a pipeline wants one record; and what is switched off has no hooks to choose. */
static error_t settle_time_wait(struct context *ctx)
{
	struct options *o = &ctx->options;

	if (!was_seen(ctx, KEY_TIME_WAIT))
		o->time_wait = o->json || o->from ? CONN_TW_JOIN : CONN_TW_SPLIT;
	if (o->time_wait == CONN_TW_OFF && o->tiers)
		return refuse(ctx, "--hooks: --time-wait off needs none of them, leave one of the two out");
	if (o->time_wait == CONN_TW_SPLIT && o->json && !was_seen(ctx, KEY_EVENTS))
		o->events |= 1U << RECORD_TIME_WAIT;
	return 0;
}

/* What only the whole command line can tell. */
static error_t check_together(struct context *ctx)
{
	const struct options *o = &ctx->options;
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < option_rules_len; i++)
		if (ctx->seen[i] && !(option_rules[i].takes & 1U << o->command))
			return refuse(ctx, "%s: %s has no use for it, leave it out", option_name(option_rules[i].key, name),
				      command_names[o->command]);
	if (o->command == COMMAND_REPLAY && !o->file)
		return refuse(ctx, "replay: which recording? Like: tcplife-fsm replay FILE");
	if (o->command == COMMAND_REPLAY && o->output && same_file(o->output, o->file))
		return refuse(ctx, "--output '%s': it is the recording itself, write to another file", o->output);
	if (o->from && o->follow)
		return refuse(ctx, "--follow: a file has an end, leave out --follow or --from");
	if (o->command == COMMAND_SHOW && o->duration_ns && !o->follow)
		return refuse(ctx, "--duration: without --follow, show looks once");
	if (o->from && strcmp(o->from, "-") && o->output && same_file(o->output, o->from))
		return refuse(ctx, "--output '%s': it is what --from reads, write to another file", o->output);
	if (o->command == COMMAND_LEAKS && o->stacks && !o->watch_ns)
		return refuse(ctx,
			      "--stacks: only connections that are opened meanwhile have a stack, so add --watch 5s, or use "
			      "trace --stacks");
	if (o->record && same_file(o->record, o->output))
		return refuse(ctx, "--record '%s': the output goes there too, use two files", o->record);
	return settle_events(ctx) ? ECANCELED : settle_time_wait(ctx);
}

/* A full disk must not look like success; a reader that leaves is one. */
static int flushed(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_OK;
	if (errno == EPIPE)
		return EXIT_OK;
	fprintf(stderr, "tcplife-fsm: standard output: %s\n", strerror(errno));
	return EXIT_OUTPUT;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct context *ctx = state->input;
	const struct option_rule *rule;

	switch (key) {
	case ARGP_KEY_INIT:
		state->err_stream = NULL; /* no "Try --help" after our own sentence */
		return 0;
	case ARGP_KEY_ARG:
		return take_argument(ctx, arg);
	case ARGP_KEY_END:
		return check_together(ctx);
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC);
		return finish(ctx, flushed());
	case 'V':
		printf("tcplife-fsm %s\n", version_string);
		return finish(ctx, flushed());
	case KEY_SCHEMA:
		fwrite(schema_json, 1, schema_json_len, stdout);
		return finish(ctx, flushed());
	}
	rule = option_rule(key);
	return rule ? take_option(ctx, rule, arg) : ARGP_ERR_UNKNOWN;
}

/* The legend belongs to the text sink; argp wraps it with the rest. */
static char *help_filter(int key, const char *text, void *input)
{
	char *extended;

	(void)input;
	if (key == ARGP_KEY_HELP_DUP_ARGS_NOTE)
		return NULL;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	if (asprintf(&extended, "%s%s\n\n%s", text, format_text_legend, help_examples) < 0)
		return (char *)text;
	return extended;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct argp argp = {
		.options = argp_options,
		.parser = parse_option,
		.args_doc = "[trace]\nleaks\nshow [ID]\nreplay FILE\nexplain [WORD]\ndoctor",
		.doc = help_text,
		.help_filter = help_filter,
	};
	struct context ctx = {
		.options =
			{
				.events = 1U << RECORD_CONNECTION | 1U << RECORD_CLOSE_WAIT_LEAK |
					  1U << RECORD_CLOSE_WAIT_RESOLVED | 1U << RECORD_SNAPSHOT | 1U << RECORD_SUMMARY |
					  1U << RECORD_LOST | 1U << RECORD_META,
				.summary_ns = SUMMARY_DEFAULT_NS,
				.threshold_ns = THRESHOLD_DEFAULT_NS,
				.ring_bytes = RING_DEFAULT,
				.max_connections = CONNECTIONS_DEFAULT,
			},
		.exit_code = EXIT_USAGE,
	};
	static char name[] = "tcplife-fsm";

	if (argc > 0)
		argv[0] = name; /* getopt starts its sentences with it */
	if (argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &ctx)) {
		options_free(&ctx.options);
		return ctx.exit_code;
	}
	*ret_options = ctx.options;
	return -1;
}

void options_free(struct options *options)
{
	if (!options)
		return;
	free(options->select.pids);
	free(options->select.local_ports);
	free(options->select.peer_ports);
	free(options->select.local_nets);
	free(options->select.peer_nets);
	*options = (struct options){0};
}
