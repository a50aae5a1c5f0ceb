/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire: every struct and number that goes through the ring buffer or into a recording.
 *
 * An event is a struct wire_hdr, the rest of its base struct, and then the parts that hdr.parts names, in the order
 * task, ident, stats, proof, exec, program. Everything is little-endian host order except addresses (network order bytes, IPv4
 * as ::ffff:a.b.c.d). Ports are in host order. hdr.ts is CLOCK_MONOTONIC, in ns. Every byte, padding too, is written.
 *
 * Recordings outlive versions. Within one WIRE_VERSION base structs and parts keep their size, and kinds and values their
 * numbers. New data is a new part bit, whose struct stands behind those of lower bits, or it stands behind all parts
 * (wire_tail(), wire_text_tail()). An event that has something behind its parts gets no new part: an older reader, which does
 * not know how long that is, would not find what stands behind it. A reader skips what it does not know. What is missing is
 * "not known", and each new field says how that is written. A new kind adds facts and replaces none.
 */
#pragma once

#ifndef __VMLINUX_H__ /* vmlinux.h brings its own integer types */
#include <linux/types.h>
#endif

#include "bpf/wire_stack.h"

#define WIRE_VERSION 1
#define WIRE_COMM_LEN 16
#define WIRE_CA_LEN 16
#define WIRE_MAX_LEN 4096 /* no event is longer, its texts included */

/* The kernel's TCP states (include/net/tcp_states.h). The transition tracepoint never shows 6 or 12 as a new state. */
enum wire_tcp_state {
	WIRE_ESTABLISHED = 1,
	WIRE_SYN_SENT = 2,
	WIRE_SYN_RECV = 3,
	WIRE_FIN_WAIT1 = 4,
	WIRE_FIN_WAIT2 = 5,
	WIRE_TIME_WAIT = 6,
	WIRE_CLOSE = 7,
	WIRE_CLOSE_WAIT = 8,
	WIRE_LAST_ACK = 9,
	WIRE_LISTEN = 10,
	WIRE_CLOSING = 11,
	WIRE_NEW_SYN_RECV = 12,
	WIRE_STATE_MAX = 13,
};

