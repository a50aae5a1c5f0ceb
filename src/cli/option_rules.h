/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of options: parsing, errors, each command's help and the shell completion are made from it. For cli/ only. */
#pragma once

#include "options.h"

enum option_group {
	GROUP_SELECT,
	GROUP_OUTPUT,
	GROUP_LEAKS,
	GROUP_DIAGNOSE,
	GROUP_TOP,
	GROUP_SHOW,
	GROUP_REPORT,
	GROUP_RUN,
	GROUP_MAX
};

/* What an option takes, and what its field is. */
enum option_type {
	OPTION_FLAG,     /* no value; bool */
	OPTION_TEXT,     /* const char *, as are the next two */
	OPTION_COMM,     /* a process name */
	OPTION_CGROUP,   /* a path of a control group */
	OPTION_DURATION, /* uint64_t, in ns */
	OPTION_SIZE,     /* uint64_t from min to max, in bytes */
	OPTION_PERCENT,  /* uint64_t up to max, in millionths */
	OPTION_NUMBER,   /* uint32_t from min to max */
	OPTION_SAMPLE,   /* uint32_t N of 1/N, from min to max */
	OPTION_MOMENT,   /* int64_t, in us since 1970 */
	OPTION_TEXTS,    /* struct value_list of const char *: one more */
	OPTION_WORD,     /* uint32_t, the number of a word */
	/* Comma-separated; given twice, it adds up. */
	OPTION_WORDS,  /* uint32_t, 1 << the number of each word */
	OPTION_STATES, /* the same, also in the spelling of RFC 9293 and ss */
	OPTION_ENDS,   /* the same, also in the words of the table */
	OPTION_PIDS,   /* struct value_list, as are the next three */
	OPTION_NETNS,
	OPTION_PORTS,
	OPTION_NETS,
};

struct option_rule {
	const char *name;  /* without its dashes */
	char letter;       /* 0: none */
	const char *alias; /* another name, as bcc's tcplife has it; NULL: none */
	const char *arg;   /* what stands for its value in help; NULL: it has none */
	const char *help;
	enum option_group group;
	unsigned int takes; /* 1 << enum command; 0: it stands in the query of -o only */
	enum option_type type;
	size_t field;                            /* offset in struct options */
	const char *expects;                     /* what a value must be; followed by the words, if there are */
	const char *(*word)(unsigned int value); /* the words that it may be, NULL for a number that has none */
	unsigned int words;                      /* values are below this */
	uint64_t min, max;
};

static inline bool option_is_list(const struct option_rule *rule)
{
	return rule->type >= OPTION_WORDS;
}

#define OPTION_RULES_MAX 96
extern const struct option_rule option_rules[];
extern const size_t option_rules_len;

/* The option of this name, or alias, that a file may have; NULL: none. */
const struct option_rule *option_in_file(const char *name);

/* SIGHUP may change it: it says which records are written and how much of them, or limits that. What the run is made of stays.
 */
bool option_reloads(const struct option_rule *rule);
bool option_same(const struct option_rule *rule, const struct options *a, const struct options *b);

/* Takes the option's argument, NULL if it has none. 0, -ENOMEM, or -EINVAL with the wrong word in *ret_bad, which is freed
 * later. */
int option_set(const struct option_rule *rule, const char *arg, struct options *options, char **ret_bad);

/* The word that the user may have meant by `word`; NULL: none is near. */
const char *option_nearest(const struct option_rule *rule, const char *word);

/* The text (NULL: none) and the words that a value may be, in buf: "states are SYN_SENT, SYN_RECV, ...". */
void option_words(const struct option_rule *rule, const char *text, char *buf, size_t size);
