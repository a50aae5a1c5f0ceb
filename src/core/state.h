/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the core share: a tracked connection and the table's own state. A million connections are kept, so every
 * byte of struct conn counts. table.c owns their memory.
 */
#pragma once

#include "conn_config.h"
#include "half_open.h"
#include "intern.h"
#include "listener.h"
#include "netns_counts.h"
#include "record_types.h"

#define CONN_SPANS 6 /* TCP's graph has no loop: no life has more states, TIME_WAIT included */
#define CONN_NONE 0u /* no connection has this id */
#define CONN_GAPS_MAX 255u
#define CONN_RESETS_SENT_MAX 1023u
#define CONN_RESETS_LAST_MAX 3u
#define CONN_RESETS_RECEIVED_MAX 63u

/* What has been proven about a connection. Besides its timeline it keeps no other history. */
enum conn_fact {
	CONN_START_KNOWN = 1 << 0,
	CONN_ID_KNOWN = 1 << 1,
	CONN_ESTABLISHED = 1 << 2,
	CONN_HANDSHAKE_KNOWN = 1 << 3, /* first span to ESTABLISHED is the handshake */
	CONN_REPAIRED = 1 << 4,        /* TCP_REPAIR: established without a segment */
	CONN_ISN_LOCAL = 1 << 5,       /* isn_local is valid */
	CONN_FIN_LOCAL = 1 << 6,       /* queued */
	CONN_FIN_SENT = 1 << 7,
	CONN_FIN_ACKED = 1 << 8,
	CONN_FIN_PEER = 1 << 9,
	CONN_FIN_CROSSED = 1 << 10,
	CONN_PEER_FIRST = 1 << 11,
	CONN_SHUT_ONLY = 1 << 12,  /* our FIN came from shutdown(): we still read */
	CONN_MARK_KNOWN = 1 << 13, /* mark_seq and mark_segs are valid */
	CONN_FIN_THEN_DATA = 1 << 14,
	CONN_OUT_FIRST = 1 << 15, /* payload went out before the first FIN */
	CONN_IN_FIRST = 1 << 16,
	CONN_HELD = 1 << 17,      /* closed, waits for a late reset: closing.c */
	CONN_TRUNCATED = 1 << 18, /* more states than spans: only a broken stream does that */
	CONN_STATE_DUE = 1 << 19, /* its first state record waits for the tuple */
	CONN_SYN_CROSSED = 1 << 20,
	CONN_SCAN_JUMP = 1 << 21,    /* the last span is a scan's and cost a gap */
	CONN_FIN_JOINED = 1 << 22,   /* one segment carried the ACK of the first FIN and the second FIN */
	CONN_FIN_APART = 1 << 23,    /* the ACK went in a segment of its own */
	CONN_MARK_BACKLOG = 1 << 24, /* at the mark, segs_in counted segments that were not processed yet */
	CONN_ISN_PEER = 1 << 25,
	CONN_FIN_DELAYED = 1 << 26,  /* data waited before our FIN as it was queued */
	CONN_FIN_AFTER = 1 << 27,    /* FINs crossed, but ours was still queued when the peer's came */
	CONN_FIN_WITH_ACK = 1 << 28, /* the peer's FIN came in the segment that ended the handshake */
	CONN_RST_ACTIVE = 1 << 30,   /* the reset that ended it answered no segment */
	CONN_MINISOCK = 1u << 31,    /* closed, its minisocket lives: tw_conn.c */
};