enum wire_kind {
	/* from the kernel */
	WIRE_STATE = 1,      /* struct wire_state: a socket changes state */
	WIRE_DESTROY = 2,    /* struct wire_hdr: a socket died whose CLOSE was not delivered */
	WIRE_RETRANSMIT = 3, /* struct wire_retransmit */
	WIRE_RESET = 4,      /* struct wire_reset: of a connection's own socket */
	WIRE_TOUCH = 5,      /* struct wire_hdr + task: the first to accept, to write, or to read */
	WIRE_SCAN = 6,       /* struct wire_scan: a socket that exists */
	/* from the collector, so that a recording holds all that the output needs */
	WIRE_SCAN_BEGIN = 7,  /* struct wire_mark */
	WIRE_SCAN_END = 8,    /* struct wire_mark; hdr.new_state is 1 if the scan failed before it had met all */
	WIRE_AGGREGATE = 9,   /* struct wire_aggregate: what has no connection, counted in the kernel */
	WIRE_LOST = 10,       /* struct wire_lost */
	WIRE_TICK = 11,       /* struct wire_tick: time passes; all that is due by hdr.ts is due now */
	WIRE_CLOCK = 12,      /* struct wire_mark: value = CLOCK_REALTIME - CLOCK_MONOTONIC, ns; struct wire_clock_boot */
	WIRE_EXE = 13,        /* struct wire_text: key = tgid, key2 = start_ns, hdr.cookie = exec_count, text = path */
	WIRE_CGROUP = 14,     /* struct wire_text: key = cgroup id, text = path; struct wire_cgroup */
	WIRE_RST_REASON = 15, /* struct wire_text: key = number in this kernel, text = name */
	WIRE_HOOK = 16,       /* struct wire_text: key = 1 if used, 2 if not needed, text = name NUL type NUL why */
	WIRE_META = 17,       /* struct wire_text: text = what ("start", "ready", "degraded", "stop") */
	/* from the kernel */
	WIRE_MINISOCK = 18, /* struct wire_minisock: TIME_WAIT, or FIN_WAIT2 without a socket */
	/* from the collector */
	WIRE_TW_TIER = 19,    /* struct wire_mark: value = enum wire_tw_tier; once, before all else */
	WIRE_PORT_RANGE = 20, /* struct wire_port_range */
	/* from the kernel, in a leak scan: between WIRE_LEAK_BEGIN and WIRE_LEAK_END */
	WIRE_LEAK = 21, /* struct wire_leak */
	/* from the collector */
	WIRE_LEAK_BEGIN = 22, /* struct wire_mark: value 0 */
	WIRE_LEAK_END = 23,   /* struct wire_mark: value = namespaces scanned; hdr.new_state = enum wire_leak_reach */
	WIRE_STACK = 24,  /* struct wire_text: key = growing number, key2 = enum wire_stack_note, text = frames, one a line */
	WIRE_OPENED = 25, /* struct wire_opened: hdr.cookie was opened here */
	/* from the kernel */
	WIRE_RETRANSMIT_FAILED = 26, /* struct wire_retransmit: an attempt that sent nothing; Linux 6.15 on shows it */
	WIRE_EXIT = 27,     /* struct wire_exit: a process ended, one that may have had a listener; also leak_watch.c */
	WIRE_LISTENER = 28, /* struct wire_listener: begins or ends to listen, or a survey met it */
	/* from the collector */
	WIRE_NETNS = 29,    /* struct wire_netns: what a network namespace counts; in each survey */
	WIRE_BEFORE = 30,   /* struct wire_before: the run before, by --state-file; what it knew follows */
	WIRE_KNOWN = 31,    /* struct wire_known: a socket in CLOSE_WAIT */
	WIRE_STANDING = 32, /* struct wire_standing: a finding that is up */
	WIRE_ENDED = 33,    /* struct wire_ended: sockets that left CLOSE_WAIT, without a record */
	WIRE_KIND_MAX = 34,
};

enum wire_parts {
	WIRE_PART_TASK = 1,
	WIRE_PART_IDENT = 2,
	WIRE_PART_STATS = 4,
	WIRE_PART_PROOF = 8,    /* in each WIRE_STATE of a later version; without it what it proves is not known */
	WIRE_PART_EXEC = 16,    /* beside each task of a later version */
	WIRE_PART_PROGRAM = 32, /* beside each exec of a later version */
	WIRE_PARTS_ALL = 63,
};

enum wire_sk_flags {
	WIRE_SK_DONE = 1,      /* SOCK_DONE: the peer's FIN was received */
	WIRE_SK_DEAD = 2,      /* SOCK_DEAD: no process holds the socket any more */
	WIRE_SK_ORPHAN = 4,    /* sk_socket is NULL: not accepted yet, or closed */
	WIRE_SK_REPAIR = 8,    /* TCP_REPAIR: states change without segments. 16 in older recordings: SO_LINGER with time 0 */
	WIRE_SK_OWNED = 32,    /* a task holds the lock: a segment is processed from the backlog, or the task acts */
	WIRE_SK_RESTORED = 64, /* in WIRE_SCAN: TCP_REPAIR chose a queue once; without it: not known */
	WIRE_SK_EXITING = 64,  /* in WIRE_STATE: the task that acts, or is interrupted, is exiting */
	WIRE_SK_ACCEPT = 128,  /* in WIRE_TOUCH: it called accept(); else it read or wrote */
};

struct wire_hdr {
	__u64 ts;
	__u64 cookie; /* the socket's, 0 where no socket is meant */
	__u16 len;    /* of the whole event, a multiple of 8 */
	__u8 kind;
	__u8 parts;
	__u8 old_state; /* the socket's state; before the change in WIRE_STATE */
	__u8 new_state; /* see struct wire_minisock; else equal outside WIRE_STATE */
	__u8 sk_flags;
	__u8 shutdown; /* sk_shutdown: 1 receive side, 2 send side */
};

