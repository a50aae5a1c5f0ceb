// SPDX-License-Identifier: GPL-2.0-only
#include "unknown.h"

#include "error.h"
#include "help.h"
#include "nearest.h"
#include "option_rules.h"
#include "ss_filter.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 512

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

/* The word that getopt refused: the one before `next`, or of letters in one word, if not the last is wrong, that at `next`. */
static const char *refused_word(const struct argp_state *state)
{
	const char *word = state->argv[state->next - 1];
	size_t len = strlen(word);
	const struct option_rule *last = *word == '-' && len > 1 ? help_rule((unsigned char)word[len - 1]) : NULL;
	bool fine = *word != '-' || len == 1 || (last && !last->arg);

	return state->next < state->argc && fine && strncmp(word, "--", 2) != 0 ? state->argv[state->next] : word;
}

/* Of those that the command takes. */
static const char *nearest_option(const char *word, enum command command)
{
	char name[64];
	struct nearest nearest = {.word = name};

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	for (size_t i = 0; i < option_rules_len; i++) {
		if (!(option_rules[i].takes & 1u << command))
			continue;
		nearest_try(&nearest, option_rules[i].name);
		if (option_rules[i].alias)
			nearest_try(&nearest, option_rules[i].alias);
	}
	nearest_try(&nearest, "help");
	nearest_try(&nearest, "version");
	return nearest.found;
}

int unknown_option(const struct argp_state *state, enum command command, bool command_given)
{
	const char *word = refused_word(state), *near;
	bool is_long = !strncmp(word, "--", 2);
	size_t len = strcspn(word, "=");
	const struct option_rule *rule = NULL;
	char names[NAMES_MAX];
	unsigned int found = is_long && len > 2 ? find_names(word + 2, len - 2, names, sizeof(names), &rule) : 0;

	if (found > 1)
		return fail(EXIT_USAGE, "'%s' is ambiguous: it may be %s", word, names);
	if (!is_long && word == state->argv[state->next - 1])
		rule = help_rule((unsigned char)word[len - 1]);
	if (rule && rule->arg)
		return fail(EXIT_USAGE, "--%s needs a value: --%s %s", rule->name, rule->name, rule->arg);
	if (is_long && rule)
		return fail(EXIT_USAGE, "--%s takes no value", rule->name);
	near = is_long ? nearest_option(word + 2, command) : NULL;
	if (near)
		return fail(EXIT_USAGE, "unknown option '%s': did you mean --%s?", word, near);
	return fail(EXIT_USAGE, "unknown option '%s': see `tcplife-fsm%s%s --help`", word, command_given ? " " : "",
		    command_given ? help_command(command) : "");
}

void unknown_key(char *why, size_t size, const char *key)
{
	const char *name = key + strspn(key, "-"); /* as on the command line, which files do not have */
	struct nearest nearest = {.word = name};

	for (size_t i = 0; i < option_rules_len; i++)
		if (option_in_file(option_rules[i].name))
			nearest_try(&nearest, option_rules[i].name);
	if (*name && option_in_file(name))
		snprintf(why, size, "'%s': options are written without dashes here: %s", key, name);
	else if (nearest.found)
		snprintf(why, size, "unknown option '%.64s': did you mean %s?", key, nearest.found);
	else
		snprintf(why, size, "'%.64s' is no option that a file may have: see `tcplife-fsm trace --help`", key);
}

int unknown_word(const char *word)
{
	struct nearest nearest = {.word = word};

	for (enum command command = 0; command < COMMAND_MAX; command++)
		nearest_try(&nearest, help_command(command));
	ss_filter_suggest(&nearest, true);
	if (!nearest.found)
		return fail(EXIT_USAGE, "unknown command '%s': see `tcplife-fsm help`", word);
	if (help_find_command(nearest.found) < COMMAND_MAX)
		return fail(EXIT_USAGE, "unknown command '%s': did you mean %s?", word, nearest.found);
	return fail(EXIT_USAGE, "'%s' is neither a command nor a word of a filter: did you mean %s?", word, nearest.found);
}

int unknown_id(const char *word)
{
	struct nearest nearest = {.word = word};

	ss_filter_suggest(&nearest, true);
	if (nearest.found)
		return fail(EXIT_USAGE, "'%s' is neither an ID nor a word of a filter: did you mean %s?", word, nearest.found);
	return fail(EXIT_USAGE,
		    "'%s': an ID is a conn_id like 7c9e6679.2a01, what ss -e prints, like sk:2a01, or an address and port "
		    "like 192.0.2.7:443 or [::1]:443",
		    word);
}
