// SPDX-License-Identifier: GPL-2.0-only
/* Ends wait in a delay, and are found by their addresses: the key is the same for both ends. */
#include "pair.h"

#include "src/core/delay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLACK_NS 1000000000ULL
#define NONE UINT32_MAX
#define SAME_MAX 512     /* ends with the same addresses that one is compared with */
#define ANNOUNCED_BITS 8 /* at first */

struct waiting {
	struct ladder_end end;
	uint64_t key;   /* key_of_end(); 0: it is not in the index */
	uint32_t other; /* place of the other end, which came later; NONE: not yet */
	bool joined;    /* the other end came before, and takes this one along */
	bool alone;     /* the stream does not have the other end */
	bool patient;   /* the other end was open when the run stopped: its record comes then */
};

/* All ends with these addresses, in this order and the other. */
struct pairs_address {
	uint64_t key;
	bool selected;
	bool seen[2], open[2]; /* by whether the local address is the lower one. open: the last record is of an open end */
};

static uint64_t digest_of(const struct pairs *p, const uint8_t addr[16], uint16_t port)
{
	uint64_t words[3] = {[2] = port};

	memcpy(words, addr, 16);
	return siphash13(&p->hash_key, words, 3);
}

static uint64_t key_of_end(const struct pairs *p, const struct ladder_end *end)
{
	const struct wire_ident *id = &end->rec.t.id;

	return (digest_of(p, id->local_addr, id->local_port) + digest_of(p, id->peer_addr, id->peer_port)) | 1;
}

/* An index_key_fn. */
static uint64_t key_of(const void *pairs, uint32_t id)
{
	return ((struct waiting *)delay_at(((const struct pairs *)pairs)->delay, id - 1))->key;
}

/* An index_key_fn. */
static uint64_t key_of_announced(const void *pairs, uint32_t id)
{
	return ((const struct pairs *)pairs)->announced[id - 1].key;
}

int pairs_init(struct pairs *p, unsigned int bits)
{
	p->size = 1u << bits;
	/* Twice the room, so that the index never grows. */
	if (delay_new(&p->delay, p->size, sizeof(struct waiting)) ||
	    index_init(&p->by_addresses, bits + 1, key_of, p, &p->hash_key))
		return -ENOMEM;
	return index_init(&p->by_announced, ANNOUNCED_BITS, key_of_announced, p, &p->hash_key);
}

void pairs_free(struct pairs *p)
{
	delay_free(p->delay);
	index_free(&p->by_addresses);
	index_free(&p->by_announced);
	free(p->announced);
}

/* Announcements */

static bool is_lower(const struct wire_ident *id)
{
	int order = memcmp(id->local_addr, id->peer_addr, sizeof(id->local_addr));

	return order ? order < 0 : id->local_port < id->peer_port;
}

static struct pairs_address *find_announced(const struct pairs *p, const struct ladder_end *end)
{
	uint64_t key = key_of_end(p, end);
	uint32_t id;

	index_for_each (id, &p->by_announced, key) {
		if (p->announced[id - 1].key == key)
			return &p->announced[id - 1];
	}
	return NULL;
}

static struct pairs_address *add_announced(struct pairs *p, const struct ladder_end *end)
{
	struct pairs_address *room;

	if (p->announced_len == p->announced_size) {
		p->announced_size = p->announced_size ? 2 * p->announced_size : 1u << ANNOUNCED_BITS;
		room = reallocarray(p->announced, p->announced_size, sizeof(*room));
		if (!room)
			return NULL;
		p->announced = room;
	}
	p->announced[p->announced_len] = (struct pairs_address){.key = key_of_end(p, end)};
	p->announced_len++;
	if (index_add(&p->by_announced, p->announced_len, p->announced_len + 1))
		return NULL;
	return &p->announced[p->announced_len - 1];
}

/* When the run stopped. What is said of it before is of an end that may be over by then. */
static bool is_open(const struct conn_record *rec)
{
	return !rec->final && rec->end == CONN_END_DAEMON_STOP;
}

int pairs_announce(struct pairs *p, const struct ladder_end *end)
{
	struct pairs_address *address;

	if (!end->rec.t.id_known)
		return 0;
	address = find_announced(p, end) ?: add_announced(p, end);
	if (!address)
		return -ENOMEM;
	address->selected |= end->selected;
	address->seen[is_lower(&end->rec.t.id)] = true;
	address->open[is_lower(&end->rec.t.id)] = is_open(&end->rec);
	return 0;
}

/* What nobody asked for, alone or with its other end. */
static bool is_unwanted(const struct pairs *p, const struct ladder_end *end, const struct pairs_address *address)
{
	return p->announced_len && !end->selected && !(address && address->selected);
}

static bool is_alone(const struct pairs *p, const struct pairs_address *address)
{
	return p->announced_len && !(address && address->seen[false] && address->seen[true]);
}

static bool is_patient(const struct pairs_address *address, const struct ladder_end *end)
{
	return address && end->rec.final && address->open[!is_lower(&end->rec.t.id)];
}

static bool isn_agrees(bool a_known, uint32_t a, bool b_known, uint32_t b)
{
	return !a_known || !b_known || a == b;
}

