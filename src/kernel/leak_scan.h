/* SPDX-License-Identifier: GPL-2.0-only */
/* The leak scan: sockets that wait for their process or their peer, and who holds them. Needs no collector. */
#pragma once

#include "hook_info.h"
#include "src/core/wire_read.h"

struct admin;
struct leak_scan;

/* With collector_check(). 0, or -errno with *ret_failure filled. */
int leak_scan_open(struct leak_scan **out, bool verbose, struct collector_failure *ret_failure);
void leak_scan_close(struct leak_scan *scan); /* NULL is fine */

/* Its iterators as rows of `features`, loaded and attached for a moment; `hooks` has room for HOOKS_MAX. */
size_t leak_scan_examine(struct hook_state *hooks, bool verbose);

/*
 * From now on it also shows sockets in FIN_WAIT1, CLOSING and LAST_ACK, and open connections that only processes hold that
 * never used them, from the second scan on that meets them.
 */
void leak_scan_widen(struct leak_scan *scan);

/* From now on namespaces are entered by this process; else, and if it is NULL, by the calling thread. */
void leak_scan_use(struct leak_scan *scan, struct admin *admin);

/* WIRE_LEAK_BEGIN, WIRE_LEAK..., WIRE_LEAK_END. 0 or -errno; what was found until then is handed over all the same. */
int leak_scan_run(struct leak_scan *scan, event_fn fn, void *ctx);

/* Network namespaces that exist and that the last scan could not enter. */
void leak_scan_warn_missed(const struct leak_scan *scan, warn_fn warn);
uint64_t leak_scan_missed(const struct leak_scan *scan);