/* What the kernel's stamps and counters have proven of single segments. Recordings of older versions prove none of it. */
enum conn_proven {
	CONN_PROVEN_SYN_AT = 1 << 0,      /* syn_us is valid */
	CONN_PROVEN_DATA_OPENED = 1 << 1, /* payload came with the segment that ended a server's handshake, or a FIN may have */
	CONN_PROVEN_FIN_AT = 1 << 2,      /* the peer's FIN came as its transition says: it did not wait for another segment */
	CONN_PROVEN_FIN_ACK = 1 << 3, /* what it acknowledges: first_ack at CLOSE_WAIT, mark_seq at CLOSING, else fin_behind */
	CONN_PROVEN_ACK_SEQ = 1 << 4, /* conn_ack_seq() is valid */
	CONN_PROVEN_ACK_ALONE = 1 << 5, /* the peer's FIN was acknowledged without payload */
	CONN_PROVEN_ACK_NONE = 1 << 6,  /* what acknowledged it first carried payload, or our FIN, or nothing did */
	CONN_PROVEN_ACK_AT = 1 << 7,    /* live.ack_us is valid */
	CONN_PROVEN_ROOM = 1 << 8,      /* nothing held our FIN back as it was queued */
	CONN_PROVEN_OUT_AT = 1 << 9, /* conn_fin_us() is valid, and first_ack is what our FIN acknowledges, if it was first */
	CONN_PROVEN_EDGES = 1 << 10, /* no data waited out of order at the end: a reset was taken at rcv_nxt */
	CONN_PROVEN_FORM = 1 << 11,  /* the form of the last reset that we sent is known: live.reset_form, live.reset_number */
	CONN_PROVEN_UNCOUNTED = 1 << 12, /* a repeat's number of segments is not known */
	CONN_PROVEN_UNSENT = 1 << 14,    /* bytes_sent counts payload that never left */
	CONN_PROVEN_AHEAD = 1 << 13,     /* at the mark the stamp of the last segment lay in the future: paced */
	CONN_PROVEN_REPEAT_AT = 1 << 15, /* times of repeats are in the table's `repeats` */
};

struct conn_entry {
	uint64_t at_us : 48; /* since start_ns */
	uint64_t state : 4, by : 2, ev : 2;
	uint64_t us_unknown : 1; /* how long it lasted is not known although the next span's begin is */
};

enum conn_mini_flags {
	MINI_FIN_WAIT2 = 1 << 0, /* it began in FIN_WAIT2 */
	MINI_STATS = 1 << 1,     /* the counters are valid */
	MINI_CLOSE = 1 << 2,     /* the ->CLOSE was seen: its numbers are valid */
	MINI_STOPPED = 1 << 3,   /* its timer was: dead, unless something follows */
	MINI_EMITTED = 1 << 4,   /* as a connection: by CONN_TW_SPLIT, or by an earlier run */
	MINI_FOUND = 1 << 5,     /* older than us */
	MINI_INFERRED = 1 << 6,  /* no hook shows it */
	MINI_CUT = 1 << 7,       /* emitted before its end is known */
};

/* What is left of a closed connection while its minisocket lives: its last numbers and counters. */
struct conn_minisock {
	uint64_t bytes_sent : 56;
	uint64_t ca : 8; /* table_ca_name() */
	uint64_t bytes_acked : 56;
	uint64_t close_flags : 8;
	uint64_t bytes_received : 56;
	uint64_t flags : 8;
	uint64_t due_us : 48; /* when its timer is due: since start_ns */
	uint64_t restarts : 10;
	uint64_t stop_cause : 3;           /* MINI_STOPPED: enum wire_minisock_cause */
	uint64_t stop_time_wait : 1;       /* and whether it was in TIME_WAIT */
	uint64_t begin_is_upper_bound : 1; /* TIME_WAIT may have begun before, and what is known as its begin be a restart */
	uint64_t restarts_unsure : 1;      /* others may have come before those that are known */
	uint32_t snd_nxt, rcv_nxt, unread; /* all that was sent is acknowledged */
	uint32_t segs_out, segs_in, srtt_us, min_rtt_us;
	uint32_t fin_wait2_us; /* in FIN_WAIT2; until that is over, from its begin to due_us */
	uint32_t fin_us;       /* conn_fin_us() */
	uint16_t mss;
	uint16_t fin_behind : 12; /* how much less than all the peer's FIN acknowledges, with CONN_PROVEN_FIN_ACK */
	uint16_t close_state : 4;
};
#define CONN_BEHIND_MAX ((1u << 12) - 1)

