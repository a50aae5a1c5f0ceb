/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connection table: eats wire events, hands out records.
 *
 * Pure: no I/O, no clock (time is what the events say), no global. Feed it one stream in time order; it never sorts.
 * All times are nanoseconds of CLOCK_MONOTONIC unless their name says otherwise.
 */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include "bpf/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every enum below has a name table in names.c, in output.md's words. */
enum conn_role { CONN_ROLE_UNKNOWN, CONN_CLIENT, CONN_SERVER, CONN_SIMULTANEOUS, CONN_ROLE_MAX };
enum conn_side { CONN_SIDE_UNKNOWN, CONN_LOCAL, CONN_PEER, CONN_BOTH, CONN_SIDE_MAX };
enum conn_by { CONN_BY_UNKNOWN, CONN_BY_LOCAL, CONN_BY_PEER, CONN_BY_TIMER, CONN_BY_MAX };
enum conn_ev { CONN_EV_EVENT, CONN_EV_SCAN, CONN_EV_INFERRED, CONN_EV_MAX };
enum conn_end {
	CONN_END_UNKNOWN,
	CONN_END_FIN,
	CONN_END_RST_SENT,
	CONN_END_RST_RECEIVED,
	CONN_END_REFUSED,
	CONN_END_TIMEOUT,
	CONN_END_UNREACHABLE,
	CONN_END_ABORTED,
	CONN_END_NETNS_GONE,
	CONN_END_DAEMON_STOP,
	CONN_END_MAX
};
enum conn_close_kind {
	CONN_CLOSE_NONE, /* null: no FIN, or not known */
	CONN_CLOSE_FOUR_WAY,
	CONN_CLOSE_THREE_SEGMENT,
	CONN_CLOSE_SIMULTANEOUS,
	CONN_CLOSE_HALF,
	CONN_CLOSE_KIND_MAX
};
/* Which evidence named the process. LISTENER: nobody touched the connection, so it is who listens. */
enum conn_from {
	CONN_FROM_NONE,
	CONN_FROM_CONNECT,
	CONN_FROM_ACCEPT,
	CONN_FROM_IO,
	CONN_FROM_CLOSE,
	CONN_FROM_SCAN,
	CONN_FROM_LISTENER,
	CONN_FROM_MAX
};

/* Why a minisocket died: enum wire_minisock_cause under the output's names. */
const char *conn_tw_end_name(enum wire_minisock_cause cause); /* NULL for WIRE_CAUSE_UNKNOWN */

/* When a connection that goes through TIME_WAIT is told: once after it, twice (before and after), or before it only. */
enum conn_tw_mode { CONN_TW_JOIN, CONN_TW_SPLIT, CONN_TW_OFF };

/* How a segment is known: a hook saw it; a transition and the socket's numbers prove it; the transition alone implies it. */
enum conn_proof { CONN_PROOF_EVENT, CONN_PROOF_NUMBERS, CONN_PROOF_INFERRED, CONN_PROOF_MAX };
enum conn_dir { CONN_OUT, CONN_IN, CONN_DIR_MAX };
enum conn_flags {
	CONN_FLAGS_SYN,
	CONN_FLAGS_SYN_ACK,
	CONN_FLAGS_ACK,
	CONN_FLAGS_FIN_ACK,
	CONN_FLAGS_RST, /* with or without ACK */
	CONN_FLAGS_RST_ACK,
	CONN_FLAGS_MAX
};

/* Names for output; never NULL; "unknown" values give NULL where the contract says null. */
const char *conn_state_name(unsigned int tcp_state);
const char *conn_role_name(enum conn_role role);
const char *conn_side_name(enum conn_side side);
const char *conn_by_name(enum conn_by by);
const char *conn_ev_name(enum conn_ev ev);
const char *conn_end_name(enum conn_end end); /* "unknown" for CONN_END_UNKNOWN */
const char *conn_close_kind_name(enum conn_close_kind kind);
const char *conn_from_name(enum conn_from from);
const char *conn_proof_name(enum conn_proof proof);
const char *conn_dir_name(enum conn_dir dir);
const char *conn_flags_name(enum conn_flags flags);
const char *conn_lost_stage_name(enum wire_lost_stage stage);
const char *conn_segment_name(enum wire_segment_kind kind);
const char *conn_trigger_name(enum wire_trigger trigger);

