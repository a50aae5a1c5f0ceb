// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of stacks, and a direct-mapped one of cookies without deletion. The kernel gives cookies out in blocks of consecutive
 * numbers, so a slot is replaced after a quarter of a million younger connections.
 */
#include "stack_table.h"

#include "bpf/wire.h"
#include "src/format/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STACKS_MAX WIRE_STACKS_MAX
#define SLOTS (1u << 18)

struct slot {
	uint64_t cookie;
	uint32_t stack;
	uint8_t accepted;
};

struct stack_table {
	struct record_stack stacks[STACKS_MAX][2]; /* by number, and by how: connect() and accept() */
	struct slot *slots;                        /* with the first stack */
};

int stack_table_new(struct stack_table **out)
{
	struct stack_table *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	*out = o;
	return 0;
}

void stack_table_free(struct stack_table *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < STACKS_MAX; i++)
		free((char *)o->stacks[i][0].frames);
	free(o->slots);
	free(o);
}

static void add_stack(struct stack_table *o, const struct wire_text *text)
{
	struct record_stack *stack;
	char *frames;

	if (!o->slots)
		o->slots = calloc(SLOTS, sizeof(*o->slots));
	if (text->key >= STACKS_MAX)
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
		o->slots[ev->cookie % SLOTS] = (struct slot){ev->cookie, opened->stack, opened->accepted};
}

const struct record_stack *stack_table_find(const struct stack_table *o, uint64_t cookie)
{
	const struct slot *slot = o->slots ? &o->slots[cookie % SLOTS] : NULL;
	const struct record_stack *stack = o->stacks[0];

	if (slot && slot->cookie == cookie && slot->stack && slot->stack < STACKS_MAX && o->stacks[slot->stack][0].frames)
		stack = &o->stacks[slot->stack][slot->accepted != 0];
	return stack->frames ? stack : NULL;
}
