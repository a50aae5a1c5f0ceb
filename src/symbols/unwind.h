/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From registers and a copy of the stack to the names of functions, by the call frame information and the symbols of the files
 * that the process has mapped (libdw). Slow: some 50 us, and some 10 ms for the first stack of a process. Opens nothing itself.
 */
#pragma once

#include "bpf/wire.h"

#include <stddef.h>

#define UNWINDER_TEXT_MAX 2000 /* of a stack: a line of output has room for it */
#define UNWINDER_LINES_MAX 160

struct capture;
struct file_source;
struct unwinder;

struct unwinder *unwinder_new(const struct file_source *source); /* NULL without memory */
void unwinder_free(struct unwinder *unwinder);                   /* NULL is fine */

/*
 * Fills `text` with one line per frame, the innermost first, each printable ASCII: "function (file.c:12)", "function+0x1a
 * (binary)" without line numbers, "binary+0x1a2b" without symbols, "0x7f..." outside of all files and perf maps. Not for two
 * threads at a time. `ret_about` says what else is known of it.
 */
enum wire_stack_note unwinder_trace(struct unwinder *unwinder, const struct capture *capture, char *text, size_t size,
				    struct wire_stack_about *ret_about);