/* What the socket's sequence numbers and error were as the state changed. */
struct wire_state {
	struct wire_hdr hdr;
	__u32 snd_una;
	__u32 snd_nxt;
	__u32 write_seq;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 segs_in;  /* counted as they arrive, those in the backlog too */
	__u32 segs_out; /* SYN-ACK of a passive socket not counted */
	__u16 err;      /* sk_err, an errno, positive */
	__u8 pad[2];
};

/* The process that acts, in task context only: tgid 0 says that nobody did. */
struct wire_task {
	__u32 tgid;
	__u32 uid;
	__u64 start_ns;           /* of the process, since boot (CLOCK_BOOTTIME) */
	char comm[WIRE_COMM_LEN]; /* of the process, not of the thread; any bytes */
};

/* Which program the process of the task part runs, and where. */
struct wire_exec {
	/* Where its arguments stand: mostly another place after each exec(), but prctl() sets it; 0 not known, as while it
	 * exits. */
	__u64 arg_start;
	__u64 cgroup_id; /* of the process, v2; 0 not known */
};

/* Which program it is for sure. Older recordings have arg_start instead, also in WIRE_EXE. */
struct wire_program {
	__u64 exec_count; /* how often it called exec(), and those before it that it was forked from; 0 not known */
};

enum wire_ident_flags {
	WIRE_ID_MPTCP = 1,
	WIRE_ID_FASTOPEN = 2, /* data in the SYN was accepted */
			      /* 4 in older recordings: the kernel's own socket */
};

/* Once per connection, when all of it is known. */
struct wire_ident {
	__u8 local_addr[16];
	__u8 peer_addr[16];
	__u64 cgroup_id;
	__u32 netns;
	__u32 uid; /* sk_uid; before accept() the listener's */
	__u16 local_port;
	__u16 peer_port;
	__u8 family; /* AF_INET 2 or AF_INET6 10, the socket's own */
	__u8 flags;
	__u8 pad[2];
	__u32 syn_rtt_us;  /* smoothed RTT as it stands: at ESTABLISHED, of the handshake; 0 unknown */
	__u32 syn_retrans; /* total_retrans: at ESTABLISHED, of SYN (active) or SYN-ACK (passive) */
};

/* The connection's counters as it closes. Sequence space: SYN and FIN count where the kernel counts them. */
struct wire_stats {
	__u64 bytes_sent; /* payload, retransmissions included */
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 bytes_retrans; /* of bytes_sent */
	__u32 segs_out;
	__u32 segs_in;
	__u32 srtt_us;
	__u32 min_rtt_us; /* 0xffffffff: no sample */
	__u32 mss;
	__u32 total_retrans;
	char ca_name[WIRE_CA_LEN];
};

/* FIN and IN_ORDER are read where a FIN may come, ROOM where ours is queued, DEFERS as SYN_SENT ends, DELAYED as CLOSE_WAIT
 * ends, SACKS, ERRORS and IDLE at ->CLOSE. Older recordings have all but the first two everywhere. */
enum wire_proof_flags {
	WIRE_PROOF_FIN = 1,      /* fin_ack is valid: the peer's FIN is still in the receive queue */
	WIRE_PROOF_IN_ORDER = 2, /* and that FIN did not wait for a segment before it */
	WIRE_PROOF_PACED = 4,    /* sent_ns counts the pace of payload, too: it may be later than the segment left */
	WIRE_PROOF_ROOM = 8,    /* nothing would hold back a segment: window, congestion window, pacing, what waits below TCP */
	WIRE_PROOF_SACKS = 16,  /* data waits out of order, and SACK shows it: a reset is taken at a block's edge, too */
	WIRE_PROOF_ERRORS = 32, /* the error queue holds messages (IP_RECVERR): err may be old */
	WIRE_PROOF_DEFERS = 64, /* TCP_FASTOPEN_CONNECT: the SYN may leave later than connect() */
	WIRE_PROOF_IDLE = 128,  /* no retransmission timer is set: nothing is in flight, or it runs now */
	WIRE_PROOF_DELAYED = 256, /* an ACK was delayed until after sent_ns: recv() may have sent it, later than that says */
	WIRE_PROOF_WAITS = 512,   /* data or a FIN waits out of order, with or without SACK */
};

