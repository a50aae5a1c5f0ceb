// SPDX-License-Identifier: GPL-2.0-only
#include "help.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/format/format.h"

#define KEY_FIRST 256 /* of options without a letter: this and their place in the table */

static const struct {
	const char *name;
	const char *args;     /* behind the name */
	const char *doc;      /* one sentence */
	const char *more;     /* what its reader should know besides; may be NULL */
	const char *examples; /* lines */
} commands[COMMAND_MAX] = {
	[COMMAND_TRACE] = {"trace", "[FILTER]", "Show each connection as it ends: its states, who closed, and why.",
			   format_text_legend,
			   "  tcplife-fsm                       all connections as they end\n"
			   "  tcplife-fsm -L 443 --end timeout  of a web server, those that timed out\n"
			   "  tcplife-fsm state time-wait dst 10/8 and not sport = :https\n"
			   "  tcplife-fsm -j -o life.jsonl --record life.rec -d 30s\n"},
	[COMMAND_LEAKS] = {"leaks", "[FILTER]", "Find sockets stuck in CLOSE_WAIT, who holds them, and why.",
			   "Exit code 3: more sockets leak than --max allows, without --watch.",
			   "  tcplife-fsm leaks                 all, by process and dependency\n"
			   "  tcplife-fsm leaks --by unit,peer  by service and peer\n"
			   "  tcplife-fsm leaks --watch 10s     every 10 s, with what has changed\n"},
	[COMMAND_DIAGNOSE] = {"diagnose", "[FILTER]", "Say what is wrong on this host, the worst first.",
			      "It watches for 30 s. Exit code 3: something is wrong. `tcplife-fsm explain ID` explains a "
			      "finding. Ctrl-C ends it early, "
			      "with what was seen until then.",
			      "  tcplife-fsm diagnose              what is wrong, whose it is, and what to do\n"
			      "  tcplife-fsm diagnose -q --ignore resets   from cron: silent if all is well\n"
			      "  tcplife-fsm diagnose -d 5m --cgroup /system.slice/nginx.service\n"},
	[COMMAND_TOP] = {"top", "[FILTER]", "Watch processes by the states of their connections, full-screen.",
			 "Without a terminal, pictures are plain lines. The key ? shows the keys.",
			 "  tcplife-fsm top                   processes; Enter shows connections\n"
			 "  tcplife-fsm top --once            one picture\n"
			 "  tcplife-fsm top sport = :443      connections to a web server\n"},
	[COMMAND_SHOW] =
		{"show", "[ID] [FILTER]", "Draw connections as ladders of states and segments.",
		 "ID is a conn_id, what ss -e prints, like sk:2a01, or ADDRESS:PORT of one end. Without ID, all selected "
		 "connections are drawn.",
		 "  tcplife-fsm show                  what is open now\n"
		 "  tcplife-fsm show state close-wait dport = :5432\n"
		 "  tcplife-fsm show 2a01 --follow    this one, when it ends\n"
		 "  tcplife-fsm show --from life.rec  each of a recording\n"},
	[COMMAND_REPLAY] = {"replay", "FILE [FILTER]", "Show what trace shows, from a recording, without root.", NULL,
			    "  tcplife-fsm replay life.rec       the table\n"
			    "  tcplife-fsm replay life.rec -j    the same as JSON lines\n"},
	[COMMAND_REPORT] = {"report", "FILE...", "Make a page of pictures from JSON lines: states, leaks, failures.",
			    "FILE has JSON lines, which gzip may have compressed; - is standard input. The page, of at most 2 "
			    "MB, needs no "
			    "network and replaces OUT.html. No root is needed.",
			    "  tcplife-fsm report life.jsonl -o life.html\n"
			    "  tcplife-fsm report life.jsonl life.jsonl.*.gz --since 24h -o day.html\n"
			    "  tcplife-fsm replay life.rec -j | tcplife-fsm report - -o life.html\n"},
	[COMMAND_EXPLAIN] =
		{"explain", "[WORD]\n--from FILE [ID]", "Say what a word of the output means, or what happened.",
		 "WORD is a state, a cause or any other word of JSON, or a key, like end_reason; it also says what to do. "
		 "Without WORD "
		 "it lists all. "
		 "With --from it says in sentences what happened to each connection of FILE, or to the one of ID, as show "
		 "takes it.",
		 "  tcplife-fsm explain close_wait\n"
		 "  tcplife-fsm explain conn_state\n"
		 "  tcplife-fsm explain history:S\n"
		 "  tcplife-fsm explain --from life.jsonl 2a01\n"},
	[COMMAND_STATUS] = {"status", "[SOCKET]", "Ask runs how they are: hooks, outputs, losses, findings.",
			    "Without SOCKET it asks all that listen in /run/tcplife-fsm. Exit code 0: it runs and all is well; "
			    "3: something is "
			    "wrong, which it names; 7: none runs.",
			    "  tcplife-fsm status                how the service is\n"
			    "  tcplife-fsm status -j             as JSON, one line for each run\n"},
	[COMMAND_FEATURES] = {"features", "", "Say what this kernel offers, hook by hook, and what is used.", NULL,
			      "  tcplife-fsm features -j             as JSON\n"},
	[COMMAND_HELP] = {"help", "[COMMAND]", "Show the help of a command.", NULL, "  tcplife-fsm help leaks\n"},
	[COMMAND_VERSION] = {"version", "", "Print the version.", NULL, "  tcplife-fsm version\n"},
	[COMMAND_COMPLETION] = {"completion", "", "Print the completion for bash.", NULL, "  . <(tcplife-fsm completion)\n"},
};

