/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a long reading is, on standard error if that is a terminal, and not before half a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress_bar {
	const char *what; /* is counted: "lines" */
	bool on, shown;
	uint64_t size;   /* bytes of all files; 0: not known */
	uint64_t before; /* bytes of those that are done */
	uint64_t begin_ns, last_ns;
};

void progress_bar_init(struct progress_bar *bar, const char *what, uint64_t size);
void progress_bar_show(struct progress_bar *bar, uint64_t count, uint64_t done); /* done: bytes of this file */
void progress_bar_next(struct progress_bar *bar, uint64_t size);                 /* a file of this size is done */
void progress_bar_clear(struct progress_bar *bar);