/* TIME_WAIT, or a FIN_WAIT2 that outlives its socket: minisockets both. */
struct conn_time_wait {
	bool entered;   /* else nothing else is valid */
	bool us_known;  /* TIME_WAIT's begin and end are known */
	uint64_t us;    /* time in TIME_WAIT proper */
	bool fin_wait2; /* it began as FIN_WAIT2 */
	bool fin_wait2_us_known;
	uint64_t fin_wait2_us; /* in the minisocket, not in the socket before it */
	uint32_t restarts;     /* how often 2 MSL began anew; where segments are not seen, at least */
	bool restarts_unknown; /* none was seen, and what is known as TIME_WAIT's begin may have been one */
	enum wire_minisock_cause end;
	enum conn_ev ev;
};

#define CONN_TIMELINE_MAX 12 /* TCP's state graph has no loop: no life is longer than 9 states */
#define CONN_SEGMENTS_MAX 12 /* the most that segments.c can tell of one connection is 11 */
#define CONN_HISTORY_MAX 16

struct conn_span {
	uint64_t at_us; /* since the record's start */
	uint64_t us;    /* time in the state; valid if us_known */
	uint8_t state;  /* enum wire_tcp_state */
	uint8_t by;     /* enum conn_by: who caused the entry */
	uint8_t ev;     /* enum conn_ev */
	bool us_known;
};

/* Numbers are relative, modulo 2^32: 0 is the SYN of whom they count. A FIN's seq is the FIN's own, behind any payload. */
struct conn_segment {
	uint64_t at_us; /* since the record's start; of the first, if it was repeated */
	uint32_t seq, ack;
	uint32_t n; /* how often it was sent; of the peer's only the first is known */
	uint8_t dir, flags, proof;
	bool at_known, seq_known, ack_known;
};

/* How often something was sent again. */
struct conn_retransmits {
	uint64_t syn, synack, data, fin;
};

/* What is common to every record about a connection. */
struct conn_tuple {
	uint64_t cookie;
	uint32_t generation; /* how often this socket connected before; 0 nearly always */
	enum conn_role role;
	bool id_known; /* id is valid */
	struct wire_ident id;
	enum conn_from from; /* CONN_FROM_NONE: task is not valid */
	struct wire_task task;
};

struct conn_record {
	struct conn_tuple t;
	bool final;        /* false: progress */
	bool start_known;  /* false: it existed before us */
	uint64_t start_ns; /* first event, or when the scan found it */
	uint64_t end_ns;   /* the last event, or the progress record's time */
	bool handshake_known;
	uint64_t handshake_us;
	enum conn_side closed_by;
	enum conn_end end;
	enum conn_close_kind close_kind;
	const char *conn_state; /* Zeek's code, a static string */
	char history[CONN_HISTORY_MAX];
	unsigned int timeline_len;
	struct conn_span timeline[CONN_TIMELINE_MAX];
	unsigned int segments_len;
	struct conn_segment segments[CONN_SEGMENTS_MAX];
	bool isn_local_known, isn_peer_known;
	uint32_t isn_local, isn_peer; /* as on the wire */
	bool stats_known;
	struct wire_stats stats;   /* as the kernel counts */
	uint64_t payload_acked;    /* bytes_acked less SYN and FIN */
	uint64_t payload_received; /* bytes_received less FIN */
	bool unread_known;
	uint32_t unread_bytes;
	uint32_t unsent_bytes;
	struct conn_retransmits retransmits;
	struct {
		uint32_t sent, received;
		uint32_t reason; /* enum sk_rst_reason of the recorded kernel; 0 none */
	} resets;
	struct conn_time_wait time_wait;
	bool complete;
	uint32_t gaps;
	bool duration_known; /* end_ns - start_ns is all of it, from the first SYN on; else it is a lower bound */
};

