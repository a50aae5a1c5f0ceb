/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads sockets and tasks into the parts of wire events. What differs between kernels is here. Fields are loaded through BTF
 * pointers, which costs a few nanoseconds where a probe read costs twenty.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/wire.h"

/* BPF_PROG() gives every program a ctx, used or not. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define SO_EE_ORIGIN_ICMP 2
#define SO_EE_ORIGIN_ICMP6 3
#define TCPHDR_FIN 0x01
#define TCPHDR_SYN 0x02
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000 /* include/linux/sched.h, the same since 2.6 */

/*
 * The socket again, by a pointer that the verifier does not trust. For each pointer that is loaded through a trusted one it
 * walks through all types of the kernel (btf_nested_type_is_trusted()), and that made the start a quarter of a second longer.
 */
static __always_inline const struct sock *untrusted(const struct tcp_sock *tp)
{
	return &tp->inet_conn.icsk_inet.sk;
}

/* A jiffy; set before load. */
const volatile __u64 tick_ns = 4000000;

/* Until a timer is due: bpf_jiffies64() and timer->expires count the same ticks. */
static __always_inline __s64 remaining_ns(unsigned long expires)
{
	return (__s64)(expires - bpf_jiffies64()) * (__s64)tick_ns;
}

static __always_inline bool sock_is_tcp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type == SOCK_STREAM;
}

static __always_inline __u8 sock_flags(const struct sock *sk, const struct tcp_sock *tp)
{
	unsigned long flags = sk->__sk_common.skc_flags;
	__u8 out = 0;

	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		out |= WIRE_SK_DONE;
	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DEAD)))
		out |= WIRE_SK_DEAD;
	if (!sk->sk_socket)
		out |= WIRE_SK_ORPHAN;
	if (BPF_CORE_READ_BITFIELD(tp, repair))
		out |= WIRE_SK_REPAIR;
	if (sk->sk_lock.owned)
		out |= WIRE_SK_OWNED;
	return out;
}

/* What kind of event it is, with which parts, and how long. */
struct shape {
	__u8 kind, parts;
	__u16 len;
};

static __always_inline void fill_hdr(struct wire_hdr *h, struct shape shape, __u64 ts, __u64 cookie, __u8 state)
{
	h->ts = ts;
	h->cookie = cookie;
	h->len = shape.len;
	h->kind = shape.kind;
	h->parts = shape.parts;
	h->old_state = state;
	h->new_state = state;
	h->sk_flags = 0;
	h->shutdown = 0;
}

static __always_inline void fill_numbers(struct wire_state *w, const struct sock *sk, const struct tcp_sock *tp)
{
	w->snd_una = tp->snd_una;
	w->snd_nxt = tp->snd_nxt;
	w->write_seq = tp->write_seq;
	w->rcv_nxt = tp->rcv_nxt;
	w->copied_seq = tp->copied_seq;
	w->segs_in = tp->segs_in;
	w->segs_out = tp->segs_out;
	w->err = sk->sk_err;
	w->pad[0] = 0;
	w->pad[1] = 0;
}

/* A socket as an iterator meets it. */
static __always_inline void fill_socket(struct wire_state *w, struct shape shape, const struct sock *sk,
					const struct tcp_sock *tp, __u64 cookie)
{
	fill_hdr(&w->hdr, shape, bpf_ktime_get_ns(), cookie, sk->__sk_common.skc_state);
	w->hdr.sk_flags = sock_flags(sk, tp);
	if (bpf_core_field_exists(tp->repair_queue) && tp->repair_queue) /* TCP_REPAIR_OFF leaves it */
		w->hdr.sk_flags |= WIRE_SK_RESTORED;
	w->hdr.shutdown = sk->sk_shutdown;
	fill_numbers(w, sk, tp);
}

static __always_inline void fill_no_task(struct wire_task *t)
{
	__builtin_memset(t, 0, sizeof(*t));
}

/* `leader` is a process's first thread. Kernel threads own no connection: tgid 0. */
static __always_inline void fill_task(struct wire_task *t, const struct task_struct *leader, __u32 uid)
{
	fill_no_task(t);
	if (leader->flags & PF_KTHREAD)
		return;
	t->tgid = leader->tgid;
	t->uid = uid;
	t->start_ns = leader->start_boottime;
	bpf_probe_read_kernel_str(t->comm, sizeof(t->comm), leader->comm);
}

