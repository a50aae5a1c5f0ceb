// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as the lines of a file of options: a sentence why a line is none, or a name and a value that lie in the line. A
 * value that is written in quotes is the same again. What an option takes of it is freed.
 */
#include "src/cli/config.h"
#include "src/cli/option_rules.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_quoted(const struct config_line *line)
{
	size_t len = strlen(line->key), value_len = strlen(line->value);
	char *quoted = malloc(len + 2 * value_len + 5), *to = quoted + len;
	struct config_line again;
	const char *why;

	check(quoted);
	memcpy(quoted, line->key, len);
	*to++ = ' ';
	*to++ = '"';
	for (const char *c = line->value; *c; c++) {
		if (*c == '"' || *c == '\\')
			*to++ = '\\';
		*to++ = *c;
	}
	memcpy(to, "\"", 2);
	check(config_cut(quoted, &again, &why) == 1 && !strcmp(again.key, line->key) && !strcmp(again.value, line->value));
	free(quoted);
}

/* Names of network namespaces are paths of this host. */
static void take(const struct config_line *line)
{
	const struct option_rule *rule = option_in_file(line->key);
	struct options options = {0};
	char *bad = NULL;
	int err;

	if (!rule || !rule->arg != !line->value || rule->type == OPTION_NETNS)
		return;
	err = option_set(rule, line->value, &options, &bad);
	check(!err || (err == -EINVAL && bad));
	check(option_same(rule, &options, &options));
	free(bad);
	selection_free(&options.select);
	free(options.output_args.items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text, *line;

	check(text);
	memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		size_t len = strlen(line);
		struct config_line cut = {0};
		const char *why = NULL;
		int result = config_cut(line, &cut, &why);

		check(result == 1 || !result || (result == -EINVAL && why));
		if (result != 1)
			continue;
		check(*cut.key && cut.key >= line && cut.key + strlen(cut.key) <= line + len);
		check(!cut.value || (cut.value > cut.key && cut.value + strlen(cut.value) <= line + len));
		if (cut.value)
			check_quoted(&cut);
		take(&cut);
	}
	free(text);
	return 0;
}
