/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of options: parsing, errors, each command's help and the shell completion are made from it. For cli/ only. */
#pragma once

#include "options.h"

enum option_group { GROUP_SELECT, GROUP_OUTPUT, GROUP_LEAKS, GROUP_SHOW, GROUP_RUN, GROUP_MAX };

struct option_rule {
	const char *name;  /* without its dashes */
	char letter;       /* 0: none */
	const char *alias; /* another name, as bcc's tcplife has it; NULL: none */
	const char *arg;   /* what stands for its value in help; NULL: it has none */
	const char *help;
	enum option_group group;
	unsigned int takes; /* 1 << enum command */
	bool list;          /* comma-separated words; given twice, it adds up */

	/* Takes a value, or a word of a list; NULL for an option without a value. 0, -EINVAL or -ENOMEM. */
	int (*parse)(const struct option_rule *rule, const char *word, void *field);
	size_t field;                            /* offset in struct options */
	const char *expects;                     /* what a value must be; followed by the words, if there are */
	const char *(*word)(unsigned int value); /* the words that it may be, NULL for a number that has none */
	unsigned int words;                      /* values are below this */
};

extern const struct option_rule option_rules[];
extern const size_t option_rules_len;

/* Takes the option's argument, NULL if it has none. 0, -ENOMEM, or -EINVAL with the wrong word in *ret_bad, which is freed
 * later. */
int option_set(const struct option_rule *rule, const char *arg, struct options *options, char **ret_bad);

/* "states are SYN_SENT, SYN_RECV, ..." in buf. */
void option_expects(const struct option_rule *rule, char *buf, size_t size);
