// SPDX-License-Identifier: GPL-2.0-only
#include "repeats.h"

/* 0: not repeated; a repeat at 0 us of its life is none. */
struct repeat {
	uint32_t fin_us; /* a free item uses these bytes */
	uint32_t id;
	uint32_t syn_us, synack_us;
};

static uint64_t id_of(const void *item)
{
	return ((const struct repeat *)item)->id;
}

int repeats_init(struct pool *repeats, const struct hash_key *hash_key)
{
	return pool_init(repeats, sizeof(struct repeat), REPEATS_MAX, id_of, hash_key);
}

bool repeats_note(struct pool *repeats, uint32_t id, enum wire_segment_kind kind, uint32_t us)
{
	uint32_t place = pool_find(repeats, id);
	struct repeat *repeat;

	if (!place)
		place = pool_add(repeats, &(struct repeat){.id = id});
	if (!place)
		return false;
	repeat = pool_at(repeats, place);
	if (kind == WIRE_SEG_SYN)
		repeat->syn_us = us;
	else if (kind == WIRE_SEG_SYNACK)
		repeat->synack_us = us;
	else if (kind == WIRE_SEG_FIN)
		repeat->fin_us = us;
	return true;
}

void repeats_forget(struct pool *repeats, uint32_t id)
{
	uint32_t place = pool_find(repeats, id);

	if (place)
		pool_remove(repeats, place);
}

static uint32_t last_of(const struct repeat *repeat, unsigned int flags)
{
	switch (flags) {
	case CONN_FLAGS_SYN:
		return repeat->syn_us;
	case CONN_FLAGS_SYN_ACK:
		return repeat->synack_us;
	case CONN_FLAGS_FIN_ACK:
		return repeat->fin_us;
	default:
		return 0;
	}
}

void repeats_fill(const struct pool *repeats, uint32_t id, struct conn_record *rec)
{
	const struct repeat *repeat = pool_at(repeats, pool_find(repeats, id));

	for (unsigned int i = 0; repeat->id && i < rec->segments_len; i++) {
		struct conn_segment *seg = &rec->segments[i];
		uint32_t us = seg->dir == CONN_OUT && seg->n > 1 ? last_of(repeat, seg->flags) : 0;

		seg->last_known = us && (!seg->at_known || us >= seg->at_us);
		seg->at_us_last = seg->last_known ? us : 0;
	}
}
