// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counted values in one growing array, chained from heads that grow with it. An id is a place in the array, so it stays the
 * same while anybody uses it.
 */
#include "intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 6

struct slot {
	uint8_t value[INTERN_SIZE];
	uint32_t users; /* 0: free */
	uint32_t next;  /* in its chain, or of the free ones */
};

struct intern {
	struct slot *slots; /* the first is INTERN_NONE's */
	uint32_t *heads;
	uint32_t used, free_head;
	unsigned int bits; /* there are as many slots as heads */
};

static uint32_t *head_of(const struct intern *in, const void *value)
{
	uint64_t word[INTERN_SIZE / 8], hash = 0;

	memcpy(word, value, sizeof(word));
	for (unsigned int i = 0; i < INTERN_SIZE / 8; i++)
		hash = (hash ^ word[i]) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
	return &in->heads[hash >> (64 - in->bits)];
}

static void link_slot(const struct intern *in, uint32_t id)
{
	uint32_t *head = head_of(in, in->slots[id].value);

	in->slots[id].next = *head;
	*head = id;
}

static int grow(struct intern *in)
{
	unsigned int bits = in->bits ? in->bits + 1 : FIRST_BITS;
	uint32_t *heads = calloc(1UL << bits, sizeof(*heads));
	struct slot *slots = heads ? realloc(in->slots, sizeof(*slots) << bits) : NULL;

	if (!slots) {
		free(heads);
		return -ENOMEM;
	}
	free(in->heads);
	in->heads = heads;
	in->slots = slots;
	in->bits = bits;
	for (uint32_t id = 1; id < in->used; id++) /* it grows only when none is free */
		link_slot(in, id);
	return 0;
}

int intern_new(struct intern **out)
{
	struct intern *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	in->used = 1;
	if (grow(in)) {
		free(in);
		return -ENOMEM;
	}
	memset(&in->slots[INTERN_NONE], 0, sizeof(*in->slots));
	*out = in;
	return 0;
}

void intern_free(struct intern *in)
{
	if (!in)
		return;
	free(in->slots);
	free(in->heads);
	free(in);
}

uint64_t intern_memory(const struct intern *in)
{
	return sizeof(*in) + ((sizeof(*in->slots) + sizeof(*in->heads)) << in->bits);
}

uint32_t intern_get(struct intern *in, const void *value)
{
	uint32_t id;

	for (id = *head_of(in, value); id != INTERN_NONE; id = in->slots[id].next) {
		if (!memcmp(in->slots[id].value, value, INTERN_SIZE)) {
			in->slots[id].users++;
			return id;
		}
	}
	if (in->free_head == INTERN_NONE && in->used >> in->bits && grow(in))
		return INTERN_NONE;
	id = in->free_head != INTERN_NONE ? in->free_head : in->used++;
	if (id == in->free_head)
		in->free_head = in->slots[id].next;
	memcpy(in->slots[id].value, value, INTERN_SIZE);
	in->slots[id].users = 1;
	link_slot(in, id);
	return id;
}

void intern_put(struct intern *in, uint32_t id)
{
	uint32_t *link;

	if (id == INTERN_NONE || --in->slots[id].users)
		return;
	for (link = head_of(in, in->slots[id].value); *link != id;)
		link = &in->slots[*link].next;
	*link = in->slots[id].next;
	in->slots[id].next = in->free_head;
	in->free_head = id;
}

const void *intern_value(const struct intern *in, uint32_t id)
{
	return in->slots[id].value;
}
