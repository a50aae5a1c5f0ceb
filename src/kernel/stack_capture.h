/* SPDX-License-Identifier: GPL-2.0-only */
/* How processes open connections, as the kernel sees it: registers and stacks at connect() and accept(). Needs no collector. */
#pragma once

#include "hook_info.h"

struct capture;
struct stack_source;

/* A capture is valid during the callback. */
typedef void (*capture_fn)(void *ctx, const struct capture *capture);

/* After collector_check(). 0, or -errno with *ret_failure filled. */
int stack_source_open(struct stack_source **out, bool verbose, struct collector_failure *ret_failure);
void stack_source_close(struct stack_source *source); /* NULL is fine */

/* Fills the rows of `doctor` and returns their number. */
size_t stack_source_examine(struct hook_state *hooks, bool verbose);

/* "" or why accept() cannot be seen. */
const char *stack_source_blind(const struct stack_source *source);

/* Waits at most `timeout_ms` and hands over one capture, if there is one. Returns their number, or -errno. */
int stack_source_read(struct stack_source *source, int timeout_ms, capture_fn fn, void *ctx);

/* Captures that found no room so far. */
uint64_t stack_source_lost(const struct stack_source *source);
