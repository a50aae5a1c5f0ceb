/* SPDX-License-Identifier: GPL-2.0-only */
/* What waits at a listener. The kernel counts on each socket: of several that share a port, each has its own queue. */
#pragma once

#include "bpf/sock.bpf.h"

struct listening {
	struct wire_listener wire;
	struct wire_ident ident;
};

static __always_inline void fill_queue(struct wire_queue *w, const struct sock *sk, const struct tcp_sock *tp)
{
	const struct request_sock_queue *queue = &tp->inet_conn.icsk_accept_queue;

	w->queue = sk->sk_ack_backlog;
	w->limit = sk->sk_max_ack_backlog;
	w->drops = sk->sk_drops.counter;
	w->attempts = queue->qlen.counter;
	w->fastopen = queue->fastopenq.qlen;
	w->fastopen_limit = queue->fastopenq.max_qlen;
}

static __always_inline void fill_listening(struct listening *l, const struct sock *sk, const struct tcp_sock *tp, __u64 cookie)
{
	fill_hdr(&l->wire.hdr, (struct shape){WIRE_LISTENER, WIRE_PART_IDENT, sizeof(*l)}, bpf_ktime_get_ns(), cookie,
		 WIRE_LISTEN);
	fill_queue(&l->wire.at, sk, tp);
	fill_ident(&l->ident, sk, tp);
}