/* What the kernel keeps of single segments. It proves their numbers and times. Sequence numbers are absolute. */
struct wire_proof {
	__u64 sent_ns;        /* tcp_wstamp_ns: when the last segment was given to the network layer, CLOCK_MONOTONIC */
	__u32 snd_wl1;        /* seq of the segment whose ACK moved snd_una last, in a transition that such an ACK causes */
	__u32 rcv_wup;        /* the ACK number that was sent last */
	__u32 fin_ack;        /* the ACK number of the peer's FIN */
	__u32 bytes_acked;    /* modulo 2^32: snd_una less this is an active opener's initial sequence number */
	__u32 bytes_received; /* modulo 2^32: rcv_nxt less this is one more than the peer's initial sequence number */
	__u32 data_segs_out;  /* of segs_out, those with payload */
	__u32 data_segs_in;
	__u16 err_soft; /* at ->CLOSE, sk_err_soft, an errno: what ICMP said last */
	__u16 flags;    /* enum wire_proof_flags */
	__u16 err_icmp; /* at ->CLOSE, an errno: what the last message of the error queue says, if that is ICMP's; else 0 */
	__u16 pad[3];
};

enum wire_segment_kind {
	WIRE_SEG_SYN = 1,
	WIRE_SEG_SYNACK = 2,
	WIRE_SEG_DATA = 3,
	WIRE_SEG_FIN = 4,
};

enum wire_trigger {
	WIRE_TRIGGER_UNKNOWN = 0,
	WIRE_TRIGGER_RTO = 1,
	WIRE_TRIGGER_FAST = 2,
	WIRE_TRIGGER_TLP = 3,
};

struct wire_retransmit { /* may carry the ident part (a SYN does) */
	struct wire_hdr hdr;
	__u32 seq;
	__u32 end_seq;
	__u8 segment; /* enum wire_segment_kind */
	__u8 trigger; /* enum wire_trigger */
	__u16 segs;   /* how many segments it is; 0: neither this nor `total` is known */
	__u32 total;  /* total_retrans after it: the kernel counts attempts, but not each that fails */
};

enum wire_direction {
	WIRE_SENT = 1,
	WIRE_RECEIVED = 2,
};

enum wire_reset_form {
	WIRE_RESET_FORM_UNKNOWN = 0,
	WIRE_RESET_ACTIVE = 1, /* tcp_send_active_reset(): RST,ACK with snd_nxt and rcv_nxt */
	WIRE_RESET_ANSWER = 2, /* answers a segment that had an ACK: RST, whose seq is that ACK number */
	WIRE_RESET_ANSWER_ACK =
		3 /* answers a segment without an ACK: RST,ACK, whose seq is 0 and whose ack is behind the segment */
};

struct wire_reset { /* may carry the ident part */
	struct wire_hdr hdr;
	__u32 reason; /* enum sk_rst_reason of this kernel; 0 where it has none */
	__u8 direction;
	__u8 form; /* enum wire_reset_form, of one that was sent */
	__u8 pad[2];
};

/* Behind the parts of a reset whose form is one of the two answers: its number. */
struct wire_reset_number {
	__u32 number; /* ANSWER: seq; ANSWER_ACK: ack */
	__u32 pad;
};

struct wire_scan { /* with any parts; one per (socket, process, descriptor) and one per socket */
	struct wire_state s;
	__s32 fd;   /* -1: found by namespace, not by descriptor */
	__u32 torn; /* the socket was not locked, and its numbers changed while they were read */
};