/* A minisocket's begin, reported microseconds before the socket's ->CLOSE. */
struct conn_begun {
	uint64_t ts;
	int64_t remaining_ns;
	uint32_t snd_nxt; /* whose it is, where the socket had other lives */
	uint16_t expires;
	uint8_t what, state; /* what is 0: none */
};

/* What is needed of a connection up to its close only. */
struct conn_live {
	struct conn_begun begun;
	uint32_t mark_data;    /* data_segs_out at CLOSE_WAIT, or as our FIN was queued, which is later */
	uint32_t fin_segs;     /* segs_out as our FIN was queued */
	uint32_t fin_us;       /* conn_fin_us() */
	uint32_t ack_seq;      /* conn_ack_seq() */
	uint32_t ack_us;       /* when the ACK of the peer's FIN left: since start_ns */
	uint32_t reset_number; /* struct wire_reset_number */
	uint16_t fin_behind;   /* as in struct conn_minisock */
	uint8_t reset_form;    /* enum wire_reset_form */
};

struct conn {
	uint64_t cookie; /* 0: a free slot */
	uint64_t start_ns;
	uint32_t id, facts;
	uint16_t proofs; /* enum conn_proven */
	uint16_t reset_reason;
	uint32_t state : 4, role : 2, from : 4, spans_len : 3, end : 5, ipv6 : 1, id_flags : 2, scan_epoch : 8,
		resets_last : 2, /* of resets_sent, those that belong to the end */
		accepted : 1;    /* some process got it, known or not */
	uint32_t next, prev;     /* list of CLOSE_WAIT; place in the delay of resets; free list */
	uint32_t loss_epoch;     /* the table's, at birth */
	uint32_t mark_seq; /* snd_nxt at CLOSE_WAIT or rcv_nxt at FIN_WAIT2: beyond came after a FIN; snd_una at CLOSING */
	union {
		uint32_t mark_segs; /* segs_in at ESTABLISHED or FIN_WAIT2, segs_out at CLOSE_WAIT */
		int32_t stop_us;    /* MINI_STOPPED: when, from due_us on */
	};
	uint32_t isn_local, isn_peer;
	uint32_t generation;
	uint32_t retrans_data;
	union {
		uint32_t retrans_total; /* the kernel's count when the last repeat was seen */
		uint16_t expires;       /* after its close: wire_minisock's of due_us */
	};
	uint32_t retrans_syn : 8, resets_sent : 10, resets_received : 6, gaps : 8;
	uint8_t retrans_synack, retrans_fin;
	uint16_t open_ack;  /* relative: what a client's SYN-ACK or a server's last ACK of the handshake acknowledges; 0 not
			       known */
	uint32_t syn_us;    /* when our SYN left: since start_ns */
	uint32_t first_ack; /* what the first FIN acknowledges */
	struct conn_entry spans[CONN_SPANS];
	uint8_t peer_addr[16];
	uint16_t local_port, peer_port;
	uint32_t place, process; /* interned: struct conn_place and struct process */
	uint32_t reset_us;       /* the first reset that we sent: since start_ns; since the last span if it is of the end */
	union {
		struct conn_live live; /* until its close */
		struct conn_minisock mini;
	};
};

/* Where a socket lives: many share it. */
struct conn_place {
	uint8_t local_addr[16];
	uint64_t cgroup_id;
	uint32_t netns, uid;
	uint64_t unused[2]; /* 0 */
};

/* A socket's numbers at its ->CLOSE, or as a scan met it. */
struct conn_numbers {
	bool closed;
	uint8_t state; /* before the ->CLOSE */
	uint8_t sk_flags, shutdown;
	uint16_t err; /* sk_err; of a ->CLOSE, verdict_error() */
	uint32_t snd_una, snd_nxt, write_seq, rcv_nxt, copied_seq;
};

/* What a record needs to know of the end besides struct conn. */
struct conn_last {
	uint64_t at_ns;
	const struct conn_numbers *numbers; /* NULL: not seen */
	const struct wire_stats *stats;     /* likewise */
	const struct conn_time_wait *tw;    /* NULL: there was no minisocket, or TIME_WAIT is not followed */
};

