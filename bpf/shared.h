/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs and user space share in maps and variables, apart from wire events. */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define TRACE_MAX_CPUS 1024 /* a power of two */
#define LISTENS 65536       /* processes */
#define AGGREGATES_MAX 4096 /* rows of (namespace, port, kind, reason) between two readings */

struct counters { /* per CPU, a cache line pair of its own */
	__u64 ring_full;
	__u64 full_since_ns;     /* the first of them that the reader has not read; it sets 0 */
	__u64 ignored;           /* hits that send nothing: other protocols, LISTEN->SYN_RECV, no change, failed repeats */
	__u64 aggregate_rest[4]; /* by enum wire_aggregate_kind: what had no room in its map */
	__u64 rescued;           /* events that on_set_state missed and on_set_state_missed sent */
	__u64 submitted;         /* to the ring; about: nested programs may count one of two */
	__u64 woken;             /* the reader was woken since the ring filled past the mark */
	__u64 wakes_earned_ns;   /* when the wakeups for new programs are earned again */
	__u64 wakes_saved;       /* new programs for which the reader was not woken */
	__u64 pad[4];
};

/*
 * A lane: positions, a place of its own for each program, and the events, each behind a head of 8 bytes. Positions only grow;
 * an event stands at its position, modulo the size, and may reach beyond the end. Its head is its position xor lane_key once it
 * is complete.
 */
struct lane {
	__u64 head; /* the programs' */
	__u64 pad[15];
	__u64 tail; /* the reader's: what stands before it may be overwritten */
	__u64 pad2[15];
};
#define LANE_HEAD 8
#define LANE_UNUSED (~0ULL) /* as a limit: also an empty one is full */
#define LANE_EVENT_MAX 512  /* with its head */
#define LANE_WRITER sizeof(struct lane)
#define LANE_WRITERS 24
#define LANE_DATA (LANE_WRITER + LANE_WRITERS * LANE_EVENT_MAX)
#define LANE_BEHIND (16384 - LANE_DATA) /* what makes it whole pages has room for an event that reaches beyond the end */
#define LANE_BYTES_MIN 32768
/*
 * Each program may have found room before any other took it: it runs once at a time on a CPU, so no more than this is taken
 * beyond the limit.
 */
#define LANE_MARGIN (LANE_WRITERS * LANE_EVENT_MAX)

/*
 * Kernel functions that end a minisocket: the innermost of them on the stack shows why it ends. A segment in TIME_WAIT may also
 * set the timer again: then none of the functions that delete timers is on the stack. Their addresses are those of
 * /proc/kallsyms; 0 is never found.
 */
enum caller {
	CALLER_STATE_PROCESS, /* a segment ends it */
	CALLER_V4_CONNECT,
	CALLER_V6_CONNECT,
	CALLER_V4_RCV,
	CALLER_V6_RCV,
	CALLER_INET_PURGE,
	CALLER_TCP_PURGE,
	CALLER_ABORT,
	CALLER_TIMER,
	CALLER_TIMER_REMOTE,
	CALLERS_OF_TIMERS, /* from here on: they stop a timer and do not set it again */
	CALLER_SHUTDOWN = CALLERS_OF_TIMERS,
	CALLER_DELETE,
	CALLER_DEL,
	CALLERS_MAX,
};

struct caller_range {
	__u64 begin, end;
};

/* The minisocket whose segment a CPU processes: the softirq handles one segment at a time. */
struct tw_before {
	__u64 tw;
	__u64 expires;
	__u64 substate;
	__u64 pad[5]; /* a cache line of its own */
};

/* A thread, as exec_probe.bpf.c shows it. */
struct exec_shown {
	__u32 tid, tgid;
	__u64 start_ns; /* of the process, since boot */
	__u64 exec_count;
	__u64 arg_start; /* 0: in exec(), or it exits */
};

struct aggregate_key {
	__u32 netns;
	__u16 local_port;
	__u8 what; /* enum wire_aggregate_kind */
	__u8 pad;
	__u32 reason;
};

/* A descriptor that keeps a network namespace alive. */
struct namespace_holder {
	__u32 pid;
	__s32 fd;
};
#define NAMESPACES_MAX 4096

/* seen.bpf.h: its places, 16 bytes each, for as many sockets as there are when the tool starts. */
#define SEEN_MIN (1u << 12)
#define SEEN_MAX (1u << 20)

/* The registers of x86-64 that unwinding needs, in DWARF's numbering. */
enum dwarf_reg {
	DWARF_RAX,
	DWARF_RDX,
	DWARF_RCX,
	DWARF_RBX,
	DWARF_RSI,
	DWARF_RDI,
	DWARF_RBP,
	DWARF_RSP,
	DWARF_R8,
	DWARF_R15 = DWARF_R8 + 7,
	DWARF_RIP,
	DWARF_REGS
};

/* How a process opened a connection: its registers and its stack, from the stack pointer upwards. */
#define CAPTURES_BYTES (16 << 20) /* of the buffer: some 2,000 of them */
#define CAPTURE_BYTES 8192
struct capture {
	__u64 cookie;    /* of the socket */
	__u64 start_ns;  /* of the process, since boot */
	__u64 exec_id;   /* where its arguments stand: another place after each exec */
	__u64 cgroup_id; /* of the process, v2 */
	__u64 regs[DWARF_REGS];
	__u32 tgid;
	__u16 len;     /* of what could be read of the stack */
	__u8 accepted; /* 1 accept(), 0 connect() */
	__u8 pad;
	__u8 stack[CAPTURE_BYTES];
};

_Static_assert(LANE_BEHIND >= LANE_EVENT_MAX && LANE_BYTES_MIN > LANE_MARGIN, "lane");
_Static_assert(sizeof(struct counters) == 128, "a cache line pair");
_Static_assert(sizeof(struct aggregate_key) == 12, "no padding");
