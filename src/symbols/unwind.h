/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From registers and a copy of the stack to the names of functions, by the call frame information and the symbols of the files
 * that the process has mapped (libdw). Slow: some 50 us, and some 10 ms for the first stack of a process.
 */
#pragma once

#include "bpf/wire.h"

#include <stddef.h>

struct capture;
struct unwinder;

struct unwinder *unwinder_new(void); /* for the life of the process; NULL without memory */

/*
 * Fills `text` with one line per frame, the innermost first, each printable ASCII: "function (file.c:12)", "function+0x1a
 * (binary)" without line numbers, "binary+0x1a2b" without symbols, "0x7f..." outside of all files. Not for two threads at a
 * time.
 */
enum wire_stack_note unwinder_trace(struct unwinder *unwinder, const struct capture *capture, char *text, size_t size);
