// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connections' memory: a slab in chunks that never move, and an index of 32-bit ids by cookie, open addressing with linear
 * probing. The kernel numbers cookies nearly in sequence, which a multiplication spreads evenly.
 *
 * Bounds: config.max_connections; beyond it newcomers are refused and counted, because what is tracked already is worth more.
 * Only what waits in TIME_WAIT gives way to them.
 * Slots are reused, memory is not given back: a host that had so many connections will have them again.
 * Growth of the index reads the slab in order rather than the old index, some 15 ms for a million connections.
 */
#include "table.h"

#include "alert.h"
#include "awaited.h"
#include "delay.h"
#include "half_open.h"
#include "listener.h"
#include "ports.h"
#include "stopped.h"
#include "tw_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BITS 10
#define CHUNK_SLOTS (1u << CHUNK_BITS)
#define INDEX_MIN_BITS 10
#define MAX_CONNECTIONS (1u << 28)

/*
 * Only a socket that is still open after its CLOSE can start another life: a failed connect(), a reset, connect(AF_UNSPEC). One
 * slot per hash, the newest wins: a forgotten one costs only that its next life is numbered 0 again.
 */
#define ENDED_BITS 12

static uint32_t spread(uint64_t cookie, unsigned int shift)
{
	return (cookie * 0x9e3779b97f4a7c15ULL) >> shift;
}

static uint32_t index_slot(const struct conn_table *t, uint64_t cookie)
{
	return spread(cookie, t->index_shift) & t->index_mask;
}

struct conn *table_by_id(const struct conn_table *t, uint32_t id)
{
	return &t->chunks[id >> CHUNK_BITS][id & (CHUNK_SLOTS - 1)];
}

struct conn *table_find(const struct conn_table *t, uint64_t cookie)
{
	for (uint32_t i = index_slot(t, cookie); t->index[i] != CONN_NONE; i = (i + 1) & t->index_mask) {
		struct conn *c = table_by_id(t, t->index[i]);

		if (c->cookie == cookie)
			return c;
	}
	return NULL;
}

struct conn *table_next(const struct conn_table *t, const struct conn *c)
{
	for (uint32_t id = c ? c->id + 1 : 1; id < t->slots_used; id++) {
		struct conn *next = table_by_id(t, id);

		if (next->cookie)
			return next;
	}
	return NULL;
}

static void index_put(struct conn_table *t, const struct conn *c)
{
	uint32_t i = index_slot(t, c->cookie);

	while (t->index[i] != CONN_NONE)
		i = (i + 1) & t->index_mask;
	t->index[i] = c->id;
}

/* Closes the hole at once by moving back what had to probe past it, so that there are no tombstones to clean up. */
static void index_take(struct conn_table *t, const struct conn *c)
{
	uint32_t hole = index_slot(t, c->cookie), i;

	while (t->index[hole] != c->id)
		hole = (hole + 1) & t->index_mask;
	for (i = (hole + 1) & t->index_mask; t->index[i] != CONN_NONE; i = (i + 1) & t->index_mask) {
		uint32_t home = index_slot(t, table_by_id(t, t->index[i])->cookie);

		if (((i - home) & t->index_mask) >= ((i - hole) & t->index_mask)) {
			t->index[hole] = t->index[i];
			hole = i;
		}
	}
	t->index[hole] = CONN_NONE;
}