static const char *const group_titles[GROUP_MAX] = {
	[GROUP_SELECT] = "Select (all options must match, each by one of its values):",
	[GROUP_OUTPUT] = "Output:",
	[GROUP_LEAKS] = "Leaks:",
	[GROUP_DIAGNOSE] = "Diagnose:",
	[GROUP_TOP] = "Top:",
	[GROUP_SHOW] = "Show:",
	[GROUP_REPORT] = "Report:",
	[GROUP_RUN] = "Run:",
};

const char *help_command(enum command command)
{
	return commands[command].name;
}

enum command help_find_command(const char *name)
{
	enum command command = 0;

	if (!strcmp(name, "doctor")) /* as it was called up to version 0.1 */
		return COMMAND_FEATURES;
	while (command < COMMAND_MAX && strcmp(name, commands[command].name) != 0)
		command++;
	return command;
}

const struct option_rule *help_rule(int key)
{
	for (size_t i = 0; i < option_rules_len; i++) {
		if (key == (option_rules[i].letter ? option_rules[i].letter : KEY_FIRST + (int)i))
			return &option_rules[i];
	}
	return NULL;
}

static struct argp_option *add_rule(struct argp_option *o, const struct option_rule *rule)
{
	int key = rule->letter ? rule->letter : KEY_FIRST + (int)(rule - option_rules);

	*o++ = (struct argp_option){
		.name = rule->name, .key = key, .arg = rule->arg, .doc = rule->help, .group = rule->group + 1};
	if (rule->alias)
		*o++ = (struct argp_option){.name = rule->alias, .flags = OPTION_ALIAS | OPTION_HIDDEN};
	return o;
}

struct argp_option *help_options(struct argp_option *table, enum command command)
{
	struct argp_option *o = table;

	for (enum option_group group = 0; group < GROUP_MAX; group++) {
		struct argp_option *title = o;

		*o++ = (struct argp_option){.doc = group_titles[group], .group = group + 1};
		for (size_t i = 0; i < option_rules_len; i++) {
			if (option_rules[i].group == group && (command == COMMAND_MAX || option_rules[i].takes & 1u << command))
				o = add_rule(o, &option_rules[i]);
		}
		if (o == title + 1)
			o = title;
	}
	*o++ = (struct argp_option){.name = "schema",
				    .key = HELP_KEY_SCHEMA,
				    .doc = "Print the JSON Schema of the records",
				    .group = GROUP_OUTPUT + 1,
				    .flags = command == COMMAND_TRACE || command == COMMAND_REPLAY ? 0 : OPTION_HIDDEN};
	*o++ = (struct argp_option){.name = "version", .key = 'V', .doc = "Print the version", .group = GROUP_MAX};
	*o++ = (struct argp_option){.name = "help", .key = 'h', .doc = "Print this text", .group = GROUP_MAX};
	*o = (struct argp_option){0};
	return table;
}

static void print_overview(void)
{
	puts("Trace the whole life of TCP connections: every state and how long it lasted, who\nclosed, and why. Tracing "
	     "needs root, or CAP_BPF and\nCAP_PERFMON; replay, explain and show --from need no privileges.\n");
	puts("Usage: tcplife-fsm [COMMAND] [OPTION...] [FILTER]\n\nCommands:");
	for (enum command command = 0; command < COMMAND_MAX; command++)
		printf("  %-11s %s\n", commands[command].name, commands[command].doc);
	puts("\nThe default command is trace. `tcplife-fsm COMMAND --help` shows its options,\n`man tcplife-fsm` explains "
	     "them.\n\nExit codes: 0 done, 1 failed, 2 wrong command line, 3 more leaks than --max, or\n"
	     "diagnose or status found something, 4 privilege missing, 5 kernel feature\nmissing, 6 output not written, 7 "
	     "status found no run.\n\nExamples:");
	for (enum command command = COMMAND_TRACE; command <= COMMAND_SHOW; command++)
		fputs(commands[command].examples, stdout);
}

/* Adds the words that a list may have. */
static char *filter(int key, const char *text, void *input)
{
	const struct option_rule *rule = help_rule(key);
	char words[512];

	(void)input;
	if (!rule || !rule->word || !option_is_list(rule))
		return (char *)text;
	option_words(rule, text, words, sizeof(words));
	return strdup(words);
}

void help_print(enum command command)
{
	struct argp_option table[HELP_TABLE_MAX];
	const char *more = commands[command].more;
	char name[32], text[2048];
	const struct argp argp = {
		.options = help_options(table, command),
		.args_doc = *commands[command].args ? commands[command].args : NULL,
		.doc = text,
		.help_filter = filter,
	};

	if (command == COMMAND_HELP) {
		print_overview();
		return;
	}
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 1); /* no option has an argument that may be left out */
	snprintf(name, sizeof(name), "tcplife-fsm %s", commands[command].name);
	snprintf(text, sizeof(text), "%s\v%s%s%sExamples:\n%s", commands[command].doc,
		 command <= COMMAND_REPLAY
			 ? "DUR is a duration like 500ms, 1.5s, 5m, 2h or 1d. SIZE is a size like 256K, 16M or "
			   "1G. If a list is given twice, both count; of another option the last. FILTER is a filter of ss(8): "
			   "state, exclude, src, "
			   "dst, sport, dport, cgroup, and, or, not and parentheses; `state` is the state of what is alive, "
			   "and all states of what has ended.\n\n"
			 : "",
		 more ? more : "", more ? "\n\n" : "", commands[command].examples);
	argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
}
