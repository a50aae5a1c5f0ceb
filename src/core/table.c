// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connections' memory: a slab in chunks that never move, and an index of ids by cookie. At most config.max_connections are
 * tracked: a newcomer beyond it takes the place of one in TIME_WAIT, else it is refused and counted. Slots are reused, memory
 * is not given back: a host that had so many connections will have them again.
 */
#include "table.h"

#include "repeats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BITS 10
#define CHUNK_SLOTS (1u << CHUNK_BITS)
#define INDEX_MIN_BITS 10
#define LIVES_MAX 64 /* of one socket in TIME_WAIT: it would have to connect more often than once a second */

/*
 * Only a socket that is still open after its CLOSE can connect again: after a failed connect(), a reset, connect(AF_UNSPEC).
 * One slot per hash, the newest wins: of a forgotten one the next generation is 0 again.
 */
#define ENDED_BITS 12

#define CLOSED_BITS 12
#define EMITTED_SLOTS 65536u    /* cookies are numbers in a row, so that neighbours have slots of their own */
#define SHADOW_NS 1000000000ULL /* a processor may be taken away between the event and the change that it reports */

/* An index_key_fn. */
static uint64_t key_of(const void *table, uint32_t id)
{
	return table_by_id(table, id)->cookie;
}

struct conn *table_by_id(const struct conn_table *t, uint32_t id)
{
	return &t->chunks[id >> CHUNK_BITS][id & (CHUNK_SLOTS - 1)];
}

/* SipHash costs as much as the rest of a short event: a socket's events are neighbours. */
static struct conn *find_recent(const struct conn_table *t, uint64_t cookie, uint32_t id)
{
	struct conn *c = id && cookie ? table_by_id(t, id) : NULL;

	return c && c->cookie == cookie && !(c->facts & CONN_MINISOCK) ? c : NULL;
}

/* Apart, so that the rest stays short. */
static __attribute__((noinline)) struct conn *find_in_index(const struct conn_table *t, uint64_t cookie, uint32_t *recent)
{
	struct conn *c, *last = NULL;
	uint32_t id;

	index_for_each (id, &t->index, cookie) {
		c = table_by_id(t, id);
		if (c->cookie != cookie)
			continue;
		if (!(c->facts & CONN_MINISOCK)) {
			*recent = id;
			return c;
		}
		if (!last || c->start_ns > last->start_ns)
			last = c;
	}
	return last;
}

struct conn *table_find(const struct conn_table *t, uint64_t cookie)
{
	uint32_t *recent = &t->recent[cookie % TABLE_RECENT];

	return find_recent(t, cookie, *recent) ?: find_in_index(t, cookie, recent);
}

struct conn *table_find_minisock(const struct conn_table *t, uint64_t cookie, uint32_t snd_nxt)
{
	struct conn *c;
	uint32_t id;

	index_for_each (id, &t->index, cookie) {
		c = table_by_id(t, id);
		if (c->cookie == cookie && (c->facts & CONN_MINISOCK) && c->mini.snd_nxt == snd_nxt)
			return c;
	}
	return NULL;
}

struct conn *table_crowded(const struct conn_table *t, uint64_t cookie)
{
	struct conn *c, *oldest = NULL;
	unsigned int lives = 0;
	uint32_t id;

