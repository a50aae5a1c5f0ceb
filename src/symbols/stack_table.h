/* SPDX-License-Identifier: GPL-2.0-only */
/* Which stack opened which connection, as the stream says. */
#pragma once

#include "src/core/record_types.h"

/* All zero is empty. */
struct stack_table {
	struct record_stack stacks[WIRE_STACKS_MAX][2]; /* by number % WIRE_STACKS_MAX, and by how: connect() and accept() */
	uint32_t numbers[WIRE_STACKS_MAX];              /* theirs */
	struct stack_slot {
		uint64_t cookie;
		uint32_t stack;
		uint8_t accepted;
	} * slots; /* with the first stack */
};

void stack_table_free(struct stack_table *stack_table);

/* Takes in a WIRE_STACK or WIRE_OPENED event. `ev` must be wire_valid(). */
void stack_table_feed(struct stack_table *stack_table, const struct wire_hdr *ev);

/* Where the socket was opened; NULL: the stream has no stacks at all. Lives as long as the stack_table. */
const struct record_stack *stack_table_find(const struct stack_table *stack_table, uint64_t cookie);