static int index_resize(struct conn_table *t, unsigned int bits)
{
	uint32_t *index = calloc(1UL << bits, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(t->index);
	t->index = index;
	t->index_mask = (1UL << bits) - 1;
	t->index_shift = 64 - bits;
	for (struct conn *c = table_next(t, NULL); c; c = table_next(t, c))
		index_put(t, c);
	return 0;
}

static int index_make_room(struct conn_table *t)
{
	uint64_t size = (uint64_t)t->index_mask + 1;

	return t->tracked + 1 > size / 4 * 3 ? index_resize(t, 64 - t->index_shift + 1) : 0;
}

static struct conn *slot_take(struct conn_table *t)
{
	struct conn *c;
	uint32_t id;

	if (t->free_head != CONN_NONE) {
		c = table_by_id(t, t->free_head);
		id = c->id;
		t->free_head = c->next;
	} else {
		id = t->slots_used;
		if (id >> CHUNK_BITS >= t->chunks_len) {
			struct conn *chunk = malloc(CHUNK_SLOTS * sizeof(*chunk));

			if (!chunk)
				return NULL;
			t->chunks[t->chunks_len++] = chunk;
		}
		t->slots_used++;
		c = table_by_id(t, id);
	}
	memset(c, 0, sizeof(*c));
	c->id = id;
	return c;
}

static void list_add(const struct conn_table *t, struct table_list *list, struct conn *c)
{
	c->next = CONN_NONE;
	c->prev = list->tail;
	if (c->prev != CONN_NONE)
		table_by_id(t, c->prev)->next = c->id;
	else
		list->head = c->id;
	list->tail = c->id;
}

static void list_take(const struct conn_table *t, struct table_list *list, struct conn *c)
{
	if (c->prev != CONN_NONE)
		table_by_id(t, c->prev)->next = c->next;
	else
		list->head = c->next;
	if (c->next != CONN_NONE)
		table_by_id(t, c->next)->prev = c->prev;
	else
		list->tail = c->prev;
	c->next = c->prev = CONN_NONE;
}

struct conn *table_add(struct conn_table *t, uint64_t cookie, uint64_t start_ns, unsigned int state)
{
	struct conn *c = NULL;

	if (t->tracked == t->config.max_connections)
		tw_conn_make_room(t);
	if (t->tracked < t->config.max_connections && !index_make_room(t))
		c = slot_take(t);
	if (!c) {
		table_refuse(t, start_ns);
		return NULL;
	}
	c->cookie = cookie;
	c->start_ns = start_ns;
	c->loss_epoch = t->loss_epoch - (start_ns <= t->loss_until_ns && t->loss_epoch);
	index_put(t, c);
	t->tracked++;
	t->by_state[WIRE_CLOSE]++; /* where every socket begins; the next line takes it away again */
	c->state = WIRE_CLOSE;
	table_set_state(t, c, state);
	return c;
}

void table_remove(struct conn_table *t, struct conn *c)
{
	if (c->facts & CONN_MINISOCK)
		list_take(t, &t->pending, c);
	table_set_state(t, c, WIRE_CLOSE);
	t->by_state[WIRE_CLOSE]--;
	t->tracked--;
	intern_put(t->places, c->place);
	intern_put(t->processes, c->process);
	index_take(t, c);
	c->cookie = 0;
	c->next = t->free_head;
	t->free_head = c->id;
}

struct conn *table_close_wait_next(const struct conn_table *t)
{
	return t->close_wait_next == CONN_NONE ? NULL : table_by_id(t, t->close_wait_next);
}

void table_set_state(struct conn_table *t, struct conn *c, unsigned int state)
{
	if (c->state == state)
		return;
	if (c->state == WIRE_CLOSE_WAIT) {
		alerts_left(t, c, NULL); /* unless an event has told how */
		if (t->close_wait_next == c->id)
			t->close_wait_next = c->next;
		list_take(t, &t->close_wait, c);
	}
	t->by_state[c->state]--;
	t->by_state[state]++;
	c->state = state;
	if (state != WIRE_CLOSE_WAIT)
		return;
	list_add(t, &t->close_wait, c);
	if (t->close_wait_next == CONN_NONE)
		t->close_wait_next = c->id;
}

void table_pend(struct conn_table *t, struct conn *c)
{
	if (c->facts & CONN_MINISOCK)
		list_take(t, &t->pending, c);
	c->facts |= CONN_MINISOCK;
	list_add(t, &t->pending, c);
}

uint8_t table_ca_id(struct conn_table *t, const char name[WIRE_CA_LEN])
{
	unsigned int id = 1;

	if (!name[0])
		return 0;
	while (id <= UINT8_MAX && t->ca_names[id][0] && memcmp(t->ca_names[id], name, WIRE_CA_LEN))
		id++;
	if (id > UINT8_MAX)
		return 0;
	memcpy(t->ca_names[id], name, WIRE_CA_LEN);
	return id;
}

const char *table_ca_name(const struct conn_table *t, uint8_t id)
{
	return t->ca_names[id];
}

void table_end_life(struct conn_table *t, const struct conn *c)
{
	uint32_t slot = spread(c->cookie, 64 - ENDED_BITS);

	if (t->ended[slot].cookie && t->ended[slot].cookie != c->cookie)
		t->ended_forgotten++;
	t->ended[slot].cookie = c->cookie;
	t->ended[slot].generation = c->generation;
}

uint32_t table_next_generation(const struct conn_table *t, uint64_t cookie)
{
	uint32_t slot = spread(cookie, 64 - ENDED_BITS);

	return t->ended[slot].cookie == cookie ? t->ended[slot].generation + 1 : 0;
}

void table_refuse(struct conn_table *t, uint64_t ts)
{
	if (!t->refused++)
		t->refused_from_ns = ts;
	t->lost[WIRE_LOST_TABLE]++;
	t->interval.lost[WIRE_LOST_TABLE]++;
}

int table_init(struct conn_table *t)
{
	uint32_t max = t->config.max_connections;
	int err;

	if (!max || max > MAX_CONNECTIONS)
		return -EINVAL;
	t->slots_used = 1; /* id 0 is CONN_NONE */
	t->chunks = calloc((max >> CHUNK_BITS) + 2, sizeof(*t->chunks));
	t->ended = calloc(1u << ENDED_BITS, sizeof(*t->ended));
	t->ca_names = calloc(UINT8_MAX + 1, sizeof(*t->ca_names));
	if (!t->chunks || !t->ended || !t->ca_names)
		return -ENOMEM;
	err = index_resize(t, INDEX_MIN_BITS);
	if (!err)
		err = hold_new(&t->hold);
	if (!err)
		err = stopped_new(&t->stopped);
	if (!err)
		err = awaited_new(&t->awaited);
	if (!err)
		err = listeners_new(&t->listeners);
	if (!err)
		err = alerts_new(&t->alerts, &t->config);
	if (!err)
		err = half_open_new(&t->half_open);
	if (!err)
		err = ports_new(&t->ports);
	if (!err)
		err = intern_new(&t->places);
	if (!err)
		err = intern_new(&t->processes);
	return err;
}

void table_destroy(struct conn_table *t)
{
	for (uint32_t i = 0; i < t->chunks_len; i++)
		free(t->chunks[i]);
	free(t->chunks);
	free(t->index);
	free(t->ended);
	free(t->ca_names);
	hold_free(t->hold);
	stopped_free(t->stopped);
	awaited_free(t->awaited);
	listeners_free(t->listeners);
	alerts_free(t->alerts);
	half_open_free(t->half_open);
	ports_free(t->ports);
	intern_free(t->places);
	intern_free(t->processes);
}

uint64_t table_memory(const struct conn_table *t)
{
	uint64_t slots = (uint64_t)t->chunks_len * CHUNK_SLOTS * sizeof(struct conn);
	uint64_t index = ((uint64_t)t->index_mask + 1) * sizeof(*t->index);
	uint64_t chunks = ((t->config.max_connections >> CHUNK_BITS) + 2) * sizeof(*t->chunks);

	return sizeof(*t) + slots + index + chunks + (sizeof(*t->ended) << ENDED_BITS) + hold_memory(t->hold) +
	       stopped_memory(t->stopped) + awaited_memory(t->awaited) + listeners_memory(t->listeners) +
	       alerts_memory(t->alerts) + half_open_memory(t->half_open) + ports_memory(t->ports) + intern_memory(t->places) +
	       intern_memory(t->processes) + (UINT8_MAX + 1) * sizeof(*t->ca_names);
}
