/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands by name, and the options of each as argp wants them: for parsing and for help. */
#pragma once

#include "option_rules.h"

struct argp_option;

#define HELP_TABLE_MAX                                                                                                         \
	(2 * OPTION_RULES_MAX + GROUP_MAX + 8) /* each may have an alias; a title for each group; the last is empty */

#define HELP_KEY_SCHEMA 255

const char *help_command(enum command command);   /* its name */
enum command help_find_command(const char *name); /* COMMAND_MAX: there is none */

/* Fills `table`, of HELP_TABLE_MAX rows, with what a command takes; COMMAND_MAX: with all options. Returns it. */
struct argp_option *help_options(struct argp_option *table, enum command command);

/* The row behind an option's key; NULL: it is none of them. */
const struct option_rule *help_rule(int key);

/* Its help, to stdout; COMMAND_HELP: of the whole program. */
void help_print(enum command command);
