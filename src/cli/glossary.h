/* SPDX-License-Identifier: GPL-2.0-only */
/* docs/explain.txt: what the words of the output mean. A line "=== GROUP" begins a group, a line "== WORD" a word of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct glossary_entry {
	const char *group, *word, *text; /* none ends with a NUL; `text` is whole lines. All zero: the next one is the first */
	size_t group_len, word_len, text_len;
};

/* False: there is no more. */
bool glossary_next(struct glossary_entry *entry);

/* Whatever the case and dashes. `word` is an entry's own, its group, or both: "history:S". */
bool glossary_is(const struct glossary_entry *entry, const char *word);
bool glossary_has(const char *group, const char *word);
