/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When a SYN, a SYN,ACK or a FIN was sent last, of the few connections that sent one again. Most never do, so their struct conn
 * has no room for it.
 */
#pragma once

#include "pool.h"
#include "record_types.h"

#define REPEATS_MAX 65536u /* connections; of others the times of repeats are not known */

/* 0 or -ENOMEM. */
int repeats_init(struct pool *repeats, const struct hash_key *hash_key);

/* At `us` since its start the connection `id` sent such a segment again. False: there is no room for it. */
bool repeats_note(struct pool *repeats, uint32_t id, enum wire_segment_kind kind, uint32_t us);
void repeats_forget(struct pool *repeats, uint32_t id);

/* Gives the segments that this end sent more than once the time of the last one. */
void repeats_fill(const struct pool *repeats, uint32_t id, struct conn_record *rec);
