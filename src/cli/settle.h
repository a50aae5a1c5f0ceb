/* SPDX-License-Identifier: GPL-2.0-only */
/* What only all options together can decide: defaults that depend on others, and what contradicts what. For args.c only. */
#pragma once

#include "error.h"
#include "help.h"
#include "options.h"

#include <errno.h>

/* The command line while it is read. */
struct context {
	struct options options;
	bool seen[OPTION_RULES_MAX]; /* by index in option_rules */
	bool command_given, help;
	char *why; /* of OPTIONS_WHY: where a sentence goes; NULL: to stderr */
	int exit_code;
};

/* For argp, which stops at any error; what the user gets is exit_code. */
static inline int finish(struct context *ctx, int exit_code)
{
	ctx->exit_code = exit_code;
	return ECANCELED;
}

/* finish() with EXIT_USAGE and a sentence. */
int refuse(struct context *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 0; or finish(), when the user has read why. */
int settle(struct context *ctx);
