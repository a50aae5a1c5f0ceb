// SPDX-License-Identifier: GPL-2.0-only
/* Words of the output in plain language, from docs/explain.txt: sections that begin with a line "== WORD". */
#include "commands.h"
#include "run.h"
#include "src/cli/embedded.h"
#include "src/cli/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MARK "== "

/* The next section at `at`: its word, and its text in *ret_text up to *ret_end, where the next one begins. NULL: there is none.
 */
static const char *next_section(const char *at, const char **ret_text, const char **ret_end)
{
	const char *end = explain_text + explain_text_len, *next;

	if (at == end)
		return NULL;
	*ret_text = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
	next = memmem(*ret_text, (size_t)(end - *ret_text), "\n" MARK, strlen("\n" MARK));
	*ret_end = next ? next + 1 : end;
	return at + strlen(MARK);
}

static bool is_word(const char *word, const char *section)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(section, "\n"), section);
	return parse_name_equal(word, name);
}

static void list(FILE *to)
{
	const char *text, *end = explain_text, *section;

	while ((section = next_section(end, &text, &end)))
		fprintf(to, "%.*s%s", (int)(text - 1 - section), section, end < explain_text + explain_text_len ? " " : "\n");
}

int command_explain(const struct options *options)
{
	const char *text, *end = explain_text, *section;

	if (!options->word) {
		fputs("tcplife-fsm explain WORD: ", stdout);
		list(stdout);
		return fail_output(NULL, fflush(stdout) ? errno : 0);
	}
	while ((section = next_section(end, &text, &end)) && !is_word(options->word, section))
		;
	if (!section) {
		fprintf(stderr, "tcplife-fsm: explain '%s': unknown word. The known words are: ", options->word);
		list(stderr);
		return EXIT_USAGE;
	}
	fwrite(text, 1, (size_t)(end - text), stdout);
	return fail_output(NULL, fflush(stdout) ? errno : 0);
}