static __always_inline void fill_current(struct wire_task *t)
{
	fill_task(t, bpf_get_current_task_btf()->group_leader, (__u32)bpf_get_current_uid_gid());
}

static __always_inline void fill_no_exec(struct wire_exec *e)
{
	e->arg_start = 0;
	e->cgroup_id = 0;
}

/* `task` is any living thread of the process. */
static __always_inline void fill_exec(struct wire_exec *e, const struct task_struct *task)
{
	const struct mm_struct *mm = task->mm;

	fill_no_exec(e);
	if (mm)
		e->arg_start = mm->arg_start;
	if (bpf_core_field_exists(task->cgroups))
		e->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
}

static __always_inline void store_mapped(__u8 *addr, __be32 v4)
{
	__u32 *words = (__u32 *)addr;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = v4;
}

static __always_inline void store_v6(__u8 *addr, const struct in6_addr *from)
{
	__u32 *words = (__u32 *)addr;

	words[0] = from->in6_u.u6_addr32[0];
	words[1] = from->in6_u.u6_addr32[1];
	words[2] = from->in6_u.u6_addr32[2];
	words[3] = from->in6_u.u6_addr32[3];
}

/* What full sockets, request sockets and minisockets have in common: addresses, peer's port, namespace. */
static __always_inline void fill_common_ident(struct wire_ident *id, const struct sock_common *skc)
{
	id->family = skc->skc_family;
	if (skc->skc_family == AF_INET6) {
		store_v6(id->local_addr, &skc->skc_v6_rcv_saddr);
		store_v6(id->peer_addr, &skc->skc_v6_daddr);
	} else {
		store_mapped(id->local_addr, skc->skc_rcv_saddr);
		store_mapped(id->peer_addr, skc->skc_daddr);
	}
	id->peer_port = bpf_ntohs(skc->skc_dport);
	id->netns = skc->skc_net.net->ns.inum;
}

static __always_inline void fill_ident(struct wire_ident *id, const struct sock *sk, const struct tcp_sock *tp)
{
	__u8 flags = 0;

	fill_common_ident(id, &sk->__sk_common);
	/* skc_num is 0 again as soon as the port is put (->CLOSE); inet_sport stays. */
	id->local_port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
	id->uid = sk->sk_uid.val;
	id->cgroup_id = 0;
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		id->cgroup_id = sk->sk_cgrp_data.cgroup->kn->id;
	if (bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp)
		flags |= WIRE_ID_MPTCP;
	/* When an active opener leaves SYN_SENT, syn_data_acked is not set yet, but bytes_acked is more than the SYN. */
	if (BPF_CORE_READ_BITFIELD(tp, syn_data_acked) || (sk->__sk_common.skc_state == WIRE_SYN_SENT && tp->bytes_acked > 1) ||
	    (bpf_core_field_exists(tp->syn_fastopen_child) && BPF_CORE_READ_BITFIELD(tp, syn_fastopen_child)))
		flags |= WIRE_ID_FASTOPEN;
	id->flags = flags;
	id->pad[0] = 0;
	id->pad[1] = 0;
	id->syn_rtt_us = tp->srtt_us >> 3;
	id->syn_retrans = tp->total_retrans;
}

/* What tcp_write_xmit() asks before it sends, for one more number and nothing waiting. */
static __always_inline bool has_room(const struct sock *sk, const struct tcp_sock *tp, __u64 now)
{
	__u32 in_flight = tp->packets_out - tp->sacked_out - tp->lost_out + tp->retrans_out;

	return in_flight < tp->snd_cwnd && tp->write_seq + 1 - tp->snd_una <= tp->snd_wnd &&
	       (!sk->sk_pacing_status || tp->tcp_wstamp_ns <= now) &&
	       sk->sk_wmem_alloc.refs.counter == 1; /* 1: nothing waits in the layers below */
}

/*
 * The peer's FIN, as tcp_fin() runs: tcp_queue_rcv() has put it at the end of the queue before. A FIN that waited is accepted
 * when data comes (tcp_ofo_queue()), and that sets lrcvtime.
 */
