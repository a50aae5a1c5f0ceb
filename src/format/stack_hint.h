/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process's language needs so that a stack has the programmer's own functions, in one sentence. */
#pragma once

#include "buf.h"

struct record_stack;

/* Nothing if there is nothing to say. */
void put_stack_hint(struct buf *b, const struct record_stack *stack);

/* The line of `stack`, from 0, of the first frame outside of the runtime's and the system's libraries; -1: not known. */
int stack_own_line(const struct record_stack *stack);
