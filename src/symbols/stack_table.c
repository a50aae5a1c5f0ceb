// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of stacks, in which a new one replaces the one with the same place, and a direct-mapped one of cookies without
 * deletion. The kernel gives cookies out in blocks of consecutive numbers, so a slot is replaced after a quarter of a million
 * younger connections.
 */
#include "stack_table.h"

#include "src/core/wire_read.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (1u << 18)

void stack_table_free(struct stack_table *o)
{
	for (size_t i = 0; i < WIRE_STACKS_MAX; i++)
		free((char *)o->stacks[i][0].frames);
	free(o->slots);
}

/* A recording may hold any. */
static struct wire_stack_about known(const struct wire_stack_about *about)
{
	struct wire_stack_about ret = about ? *about : (struct wire_stack_about){0};

	if (ret.hint >= WIRE_STACK_HINT_MAX) /* a later version's */
		ret.hint = WIRE_STACK_HINT_NONE;
	return ret;
}

static void add_stack(struct stack_table *o, const struct wire_text *text)
{
	uint64_t place = text->key % WIRE_STACKS_MAX;
	struct record_stack *stack = o->stacks[place];
	const struct wire_stack_about *about = wire_text_tail(text, sizeof(*about));
	char *frames;

	if (!o->slots)
		o->slots = calloc(SLOTS, sizeof(*o->slots));
	if (text->key > UINT32_MAX || (text->key && !place))
		return;
	frames = strdup(text->text);
	if (!o->slots || !frames) {
		free(frames);
		return;
	}
	o->numbers[place] = (uint32_t)text->key;
	free((char *)stack[0].frames);
	for (int accepted = 0; accepted < 2; accepted++)
		stack[accepted] = (struct record_stack){frames, text->key2, accepted, known(about)};
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
	static const struct record_stack made_room = {.frames = "", .note = WIRE_STACK_MADE_ROOM};
	const struct stack_slot *slot = o->slots ? &o->slots[cookie % SLOTS] : NULL;
	const struct record_stack *none = o->stacks[0]->frames ? o->stacks[0] : NULL;
	uint32_t place;

	if (!slot || slot->cookie != cookie || !slot->stack)
		return none;
	place = slot->stack % WIRE_STACKS_MAX;
	if (place && o->stacks[place]->frames && o->numbers[place] == slot->stack)
		return &o->stacks[place][slot->accepted != 0];
	return place && o->numbers[place] > slot->stack ? &made_room : none;
}
