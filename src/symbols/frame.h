/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of a stack's frames. */
#pragma once

#include "image.h"

#define FRAME_NAME_MAX 100 /* of a function */

/* Names that were found, so that a place in a file is looked up once for all processes. All zero is empty. */
#define FRAME_NAMES 8192
struct frame_names {
	struct frame_place {
		struct file_identity file; /* not its build id, which any file may claim */
		uint64_t offset;
		bool exact;
		char *text;    /* NULL: free */
	} places[FRAME_NAMES]; /* the newest of each slot */
};

/* A text that grows from p and is always terminated; what has no room before end is cut off. */
struct frame_text {
	char *p, *end;
};

/* One line, which ends with a newline. A name in it may hold any bytes: only printable ones are shown. */
__attribute__((format(printf, 2, 3))) void frame_text_put(struct frame_text *text, const char *format, ...);

/*
 * Appends the frame's lines: one, and before it one for each function that was inlined there. `exact`: the program stands at
 * `pc`; else `pc` is behind a call.
 */
void frame_name_put(struct frame_names *names, Dwfl_Module *mod, Dwarf_Addr pc, bool exact, struct frame_text *text);
