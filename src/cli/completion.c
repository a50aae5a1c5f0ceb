// SPDX-License-Identifier: GPL-2.0-only
#include "completion.h"

#include <stdio.h>
#include <string.h>

#include "help.h"
#include "ss_filter.h"
#include "ss_states.h"

/* How the value of an option is completed: from its words, as a file, or not at all. */
static void print_values(const struct option_rule *rule)
{
	printf("\t--%s", rule->name);
	if (rule->letter)
		printf(" | -%c", rule->letter);
	puts(")");
	if (rule->word) {
		printf("\t\twords='");
		for (unsigned int i = 0; i < rule->words; i++)
			if (rule->word(i))
				printf("%s ", rule->word(i));
		puts("'");
		printf("\t\t%s\n", option_is_list(rule) ? "list=1" : "list=");
	} else {
		puts(strcmp(rule->arg, "FILE") && strcmp(rule->arg, "URL") && strcmp(rule->arg, "SOCKET")
			     ? "\t\treturn"
			     : "\t\tCOMPREPLY=($(compgen -f -- \"$cur\")); return");
	}
	puts("\t\t;;");
}

static void print_options(enum command command)
{
	printf("\t%s) options='", help_command(command));
	for (size_t i = 0; i < option_rules_len; i++)
		if (option_rules[i].takes & 1u << command)
			printf("--%s ", option_rules[i].name);
	puts("--help --version' ;;");
}

static void print_all(const char *(*word)(size_t n), const char *between)
{
	for (size_t i = 0; word(i); i++)
		printf("%s%s", i ? between : "", word(i));
}

/* What follows in a filter: a state, or any of its words. */
static void print_filter(void)
{
	fputs("\tstate | exclude)\n\t\twords='", stdout);
	print_all(ss_states_word, " ");
	puts("'\n\t\t;;");
}

void completion_print(void)
{
	fputs("# bash completion for tcplife-fsm, printed by `tcplife-fsm completion`\n"
	      "_tcplife_fsm()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= words= list= options= before= "
	      "word\n"
	      "\tlocal all='",
	      stdout);
	for (enum command command = 0; command < COMMAND_MAX; command++)
		printf("%s ", help_command(command));
	fputs("' conditions='", stdout);
	print_all(ss_filter_word, " ");
	puts("'\n"
	     "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	     "\t\tcase \" $all \" in *\" $word \"*) command=$word; break ;; esac\n"
	     "\t\tcase \" $conditions \" in *\" $word \"*) command=trace; break ;; esac\n"
	     "\tdone\n"
	     "\t[ \"$cur\" = = ] && cur=\n"
	     "\t[ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	     "\tcase $prev in");
	for (size_t i = 0; i < option_rules_len; i++)
		if (option_rules[i].arg && option_rules[i].takes)
			print_values(&option_rules[i]);
	print_filter();
	puts("\tesac\n"
	     "\tif [ -n \"$words\" ]; then\n"
	     "\t\t[ -n \"$list\" ] && case $cur in *,*) before=${cur%,*},; cur=${cur##*,} ;; esac\n"
	     "\t\tCOMPREPLY=($(compgen -P \"$before\" -W \"$words\" -- \"$cur\")); return\n"
	     "\tfi\n"
	     "\tcase ${command:-trace} in");
	for (enum command command = 0; command < COMMAND_MAX; command++)
		print_options(command);
	puts("\tesac\n"
	     "\tcase $cur in\n"
	     "\t-*) COMPREPLY=($(compgen -W \"$options\" -- \"$cur\")) ;;\n"
	     "\t*)\n"
	     "\t\tcase $command in\n"
	     "\t\t'' | help) COMPREPLY=($(compgen -W \"$all\" -- \"$cur\")) ;;\n"
	     "\t\ttrace | leaks | diagnose | top | show) COMPREPLY=($(compgen -W \"$conditions\" -- \"$cur\")) ;;\n"
	     "\t\treport) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	     "\t\tstatus) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	     "\t\treplay) COMPREPLY=($(compgen -f -- \"$cur\"; compgen -W \"$conditions\" -- \"$cur\")) ;;\n"
	     "\t\tesac\n"
	     "\t\t;;\n"
	     "\tesac\n"
	     "}\n"
	     "complete -F _tcplife_fsm tcplife-fsm");
}
