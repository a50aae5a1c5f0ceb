/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line and its files: argv in, one struct out. */
#pragma once

#include "options.h"

/*
 * Fills *ret_options. Returns -1 to go on, or the exit code to end with: what only prints (help, version, --schema, completion)
 * prints to stdout and gives 0, a bad value prints one sentence to stderr that names it and gives EXIT_USAGE. Strings point
 * into argv and into ret_options->config_texts. With `why`, of OPTIONS_WHY bytes, the sentence goes there.
 */
int options_parse(int argc, char **argv, struct options *ret_options, char *why);
void options_free(struct options *options); /* NULL is fine */