enum wire_leak_flags {
	WIRE_LEAK_PSOCK = 1,    /* who else takes data and FIN out of the socket's queue: a sockmap */
	WIRE_LEAK_ULP = 2,      /* the same: an upper layer such as TLS */
	WIRE_LEAK_ACCEPTED = 4, /* neither: the socket does not show it, or the recording is older */
	WIRE_LEAK_OPENED = 8,
	WIRE_LEAK_STRANGER = 16, /* its holder started well after payload was sent last, and after it was opened */
	WIRE_LEAK_HELD = 32,     /* an open connection that a stranger holds; without it, one that shows its process's use */
};

/*
 * A socket that waits for its process or its peer: in CLOSE_WAIT, in FIN_WAIT2, not accepted; or a listener. Has the task and
 * ident parts; one per (socket, process, descriptor), then one per socket without a task. The ages are in whole ticks.
 */
struct wire_leak {
	struct wire_state s;
	__s32 fd; /* -1: found by namespace, not by descriptor */
	__u16 delack_known;
	__u16 flags;           /* enum wire_leak_flags; 0 in older recordings */
	__u64 since_ack_ns;    /* the last acceptable segment of the peer */
	__u64 since_data_ns;   /* the last payload */
	__u64 since_delack_ns; /* the latest moment that the delayed ACK was set for */
};

#include "bpf/wire_before.h" /* of wire_hdr, as the next one */
#include "bpf/wire_listen.h"

enum wire_minisock_what {
	WIRE_MINI_STARTED = 1, /* its timer was set: it begins, or 2 MSL start again */
	WIRE_MINI_STOPPED = 2, /* its timer was stopped: STARTED or ENDED follows, or it is dead */
	WIRE_MINI_ENDED = 3,
	WIRE_MINI_REFUSED = 4, /* there is none: tcp_max_tw_buckets, or no memory */
	WIRE_MINI_FOUND = 5,   /* met by a scan */
	WIRE_MINI_WHAT_MAX = 6,
};

/* Why a minisocket died, where that is proven. */
enum wire_minisock_cause {
	WIRE_CAUSE_UNKNOWN = 0,
	WIRE_CAUSE_EXPIRED = 1,
	WIRE_CAUSE_REUSED = 2, /* by connect() or by a new SYN */
	WIRE_CAUSE_RESET = 3,  /* by a RST that came */
	WIRE_CAUSE_KILLED = 4, /* ss -K and its like */
	WIRE_CAUSE_OVERFLOW = 5,
	WIRE_CAUSE_NETNS_GONE = 6,
	WIRE_CAUSE_RESET_SENT = 7, /* by a segment that was answered with a RST: data, or a SYN, in FIN_WAIT2 */
	WIRE_CAUSE_MAX = 8,
};

/*
 * hdr.old_state is TIME_WAIT, as the kernel calls all of them; hdr.new_state is what it stands for: FIN_WAIT2 or TIME_WAIT.
 * May carry the ident part. A socket that connects again may leave several with its cookie: snd_nxt, which none of them ever
 * changes, and the port distinguish them.
 */
struct wire_minisock {
	struct wire_hdr hdr;
	__s64 remaining_ns; /* until the timer is due, in whole ticks; an upper bound if it is not set yet; 0 in REFUSED */
	__u32 snd_nxt;
	__u32 rcv_nxt;
	__u8 what;        /* enum wire_minisock_what */
	__u8 cause;       /* enum wire_minisock_cause; in STOPPED and ENDED */
	__u16 local_port; /* 0: not known */
	__u16 entered_ms; /* how long ago it entered TIME_WAIT, and 1; 0: not known, nor before Linux 6.14 */
	__u16 expires;    /* when its timer is due, in ticks, the low bits; 0: not known */
};

/* Which hooks show minisockets: output.md's evidence depends on it. */
enum wire_tw_tier {
	WIRE_TIER_OFF = 0,
	WIRE_TIER_FENTRY = 1,
	WIRE_TIER_TIMER = 2,
	WIRE_TIER_SCAN = 3,
	WIRE_TIER_MAX = 4,
};

