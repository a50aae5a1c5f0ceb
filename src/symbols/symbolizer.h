/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --stacks: where in their programs processes open connections, as events for the stream. Processes of their own open files and
 * unwind, see parser.h and opener.h; a thread keeps them within bounds.
 */
#pragma once

#include "src/kernel/hook_info.h"
#include "src/core/wire_read.h"

struct symbolizer;

/* After collector_check(). 0, or -errno with *ret_failure filled. Warns of what cannot be seen. */
int symbolizer_open(struct symbolizer **out, bool verbose, warn_fn warn, struct collector_failure *ret_failure);
void symbolizer_close(struct symbolizer *symbolizer); /* NULL is fine */

/*
 * Hands over WIRE_STACK and WIRE_OPENED events, with the time `ts`, and, once a second and at the `last` time, WIRE_LOST for
 * what was not taken.
 */
void symbolizer_drain(struct symbolizer *symbolizer, uint64_t ts, bool last, event_fn fn, void *ctx);
