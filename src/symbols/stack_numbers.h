/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Equal stacks of one control group, of which the same facts are known, have one number. Numbers only grow: the one that makes
 * room for another has the same rest by WIRE_STACKS_MAX. When all places are taken, the control group that has the most gives
 * up the stack that it used longest ago: so a process that makes up stacks replaces its own. Pure.
 */
#pragma once

#include "bpf/wire.h"
#include "src/core/pool.h"

#include <stdbool.h>

struct stack_numbers {
	struct pool stacks;                   /* struct stack_entry; the id is the number's rest */
	struct pool owners;                   /* struct stack_owner */
	uint64_t first;                       /* a multiple of WIRE_STACKS_MAX, below all numbers */
	uint64_t generation[WIRE_STACKS_MAX]; /* how often a place was given away */
	uint64_t uses;
};

/* `first`: no number below it is given. 0 or -ENOMEM. */
int stack_numbers_init(struct stack_numbers *numbers, uint64_t first);
void stack_numbers_free(struct stack_numbers *numbers);

struct stack_number {
	uint64_t number; /* 0: there was no memory */
	bool is_new;
	bool replaced; /* another one made room for it */
};
struct stack_number stack_numbers_find(struct stack_numbers *numbers, uint64_t cgroup_id, uint32_t facts, const char *text);

/* It was never handed over: the next time it is new, and may have the same number. */
void stack_numbers_forget(struct stack_numbers *numbers, uint64_t number);
