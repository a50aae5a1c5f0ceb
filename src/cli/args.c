// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line, by argp, whose options are made of option_rules[]. A wrong value gives one sentence, never a page of usage.
 * What depends on several options is decided by settle.c.
 */
#include "args.h"

#include "completion.h"
#include "config.h"
#include "embedded.h"
#include "error.h"
#include "help.h"
#include "option_rules.h"
#include "output_arg.h"
#include "parse.h"
#include "settle.h"
#include "ss_filter.h"
#include "unknown.h"
#include "src/format/format.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define THRESHOLD_DEFAULT_NS (60 * 1000000000ULL)
#define SUMMARY_DEFAULT_NS (60 * 1000000000ULL)
#define INTERVAL_DEFAULT_NS 1000000000ULL
#define RING_DEFAULT (16ULL << 20)
#define CONNECTIONS_DEFAULT 1000000
#define EXPECTS_MAX 512
#define ROTATE_KEEP_DEFAULT 5

/* A full disk is an error; a reader that is gone is none. */
static error_t printed(struct context *ctx)
{
	if ((!fflush(stdout) && !ferror(stdout)) || errno == EPIPE)
		return finish(ctx, EXIT_OK);
	return finish(ctx, fail(EXIT_OUTPUT, "cannot write to standard output: %s", strerror(errno)));
}

static int remember(struct options *o, const struct option_rule *rule, const char *value, const char *where)
{
	struct option_given *items = reallocarray(o->given.items, o->given.len + 1, sizeof(*items));
	char *copy = where ? strdup(where) : NULL;

	if (items)
		o->given.items = items;
	if (!items || (where && !copy)) {
		free(copy);
		return -ENOMEM;
	}
	items[o->given.len++] = (struct option_given){.rule = rule, .value = value, .where = copy};
	return 0;
}

/* `where` is FILE:LINE, or NULL for the command line. */
static error_t take_option(struct context *ctx, const struct option_rule *rule, const char *arg, const char *where)
{
	bool *seen = &ctx->seen[rule - option_rules];
	char expects[EXPECTS_MAX], *bad;
	const char *near;
	int err;

	/* The first --events replaces the default, a second one adds to the first. */
	if (!*seen && rule->field == offsetof(struct options, each.events))
		ctx->options.each.events = 0;
	*seen = true;
	err = option_set(rule, arg, &ctx->options, &bad) ?: remember(&ctx->options, rule, arg, where);
	if (err == -EINVAL) {
		option_words(rule, rule->expects, expects, sizeof(expects));
		near = option_nearest(rule, bad);
		refuse(ctx, "%s%s%s '%.256s': %s%s%s%s", where ?: "", where ? ": " : "--", rule->name, bad,
		       near ? "did you mean " : "", near ?: "", near ? "? " : "", expects);
		free(bad);
		return ECANCELED;
	}
	return err ? finish(ctx, fail(EXIT_RUNTIME, "out of memory")) : 0;
}

/* Files of options: read after the command line, which wins */

struct from_files {
	struct context *ctx;
	bool typed[OPTION_RULES_MAX]; /* options of the command line, by index in option_rules */
	struct context checked;       /* where their values in files go, which are checked and not used */
};

/* config_reader.keep */
static int keep_text(void *from, char *text)
{
	struct from_files *f = from;
	struct value_list *texts = &f->ctx->options.config_texts;
	char **items = reallocarray(texts->items, texts->len + 1, sizeof(*items));

	if (!items) {
		free(text);
		return finish(f->ctx, fail(EXIT_RUNTIME, "out of memory"));
	}
	items[texts->len++] = text;
	texts->items = items;
	return 0;
}

/* config_reader.take */
static int take_line(void *from, const char *where, const struct config_line *line)
{
	struct from_files *f = from;
	const struct option_rule *rule = option_in_file(line->key);
	struct context *to;
	char why[192];
	int err;

	if (!rule)
		return unknown_key(why, sizeof(why), line->key), refuse(f->ctx, "%s: %s", where, why);
	if (rule->arg && !line->value)
		return refuse(f->ctx, "%s: %s needs a value: %s %s", where, rule->name, rule->name, rule->arg);
	if (!rule->arg && line->value)
		return refuse(f->ctx, "%s: %s takes no value, and has '%s'", where, rule->name, line->value);
	to = f->typed[rule - option_rules] ? &f->checked : f->ctx;
	err = take_option(to, rule, line->value, where);
	f->ctx->exit_code = to->exit_code;
	return err;
}

static void free_values(struct options *options)
{
	for (size_t i = 0; i < options->given.len; i++)
		free(((struct option_given *)options->given.items)[i].where);
	selection_free(&options->select);
	free(options->filter_args.items);
	free(options->output_args.items);
	free(options->config_files.items);
	free(options->files.items);
	free(options->given.items);
}

static error_t read_files(struct context *ctx)
{
	struct from_files from = {.ctx = ctx, .checked = {.why = ctx->why, .exit_code = -1}};
	const struct config_reader reader = {.take = take_line, .keep = keep_text, .ctx = &from};
	const char **files = ctx->options.config_files.items;
	char why[CONFIG_WHY];
	int result = 0;

	memcpy(from.typed, ctx->seen, sizeof(from.typed));
	for (size_t i = 0; i < ctx->options.config_files.len && !result; i++)
		result = config_read(files[i], &reader, why);
	if (result && ctx->exit_code < 0)
		refuse(ctx, "%s", why);
	free_values(&from.checked.options);
	return result ? ECANCELED : 0;
}

