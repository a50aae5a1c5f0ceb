/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A part of wire.h, which includes it: what waits at listeners, and what their namespaces count and allow. */
#pragma once

/* Behind the parts of a WIRE_LEAK, where an accept queue has it. */
struct wire_leak_queue {
	__u64 listener; /* cookie of the listener whose queue it is; 0 or without this: not known */
};

/* What waits at a listener, and what it dropped. */
struct wire_queue {
	__u32 queue;          /* sk_ack_backlog: connections that wait for accept() */
	__u32 limit;          /* sk_max_ack_backlog: it is full with one more than these (sk_acceptq_is_full()) */
	__u32 drops;          /* sk_drops, since the socket was made, modulo 2^32 */
	__u32 attempts;       /* half-open ones that have a request socket: not those answered with a SYN cookie */
	__u32 fastopen;       /* connections of Fast Open whose SYN-ACK is not acknowledged */
	__u32 fastopen_limit; /* 0: no Fast Open */
};

/* Has the ident part. A survey, which precedes each summary, shows each listener. */
struct wire_listener {
	struct wire_hdr hdr;
	struct wire_queue at;
};

/* struct wire_queue stands behind the struct wire_leak_queue of a listener's WIRE_LEAK, too; without it: not known. */

/*
 * Behind these two in each WIRE_LEAK, which may both be all zero; without it: not known. An ESTABLISHED socket with a
 * descriptor does not leak: it shows that its process used it lately. A scan shows some of these only.
 */
struct wire_leak_use {
	__u64 since_sent_ns; /* the last payload that was sent, or the end of the handshake; in whole ticks */
};

/* Of /proc/net/netstat. Numbers are bits of struct wire_netns, too. */
enum wire_netns_count {
	WIRE_NETNS_COOKIES_SENT,   /* SyncookiesSent */
	WIRE_NETNS_COOKIES_RECV,   /* SyncookiesRecv */
	WIRE_NETNS_COOKIES_FAILED, /* SyncookiesFailed */
	WIRE_NETNS_OVERFLOWS,      /* ListenOverflows */
	WIRE_NETNS_DROPS,          /* ListenDrops */
	WIRE_NETNS_REQQ_DROP,      /* TCPReqQFullDrop */
	WIRE_NETNS_REQQ_COOKIES,   /* TCPReqQFullDoCookies */
	WIRE_NETNS_COUNTS,
};

struct wire_netns {
	struct wire_hdr hdr;
	__u32 netns;
	__u16 known; /* bits of enum wire_netns_count */
	__u8 first;  /* 1: of the survey at the start: what was counted before is not the run's */
	__u8 pad;
	__u64 cookie; /* SO_NETNS_COOKIE: no other namespace of this boot ever has it; 0 not known */
	__u64 counts[WIRE_NETNS_COUNTS];
};

/* Behind a WIRE_NETNS, of /proc/net/snmp; without it: not known. */
struct wire_netns_segments {
	__u64 out;     /* OutSegs: those that are only repeated are not counted */
	__u64 retrans; /* RetransSegs */
};

/* Which ports connect() chooses from in a network namespace: net.ipv4.ip_local_port_range at the start and at each summary. */
struct wire_port_range {
	struct wire_hdr hdr;
	__u32 netns;
	__u16 first, last;
};

enum wire_port_reuse_where {
	WIRE_REUSE_OFF = 0,
	WIRE_REUSE_ALL = 1,
	WIRE_REUSE_LOOPBACK = 2, /* where one of the addresses is of the host itself: 127/8 or ::1 */
};

/* Behind a WIRE_PORT_RANGE; without it: not known. */
struct wire_port_reuse {
	__u32 where; /* connect() takes ports in TIME_WAIT there after a second: tcp_tw_reuse; OFF without tcp_timestamps */
	__u32 pad;
};

_Static_assert(sizeof(struct wire_leak_queue) == 8, "wire");
_Static_assert(sizeof(struct wire_queue) == 24, "wire");
_Static_assert(sizeof(struct wire_leak_use) == 8, "wire");
_Static_assert(sizeof(struct wire_listener) == 48, "wire");
_Static_assert(sizeof(struct wire_netns) == 96, "wire");
_Static_assert(sizeof(struct wire_netns_segments) == 16, "wire");
_Static_assert(sizeof(struct wire_port_reuse) == 8, "wire");

/* A process ended, one that may have had a listener. */
struct wire_exit {
	struct wire_hdr hdr;
	__u32 tgid;
	__u32 pad;
	__u64 start_ns; /* as in struct wire_task */
};