/* Opt-in: one transition. */
struct conn_state_record {
	const struct conn_tuple *t;
	uint8_t old_state, new_state;
	bool prev_known;
	uint64_t prev_us; /* how long old_state lasted */
	enum conn_by by;
	enum conn_ev ev;
};

struct conn_retransmit_record {
	const struct conn_tuple *t; /* NULL: aggregated, then netns and local_port are valid */
	uint32_t netns;
	uint16_t local_port;
	uint8_t state;
	enum wire_segment_kind kind;
	enum wire_trigger trigger;
	bool seq_known;
	uint32_t seq; /* absolute, as on the wire */
	uint32_t len; /* payload bytes */
	uint64_t count;
	uint64_t interval_us; /* 0: not aggregated */
};

struct conn_reset_record {
	const struct conn_tuple *t; /* NULL: aggregated */
	uint32_t netns;
	uint16_t local_port;
	uint8_t state;
	enum wire_direction direction;
	uint32_t reason;
	uint64_t count;
	uint64_t interval_us;
};

/* With CONN_TW_SPLIT: TIME_WAIT is over, after the connection was told. */
struct conn_time_wait_record {
	const struct conn_tuple *t;
	struct conn_time_wait time_wait;
};

struct conn_snapshot_record {
	enum wire_scan_cause cause;
	uint64_t namespaces;
	uint64_t sockets; /* distinct cookies */
	uint64_t took_us;
	uint64_t by_state[WIRE_STATE_MAX];
};

#define CONN_SUMMARY_ROWS 16

/* Attempts to connect whose SYN-ACK was repeated and that did not become a connection. */
struct conn_half_open_row {
	uint32_t netns;
	uint16_t local_port;
	uint64_t count;
};

/* Connections that we opened, TIME_WAIT included, from one address to one: each takes one of the ports that connect() has. */
struct conn_ports_row {
	uint32_t netns;
	bool ipv4;
	uint8_t local_addr[16], peer_addr[16];
	uint16_t peer_port;
	uint32_t in_use, range; /* ports */
};

struct conn_summary_record {
	uint64_t interval_us;
	uint64_t opened; /* connections that reached ESTABLISHED (or were found) in the interval */
	uint64_t closed;
	uint64_t by_state[WIRE_STATE_MAX]; /* now */
	struct conn_retransmits retransmits;
	uint64_t resets_sent, resets_received;
	struct {
		bool on;                                        /* else not looked at */
		uint64_t entered, early, ended[WIRE_CAUSE_MAX]; /* in the interval */
		uint64_t alive;                                 /* now */
	} time_wait;
	struct conn_half_open_row half_open[CONN_SUMMARY_ROWS]; /* the most first */
	unsigned int half_open_len;
	uint64_t half_open_rest;                        /* of other listeners */
	struct conn_ports_row ports[CONN_SUMMARY_ROWS]; /* over half of the range; the most first */
	unsigned int ports_len;
	bool close_wait_any;
	uint64_t close_wait_oldest_us;
	bool close_wait_over_known;
	uint64_t close_wait_over;        /* alerts that are open */
	uint64_t events_in;              /* in the interval */
	uint64_t lost[WIRE_LOST_MAX];    /* in the interval, by stage */
	uint64_t rss_bytes, cpu_us;      /* cpu_us: since the daemon started */
	const struct leak_totals *leaks; /* core/leak.h; of a leak scan: then nothing else is valid but close_wait_oldest_us */
};