static __always_inline __u16 fill_fin(struct wire_proof *p, const struct sock *sk, const struct tcp_sock *tp)
{
	const struct sk_buff *skb = sk->sk_receive_queue.prev;
	const struct tcp_skb_cb *cb = (const void *)&skb->cb[0];

	if (!sk->sk_receive_queue.qlen || BPF_CORE_READ(cb, end_seq) != tp->rcv_nxt ||
	    !(BPF_CORE_READ_BITFIELD_PROBED(cb, tcp_flags) & TCPHDR_FIN))
		return 0;
	p->fin_ack = BPF_CORE_READ(cb, ack_seq);
	if (tp->rcv_ooopack && tp->inet_conn.icsk_ack.lrcvtime == (__u32)bpf_jiffies64())
		return WIRE_PROOF_FIN;
	return WIRE_PROOF_FIN | WIRE_PROOF_IN_ORDER;
}

/*
 * tcp_v4_err() puts each ICMP answer to a SYN into the error queue, where it stays after the process has taken sk_err_soft. The
 * queue has other messages, too, such as timestamps.
 */
static __always_inline __u16 queued_icmp(const struct sock *sk)
{
	const struct sock_exterr_skb *message = (const void *)&sk->sk_error_queue.prev->cb[0];
	__u8 origin;

	if (!sk->sk_error_queue.qlen || !bpf_core_type_exists(struct sock_exterr_skb))
		return 0;
	origin = BPF_CORE_READ(message, ee.ee_origin);
	return origin == SO_EE_ORIGIN_ICMP || origin == SO_EE_ORIGIN_ICMP6 ? BPF_CORE_READ(message, ee.ee_errno) : 0;
}

/*
 * tcp_cleanup_rbuf() sends a delayed ACK early without reading the clock first: the stamp is then that of the segment before.
 * The timer's own ACK is stamped after the timer was due.
 */
static __always_inline __u64 was_delayed(const struct tcp_sock *tp, __u64 now)
{
	__s64 remaining = remaining_ns(tp->inet_conn.icsk_delack_timer.expires) - (__s64)tick_ns;

	return (tp->tcp_wstamp_ns - now - remaining) >>
	       63; /* 1 if that is below 0: a branch would double the verifier's paths */
}

/* `takes_fin`: this may be the moment at which the peer's FIN is accepted. */
static __always_inline void fill_proof(struct wire_proof *p, const struct sock *sk, const struct tcp_sock *tp, bool takes_fin)
{
	__u64 now = bpf_ktime_get_ns();
	__u16 flags = 0;

	__builtin_memset(p, 0, sizeof(*p));
	p->sent_ns = tp->tcp_wstamp_ns;
	p->snd_wl1 = tp->snd_wl1;
	p->rcv_wup = tp->rcv_wup;
	p->bytes_acked = tp->bytes_acked;
	p->bytes_received = tp->bytes_received;
	p->data_segs_out = tp->data_segs_out;
	p->data_segs_in = tp->data_segs_in;
	p->err_soft = sk->sk_err_soft;
	p->err_icmp = queued_icmp(sk);
	if (takes_fin)
		flags = fill_fin(p, sk, tp);
	flags |= (sk->sk_pacing_status != 0) * WIRE_PROOF_PACED;
	flags |= has_room(sk, tp, now) * WIRE_PROOF_ROOM;
	flags |= (tp->rx_opt.num_sacks != 0) * WIRE_PROOF_SACKS;
	flags |= (sk->sk_error_queue.qlen != 0) * WIRE_PROOF_ERRORS;
	flags |= BPF_CORE_READ_BITFIELD(tp, fastopen_connect) * WIRE_PROOF_DEFERS;
	flags |= (tp->inet_conn.icsk_pending == 0) * WIRE_PROOF_IDLE;
	flags |= was_delayed(tp, now) * WIRE_PROOF_DELAYED;
	p->flags = flags;
}

static __always_inline void fill_stats(struct wire_stats *s, const struct tcp_sock *tp)
{
	s->bytes_sent = tp->bytes_sent;
	s->bytes_acked = tp->bytes_acked;
	s->bytes_received = tp->bytes_received;
	s->bytes_retrans = tp->bytes_retrans;
	s->segs_out = tp->segs_out;
	s->segs_in = tp->segs_in;
	s->srtt_us = tp->srtt_us >> 3;
	s->min_rtt_us = tp->rtt_min.s[0].v;
	s->mss = tp->mss_cache;
	s->total_retrans = tp->total_retrans;
	__builtin_memset(s->ca_name, 0, sizeof(s->ca_name));
	bpf_probe_read_kernel_str(s->ca_name, sizeof(s->ca_name), tp->inet_conn.icsk_ca_ops->name);
}
