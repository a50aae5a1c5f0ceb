/* SPDX-License-Identifier: GPL-2.0-only */
/* What each option's value must look like, which commands take the option, and where the value goes. For options.c only. */
#ifndef CLI_OPTION_RULES_H
#define CLI_OPTION_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

/* Options without a letter. */
enum option_key {
	KEY_LOCAL = 256,
	KEY_PEER,
	KEY_NETNS,
	KEY_CGROUP,
	KEY_MIN_DURATION,
	KEY_STATE,
	KEY_END,
	KEY_EVENTS,
	KEY_PROGRESS,
	KEY_SUMMARY,
	KEY_NO_HEADER,
	KEY_RECORD,
	KEY_SCHEMA,
	KEY_RING,
	KEY_MAX_CONNECTIONS,
	KEY_THRESHOLD,
	KEY_BY,
	KEY_WATCH,
	KEY_STACKS,
	KEY_MAX,
	KEY_FOLLOW,
	KEY_FROM,
	KEY_ASCII,
	KEY_TIME_WAIT,
	KEY_HOOKS,
};

enum option_takers {
	TAKES_TRACE = 1 << COMMAND_TRACE,
	TAKES_OUTPUT = TAKES_TRACE | 1 << COMMAND_REPLAY,
	TAKES_LEAKS = 1 << COMMAND_LEAKS,
	TAKES_SHOW = 1 << COMMAND_SHOW,
	TAKES_LIVE = TAKES_TRACE | TAKES_SHOW,
	TAKES_LIVES = TAKES_OUTPUT | TAKES_SHOW, /* whole ones */
	TAKES_SELECT = TAKES_LIVES | TAKES_LEAKS,
	TAKES_JSON = TAKES_OUTPUT | TAKES_LEAKS | 1 << COMMAND_DOCTOR,
	TAKES_ALL = TAKES_JSON | TAKES_SHOW,
};

struct option_rule {
	int key;
	enum option_takers takes;
	bool list;           /* comma-separated words, and given twice it adds up */
	const char *expects; /* NULL: any value is fine, or there is none */
};

#define OPTION_RULES_MAX 64
extern const struct option_rule option_rules[];
extern const size_t option_rules_len;

const struct option_rule *option_rule(int key); /* NULL: no such option here */

/* 0, -ENOMEM, or -EINVAL with the wrong word in *ret_bad, which the caller frees. `arg` is NULL for a flag. */
int option_set(struct options *options, const struct option_rule *rule, const char *arg, char **ret_bad);

#endif
