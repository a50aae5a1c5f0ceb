// SPDX-License-Identifier: GPL-2.0-only
#include "delay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int delay_new(struct delay **out, uint32_t slots, size_t size)
{
	size_t slot = (sizeof(uint64_t) + size + 7) & ~(size_t)7;
	struct delay *d = calloc(1, sizeof(*d) + slots * slot);

	if (!d)
		return -ENOMEM;
	d->due_ns = UINT64_MAX;
	d->slots = slots;
	d->size = slot;
	*out = d;
	return 0;
}

void delay_free(struct delay *delay)
{
	free(delay);
}

uint64_t delay_memory(const struct delay *delay)
{
	return sizeof(*delay) + delay->slots * delay->size;
}

static uint64_t *deadline(const struct delay *d, uint32_t place)
{
	return (uint64_t *)(d->space + (place & (d->slots - 1)) * d->size);
}

bool delay_full(const struct delay *delay)
{
	return delay->tail - delay->head == delay->slots;
}

bool delay_full_at(struct delay **delay, uint32_t max)
{
	const struct delay *d = *delay;
	struct delay *larger;

	if (!delay_full(d))
		return false;
	if (d->slots >= max || delay_new(&larger, 2 * d->slots, d->size - sizeof(uint64_t)))
		return true;
	for (uint32_t place = d->head; place != d->tail; place++)
		memcpy(deadline(larger, place), deadline(d, place), d->size);
	larger->due_ns = d->due_ns;
	larger->head = d->head;
	larger->tail = d->tail;
	delay_free(*delay);
	*delay = larger;
	return false;
}

void *delay_push(struct delay *delay, uint64_t due_ns, uint32_t *ret_place)
{
	if (delay->head == delay->tail)
		delay->due_ns = due_ns;
	*ret_place = delay->tail++;
	*deadline(delay, *ret_place) = due_ns;
	return delay_at(delay, *ret_place);
}

void *delay_at(const struct delay *delay, uint32_t place)
{
	return deadline(delay, place) + 1;
}

void *delay_take(struct delay *delay, uint64_t now)
{
	uint32_t place = delay->head;

	if (place == delay->tail || delay->due_ns > now)
		return NULL;
	delay->head++;
	delay->due_ns = delay->head == delay->tail ? UINT64_MAX : *deadline(delay, delay->head);
	return delay_at(delay, place);
}

uint32_t delay_first(const struct delay *delay)
{
	return delay->head;
}

uint32_t delay_end(const struct delay *delay)
{
	return delay->tail;
}