/* The same addresses exist in many namespaces: these are ends of one only if they share theirs, or an initial number does. */
static bool is_proven(const struct conn_record *a, const struct conn_record *b)
{
	return (a->t.id.netns && a->t.id.netns == b->t.id.netns) || (a->isn_local_known && b->isn_peer_known) ||
	       (a->isn_peer_known && b->isn_local_known);
}

/* Both are of one moment, or the last of their ends. */
static bool fit_in_time(const struct conn_record *a, const struct conn_record *b)
{
	return a->final == b->final || is_open(a) || is_open(b);
}

static bool are_ends_of_one(const struct ladder_end *a, const struct ladder_end *b)
{
	const struct conn_record *ra = &a->rec, *rb = &b->rec;
	const struct wire_ident *ia = &ra->t.id, *ib = &rb->t.id;

	return ia->local_port == ib->peer_port && ia->peer_port == ib->local_port && fit_in_time(ra, rb) &&
	       !memcmp(ia->local_addr, ib->peer_addr, sizeof(ia->local_addr)) &&
	       !memcmp(ia->peer_addr, ib->local_addr, sizeof(ia->peer_addr)) && !strcmp(a->boot, b->boot) &&
	       ra->t.cookie != rb->t.cookie && is_proven(ra, rb) &&
	       isn_agrees(ra->isn_local_known, ra->isn_local, rb->isn_peer_known, rb->isn_peer) &&
	       isn_agrees(ra->isn_peer_known, ra->isn_peer, rb->isn_local_known, rb->isn_local) &&
	       ra->start_ns <= rb->end_ns + SLACK_NS && rb->start_ns <= ra->end_ns + SLACK_NS;
}

/* Nothing finds it any more. */
static void forget(struct pairs *p, struct waiting *w, uint32_t place)
{
	if (w->key)
		index_remove(&p->by_addresses, (place & (p->size - 1)) + 1);
	w->key = 0;
}

/* The oldest with these addresses waits no longer: each of many ends would be compared with all others. */
static void hurry(struct pairs *p, uint32_t place)
{
	struct waiting *w = delay_at(p->delay, place);

	p->hurried += w->end.selected && w->other == NONE && !w->joined;
	w->alone = true;
	forget(p, w, place);
}

/* The oldest that waits for this end; NULL: there is none. */
static struct waiting *find_other(struct pairs *p, const struct ladder_end *end)
{
	uint32_t first = delay_first(p->delay), id, age, oldest = NONE, oldest_same = NONE, same = 0;
	uint64_t key = key_of_end(p, end);

	index_for_each (id, &p->by_addresses, key) {
		const struct waiting *w = delay_at(p->delay, id - 1);

		if (w->key != key)
			continue;
		same++;
		age = (id - 1 - first) & (p->size - 1);
		if (age < oldest_same)
			oldest_same = age;
		if (age < oldest && w->other == NONE && !w->joined && are_ends_of_one(&w->end, end))
			oldest = age;
	}
	if (same >= SAME_MAX && oldest_same != oldest)
		hurry(p, first + oldest_same);
	return oldest == NONE ? NULL : delay_at(p->delay, first + oldest);
}

static struct waiting *find_oldest(const struct pairs *p)
{
	uint32_t first = delay_first(p->delay);

	return first == delay_end(p->delay) ? NULL : delay_at(p->delay, first);
}

/* The oldest goes on if it is complete or due, with the other end if that has come. False: it still waits. */
static bool release_oldest(struct pairs *p, uint64_t now)
{
	uint32_t place = delay_first(p->delay);
	struct waiting *w = find_oldest(p);

	if (!w)
		return false;
	if (w->joined || w->alone || w->other != NONE)
		now = UINT64_MAX;
	else if (w->patient && now != UINT64_MAX)
		return false;
	if (!delay_take(p->delay, now))
		return false;
	forget(p, w, place);
	if (!w->joined)
		p->fn(p->ctx, &w->end, w->other == NONE ? NULL : &((struct waiting *)delay_at(p->delay, w->other))->end);
	return true;
}

void pairs_tick(struct pairs *p, uint64_t now)
{
	while (release_oldest(p, now))
		;
}

void pairs_put(struct pairs *p, const struct ladder_end *end)
{
	const struct pairs_address *address = end->rec.t.id_known ? find_announced(p, end) : NULL;
	struct waiting *w, *other;
	uint32_t place;

	pairs_tick(p, end->ts);
	if (is_unwanted(p, end, address))
		return;
	if (delay_full(p->delay)) {
		p->hurried += find_oldest(p)->end.selected;
		release_oldest(p, UINT64_MAX);
	}
	other = end->rec.t.id_known ? find_other(p, end) : NULL;
	w = delay_push(p->delay, end->ts + p->wait_ns, &place);
	*w = (struct waiting){.end = *end,
			      .key = end->rec.t.id_known ? key_of_end(p, end) : 0,
			      .other = NONE,
			      .joined = other,
			      .alone = is_alone(p, address),
			      .patient = is_patient(address, end)};
	if (other)
		other->other = place;
	if (end->rec.t.id_known)
		index_add(&p->by_addresses, (place & (p->size - 1)) + 1, 0);
	pairs_tick(p, end->ts);
}
