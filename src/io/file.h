/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a command without a live run writes: standard output or the end of a file. Both return the exit code, after a sentence.
 */
#ifndef IO_FILE_H
#define IO_FILE_H

#include <stdio.h>

/* NULL or "-": standard output. */
int output_open(const char *path, FILE **ret_file);

/* A reader that left is a success. */
int output_close(FILE *file, const char *path);

#endif