static error_t read_and_settle(struct context *ctx)
{
	if (ctx->options.command != COMMAND_TRACE)
		return settle(ctx);
	if (ctx->options.check_config && !ctx->options.config_files.len)
		return refuse(ctx, "--check-config needs files to check: --config FILE");
	if (read_files(ctx) || settle(ctx))
		return ECANCELED;
	if (!ctx->options.check_config)
		return 0;
	puts("tcplife-fsm: the configuration is fine");
	return printed(ctx);
}

static error_t take_id(struct context *ctx, const char *arg)
{
	struct selection *s = &ctx->options.select;

	if (s->cookie || s->endpoint.port)
		return refuse(ctx, "'%s': show takes one ID and has one already", arg);
	if (!parse_conn_id(arg, s->boot, &s->cookie) && !parse_endpoint(arg, &s->endpoint))
		return finish(ctx, unknown_id(arg));
	return 0;
}

/* More of the filter: what it says is looked at when all of it is there. */
static error_t take_filter(struct context *ctx, const char *arg)
{
	struct value_list *args = &ctx->options.filter_args;
	const char **items = reallocarray(args->items, args->len + 1, sizeof(*items));

	if (!items)
		return finish(ctx, fail(EXIT_RUNTIME, "out of memory"));
	items[args->len++] = arg;
	args->items = items;
	return 0;
}

static error_t take_file(struct context *ctx, const char *arg)
{
	struct value_list *files = &ctx->options.files;
	const char **items = reallocarray(files->items, files->len + 1, sizeof(*items));

	if (!items)
		return finish(ctx, fail(EXIT_RUNTIME, "out of memory"));
	items[files->len++] = arg;
	files->items = items;
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

	if (!ctx->command_given && command < COMMAND_MAX) {
		o->command = command;
		ctx->command_given = true;
		return 0;
	}
	if (!ctx->command_given && !ss_filter_begins(arg))
		return finish(ctx, unknown_word(arg));
	ctx->command_given = true; /* a filter alone is one of trace */
	switch (o->command) {
	case COMMAND_TRACE:
	case COMMAND_LEAKS:
	case COMMAND_DIAGNOSE:
	case COMMAND_TOP:
		return take_filter(ctx, arg);
	case COMMAND_EXPLAIN:
		return take_single(ctx, &o->word, "word", arg);
	case COMMAND_STATUS:
		return take_single(ctx, &o->socket, "socket", arg);
	case COMMAND_REPLAY:
		return o->file ? take_filter(ctx, arg) : take_single(ctx, &o->file, "file", arg);
	case COMMAND_REPORT:
		return take_file(ctx, arg);
	case COMMAND_HELP:
		if (command == COMMAND_MAX)
			return refuse(ctx, "help '%s': there is no such command: see `tcplife-fsm help`", arg);
		return take_single(ctx, &o->word, "command", arg);
	case COMMAND_SHOW:
		return o->filter_args.len || ss_filter_begins(arg) ? take_filter(ctx, arg) : take_id(ctx, arg);
	default:
		return refuse(ctx, "'%s': %s takes no argument", arg, help_command(o->command));
	}
}

static void print_version(void)
{
	printf("tcplife-fsm %s\noutputs: %s\nmetrics: %s\nlinked: %s\n", version_string, outputs_string, metrics_string,
	       linked_string);
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
		print_version();
	else if (o->command == COMMAND_COMPLETION)
		completion_print();
	else
		return read_and_settle(ctx);
	return printed(ctx);
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
		if (ctx->exit_code >= 0)
			return ECANCELED; /* it was refused already */
		return finish(ctx, unknown_option(state, ctx->options.command, ctx->command_given));
	case 'h':
		ctx->help = true;
		return 0;
	case 'V':
		print_version();
		return printed(ctx);
	case HELP_KEY_SCHEMA:
		fwrite(schema_json, 1, schema_json_len, stdout);
		return printed(ctx);
	}
	return help_rule(key) ? take_option(ctx, help_rule(key), arg, NULL) : ARGP_ERR_UNKNOWN;
}

int options_parse(int argc, char **argv, struct options *ret_options, char *why)
{
	struct argp_option table[HELP_TABLE_MAX];
	const struct argp argp = {.options = help_options(table, COMMAND_MAX), .parser = parse_option};
	struct context ctx = {
		.options =
			{
				.each.events = 1U << RECORD_CONNECTION | 1U << RECORD_CLOSE_WAIT_LEAK |
					       1U << RECORD_CLOSE_WAIT_RESOLVED | 1U << RECORD_SNAPSHOT | 1U << RECORD_SUMMARY |
					       1U << RECORD_LOST | 1U << RECORD_META,
				.each.rotate_keep = ROTATE_KEEP_DEFAULT,
				.summary_ns = SUMMARY_DEFAULT_NS,
				.threshold_ns = THRESHOLD_DEFAULT_NS,
				.interval_ns = INTERVAL_DEFAULT_NS,
				.ring_bytes = RING_DEFAULT,
				.max_connections = CONNECTIONS_DEFAULT,
				.argc = argc,
				.argv = argv,
			},
		.why = why,
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
	for (size_t i = 0; i < options->outputs_len; i++)
		output_arg_free(&options->outputs[i]);
	free(options->outputs);
	free_values(options);
	for (size_t i = 0; i < options->config_texts.len; i++)
		free(((char **)options->config_texts.items)[i]);
	free(options->config_texts.items);
	*options = (struct options){0};
}
