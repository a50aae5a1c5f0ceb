/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of a stack's frames. */
#pragma once

#include <elfutils/libdwfl.h>
#include <stdbool.h>

struct frame_names;

/* A text that grows from p and is always terminated; what has no room before end is cut off. */
struct frame_text {
	char *p, *end;
};

int frame_names_new(struct frame_names **out);    /* 0 or -ENOMEM */
void frame_names_free(struct frame_names *names); /* NULL is fine */

/*
 * Appends the frame's lines: one, and before it one for each function that was inlined there. `exact`: the program stands at
 * `pc`; else `pc` is behind a call.
 */
void frame_name_put(struct frame_names *names, Dwfl_Module *mod, Dwarf_Addr pc, bool exact, struct frame_text *text);
