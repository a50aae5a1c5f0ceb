// SPDX-License-Identifier: GPL-2.0-only
#include "budget.h"

#include "src/core/index.h"

#include <string.h>

#define SLOT_NS (BUDGET_WINDOW_NS / BUDGET_SLOTS)
#define LOOK_MIN_NS 5000000ull
#define PROBES 8u

static uint64_t oldest(uint64_t slot)
{
	return slot >= BUDGET_SLOTS ? slot - BUDGET_SLOTS + 1 : 0;
}

void budget_add(struct budget *b, uint64_t now, uint64_t used_ns)
{
	uint64_t slot = now / SLOT_NS;

	for (uint64_t s = b->slot + 1 > oldest(slot) ? b->slot + 1 : oldest(slot); s <= slot; s++)
		b->used_ns[s % BUDGET_SLOTS] = 0;
	if (slot > b->slot)
		b->slot = slot;
	b->used_ns[b->slot % BUDGET_SLOTS] += used_ns;
}

uint64_t budget_used(const struct budget *b, uint64_t now)
{
	uint64_t sum = 0;

	for (uint64_t s = oldest(now / SLOT_NS); s <= b->slot; s++)
		sum += b->used_ns[s % BUDGET_SLOTS];
	return sum;
}

bool budget_allows(const struct budget *b, uint64_t now, bool running)
{
	return budget_used(b, now) < BUDGET_NS - (running ? 1 : 2) * BUDGET_RESERVE_NS;
}

uint64_t budget_wait_ns(const struct budget *b, uint64_t now, bool running)
{
	uint64_t used = budget_used(b, now), left;

	if (!running)
		return SLOT_NS;
	left = used < BUDGET_NS - BUDGET_RESERVE_NS ? (BUDGET_NS - BUDGET_RESERVE_NS - used) / 2 : 0;
	return left > LOOK_MIN_NS ? left : LOOK_MIN_NS;
}

uint64_t share_key_process(uint32_t tgid, uint64_t start_ns)
{
	return index_hash(index_hash(1, tgid), start_ns);
}

uint64_t share_key_cgroup(uint64_t cgroup_id)
{
	return index_hash(2, cgroup_id);
}

/* The key's row, or a free one, or where all are taken one that several share. */
static uint32_t find(const struct share_table *t, uint64_t key)
{
	uint32_t home = key >> 8;

	for (uint32_t i = 0; i < PROBES; i++) {
		const struct share *row = &t->rows[(home + i) % SHARES_MAX];

		if (row->key == key || !row->key)
			return (home + i) % SHARES_MAX;
	}
	return home % SHARES_MAX;
}

static bool over(const struct share_table *t, uint64_t now)
{
	return now - t->window_ns >= SHARE_WINDOW_NS;
}

void share_add(struct share_table *t, uint64_t now, uint64_t key, uint64_t used_ns)
{
	uint32_t at;

	if (over(t, now)) {
		memset(t, 0, sizeof(*t));
		t->window_ns = now;
	}
	at = find(t, key);
	if (!t->rows[at].key)
		t->rows[at].key = key;
	t->rows[at].used_ns += used_ns;
}

bool share_allows(const struct share_table *t, uint64_t now, uint64_t key, uint64_t limit_ns)
{
	const struct share *row = &t->rows[find(t, key)];

	return over(t, now) || !row->key || row->used_ns < limit_ns;
}

void ban_add(struct ban *bans, uint64_t now, uint64_t key, uint64_t until_ns)
{
	struct ban *at = &bans[0];

	for (uint32_t i = 0; i < BANS_MAX; i++) {
		if (bans[i].key == key && bans[i].until_ns > now) {
			at = &bans[i];
			break;
		}
		if (bans[i].until_ns < at->until_ns)
			at = &bans[i];
	}
	*at = (struct ban){key, until_ns};
}

bool ban_holds(const struct ban *bans, uint64_t now, uint64_t key)
{
	for (uint32_t i = 0; i < BANS_MAX; i++) {
		if (bans[i].key == key && bans[i].until_ns > now)
			return true;
	}
	return false;
}
