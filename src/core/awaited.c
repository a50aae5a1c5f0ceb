// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socket that closes first is gone as soon as its FIN is acknowledged; the peer's FIN comes to the minisocket, a moment later
 * as a rule, or never. Told at once, nearly every connection would look unfinished, so it waits for the FIN for AWAITED_NS.
 *
 * A ring in order of closing, without removal: who was told meanwhile is passed over. If it is full the oldest is told as it
 * stands.
 */
#include "awaited.h"

#include "tw_conn.h"

#include <errno.h>
#include <stdlib.h>

#define AWAITED_NS 2000000000ULL
#define AWAITED_SLOTS 16384u

struct awaited {
	uint32_t head, tail; /* run free, used modulo AWAITED_SLOTS */
	struct {
		uint64_t due_ns, cookie;
	} slots[AWAITED_SLOTS];
};

int awaited_new(struct awaited **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void awaited_free(struct awaited *awaited)
{
	free(awaited);
}

uint64_t awaited_memory(const struct awaited *awaited)
{
	return sizeof(*awaited);
}

static struct conn *waiting(const struct conn_table *t, uint64_t cookie)
{
	struct conn *c = table_find(t, cookie);

	return c && (c->facts & CONN_MINISOCK) && !(c->mini.flags & MINI_EMITTED) ? c : NULL;
}

static void release_oldest(struct conn_table *t)
{
	struct conn *c = waiting(t, t->awaited->slots[t->awaited->head++ % AWAITED_SLOTS].cookie);

	if (c)
		tw_conn_emit(t, c, t->now);
}

void awaited_push(struct conn_table *t, const struct conn *c)
{
	struct awaited *a = t->awaited;

	if (a->tail - a->head == AWAITED_SLOTS)
		release_oldest(t);
	a->slots[a->tail % AWAITED_SLOTS].due_ns = t->now + AWAITED_NS;
	a->slots[a->tail % AWAITED_SLOTS].cookie = c->cookie;
	a->tail++;
}

void awaited_expire(struct conn_table *t)
{
	struct awaited *a = t->awaited;

	while (a->head != a->tail && a->slots[a->head % AWAITED_SLOTS].due_ns <= t->now)
		release_oldest(t);
}

bool awaited_any(const struct conn_table *t)
{
	const struct awaited *a = t->awaited;

	for (uint32_t at = a->head; at != a->tail; at++) {
		if (waiting(t, a->slots[at % AWAITED_SLOTS].cookie))
			return true;
	}
	return false;
}
