/* SPDX-License-Identifier: GPL-2.0-only */
/* What a leak scan shows to be wrong: sockets that wait for their process or their peer, and accept queues. */
#pragma once

#include "finding_drain.h"
#include "finding_set.h"
#include "leak_group.h"
#include "table.h"

struct finding_scan {
	struct finding_drain drain;
	struct leak_groups groups;
	uint64_t threshold_ns;
};

int finding_scan_init(struct finding_scan *scan, uint64_t threshold_ns, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void finding_scan_free(struct finding_scan *scan);
uint64_t finding_scan_memory(const struct finding_scan *scan);

/* By connect(), as far as that is known; else accepted. */
bool finding_opened(const struct conn_table *t, const struct conn_tuple *tuple);

/* `set`: of a scan that is over at `now`. Offers what it shows. 0 or -ENOMEM. */
int finding_scan_look(struct finding_scan *scan, const struct conn_table *t, const struct leak_set *set, uint64_t now,
		      struct finding_set *ret_findings);
