/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of a stack's frames. */
#pragma once

#include <elfutils/libdwfl.h>
#include <stdbool.h>

/* Names that were found, so that a place in a file is looked up once for all processes. All zero is empty. */
#define FRAME_NAMES 8192
struct frame_names {
	struct frame_place {
		uint64_t file, offset; /* a hash of the build id, and where in it */
		bool exact;
		char *text;    /* NULL: free */
	} places[FRAME_NAMES]; /* the newest of each slot */
};

/* A text that grows from p and is always terminated; what has no room before end is cut off. */
struct frame_text {
	char *p, *end;
};

/*
 * Appends the frame's lines: one, and before it one for each function that was inlined there. `exact`: the program stands at
 * `pc`; else `pc` is behind a call.
 */
void frame_name_put(struct frame_names *names, Dwfl_Module *mod, Dwarf_Addr pc, bool exact, struct frame_text *text);
