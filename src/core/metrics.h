/* SPDX-License-Identifier: GPL-2.0-only */
/* What records add up to, and what the connection table counts by itself: numbers for Prometheus, which format/ writes. */
#pragma once

#include "metrics_top.h"
#include "record_types.h"

/* Of a time in a state, or of a handshake: upper ends of buckets, in microseconds. */
#define METRICS_BUCKETS 9
extern const uint64_t metrics_state_us[METRICS_BUCKETS], metrics_handshake_us[METRICS_BUCKETS];

struct metrics_histogram {
	uint64_t counts[METRICS_BUCKETS + 1]; /* of each bucket alone; the last: above all of them */
	uint64_t sum_us;
};

/* What connections are counted by; at most one of these. */
#define METRICS_BYS(X)                                                                                                         \
	X(METRICS_BY_NONE, NULL)                                                                                               \
	X(METRICS_BY_PROCESS, "process")                                                                                       \
	X(METRICS_BY_LOCAL_PORT, "local_port")                                                                                 \
	X(METRICS_BY_CGROUP, "cgroup")
enum metrics_by { METRICS_BYS(ENUM_VALUE) METRICS_BY_MAX };
const char *metrics_by_name(unsigned int by);

/* The values of a row of struct metrics.by. */
enum metrics_by_value {
	METRICS_BY_CONNECTIONS, /* finished */
	METRICS_BY_FAILED,      /* of these: never established */
	METRICS_BY_RESETS,      /* sent and received */
	METRICS_BY_RETRANSMITS,
	METRICS_BY_SENT,     /* bytes of payload that the peer acknowledged */
	METRICS_BY_RECEIVED, /* bytes of payload */
	METRICS_BY_LIVED_US,
	METRICS_BY_LEAKS,
	METRICS_BY_VALUES,
};
_Static_assert(METRICS_BY_VALUES <= METRICS_TOP_VALUES, "each value has its place");

#define METRICS_BY_MOST 50
#define METRICS_REASONS_MOST 12

struct metrics {
	uint32_t by_what; /* enum metrics_by */
	uint64_t closed[CONN_END_MAX];
	struct metrics_histogram states[WIRE_STATE_MAX], handshakes;
	uint64_t leaks[LEAK_CAUSE_MAX], resolved[LEAK_RESOLUTION_MAX];
	uint64_t netns[WIRE_NETNS_COUNTS];
	uint32_t ports_ppm;         /* of the range, by the pair of addresses that uses most; 0: none uses more than half */
	struct metrics_top reasons; /* of resets: the key is the reason, 4 bytes, and a value each direction */
	struct metrics_top by;
	uint64_t ranked_ns;
};

void metrics_init(struct metrics *metrics, enum metrics_by by);

/* The records that it counts: 1 << enum record_kind. */
uint32_t metrics_wants(void);

void metrics_take(struct metrics *metrics, const struct record *rec, const struct record_owner *owner);
void metrics_tick(struct metrics *metrics, uint64_t now);

/* What the table itself counts, at any time; counters since the start. */
struct metrics_table {
	uint64_t by_state[WIRE_STATE_MAX]; /* now */
	uint64_t tracked;                  /* now */
	uint64_t opened;
	struct conn_retransmits retransmits;
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t leaks_open;           /* sockets in CLOSE_WAIT that an alert stands for, now */
	uint64_t close_wait_oldest_us; /* 0: none is in CLOSE_WAIT */
	uint64_t memory_bytes;
};
