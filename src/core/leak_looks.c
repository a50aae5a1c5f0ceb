// SPDX-License-Identifier: GPL-2.0-only
#include "leak_looks.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_MIN 64

static int add(struct leak_cookies *list, uint64_t cookie)
{
	uint32_t room = list->room ? list->room * 2 : ROOM_MIN; /* there are at most SOCKETS_MAX */
	uint64_t *cookies;

	if (list->len == list->room) {
		cookies = reallocarray(list->cookies, room, sizeof(*cookies));
		if (!cookies)
			return -ENOMEM;
		list->cookies = cookies;
		list->room = room;
	}
	list->cookies[list->len++] = cookie;
	return 0;
}

/* For qsort(). */
static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

static bool has(const struct leak_cookies *list, uint64_t cookie)
{
	uint32_t from = 0, to = list->len;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (list->cookies[middle] == cookie)
			return true;
		if (list->cookies[middle] < cookie)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

static uint64_t missing(const struct leak_cookies *these, const struct leak_cookies *in)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < these->len; i++)
		count += !has(in, these->cookies[i]);
	return count;
}

int leak_looks_take(struct leak_looks *looks, const struct leak_set *set, const struct leak_choice *choice)
{
	const struct leak_cookies before = looks->now;
	const struct leak_socket *socket;
	int err = 0;

	looks->now = looks->before;
	looks->before = before;
	looks->now.len = 0;
	leak_set_for_each (socket, set) {
		if (!err && leak_choice_has(choice, socket))
			err = add(&looks->now, socket->t.cookie);
	}
	if (looks->now.len)
		qsort(looks->now.cookies, looks->now.len, sizeof(*looks->now.cookies), compare);
	looks->change = (struct leak_change){.known = looks->any};
	if (looks->any) {
		looks->change.appeared = missing(&looks->now, &looks->before);
		looks->change.gone = missing(&looks->before, &looks->now);
	}
	looks->any = true;
	return err;
}

bool leak_looks_has_new(const struct leak_looks *looks, uint64_t cookie)
{
	return looks->change.known && !has(&looks->before, cookie);
}

void leak_looks_free(struct leak_looks *looks)
{
	free(looks->now.cookies);
	free(looks->before.cookies);
}