/* Counts up to the last summary record; those since then are in struct table_interval. */
struct table_totals {
	uint64_t opened;
	struct conn_retransmits retransmits;
};

/* Counts since the last summary record. */
struct table_interval {
	uint64_t since_ns, opened, closed, events_in;
	uint64_t syn, synack, data, fin;
	uint64_t resets_sent, resets_received;
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t tw_entered, tw_early, tw_ended[WIRE_CAUSE_MAX];
};

struct table_scan {
	bool active, any_done;
	uint8_t epoch; /* never 0 */
	enum wire_scan_cause cause;
	uint64_t begin_ns;
	uint64_t sockets, holders, by_state[WIRE_STATE_MAX];
};

/* Listeners that ended since the last summary: queues.c. */
#define QUEUES_ENDED 64u
struct queues_ended {
	struct conn_listener_row rows[QUEUES_ENDED];
	unsigned int len;
	struct conn_listeners_rest rest; /* of those for which there was no room */
};

struct table_list {
	uint32_t head, tail;
};

/* The same of a socket that is not tracked. */
struct table_begun {
	uint64_t cookie;
	struct conn_begun begun;
};
#define TABLE_BEGUN 256u

/* A process that read, wrote or accepted what was not in the table then: a Fast Open child, or one older than the tool. */
struct table_touched {
	uint64_t cookie;
	uint8_t from;
	struct process process;
};
#define TABLE_TOUCHED 4096u

/* A socket's last ->CLOSE. */
struct table_closed {
	uint64_t cookie, ts;
};

/* Which ports connect() chooses from in a namespace. */
struct table_port_range {
	uint32_t netns; /* 0: free */
	uint16_t first, last;
	uint32_t reuse; /* enum wire_port_reuse_where; OFF if not known */
	uint64_t read_ns;
};
#define TABLE_NAMESPACES 256u

#define TABLE_RECENT 8192u

struct conn_table {
	struct conn_config config;
	conn_emit_fn emit;
	void *ctx;
	uint64_t now; /* the latest time of any event */

	/* What table.c finds and a higher file acts on. conn.c sets them. */
	void (*leaves_close_wait)(struct conn_table *t, struct conn *c);
	void (*make_room)(struct conn_table *t);

	struct conn **chunks; /* slots by id; room for max_connections from the start */
	uint32_t slots_used, free_head;
	struct index index; /* by cookie */
	uint32_t *recent;   /* ids of those that were found last, at their cookies modulo TABLE_RECENT */
	uint32_t chunks_len;
	uint64_t tracked, by_state[WIRE_STATE_MAX];
	struct table_list close_wait; /* in order of entry */
	uint32_t close_wait_next;     /* the first that no leak scan found old enough to alert */
	struct table_list minisocks;  /* in the order in which their timers were set */

	struct {
		uint64_t cookie;
		uint32_t generation;
	} * ended; /* sockets that may connect again: table_end_life() */
	uint64_t ended_forgotten;
	uint64_t *emitted; /* cookies, one slot per remainder, the newest wins; NULL: none yet. table_note_emitted() */
	struct table_closed *closed; /* one slot per hash, the newest wins: table_note_close() */

