/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core hands out: records, and what is known around them. A consumer of records needs no other header of core/.
 *
 * All times are nanoseconds of CLOCK_MONOTONIC unless their name says otherwise.
 */
#pragma once

#include "record_meta.h"
#include "record_names.h"
#include "record_owner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TIME_WAIT, or a FIN_WAIT2 that outlives its socket: both are minisockets. */
struct conn_time_wait {
	bool entered;   /* else nothing else is valid */
	bool us_known;  /* TIME_WAIT's begin and end are known */
	uint64_t us;    /* time in TIME_WAIT proper */
	bool fin_wait2; /* it began as FIN_WAIT2 */
	bool fin_wait2_us_known;
	uint64_t fin_wait2_us; /* in the minisocket, not in the socket before it */
	uint32_t restarts;     /* how often 2 MSL started again; a lower bound where segments are not seen */
	bool restarts_unknown; /* none was seen, and what is known as TIME_WAIT's begin may have been one */
	enum wire_minisock_cause end;
	enum conn_ev ev;
};

#define CONN_TIMELINE_MAX 12 /* TCP's state graph has no loop: no life is longer than 9 states */
#define CONN_SEGMENTS_MAX 12 /* segments.c finds at most 11 in one connection */
#define CONN_HISTORY_MAX 16

struct conn_span {
	uint64_t at_us; /* since the record's start */
	uint64_t us;    /* time in the state; valid if us_known */
	uint8_t state;  /* enum wire_tcp_state */
	uint8_t by;     /* enum conn_by: who caused the entry */
	uint8_t ev;     /* enum conn_ev */
	bool us_known;
};

/* Numbers are whole offsets: 0 is the SYN of whom they count. A FIN's seq is the FIN's own, behind any payload. */
struct conn_segment {
	uint64_t at_us; /* since the record's start; of the first, if it was repeated */
	uint64_t seq, ack;
	uint32_t n; /* how often it was sent; of the peer's only the first is known */
	uint8_t dir, flags, proof;
	uint64_t at_us_last; /* of the last one, if it was repeated; valid if last_known */
	bool at_known, seq_known, ack_known, last_known;
};

/* How often something was sent again. */
struct conn_retransmits {
	uint64_t syn, synack, data, fin;
};

/* A process, and the program that it ran when it was seen. */
struct process {
	struct wire_task task; /* tgid 0: nobody */
	uint64_t program;      /* struct wire_program's exec_count, in older recordings arg_start; 0 not known */
	uint64_t cgroup_id;    /* 0 not known, as in older recordings */
};

static inline bool process_is(const struct process *a, const struct process *b)
{
	return a->task.tgid == b->task.tgid && a->task.start_ns == b->task.start_ns;
}

/* What is common to every record about a connection. */
struct conn_tuple {
	uint64_t cookie;
	uint32_t generation; /* how often this socket connected before; 0 nearly always */
	enum conn_role role;
	bool id_known; /* id is valid */
	struct wire_ident id;
	enum conn_from from; /* CONN_FROM_NONE: the process is not valid */
	union {
		struct process process;
		struct {
			struct wire_task task;
			uint64_t program, process_cgroup_id;
		};
	};
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
	unsigned int segments_len;
	uint8_t first_of[CONN_DIR_MAX][CONN_FLAGS_MAX]; /* how many segments there are up to the first of a kind; 0: none is */
	bool isn_local_known, isn_peer_known;
	uint32_t isn_local, isn_peer; /* as on the wire */
	bool stats_known;
	bool sent_unknown;         /* stats.bytes_sent counts payload that never left */
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