struct conn_lost_record {
	enum wire_lost_stage stage;
	uint64_t count;
	uint64_t total; /* of this stage since the start */
	uint64_t from_ns;
	uint64_t connections_affected; /* live ones that it may have touched */
};

enum record_kind {
	RECORD_CONNECTION,
	RECORD_PROGRESS,
	RECORD_STATE,
	RECORD_RETRANSMIT,
	RECORD_RESET,
	RECORD_SNAPSHOT,
	RECORD_SUMMARY,
	RECORD_LOST,
	RECORD_META, /* made outside the core */
	RECORD_TIME_WAIT,
	RECORD_CLOSE_WAIT_LEAK,
	RECORD_CLOSE_WAIT_RESOLVED,
	RECORD_MAX
};
const char *record_kind_name(enum record_kind kind); /* the contract's `event` */

/* Valid during the callback only. */
struct record {
	enum record_kind kind;
	uint64_t ts; /* when the thing happened */
	union {
		const struct conn_record *conn; /* CONNECTION, PROGRESS */
		const struct conn_state_record *state;
		const struct conn_retransmit_record *retransmit;
		const struct conn_reset_record *reset;
		const struct conn_time_wait_record *time_wait;
		const struct conn_snapshot_record *snapshot;
		const struct conn_summary_record *summary;
		const struct conn_lost_record *lost;
		const struct record_meta *meta; /* sink/sink.h */
		const struct leak_record *leak; /* core/leak.h */
		const struct leak_resolved_record *leak_resolved;
	};
};

typedef void (*conn_emit_fn)(void *ctx, const struct record *rec);

struct conn_config {
	uint32_t max_connections; /* beyond it newcomers are counted as lost (stage table), not tracked */
	uint64_t progress_ns;     /* 0: no progress records */
	uint64_t summary_ns;      /* 0: no summary records */
	enum conn_tw_mode time_wait;
	uint64_t leak_threshold_ns; /* 0: no alerts */
	uint32_t wanted;            /* 1 << enum record_kind: records of other kinds are not built */
};

struct conn_table;

/* 0 or -ENOMEM/-EINVAL. The table calls `emit` from within conn_table_feed() and conn_table_stop() only. */
int conn_table_new(struct conn_table **out, const struct conn_config *config, conn_emit_fn emit, void *ctx);
void conn_table_free(struct conn_table *table); /* NULL is fine; emits nothing */

/* `ev` must be wire_valid(). Kinds that are not the core's business are ignored. */
void conn_table_feed(struct conn_table *table, const struct wire_hdr *ev);

/*
 * The stream ends at `now`: emits what waits only for a late event, then, if `open_too`, one progress-like record (final false,
 * end daemon_stop) for each open connection.
 */
void conn_table_stop(struct conn_table *table, uint64_t now, bool open_too);

/* Records wait for what a scan of minisockets would tell (CONN_TW_SPLIT, where the hooks may be silent). */
bool conn_table_wants_minisocks(const struct conn_table *table);

/* True if a socket has been in CLOSE_WAIT for so long that the stream should have a leak scan (WIRE_LEAK_BEGIN) soon. */
bool conn_table_wants_leak_scan(const struct conn_table *table, uint64_t now);

/* True if a tick at `now` makes a summary: the stream should have each namespace's WIRE_PORT_RANGE before it. */
bool conn_table_wants_port_ranges(const struct conn_table *table, uint64_t now);

struct conn_table_stats {
	uint64_t events_in;
	uint64_t tracked;      /* now, listeners not counted */
	uint64_t resyncs;      /* impossible transitions: an event was lost */
	uint64_t memory_bytes; /* all that the table holds */
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t time_wait_early;       /* TIME_WAITs that were told before their end: max_connections, or connect() on the same
					   socket */
	uint64_t generations_forgotten; /* sockets whose next connect() will count from 0 again */
};
void conn_table_stats(const struct conn_table *table, struct conn_table_stats *ret_stats);

#endif
