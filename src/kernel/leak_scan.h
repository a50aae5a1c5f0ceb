/* SPDX-License-Identifier: GPL-2.0-only */
/* The leak scan: sockets that wait for their process or their peer, and who holds them. Needs no collector. */
#ifndef KERNEL_LEAK_SCAN_H
#define KERNEL_LEAK_SCAN_H

#include "collector.h"

struct stuck_scan;

/* After collector_check(). 0, or -errno with *ret_failure filled. */
int stuck_scan_open(struct stuck_scan **out, bool verbose, struct collector_failure *ret_failure);
void stuck_scan_close(struct stuck_scan *scan); /* NULL is fine */

/* Its iterators as rows of `doctor`, loaded and attached for a moment; `hooks` has room for COLLECTOR_HOOKS_MAX. */
size_t stuck_scan_examine(struct collector_hook *hooks, bool verbose);

/* WIRE_STUCK_BEGIN, WIRE_STUCK..., WIRE_STUCK_END. 0 or -errno; what was found until then is handed over all the same. */
int stuck_scan_run(struct stuck_scan *scan, event_fn fn, void *ctx);

#endif
