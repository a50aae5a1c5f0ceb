// SPDX-License-Identifier: GPL-2.0-only
/*
 * A finding comes up when it was met in finding_looks() looks on end, and goes when it was not met in LOOKS_DOWN on end. Its
 * numbers are those of the worst look: of the largest share, where it has one. At most ROOM of each id are kept: a stranger who
 * makes many of one kind does not push out another kind. Those that are there stay.
 */
#include "finding_set.h"

#include <string.h>

#define ROOM 32u
#define LEFT_MAX 65536u /* so many are counted once each; what is beyond is not counted */
#define LOOKS_DOWN 3    /* once may be chance, as may be two looks at something that comes and goes in turns with them */

struct standing {
	uint8_t met, missed; /* looks on end */
	bool up, met_now;
	uint64_t number; /* 0: free */
	struct finding_record worst;
};

struct left {
	uint32_t unused;
	uint64_t number; /* 0: free */
};

/* A pool_key_fn. */
static uint64_t left_number(const void *left)
{
	return ((const struct left *)left)->number;
}

/* A pool_key_fn. */
static uint64_t number_of(const void *standing)
{
	return ((const struct standing *)standing)->number;
}

static struct standing *at(const struct finding_set *set, uint32_t id)
{
	return pool_at(&set->by_number, id);
}

int finding_set_init(struct finding_set *set, const struct hash_key *hash_key)
{
	*set = (struct finding_set){0};
	return pool_init(&set->by_number, sizeof(struct standing), ROOM * FINDING_MAX, number_of, hash_key)
		       ?: pool_init(&set->left, sizeof(struct left), LEFT_MAX, left_number, hash_key);
}

void finding_set_free(struct finding_set *set)
{
	pool_free(&set->by_number);
	pool_free(&set->left);
}

uint64_t finding_set_memory(const struct finding_set *set)
{
	return pool_memory(&set->by_number) + pool_memory(&set->left);
}

static void leave_out(struct finding_set *set, uint64_t number)
{
	const struct left left = {.number = number};

	if (!pool_find(&set->left, number) && pool_add(&set->left, &left))
		set->left_out++;
}

static uint32_t add(struct finding_set *set, const struct finding_record *f)
{
	const struct standing standing = {.number = f->number, .worst = *f};
	uint32_t id = set->of_id[f->id] < ROOM ? pool_add(&set->by_number, &standing) : 0;

	if (id)
		set->of_id[f->id]++;
	else
		leave_out(set, f->number);
	return id;
}

/* What only stands may be below the limits that its record names. */
static bool is_over(struct finding_record f)
{
	return finding_judge(&f, false);
}

static bool is_worse(const struct finding_record *a, const struct finding_record *b)
{
	double a_share = (double)a->count * (double)b->of, b_share = (double)b->count * (double)a->of;

	if (!is_over(*a))
		return false;
	if (a->severity != b->severity)
		return a->severity > b->severity;
	if (a->limit_percent && (a_share < b_share || a_share > b_share))
		return a_share > b_share;
	return a->count >= b->count;
}

void finding_set_offer(struct finding_set *set, const struct finding_record *offered)
{
	struct finding_record f = *offered;
	uint32_t id = pool_find(&set->by_number, f.number);
	struct standing *s;

	f.window_ns = finding_source(f.id) == FINDING_BY_WINDOW ? set->window_ns : 0;
	if (!finding_judge(&f, id && at(set, id)->up))
		return;
	if (!id)
		id = add(set, &f);
	if (!id)
		return;
	s = at(set, id);
	f.since_ns = s->worst.since_ns;
	if (s->worst.oldest_known && s->worst.oldest_ns > f.oldest_ns)
		f.oldest_ns = s->worst.oldest_ns;
	if (is_worse(&f, &s->worst))
		s->worst = f;
	s->met_now = true;
}

static void settle_met(struct finding_set *set, struct standing *s, uint64_t now, finding_fn fn, void *ctx)
{
	bool comes;

	s->met_now = false;
	s->missed = 0;
	s->met += s->met < UINT8_MAX;
	comes = !s->up && s->met >= finding_looks(&s->worst);
	if (!comes)
		return;
	s->up = true;
	s->worst.since_ns = now;
	s->worst.what = FINDING_UP;
	set->changes++;
	fn(ctx, &s->worst);
}

static void settle(struct finding_set *set, struct standing *s, uint64_t now, finding_fn fn, void *ctx)
{
	if (s->met_now) {
		settle_met(set, s, now, fn, ctx);
	} else {
		s->missed++;
		s->met = 0;
	}
}

void finding_set_close_part(struct finding_set *set, enum finding_source source, uint64_t now, finding_fn fn, void *ctx)
{
	struct standing *s;

	for (uint32_t id = 1; id < set->by_number.used; id++) {
		s = at(set, id);
		if (s->number && s->met_now && finding_source(s->worst.id) == source)
			settle_met(set, s, now, fn, ctx);
	}
}

void finding_set_restore(struct finding_set *set, const struct finding_record *finding)
{
	struct finding_record f = *finding;
	uint32_t id;

	if (!finding_judge(&f, true) || pool_find(&set->by_number, f.number))
		return;
	id = add(set, &f);
	if (id)
		at(set, id)->up = true;
}

void finding_set_each(const struct finding_set *set, finding_fn fn, void *ctx)
{
	for (uint32_t id = 1; id < set->by_number.used; id++) {
		if (at(set, id)->number && at(set, id)->up)
			fn(ctx, &at(set, id)->worst);
	}
}

void finding_set_close(struct finding_set *set, enum finding_source source, uint64_t now, finding_fn fn, void *ctx)
{
	struct standing *s;

	for (uint32_t id = 1; id < set->by_number.used; id++) {
		s = at(set, id);
		if (!s->number || finding_source(s->worst.id) != source)
			continue;
		settle(set, s, now, fn, ctx);
		if (!s->missed || (s->up && s->missed < LOOKS_DOWN))
			continue;
		s->worst.what = FINDING_DOWN;
		set->changes += s->up;
		if (s->up)
			fn(ctx, &s->worst);
		set->of_id[s->worst.id]--;
		pool_remove(&set->by_number, id);
	}
}

void finding_set_stop(struct finding_set *set, finding_fn fn, void *ctx)
{
	struct finding_record f;

	for (uint32_t id = 1; id < set->by_number.used; id++) {
		if (!at(set, id)->number || !at(set, id)->up)
			continue;
		f = at(set, id)->worst;
		f.what = FINDING_STANDS;
		fn(ctx, &f);
	}
	pool_clear(&set->by_number);
	memset(set->of_id, 0, sizeof(set->of_id));
}
