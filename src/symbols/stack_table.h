/* SPDX-License-Identifier: GPL-2.0-only */
/* Which stack opened which connection, as the stream says. */
#pragma once

#include <stdint.h>

struct stack_table;
struct record_stack;
struct wire_hdr;

int stack_table_new(struct stack_table **out);          /* 0 or -errno */
void stack_table_free(struct stack_table *stack_table); /* NULL is fine */

/* Takes in a WIRE_STACK or WIRE_OPENED event. `ev` must be wire_valid(). */
void stack_table_feed(struct stack_table *stack_table, const struct wire_hdr *ev);

/* Where the socket was opened; NULL: the stream has no stacks at all. Lives as long as the stack_table. */
const struct record_stack *stack_table_find(const struct stack_table *stack_table, uint64_t cookie);
