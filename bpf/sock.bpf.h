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

/*
 * Here and below `sk` is the socket by the pointer that costs least. The program's own argument is trusted: its numbers are
 * loaded without a check of the address, which takes seven instructions. Pointers are loaded through untrusted(tp).
 */
static __always_inline __u8 sock_flags(const struct sock *sk, const struct tcp_sock *tp)
{
	unsigned long flags = sk->__sk_common.skc_flags;
	__u8 out = 0;

	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE)))
		out |= WIRE_SK_DONE;
	if (flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DEAD)))
		out |= WIRE_SK_DEAD;
	if (!untrusted(tp)->sk_socket)
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

static __always_inline __u8 state_now(const struct sock *sk)
{
	return *(const volatile unsigned char *)&sk->__sk_common.skc_state;
}

/*
 * A socket as an iterator meets it, in a state that it had before and after the time is read. A state that is newer than the
 * time would overtake its event. One that is older may hide the CLOSE and the death of the socket.
 */
static __always_inline void fill_socket(struct wire_state *w, struct shape shape, const struct sock *sk,
					const struct tcp_sock *tp, __u64 cookie)
{
	__u8 state = state_now(sk);
	__u64 ts = bpf_ktime_get_ns();

	if (state_now(sk) != state) {
		state = state_now(sk);
		ts = bpf_ktime_get_ns();
	}
	fill_hdr(&w->hdr, shape, ts, cookie, state);
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
	bpf_probe_read_kernel(t->comm, sizeof(t->comm), leader->comm); /* the kernel pads it with zeros */
}

static __always_inline void fill_current(struct wire_task *t)
{
	fill_task(t, bpf_get_current_task_btf()->group_leader, (__u32)bpf_get_current_uid_gid());
}

/* What stands beside each task. */
#define PARTS_EXEC (WIRE_PART_EXEC | WIRE_PART_PROGRAM)
struct exec_parts {
	struct wire_exec exec;
	struct wire_program program;
};

static __always_inline void fill_no_exec(struct exec_parts *e)
{
	e->exec.arg_start = 0;
	e->exec.cgroup_id = 0;
	e->program.exec_count = 0;
}

static __always_inline __u64 cgroup_of(const struct task_struct *task)
{
	return bpf_core_field_exists(task->cgroups) ? task->cgroups->dfl_cgrp->kn->id : 0;
}

/* The same of the task that runs, without three pointers that the verifier walks for: see untrusted(). */
static __always_inline __u64 current_cgroup(void)
{
	return bpf_core_field_exists(((struct task_struct *)0)->cgroups) ? bpf_get_current_cgroup_id() : 0;
}

/* `task` is any living thread of the process. The name and the count change at one moment of exec() (begin_new_exec()). */
static __always_inline void fill_exec(struct exec_parts *e, const struct task_struct *task, __u64 cgroup_id)
{
	const struct mm_struct *mm = task->mm;

	fill_no_exec(e);
	if (mm)
		e->exec.arg_start = mm->arg_start;
	e->exec.cgroup_id = cgroup_id;
	e->program.exec_count = task->self_exec_id;
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

/* What full sockets, request sockets and minisockets have in common: addresses and the peer's port. */
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
}

static __always_inline void fill_ident(struct wire_ident *id, const struct sock *sk, const struct tcp_sock *tp)
{
	const struct sock *pointers = untrusted(tp);
	__u8 flags = 0;

	fill_common_ident(id, &sk->__sk_common);
	id->netns = pointers->__sk_common.skc_net.net->ns.inum;
	/* skc_num is 0 again as soon as the port is put (->CLOSE); inet_sport stays. */
	id->local_port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
	id->uid = sk->sk_uid.val;
	id->cgroup_id = 0;
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		id->cgroup_id = pointers->sk_cgrp_data.cgroup->kn->id;
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
	bpf_probe_read_kernel(s->ca_name, sizeof(s->ca_name), tp->inet_conn.icsk_ca_ops->name); /* padded with zeros */
}
