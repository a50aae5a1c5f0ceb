/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs and user space share in maps and variables, apart from wire events. */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define TRACE_MAX_CPUS 1024 /* a power of two */
#define LISTENS 65536       /* a power of two */
#define AGGREGATES_MAX 4096 /* rows of (namespace, port, kind, reason) between two readings */

struct counters { /* per CPU, a cache line pair of its own */
	__u64 ring_full;
	__u64 full_since_ns; /* the first of them that the reader has not read; it sets 0 */
	__u64 ignored;       /* hits that send nothing: other protocols, LISTEN->SYN_RECV, no change, failed repeats */
	__u64 aggregate_full;
	__u64 rescued;   /* events that on_set_state missed and on_set_state_missed sent */
	__u64 submitted; /* about: nested programs may count one of two */
	__u64 woken;     /* the reader was woken since the ring filled past the mark */
	__u64 pad[9];
};

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
#define CAPTURE_BYTES 8192
struct capture {
	__u64 cookie;   /* of the socket */
	__u64 start_ns; /* of the process, since boot */
	__u64 exec_id;  /* where its arguments stand: another place after each exec */
	__u64 regs[DWARF_REGS];
	__u32 tgid;
	__u16 len;     /* of what could be read of the stack */
	__u8 accepted; /* 1 accept(), 0 connect() */
	__u8 pad;
	__u8 stack[CAPTURE_BYTES];
};

_Static_assert(sizeof(struct counters) == 128, "a cache line pair");
_Static_assert(sizeof(struct aggregate_key) == 12, "no padding");
