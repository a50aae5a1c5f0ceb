/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts leak scans into a live run's stream: when a socket has aged, and no more often than their cost allows. */
#pragma once

#include "pipeline.h"
#include "src/kernel/hook_info.h"

struct collector;
struct leak_watch;

int leak_watch_new(struct leak_watch **out, bool verbose, warn_fn warn);
void leak_watch_free(struct leak_watch *watch); /* NULL is fine */

/* True if it scanned. */
bool leak_watch_run(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline);
