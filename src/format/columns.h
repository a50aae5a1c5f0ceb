/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text in columns of a terminal, by wcwidth() of the locale: Chinese takes two columns a character. Foreign bytes reach the
 * terminal through here only.
 */
#pragma once

#include "buf.h"

#include <stdint.h>

/*
 * Foreign bytes: characters that take a column or two are written as they are, and every other byte (with `ascii`, all but
 * ASCII) as \xNN, in at most `max` columns. Returns the columns written.
 */
size_t columns_put(struct buf *b, const char *text, size_t len, size_t max, bool ascii);

/* The same, with spaces behind it up to `width` columns. */
void columns_cell(struct buf *b, const char *text, size_t len, size_t width, bool ascii);

/* ASCII at the right edge of `width` columns; what is longer makes the cell wider. */
void columns_right(struct buf *b, const char *text, size_t len, size_t width);

/* Of what was written by these: the bytes that fit in `max` columns, which *ret_columns are. */
size_t columns_fit(const char *text, size_t len, size_t max, size_t *ret_columns);
