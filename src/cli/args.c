// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line, by argp, whose options are made of option_rules[]. A wrong value gives one sentence, never a page of usage.
 */
#include "args.h"

#include "completion.h"
#include "embedded.h"
#include "error.h"
#include "help.h"
#include "option_rules.h"
#include "parse.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define THRESHOLD_DEFAULT_NS (60 * 1000000000ULL)
#define SUMMARY_DEFAULT_NS (60 * 1000000000ULL)
#define RING_DEFAULT (16ULL << 20)
#define CONNECTIONS_DEFAULT 1000000
#define EXPECTS_MAX 512

struct context {
	struct options options;
	bool seen[HELP_OPTIONS_MAX]; /* by index in option_rules */
	bool command_given, help;
	int exit_code;
};

/* For argp, which stops at any error; what the user gets is exit_code. */
static error_t finish(struct context *ctx, int exit_code)
{
	ctx->exit_code = exit_code;
	return ECANCELED;
}

#define refuse(ctx, ...) finish(ctx, fail(EXIT_USAGE, __VA_ARGS__))

/* A full disk is an error; a reader that is gone is none. */
static error_t printed(struct context *ctx)
{
	if ((!fflush(stdout) && !ferror(stdout)) || errno == EPIPE)
		return finish(ctx, EXIT_OK);
	return finish(ctx, fail(EXIT_OUTPUT, "cannot write to standard output: %s", strerror(errno)));
}

static error_t take_option(struct context *ctx, const struct option_rule *rule, const char *arg)
{
	bool *seen = &ctx->seen[rule - option_rules];
	char expects[EXPECTS_MAX], *bad;
	int err;

	/* The first --events replaces the default, a second one adds to the first. */
	if (!*seen && rule->field == offsetof(struct options, events))
		ctx->options.events = 0;
	*seen = true;
	err = option_set(rule, arg, &ctx->options, &bad);
	if (err == -EINVAL) {
		option_words(rule, rule->expects, expects, sizeof(expects));
		refuse(ctx, "--%s '%s': %s", rule->name, bad, expects);
		free(bad);
		return ECANCELED;
	}
	return err ? finish(ctx, fail(EXIT_RUNTIME, "out of memory")) : 0;
}

static error_t take_id(struct context *ctx, const char *arg)
{
	struct selection *s = &ctx->options.select;

	if (s->cookie || s->endpoint.port)
		return refuse(ctx, "'%s': show takes one ID and has one already", arg);
	if (!parse_conn_id(arg, s->boot, &s->cookie) && !parse_endpoint(arg, &s->endpoint))
		return refuse(
			ctx,
			"'%s': an ID is a conn_id like 7c9e6679.2a01, what ss -e prints, like sk:2a01, or an address and port "
			"like 192.0.2.7:443 or [::1]:443",
			arg);
	return 0;
}

/* The one argument of a command that takes one. */
static error_t take_single(struct context *ctx, const char **field, const char *what, const char *arg)
{
	if (*field)
		return refuse(ctx, "'%s': %s takes one %s, and has '%s'", arg, help_command(ctx->options.command), what,
			      *field);
	*field = arg;
	return 0;
}

static error_t take_argument(struct context *ctx, const char *arg)
{
	struct options *o = &ctx->options;
	enum command command = help_find_command(arg);

	if (!ctx->command_given && command == COMMAND_MAX)
		return refuse(ctx, "unknown command '%s': see `tcplife-fsm help`", arg);
	if (!ctx->command_given) {
		o->command = command;
		ctx->command_given = true;
		return 0;
	}
	switch (o->command) {
	case COMMAND_EXPLAIN:
		return take_single(ctx, &o->word, "word", arg);
	case COMMAND_REPLAY:
		return take_single(ctx, &o->file, "file", arg);
	case COMMAND_HELP:
		if (command == COMMAND_MAX)
			return refuse(ctx, "help '%s': there is no such command: see `tcplife-fsm help`", arg);
		return take_single(ctx, &o->word, "command", arg);
	case COMMAND_SHOW:
		return take_id(ctx, arg);
	default:
		return refuse(ctx, "'%s': %s takes no argument", arg, help_command(o->command));
	}
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
		return refuse(ctx, "--events 'progress' needs an interval: add --progress DUR, like --progress 1m");
	if (WAS_SEEN(ctx, summary_ns))
		o->events |= 1U << RECORD_SUMMARY;
	return 0;
}

/* A table is read as it grows, a pipeline wants one record; and what is switched off has no hooks to choose. */
static error_t settle_time_wait(struct context *ctx)
{
	struct options *o = &ctx->options;

	if (!WAS_SEEN(ctx, time_wait))
		o->time_wait = o->json || o->from ? CONN_TW_JOIN : CONN_TW_SPLIT;
	if (o->time_wait == CONN_TW_OFF && o->tiers)
		return refuse(ctx, "--hooks has no effect with --time-wait off: give one of the two");
	if (o->time_wait == CONN_TW_SPLIT && o->json && !WAS_SEEN(ctx, events))
		o->events |= 1U << RECORD_TIME_WAIT;
	return 0;
}