struct wire_mark {
	struct wire_hdr hdr;
	__s64 value; /* SCAN_BEGIN: enum wire_scan_cause; SCAN_END: namespaces scanned; CLOCK: ns; TW_TIER: enum wire_tw_tier */
};

/* Behind a WIRE_CLOCK of a later version: a clock that was set changes both, a suspend the other one only. */
struct wire_clock_boot {
	__s64 offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
};

enum wire_scan_cause {
	WIRE_SCAN_STARTUP = 1,
	WIRE_SCAN_RESYNC = 2,
	/* 3 was never sent */
	WIRE_SCAN_PROGRESS = 4,  /* the counters of what goes on */
	WIRE_SCAN_STOP = 5,      /* the same for the last time */
	WIRE_SCAN_MINISOCKS = 6, /* of minisockets alone, where no hook shows them */
	WIRE_SCAN_LISTENERS = 7, /* of listeners alone, and of who holds them */
	WIRE_SCAN_CAUSE_MAX = 8,
};

enum wire_aggregate_kind {
	WIRE_AGG_SYNACK_RETRANSMIT = 1,
	WIRE_AGG_RESET_SENT = 2,
	WIRE_AGG_HALF_OPEN = 3, /* first repeats of a SYN-ACK: attempts that were slow, some of which may still succeed */
	WIRE_AGG_MAX = 4,
};

struct wire_aggregate {
	struct wire_hdr hdr;
	__u32 netns;
	__u16 local_port;
	__u8 what; /* enum wire_aggregate_kind */
	__u8 pad;
	__u32 reason; /* enum sk_rst_reason, for resets */
	__u32 pad2;
	__u64 count;
	__u64 interval_ns;
};

enum wire_lost_stage {
	WIRE_LOST_HOOK = 1,      /* the kernel did not run a program (it was already running on that CPU) */
	WIRE_LOST_RING = 2,      /* the ring buffer was full */
	WIRE_LOST_TABLE = 3,     /* --max-connections, or no memory */
	WIRE_LOST_QUEUE = 4,     /* the output could not keep up */
	WIRE_LOST_WRITE = 5,     /* the output failed */
	WIRE_LOST_RATELIMIT = 6, /* in older recordings: stacks too */
	/* of --stacks, what a connection's capture or stack was lost for */
	WIRE_LOST_STACK_RING = 7,    /* the kernel's buffer of captures was full */
	WIRE_LOST_STACK_BUDGET = 8,  /* its process or control group had used its share of the time */
	WIRE_LOST_STACK_OPENER = 9,  /* its process's files could not be opened in time */
	WIRE_LOST_STACK_PARSER = 10, /* the parser broke or hung at it, or at another one of that process before */
	WIRE_LOST_STACK_TABLE = 11,  /* a stack made room for another one */
	WIRE_LOST_MAX = 12,
};

/* Stands in the stream where the loss began (hdr.ts, or as near as is known), before all newer events. */
struct wire_lost {
	struct wire_hdr hdr;
	__u64 count;
	__u64 until_ns; /* the last of them may be as young as this */
	__u8 stage;
	__u8 pad[7];
};

struct wire_tick {
	struct wire_hdr hdr;
	__u64 rss_bytes;
	__u64 cpu_us;
};

struct wire_opened {
	struct wire_hdr hdr;
	__u32 stack;   /* the number of a WIRE_STACK */
	__u8 accepted; /* 1 accept(), 0 connect() */
	__u8 pad[3];
};

/* Behind the text of a WIRE_CGROUP. */
struct wire_cgroup {
	__s32 root_len; /* how much of the path root has for itself; -1: not even the root directory */
	__u32 known;    /* 1 */
};

struct wire_text {
	struct wire_hdr hdr;
	__u64 key;
	__u64 key2;
	char text[]; /* NUL-terminated, zero-padded to a multiple of 8; what stands behind it ends with a zero, too */
};

#include "bpf/wire_sizes.h"
