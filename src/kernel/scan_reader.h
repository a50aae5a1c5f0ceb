/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Iterators are read by a thread of their own, so that what they find is handled while they look for more, and that the rings
 * are read however long the kernel walks over empty tables.
 */
#pragma once

#include <stdint.h>

#include "src/core/wire_read.h"

struct scan_reader;

/* What the thread gives to iterate() and iterate_namespaces() as event_fn and iterate_pause_fn; `reader` is a struct
 * scan_reader. */
void scan_reader_put(void *reader, const struct wire_hdr *ev);
void scan_reader_pause(void *reader);

struct scan_reading {
	int (*work)(void *ctx, struct scan_reader *reader); /* in the thread: reads iterators; 0 or -errno */
	event_fn fn;                                        /* in the caller's thread, as `pause` */

	/* Each millisecond at least: all that was found before `until_ns` has been given to `fn`. */
	void (*pause)(void *ctx, uint64_t until_ns);
	void *ctx;
};

/* Returns what `work` returned, or why there is no thread. */
int scan_reader_run(const struct scan_reading *reading);