static error_t check_files(struct context *ctx)
{
	const struct options *o = &ctx->options;

	if (o->command == COMMAND_REPLAY && !o->file)
		return refuse(ctx, "replay needs a recording: tcplife-fsm replay FILE");
	if (o->command == COMMAND_REPLAY && o->output && same_file(o->output, o->file))
		return refuse(ctx, "--output '%s' is the recording that is read: give another file", o->output);
	if (o->from && o->follow)
		return refuse(ctx, "--follow waits for connections, --from reads a file: give one of the two");
	if (o->from && strcmp(o->from, "-") && o->output && same_file(o->output, o->from))
		return refuse(ctx, "--output '%s' is what --from reads: give another file", o->output);
	if (o->record && same_file(o->record, o->output))
		return refuse(ctx, "--record '%s' is where the output goes: give two files", o->record);
	return 0;
}

/* What only the whole command line can decide. */
static error_t check_together(struct context *ctx)
{
	const struct options *o = &ctx->options;

	for (size_t i = 0; i < option_rules_len; i++)
		if (ctx->seen[i] && !(option_rules[i].takes & 1U << o->command))
			return refuse(ctx, "%s does not take --%s: see `tcplife-fsm %s --help`", help_command(o->command),
				      option_rules[i].name, help_command(o->command));
	if (check_files(ctx))
		return ECANCELED;
	if (o->command == COMMAND_SHOW && o->duration_ns && !o->follow)
		return refuse(ctx, "show takes --duration only with --follow");
	if (o->command == COMMAND_LEAKS && o->stacks && !o->watch_ns)
		return refuse(ctx, "leaks takes --stacks only with --watch: stacks are taken as connections open. Add "
				   "--watch 5s, or use trace --stacks");
	if (o->command == COMMAND_LEAKS && o->duration_ns && !o->watch_ns)
		return refuse(ctx, "leaks takes --duration only with --watch");
	if (o->leaks_max && o->watch_ns)
		return refuse(ctx, "--max has no effect with --watch: give one of the two");
	return settle_events(ctx) ? ECANCELED : settle_time_wait(ctx);
}

/* Commands that only print. */
static error_t print_or_check(struct context *ctx)
{
	const struct options *o = &ctx->options;

	if (ctx->help)
		help_print(ctx->command_given ? o->command : COMMAND_HELP);
	else if (o->command == COMMAND_HELP)
		help_print(o->word ? help_find_command(o->word) : COMMAND_HELP);
	else if (o->command == COMMAND_VERSION)
		printf("tcplife-fsm %s\n", version_string);
	else if (o->command == COMMAND_COMPLETION)
		completion_print();
	else
		return check_together(ctx);
	return printed(ctx);
}

/* Options whose name begins so, or with this name, into `names`; *ret_rule is one of them. Their number. */
static unsigned int find_names(const char *begin, size_t len, char *names, size_t size, const struct option_rule **ret_rule)
{
	unsigned int found = 0;
	size_t used = 0;

	for (size_t i = 0; i < option_rules_len; i++) {
		const struct option_rule *rule = &option_rules[i];

		if (strncmp(rule->name, begin, len) != 0 && !(rule->alias && !strncmp(rule->alias, begin, len)))
			continue;
		*ret_rule = rule;
		if (!rule->name[len])
			return 1;
		found++;
		if (used < size)
			used += (size_t)snprintf(names + used, size - used, "%s--%s", used ? ", " : "", rule->name);
	}
	return found;
}

/* getopt refused the word before `next`: why, in a sentence of ours. */
static error_t refuse_option(struct context *ctx, const struct argp_state *state)
{
	const char *word = state->argv[state->next - 1],
		   *command = ctx->command_given ? help_command(ctx->options.command) : "";
	bool is_long = !strncmp(word, "--", 2);
	size_t len = strcspn(word, "=");
	const struct option_rule *rule = NULL;
	char names[EXPECTS_MAX];
	unsigned int found = is_long && len > 2 ? find_names(word + 2, len - 2, names, sizeof(names), &rule) : 0;

	if (found > 1)
		return refuse(ctx, "'%s' is ambiguous: it may be %s", word, names);
	if (!is_long)
		rule = help_rule((unsigned char)word[len - 1]);
	if (rule && rule->arg)
		return refuse(ctx, "--%s needs a value: --%s %s", rule->name, rule->name, rule->arg);
	if (is_long && rule)
		return refuse(ctx, "--%s takes no value", rule->name);
	return refuse(ctx, "unknown option '%s': see `tcplife-fsm%s%s --help`", word, *command ? " " : "", command);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct context *ctx = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		return take_argument(ctx, arg);
	case ARGP_KEY_END:
		return print_or_check(ctx);
	case ARGP_KEY_ERROR:
		return ctx->exit_code < 0 ? refuse_option(ctx, state) : ECANCELED; /* else it was refused already */
	case 'h':
		ctx->help = true;
		return 0;
	case 'V':
		printf("tcplife-fsm %s\n", version_string);
		return printed(ctx);
	case HELP_KEY_SCHEMA:
		fwrite(schema_json, 1, schema_json_len, stdout);
		return printed(ctx);
	}
	return help_rule(key) ? take_option(ctx, help_rule(key), arg) : ARGP_ERR_UNKNOWN;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct argp_option table[HELP_TABLE_MAX];
	const struct argp argp = {.options = help_options(table, COMMAND_MAX), .parser = parse_option};
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
		.exit_code = -1,
	};

	if (argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP | ARGP_NO_ERRS | ARGP_IN_ORDER, NULL, &ctx)) {
		options_free(&ctx.options);
		return ctx.exit_code < 0 ? EXIT_USAGE : ctx.exit_code;
	}
	*ret_options = ctx.options;
	return -1;
}

void options_free(struct options *options)
{
	if (!options)
		return;
	selection_free(&options->select);
	*options = (struct options){0};
}
