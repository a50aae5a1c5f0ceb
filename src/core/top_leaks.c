// SPDX-License-Identifier: GPL-2.0-only
#include "top_leaks.h"

#include <stdlib.h>

static struct top_leak *find(struct top_leaks *leaks, const struct leak_alert *alert)
{
	for (size_t i = 0; i < leaks->len; i++)
		if (leaks->items[i].alert.id == alert->id && leaks->items[i].alert.is_group == alert->is_group)
			return &leaks->items[i];
	return NULL;
}

static struct top_leak *add(struct top_leaks *leaks)
{
	struct top_leak *items;

	if (!leaks->items)
		leaks->items = reallocarray(NULL, TOP_LEAKS_MAX, sizeof(*items));
	if (!leaks->items || leaks->len == TOP_LEAKS_MAX) {
		leaks->left_out++;
		return NULL;
	}
	return &leaks->items[leaks->len++];
}

/* A group's alert is repeated as more of its sockets leak. */
static void begin(struct top_leaks *leaks, const struct record *rec)
{
	struct top_leak *leak = find(leaks, &rec->leak->alert);
	uint64_t before = leak ? leak->count : 0;

	leaks->sockets += rec->leak->count;
	leak = leak ?: add(leaks);
	if (!leak)
		return;
	*leak = (struct top_leak){
		.socket = *rec->leak->socket,
		.alert = rec->leak->alert,
		.count = before + rec->leak->count,
		.aged_ns = rec->ts,
	};
}

static uint64_t less(uint64_t from, uint64_t by)
{
	return from > by ? from - by : 0;
}

static void end(struct top_leaks *leaks, const struct leak_resolved_record *rec)
{
	struct top_leak *leak = find(leaks, &rec->alert);

	leaks->sockets = less(leaks->sockets, rec->count);
	if (!leak)
		return;
	leak->count = less(leak->count, rec->count);
	if (!leak->count)
		*leak = leaks->items[--leaks->len];
}

void top_leaks_take(struct top_leaks *leaks, const struct record *rec)
{
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK)
		begin(leaks, rec);
	else if (rec->kind == RECORD_CLOSE_WAIT_RESOLVED)
		end(leaks, rec->leak_resolved);
}

/* For qsort(). */
static int compare(const void *one, const void *other)
{
	const struct top_leak *a = one, *b = other;
	uint64_t began_a = less(a->aged_ns, a->socket.age_ns), began_b = less(b->aged_ns, b->socket.age_ns);

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	if (began_a != began_b)
		return began_a > began_b ? 1 : -1;
	return (a->alert.id > b->alert.id) - (a->alert.id < b->alert.id);
}

void top_leaks_sort(struct top_leaks *leaks)
{
	if (leaks->len)
		qsort(leaks->items, leaks->len, sizeof(*leaks->items), compare);
}

void top_leaks_free(struct top_leaks *leaks)
{
	free(leaks->items);
	*leaks = (struct top_leaks){0};
}
