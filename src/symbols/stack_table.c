// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of stacks, and a direct-mapped one of cookies without deletion. The kernel gives cookies out in blocks of consecutive
 * numbers, so a slot is replaced after a quarter of a million younger connections.
 */
#include "stack_table.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (1u << 18)

void stack_table_free(struct stack_table *o)
{
	for (size_t i = 0; i < WIRE_STACKS_MAX; i++)
		free((char *)o->stacks[i][0].frames);
	free(o->slots);
}

static void add_stack(struct stack_table *o, const struct wire_text *text)
{
	struct record_stack *stack;
	char *frames;

	if (!o->slots)
		o->slots = calloc(SLOTS, sizeof(*o->slots));
	if (text->key >= WIRE_STACKS_MAX)
		return;
	frames = strdup(text->text);
	if (!o->slots || !frames) {
		free(frames);
		return;
	}
	stack = o->stacks[text->key];
	free((char *)stack[0].frames);
	for (int accepted = 0; accepted < 2; accepted++)
		stack[accepted] = (struct record_stack){.frames = frames, .note = text->key2, .accepted = accepted};
}

void stack_table_feed(struct stack_table *o, const struct wire_hdr *ev)
{
	const struct wire_opened *opened = (const void *)ev;

	if (ev->kind == WIRE_STACK)
		add_stack(o, (const void *)ev);
	else if (ev->kind == WIRE_OPENED && o->slots)
		o->slots[ev->cookie % SLOTS] = (struct stack_slot){ev->cookie, opened->stack, opened->accepted};
}

const struct record_stack *stack_table_find(const struct stack_table *o, uint64_t cookie)
{
	const struct stack_slot *slot = o->slots ? &o->slots[cookie % SLOTS] : NULL;
	const struct record_stack *stack = o->stacks[0];

	if (slot && slot->cookie == cookie && slot->stack && slot->stack < WIRE_STACKS_MAX && o->stacks[slot->stack][0].frames)
		stack = &o->stacks[slot->stack][slot->accepted != 0];
	return stack->frames ? stack : NULL;
}
