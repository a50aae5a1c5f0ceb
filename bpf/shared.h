/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs and their loader share in maps and variables; nothing of it travels on the wire. */
#ifndef SHARED_H
#define SHARED_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define TRACE_MAX_CPUS 1024 /* a power of two */
#define AGGREGATES_MAX 4096 /* rows of (namespace, port, kind, reason) between two readings */

struct counters { /* per CPU, a cache line pair of its own */
	__u64 ring_full;
	__u64 full_since_ns; /* the first of them that the reader does not know yet; it sets 0 */
	__u64 ignored; /* hits that are no event of ours: other protocols, LISTEN->SYN_RECV, no change, failed retransmissions
			*/
	__u64 aggregate_full;
	__u64 rescued;   /* events that on_set_state missed and on_set_state_missed told */
	__u64 submitted; /* roughly: nested programs may lose a step */
	__u64 woken;     /* the reader was woken for this filling of the ring */
	__u64 pad[9];
};

struct aggregate_key {
	__u32 netns;
	__u16 local_port;
	__u8 what; /* enum wire_aggregate_kind */
	__u8 pad;
	__u32 reason;
};

_Static_assert(sizeof(struct counters) == 128, "a cache line pair");
_Static_assert(sizeof(struct aggregate_key) == 12, "no padding");

#endif
