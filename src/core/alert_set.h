/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of alerts share: alerts that are open, and what the run before knew. */
#pragma once

#include "alert_group.h"
#include "leak.h"

struct alert {
	uint32_t group; /* id */
	bool single, is_lower_bound;
	uint64_t cookie; /* 0: free */
	uint64_t since_ns;
};

/* A socket that the run before knew in CLOSE_WAIT. */
struct alert_known {
	uint64_t since_ns;
	uint64_t seen_ns;          /* it was there then, by the clock of that run's boot, */
	int64_t seen_wall_ns;      /* and by the wall clock */
	uint8_t flags;             /* enum wire_known_flags */
	struct leak_socket socket; /* of an alert with all that makes its group; cookie 0: free */
};

struct alerts_before {
	struct pool known;     /* struct alert_known by cookie */
	uint32_t alerts;       /* of these: not resumed and not resolved yet */
	uint64_t next_scan_ns; /* for those that the last leak scan could not decide */
	struct wire_before run;
};

struct alerts {
	uint64_t threshold_ns;
	struct leak_set found;
	struct pool open; /* struct alert by cookie */
	struct alert_groups groups;
	struct alerts_before before;
	uint64_t changes; /* alerts that were raised, resumed or resolved */
	uint64_t scan_begin_ns;
	uint64_t next_due_ns; /* when a socket that a scan found younger is due; 0: none */
	unsigned int partial; /* scans on end that have not met all */
	bool scanned;
};

static inline struct alert *alert_at(const struct alerts *a, uint32_t id)
{
	return pool_at(&a->open, id);
}