	index_for_each (id, &t->index, cookie) {
		c = table_by_id(t, id);
		if (c->cookie != cookie || !(c->facts & CONN_MINISOCK))
			continue;
		lives++;
		if (!oldest || c->start_ns < oldest->start_ns)
			oldest = c;
	}
	return lives >= LIVES_MAX ? oldest : NULL;
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

static void slot_free(struct conn_table *t, struct conn *c)
{
	c->cookie = 0;
	c->next = t->free_head;
	t->free_head = c->id;
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
	struct conn *c;

	if (t->tracked == t->config.max_connections)
		t->make_room(t);
	c = t->tracked < t->config.max_connections ? slot_take(t) : NULL;
	if (c)
		c->cookie = cookie;
	if (!c || index_add(&t->index, c->id, t->slots_used)) {
		table_refuse(t, start_ns);
		if (c)
			slot_free(t, c);
		return NULL;
	}
	t->recent[cookie % TABLE_RECENT] = c->id;
	c->start_ns = start_ns;
	c->loss_epoch = t->loss_epoch - (start_ns <= t->loss_until_ns && t->loss_epoch);
	t->tracked++;
	t->by_state[WIRE_CLOSE]++; /* where every socket begins; the next line takes it away again */
	c->state = WIRE_CLOSE;
	table_set_state(t, c, state);
	return c;
}

void table_remove(struct conn_table *t, struct conn *c)
{
	if (c->facts & CONN_MINISOCK)
		list_take(t, &t->minisocks, c);
	if (c->proofs & CONN_PROVEN_REPEAT_AT)
		repeats_forget(&t->repeats, c->id);
	table_set_state(t, c, WIRE_CLOSE);
	t->by_state[WIRE_CLOSE]--;
	t->tracked--;
	intern_put(&t->places, c->place);
	intern_put(&t->processes, c->process);
	index_remove(&t->index, c->id);
	slot_free(t, c);
}

void table_leave_close_wait(struct conn_table *t, struct conn *c)
{
	t->leaves_close_wait(t, c);
	if (t->close_wait_next == c->id)
		t->close_wait_next = c->next;
	list_take(t, &t->close_wait, c);
}

void table_enter_close_wait(struct conn_table *t, struct conn *c)
{
	list_add(t, &t->close_wait, c);
	if (t->close_wait_next == CONN_NONE)
		t->close_wait_next = c->id;
}

void table_list_minisock(struct conn_table *t, struct conn *c)
{
	if (c->facts & CONN_MINISOCK)
		list_take(t, &t->minisocks, c);
	c->facts |= CONN_MINISOCK;
	list_add(t, &t->minisocks, c);
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
	uint32_t slot = index_hash(0, c->cookie) >> (64 - ENDED_BITS);

	if (t->ended[slot].cookie == c->cookie && t->ended[slot].generation > c->generation)
		return; /* a minisocket, which outlived the next life */
	if (t->ended[slot].cookie && t->ended[slot].cookie != c->cookie)
		t->ended_forgotten++;
	t->ended[slot].cookie = c->cookie;
	t->ended[slot].generation = c->generation;
}

uint32_t table_next_generation(const struct conn_table *t, uint64_t cookie)
{
	uint32_t slot = index_hash(0, cookie) >> (64 - ENDED_BITS);

	return t->ended[slot].cookie == cookie ? t->ended[slot].generation + 1 : 0;
}

void table_note_emitted(struct conn_table *t, const struct conn *c)
{
	if (!c->gaps && c->loss_epoch == t->loss_epoch)
		return;
	if (!t->emitted)
		t->emitted = calloc(EMITTED_SLOTS, sizeof(*t->emitted));
	if (t->emitted)
		t->emitted[c->cookie % EMITTED_SLOTS] = c->cookie;
}

bool table_was_emitted(const struct conn_table *t, uint64_t cookie)
{
	return t->emitted && t->emitted[cookie % EMITTED_SLOTS] == cookie;
}

static struct table_closed *closed_slot(const struct conn_table *t, uint64_t cookie)
{
	return &t->closed[index_hash(0, cookie) >> (64 - CLOSED_BITS)];
}

void table_note_close(struct conn_table *t, uint64_t cookie, uint64_t ts)
{
	*closed_slot(t, cookie) = (struct table_closed){cookie, ts};
}

bool table_just_closed(const struct conn_table *t, uint64_t cookie, uint64_t ts)
{
	const struct table_closed *closed = closed_slot(t, cookie);

	return closed->cookie == cookie && ts - closed->ts < SHADOW_NS;
}

void table_refuse(struct conn_table *t, uint64_t ts)
{
	if (!t->refused++)
		t->refused_from_ns = ts;
	t->lost[WIRE_LOST_TABLE]++;
	t->interval.lost[WIRE_LOST_TABLE]++;
}

void table_hurry(struct conn_table *t, struct conn *c)
{
	table_refuse(t, t->now);
	conn_count_gap(c);
}

int table_init(struct conn_table *t)
{
	uint32_t max = t->config.max_connections;

	if (!max || max > CONN_MAX)
		return -EINVAL;
	t->slots_used = 1; /* id 0 is CONN_NONE */
	t->chunks = calloc((max >> CHUNK_BITS) + 2, sizeof(*t->chunks));
	t->ended = calloc(1u << ENDED_BITS, sizeof(*t->ended));
	t->closed = calloc(1u << CLOSED_BITS, sizeof(*t->closed));
	t->ca_names = calloc(UINT8_MAX + 1, sizeof(*t->ca_names));
	t->recent = calloc(TABLE_RECENT, sizeof(*t->recent));
	if (!t->chunks || !t->recent || !t->ended || !t->closed || !t->ca_names)
		return -ENOMEM;
	return index_init(&t->index, INDEX_MIN_BITS, key_of, t, &t->config.hash_key);
}

void table_destroy(struct conn_table *t)
{
	for (uint32_t i = 0; i < t->chunks_len; i++)
		free(t->chunks[i]);
	free(t->chunks);
	index_free(&t->index);
	free(t->ended);
	free(t->closed);
	free(t->emitted);
	free(t->recent);
	free(t->ca_names);
}

uint64_t table_memory(const struct conn_table *t)
{
	uint64_t slots = (uint64_t)t->chunks_len * CHUNK_SLOTS * sizeof(struct conn);
	uint64_t chunks = ((t->config.max_connections >> CHUNK_BITS) + 2) * sizeof(*t->chunks);

	return slots + chunks + index_memory(&t->index) + (sizeof(*t->ended) << ENDED_BITS) +
	       (sizeof(*t->closed) << CLOSED_BITS) + (t->emitted ? EMITTED_SLOTS * sizeof(*t->emitted) : 0) +
	       TABLE_RECENT * sizeof(*t->recent) + (UINT8_MAX + 1) * sizeof(*t->ca_names);
}
