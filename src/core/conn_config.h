/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run wants of the connection table. */
#pragma once

#include "siphash.h"

#include <stdint.h>

/* When a connection that goes through TIME_WAIT is emitted: once after it, twice (before and after), or before it only. */
enum conn_tw_mode { CONN_TW_JOIN, CONN_TW_SPLIT, CONN_TW_OFF };

#define CONN_MAX (1u << 24) /* no table tracks more */
#define CONN_BYTES 256u /* at the most for each: its slot, its part of the index, and of the index before while that grows */

struct conn_config {
	uint32_t max_connections; /* 1 to CONN_MAX; beyond it newcomers are counted as lost (stage table), not tracked */
	uint64_t progress_ns;     /* 0: no progress records */
	uint64_t summary_ns;      /* 0: no summary records */
	enum conn_tw_mode time_wait;
	uint64_t leak_threshold_ns; /* 0: no alerts */
	uint32_t wanted;            /* 1 << enum record_kind: records of other kinds are not built */
	struct hash_key hash_key;   /* of the tables, random in each run; no output depends on it */
};
