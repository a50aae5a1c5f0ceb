// SPDX-License-Identifier: GPL-2.0-only
/* Words of the output in plain language, or connections of a file. A word that several keys have is explained for each of them.
 */
#include "commands.h"
#include "run.h"
#include "src/cli/glossary.h"
#include "src/cli/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 80
#define INDENT 18
#define WORD_LEN 64

/* Each group with its words. */
static void list(void)
{
	struct glossary_entry e = {0};
	const char *group = NULL;
	size_t used = 0;

	puts("tcplife-fsm explain WORD says what one of these words means; with a key, all\n"
	     "words of that key; with KEY:WORD, like history:S, that word of that key alone:");
	while (glossary_next(&e)) {
		if (e.group != group)
			printf("\n  %-*.*s", INDENT - 2, (int)e.group_len, e.group);
		else if (used + 1 + e.word_len > WIDTH)
			printf("\n%*s", INDENT, "");
		if (e.group != group || used + 1 + e.word_len > WIDTH)
			used = INDENT;
		group = e.group;
		used += 1 + e.word_len;
		printf(" %.*s", (int)e.word_len, e.word);
	}
	putchar('\n');
}

static int refuse(const char *word)
{
	struct nearest nearest = {.word = word};
	char words[2][WORD_LEN], *try = words[0];
	struct glossary_entry e = {0};

	while (glossary_next(&e)) {
		const char *found = nearest.found;

		if (strchr(word, ':'))
			snprintf(try, WORD_LEN, "%.*s:%.*s", (int)e.group_len, e.group, (int)e.word_len, e.word);
		else
			snprintf(try, WORD_LEN, "%.*s", (int)e.word_len, e.word);
		nearest_try(&nearest, try);
		if (nearest.found != found) /* which must stay as it is */
			try = try == words[0] ? words[1] : words[0];
	}
	if (nearest.found)
		return fail(EXIT_USAGE, "explain '%s': unknown word: did you mean %s? `tcplife-fsm explain` lists all", word,
			    nearest.found);
	return fail(EXIT_USAGE, "explain '%s': unknown word: `tcplife-fsm explain` lists all", word);
}

int command_explain(const struct options *options)
{
	struct glossary_entry e = {0};
	bool found = false;

	if (options->from)
		return command_show(options);
	if (!options->word) {
		list();
		return fail_output(NULL, fflush(stdout) ? errno : 0);
	}
	while (glossary_next(&e)) {
		if (!glossary_is(&e, options->word))
			continue;
		if (found)
			putchar('\n');
		fwrite(e.text, 1, e.text_len, stdout);
		found = true;
	}
	return found ? fail_output(NULL, fflush(stdout) ? errno : 0) : refuse(options->word);
}
