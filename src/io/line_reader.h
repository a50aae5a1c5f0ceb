/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a file or of standard input, which gzip may have compressed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_READER_MAX 65536 /* a record has 8,000 bytes */

struct line_reader;

/* "-": standard input. 0 or -errno. */
int line_reader_open(struct line_reader **ret_reader, const char *path);

/*
 * The next line without its newline, valid until the next call; of one that is longer, LINE_READER_MAX bytes. False at the end,
 * and after an error.
 */
bool line_reader_next(struct line_reader *reader, const char **ret_line, size_t *ret_len);

/* NULL: no error. */
const char *line_reader_error(struct line_reader *reader);

/* How far the file has been read, in bytes on disk, and how many it has; 0: not known. */
uint64_t line_reader_done(struct line_reader *reader);
uint64_t line_reader_size(const struct line_reader *reader);
bool line_reader_is_terminal(const struct line_reader *reader);

void line_reader_close(struct line_reader *reader);
