/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts leak scans into a live run's stream, when a socket has aged and no more often than their cost allows. */
#ifndef CMD_LEAK_WATCH_H
#define CMD_LEAK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct collector;
struct leak_watch;
struct pipeline;

int leak_watch_new(struct leak_watch **out, bool verbose);
void leak_watch_free(struct leak_watch *watch); /* NULL is fine */

/* True if it scanned. */
bool leak_watch_run(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline);

#endif
