/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command lines of strangers' processes, read by a thread: whoever makes it wait has no command line. After four of them nobody
 * has one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMDLINE_MAX 512

struct cmdline_reader;

struct cmdline_reader *cmdline_reader_new(void); /* NULL: no memory; then nothing is read, as without a thread */
void cmdline_reader_free(struct cmdline_reader *reader);

/* Into buf, of CMDLINE_MAX bytes: the arguments with a space between. Returns its length, 0 if it is not known. */
size_t cmdline_read(struct cmdline_reader *reader, uint32_t pid, char *buf, bool *ret_cut);

/* Leaves the name of the program: no folder, no argument. Returns the new length. */
size_t cmdline_redact(char *buf, size_t len);
