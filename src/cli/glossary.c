// SPDX-License-Identifier: GPL-2.0-only
#include "glossary.h"

#include "embedded.h"
#include "parse.h"

#include <stdio.h>
#include <string.h>

#define GROUP "=== "
#define WORD "== "
#define NAME_MAX_LEN 63

static size_t line_len(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? (size_t)(newline - at) : (size_t)(end - at);
}

static bool begins(const char *at, const char *end, const char *mark)
{
	return (size_t)(end - at) >= strlen(mark) && !memcmp(at, mark, strlen(mark));
}

/* The next line; the end behind the last one. */
static const char *next_line(const char *at, const char *end)
{
	size_t len = line_len(at, end);

	return at + len < end ? at + len + 1 : end;
}

bool glossary_next(struct glossary_entry *e)
{
	const char *end = explain_text + explain_text_len, *at = e->text ? e->text + e->text_len : explain_text;

	if (at < end && begins(at, end, GROUP)) {
		e->group = at + strlen(GROUP);
		e->group_len = line_len(e->group, end);
		at = next_line(at, end);
	}
	if (at == end)
		return false;
	e->word = at + strlen(WORD);
	e->word_len = line_len(e->word, end);
	e->text = at = next_line(at, end);
	while (at < end && !begins(at, end, WORD) && !begins(at, end, GROUP))
		at = next_line(at, end);
	e->text_len = (size_t)(at - e->text);
	return true;
}

/* "SYN,ACK" is also written syn-ack. */
static void copy(char to[NAME_MAX_LEN + 1], const char *text, size_t len)
{
	snprintf(to, NAME_MAX_LEN + 1, "%.*s", (int)(len < NAME_MAX_LEN ? len : NAME_MAX_LEN), text);
	for (char *comma = to; (comma = strchr(comma, ','));)
		*comma = '-';
}

static bool is(const char *text, size_t len, const char *word)
{
	char name[NAME_MAX_LEN + 1], other[NAME_MAX_LEN + 1];

	copy(name, text, len);
	copy(other, word, strlen(word));
	return strlen(word) <= NAME_MAX_LEN && parse_name_equal(other, name);
}

bool glossary_is(const struct glossary_entry *e, const char *word)
{
	const char *colon = strchr(word, ':');
	char group[NAME_MAX_LEN + 1];

	if (colon) {
		snprintf(group, sizeof(group), "%.*s", (int)(colon - word), word);
		return is(e->group, e->group_len, group) && is(e->word, e->word_len, colon + 1);
	}
	return is(e->word, e->word_len, word) || is(e->group, e->group_len, word);
}

bool glossary_has(const char *group, const char *word)
{
	struct glossary_entry e = {0};

	while (glossary_next(&e))
		if (is(e.group, e.group_len, group) && is(e.word, e.word_len, word))
			return true;
	return false;
}
