/* SPDX-License-Identifier: GPL-2.0-only */
/* How processes open connections, as the kernel sees it: registers and stacks at connect() and accept(). Needs no collector. */
#pragma once

#include "hook_info.h"

struct stack_source;

/* After collector_check(). 0, or -errno with *ret_failure filled. */
int stack_source_open(struct stack_source **out, bool verbose, struct collector_failure *ret_failure);
void stack_source_close(struct stack_source *source); /* NULL is fine */

/* Fills the rows of `features` and returns their number. */
size_t stack_source_examine(struct hook_state *hooks, bool verbose);

/* "" or why accept() cannot be seen. */
const char *stack_source_blind(const struct stack_source *source);

/* The ring buffer of captures (struct capture): a descriptor that is the source's. */
int stack_source_fd(const struct stack_source *source);

/* Captures that found no room so far. */
uint64_t stack_source_lost(const struct stack_source *source);

/* Those that were not made because their process or control group had many, and the buffer was half full. */
uint64_t stack_source_over_share(const struct stack_source *source);
