/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The numbers of the wire that are about stacks; part of wire.h. */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/*
 * A reader keeps this many stacks. A number's rest by it is its place: a new number with the same rest replaces the one before.
 */
#define WIRE_STACKS_MAX 4096

/* What is missing of a stack. Stack 0 stands for all connections without one. */
enum wire_stack_note {
	WIRE_STACK_WHOLE = 0,
	WIRE_STACK_CUT = 1,          /* the callers of the last frame are not known */
	WIRE_STACK_PROCESS_GONE = 2, /* it ended, or became another program, before its stack was read */
	WIRE_STACK_NOT_TAKEN = 3,    /* opened before the run, or not read yet, or there was no room */
	WIRE_STACK_OVER_BUDGET = 4,  /* its process or control group had used its share of the time */
	WIRE_STACK_UNREADABLE = 5,   /* its process's files could not be read in time, or broke the parser */
	WIRE_STACK_MADE_ROOM = 6,    /* a reader's own: it was known and made room for a newer one */
	WIRE_STACK_NOTE_MAX = 7,
};

/* Why the programmer's own functions are not among the frames, and what shows them. */
enum wire_stack_hint {
	WIRE_STACK_HINT_NONE = 0,
	WIRE_STACK_HINT_PYTHON = 1,     /* python3 -X perf */
	WIRE_STACK_HINT_PYTHON_OLD = 2, /* the same, which its version does not have */
	WIRE_STACK_HINT_JAVA = 3,       /* frame pointers and a perf map */
	WIRE_STACK_HINT_NODE = 4,       /* a perf map; and what the next says */
	WIRE_STACK_HINT_NODE_LOOP = 5,  /* the event loop opens sockets: whoever asked for it is not on the stack */
	WIRE_STACK_HINT_MAX = 6,
};

/* wire_text_tail() of a WIRE_STACK; a version that does not know it writes none. A later hint than these is none. */
struct wire_stack_about {
	__u8 hint;    /* enum wire_stack_hint */
	__u8 version; /* Python's 3.N; 0: not known */
	__u8 own; /* the line, from 1, of the first frame outside of the runtime's and the system's libraries; 0: not known */
	__u8 pad[5];
};