	/* Last, so that what is not used of them need not be cleared. */
	struct conn_span timeline[CONN_TIMELINE_MAX];
	struct conn_segment segments[CONN_SEGMENTS_MAX];
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

/* With CONN_TW_SPLIT: TIME_WAIT is over, after the connection's record. */
struct conn_time_wait_record {
	const struct conn_tuple *t;
	bool start_known;
	uint64_t start_ns; /* the connection's */
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

/* A listener whose accept queue is full, or that dropped something. */
struct conn_listener_row {
	uint8_t local_addr[16];
	uint32_t netns;
	uint16_t local_port;
	bool ipv4, mptcp;
	bool ended;            /* `at` is how it was then */
	struct wire_task task; /* who listens; tgid 0: not known */
	struct wire_queue at;
	uint64_t drops, interval_us; /* segments dropped in it; 0: `drops` is not known */
	uint64_t began_ns;           /* listens since; 0: older than the tool */
	uint64_t read_ns;            /* when `at` was read */
	uint64_t cookie;
};

static inline bool conn_queue_is_full(const struct wire_queue *at)
{
	return at->queue > at->limit; /* sk_acceptq_is_full() */
}

struct conn_listeners_rest {
	uint64_t count, drops; /* listeners, and what they dropped as far as it is known */
};

/* What a network namespace counted. */
struct conn_netns_row {
	uint32_t netns;
	uint16_t known;       /* bits of enum wire_netns_count */
	uint64_t interval_us; /* 0: since the namespace was made */
	uint64_t counts[WIRE_NETNS_COUNTS];
};

struct conn_netns_rest {
	uint64_t count, counts[WIRE_NETNS_COUNTS];
};

static inline void conn_netns_rest_add(struct conn_netns_rest *rest, const struct conn_netns_row *row)
{
	rest->count++;
	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++)
		rest->counts[i] += row->known & 1u << i ? row->counts[i] : 0;
}

struct conn_summary_record {
	uint64_t interval_us;
	uint64_t opened; /* connections that reached ESTABLISHED (or were found) in the interval */
	uint64_t closed;
	uint64_t by_state[WIRE_STATE_MAX]; /* now */
	struct conn_retransmits retransmits;
	uint64_t resets_sent, resets_received;
	struct {
		bool on;                                        /* else it is not followed */
		uint64_t entered, early, ended[WIRE_CAUSE_MAX]; /* in the interval */
		uint64_t alive;                                 /* now */
	} time_wait;
	struct conn_half_open_row half_open[CONN_SUMMARY_ROWS]; /* the most first */
	unsigned int half_open_len;
	uint64_t half_open_rest;                               /* of other listeners */
	struct conn_listener_row listeners[CONN_SUMMARY_ROWS]; /* in the order of rows_choose() */
	unsigned int listeners_len;
	struct conn_listeners_rest listeners_rest;
	struct conn_netns_row namespaces[CONN_SUMMARY_ROWS]; /* likewise */
	unsigned int namespaces_len;
	struct conn_netns_rest namespaces_rest;
	struct conn_ports_row ports[CONN_SUMMARY_ROWS]; /* over half of the range; the most first */
	unsigned int ports_len;
	bool close_wait_any;
	uint64_t close_wait_oldest_us;
	bool close_wait_over_known;
	uint64_t close_wait_over;          /* alerts that are open */
	uint64_t events_in;                /* in the interval */
	uint64_t lost[WIRE_LOST_MAX];      /* in the interval, by stage */
	enum record_level level;           /* of the run, now */
	uint64_t left_out;                 /* records that it kept from this output in the interval */
	uint64_t rss_bytes, cpu_us;        /* cpu_us: since the daemon started */
	const struct leak_totals *leaks;   /* of a leak scan: then only close_wait_oldest_us and listeners are valid besides */
	const struct diagnosis *diagnosis; /* of finding.h: then nothing else is valid */
};

struct conn_lost_record {
	enum wire_lost_stage stage;
	uint64_t count;
	uint64_t total; /* of this stage since the start */
	uint64_t from_ns;
	uint64_t connections_affected; /* live ones that it may have touched */
};

struct leak_verdict {
	enum leak_cause cause;
	bool certain;
	bool unread_unknown;   /* unread_bytes is a lower bound */
	uint32_t unread_bytes; /* payload, the FIN not counted */
	uint32_t unsent_bytes;
};

struct leak_holder {
	struct wire_task task;
	int32_t fd;
	uint32_t next; /* the same socket's; LEAK_NONE */
};
#define LEAK_NONE UINT32_MAX

/* Each holder of a socket: `holders` is the scan's array. */
#define leak_for_each_holder(holder, holders, socket)                                                                          \
	for (uint32_t at_ = (socket)->first_holder; at_ != LEAK_NONE && ((holder) = &(holders)[at_]); at_ = (holder)->next)

struct leak_socket {
	struct conn_tuple t; /* its process: the first holder, or who listens where it waits */
	uint64_t listener;   /* in whose accept queue it is: a cookie; 0 in none, or not known */
	uint8_t state;       /* CLOSE_WAIT, FIN_WAIT2, CLOSE and killed, ESTABLISHED and not accepted; see leak_scan_widen() */
	struct leak_verdict verdict;
	uint64_t age_ns;
	uint64_t silent_ns; /* since the last acceptable segment of the peer */
	bool sent_known;
	uint64_t sent_ns;          /* since payload was sent last */
	uint32_t snd_una, unacked; /* sent up to there with an answer, and so much behind it without */
	bool age_is_lower_bound;
	bool age_from_before; /* not seen by this run: by the one before */
	bool opened;          /* by connect(); else accepted */
	bool side_certain;    /* else a listener at its address stands for that it was accepted */
	uint32_t holders, first_holder, last_holder;
	uint32_t strangers; /* of its holders: WIRE_LEAK_STRANGER, and not standard input or output */
	bool others_used;   /* idle in a pool, and its process used other sockets since: the last one so long ago */
	uint64_t others_used_ns;
	struct wire_task opener; /* of one that is inherited: who opened, accepted or used it; tgid 0: not known */
	bool opener_ended;       /* false: it runs, or that is not known */
};

#define BOOT_DIGITS 8 /* of a boot id, in ids */

/* Of sockets in CLOSE_WAIT, in FIN_WAIT2, and of connections that nobody accepted yet, whatever their state. */
struct leak_totals {
	uint64_t close_wait, close_wait_over; /* over the threshold */
	uint64_t close_wait_any;              /* whatever is selected */
	uint64_t fin_wait2, fin_wait2_over;
	uint64_t not_accepted, not_accepted_over;
	uint64_t killed;                  /* ended from outside, and a descriptor of them is still held */
	uint64_t oldest_ns;               /* of CLOSE_WAIT */
	const struct leak_change *change; /* of those over the threshold; NULL: there is one look only */
};

/* What one look at the leaks has and the look before had not, and the other way round. */
struct leak_change {
	bool known; /* there was a look before */
	uint64_t appeared, gone;
};

/* Names an alert: of one socket by its cookie, or of a group, whose number is no cookie. */
struct leak_alert {
	uint64_t id;
	bool is_group;
};

/* A socket has been in CLOSE_WAIT for longer than the threshold. */
struct leak_record {
	const struct leak_socket *socket;
	const struct leak_holder *holders; /* leak_for_each_holder() */
	uint64_t threshold_ns;
	struct leak_alert alert;
	uint64_t count;      /* it stands for so many, of its group and itself */
	uint64_t group_open; /* those of the same group that are over the threshold, too */
	bool growth_known;
	int64_t growth_per_min;           /* of group_open */
	const struct leak_change *change; /* NULL: there is one look only */
	bool is_new;                      /* not in the look before, if there was one */
	bool resumed;                     /* the run before has raised it */
};

struct leak_resolved_record {
	const struct conn_tuple *t;
	struct leak_alert alert;
	uint64_t in_state_ns;
	bool age_is_lower_bound;
	enum leak_resolution resolution;
	uint64_t count;
	const char *boot_id;   /* of its ids, BOOT_DIGITS or more; NULL: this boot's */
	int64_t after_wall_ns; /* WHILE_DOWN, HOST_RESTART: it was there then */
	bool from_before;      /* the run before saw it, and was killed before it wrote this */
};

/* When the wall clock was set or, against CLOCK_MONOTONIC, moved: see record_clock.h. */
#define RECORD_CLOCK_STEPS 256u
struct record_clock_step {
	uint64_t from_ns;
	int64_t offset_ns, boot_offset_ns; /* to the wall clock, of CLOCK_MONOTONIC and of CLOCK_BOOTTIME */
};
struct record_clock {
	uint32_t len;
	struct record_clock_step steps[RECORD_CLOCK_STEPS]; /* in order */
};

/* The same for all records of a run: from the recording's header in a replay. */
struct record_context {
	const char *instance; /* 12 hex digits */
	const char *hostname;
	const char *boot_id; /* with dashes, as the kernel gives it */
	const char *version, *kernel, *arch, *libbpf;
	bool foreign_pids;       /* processes outside of a container were not seen */
	uint64_t paths_dropped;  /* records since the last summary without a path, for want of room or of a descriptor */
	int64_t clock_offset_ns; /* wall = monotonic + this, until the first of clock.steps */
	struct record_clock clock;
	int64_t boot_offset_ns; /* wall = boottime + this, as above: for the start of processes */
	const char *(*reason_name)(void *ctx, uint32_t reason); /* the kernel's name, or NULL */
	void *ctx;
};

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
		const struct record_meta *meta;
		const struct leak_record *leak;
		const struct leak_resolved_record *leak_resolved;
		const struct finding_record *finding; /* of finding.h */
	};
};

typedef void (*opener_fn)(void *ctx, const struct wire_task *opener);
typedef void (*conn_emit_fn)(void *ctx, const struct record *rec);
