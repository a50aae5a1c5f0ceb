/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a width: where a text is broken, and how many columns a terminal gives it. */
#pragma once

#include <stddef.h>

struct buf;

/* At most this: a character of the far East takes two columns, and so may one that is not known. `text` is UTF-8. */
size_t wrap_columns(const char *text, size_t len);

/* Bytes of `text` that a line of `width` columns takes, at least one character: up to a space if there is one. */
size_t wrap_text(const char *text, size_t len, size_t width);
/* The same of text in which each byte has a column. */
size_t wrap_bytes(const char *text, size_t len, size_t width);

/* The text in lines, the last one ended too. */
void wrap_put(struct buf *b, const char *text, size_t len, size_t width);
