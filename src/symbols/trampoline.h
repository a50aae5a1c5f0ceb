/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The code that Python 3.12 and later generate for each function with -X perf. It has no call frame information, and up to 3.13
 * no frame pointer either: libdw cannot leave it. It is known what it does: 8 bytes, which may be the saved frame pointer, and
 * a call.
 */
#pragma once

#include "bpf/wire.h"

#include <elfutils/libdwfl.h>

struct capture;

bool trampoline_is(const char *name); /* by its name in the perf map */

/* The registers of its caller, by what the copy of the stack holds; false: that is not known. */
bool trampoline_leave(Dwfl_Frame *frame, const struct capture *capture, __u64 *ret_regs);