	struct delay *resets, *fins; /* what waits for a late reset, a FIN */
	struct listeners listeners;
	struct alerts *alerts;
	uint64_t leaks_open;                        /* alerts at the stop */
	struct findings *findings;                  /* NULL: nobody wants them */
	struct half_open half_open, half_open_look; /* since the last summary; since the last look of findings */
	struct queues_ended ended_queues;
	struct netns_counts netns_counts;
	struct table_port_range port_ranges[TABLE_NAMESPACES];
	struct pool places, processes; /* interned */
	struct pool repeats;           /* repeats.h */
	char (*ca_names)[WIRE_CA_LEN]; /* by id; 0 is none */
	struct table_scan scan;
	uint64_t begun_ns;   /* of the first scan */
	uint64_t holders_ns; /* when a scan has read all descriptors last */
	struct table_interval interval;
	struct table_totals totals;
	uint64_t rss_bytes, cpu_us;                  /* of the run, as the last tick says */
	struct table_touched touched[TABLE_TOUCHED]; /* one slot per hash */
	struct table_begun begun[TABLE_BEGUN];       /* one slot per hash: the two events are neighbours */
	enum wire_tw_tier tier;
	uint8_t mini_epoch;     /* counts scans of minisockets; never 0 */
	uint8_t listener_epoch; /* the same of scans that meet listeners */
	uint64_t early;         /* TIME_WAITs that were emitted before their end for lack of room */
	uint64_t events_in, resyncs, lost[WIRE_LOST_MAX];
	uint32_t loss_epoch; /* counts losses of events */
	uint64_t loss_until_ns;
	uint64_t refused, refused_from_ns; /* not reported yet */
	uint64_t progress_swept_ns;
	bool progress_scans; /* the stream has scans for progress */
};

/* We opened it: our SYN left before the peer's came, if that came at all. */
static inline bool conn_is_active(const struct conn *c)
{
	return c->role == CONN_CLIENT || c->role == CONN_SIMULTANEOUS;
}

/* Our SYN was acknowledged; the kernel's bytes_acked counts it. A server's it never counts. */
static inline bool conn_syn_acked(const struct conn *c)
{
	return conn_is_active(c) && (c->facts & CONN_ESTABLISHED) && !(c->facts & CONN_REPAIRED);
}

static inline const struct conn_place *conn_place(const struct conn_table *t, const struct conn *c)
{
	return intern_value(&t->places, c->place);
}

static inline struct conn_numbers conn_numbers(const struct wire_state *ev)
{
	return (struct conn_numbers){
		.closed = ev->hdr.kind == WIRE_STATE,
		.state = ev->hdr.old_state,
		.sk_flags = ev->hdr.sk_flags,
		.shutdown = ev->hdr.shutdown,
		.err = ev->err,
		.snd_una = ev->snd_una,
		.snd_nxt = ev->snd_nxt,
		.write_seq = ev->write_seq,
		.rcv_nxt = ev->rcv_nxt,
		.copied_seq = ev->copied_seq,
	};
}

/* The sequence number of the segment that acknowledged our FIN in FIN_WAIT1. */
static inline uint32_t conn_ack_seq(const struct conn *c)
{
	return c->facts & CONN_MINISOCK ? c->mark_seq : c->live.ack_seq;
}

/* When our FIN left: microseconds since start_ns. */
static inline uint32_t conn_fin_us(const struct conn *c)
{
	return c->facts & CONN_MINISOCK ? c->mini.fin_us : c->live.fin_us;
}

/* A loss may have touched it. */
static inline void conn_count_gap(struct conn *c)
{
	if (c->gaps < CONN_GAPS_MAX)
		c->gaps++;
}

/* For what has 32 bits: it stops there. */
static inline uint32_t conn_capped_us(uint64_t us)
{
	return us < UINT32_MAX ? us : UINT32_MAX;
}

/* From its start to `ts`. */
static inline uint64_t conn_us_at(const struct conn *c, uint64_t ts)
{
	return ts > c->start_ns ? (ts - c->start_ns) / 1000 : 0;
}

/* The state that it is in, or was in last. */
static inline struct conn_entry *conn_last_entry(struct conn *c)
{
	return &c->spans[c->spans_len - 1];
}

/* When it entered this state, as far as is known. */
static inline uint64_t conn_entered_ns(const struct conn *c)
{
	return c->start_ns + c->spans[c->spans_len - 1].at_us * 1000;
}

_Static_assert(sizeof(struct conn_entry) == 8, "packed");
_Static_assert(sizeof(struct conn_place) == INTERN_SIZE && sizeof(struct process) == INTERN_SIZE, "interned whole");
_Static_assert(CONN_END_MAX <= 32, "5 bits of struct conn");
_Static_assert(sizeof(struct conn) <= CONN_BYTES - 16,
	       "and an index takes up to 4 bytes * 2 / 0.75, and half of that as it grows");
