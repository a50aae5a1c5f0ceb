/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments that have a hook of their own: those that are sent again, and resets. What a remote host can cause without a
 * connection (repeated SYN-ACKs, resets without a socket) is counted here, by namespace and port.
 */
#pragma once

#include "bpf/emit.bpf.h"
#include "bpf/sock.bpf.h"

/* Set before load, from the kernel's BTF: which arguments a tracepoint has (6.15+: err, 6.10+: reason). */
const volatile bool retransmit_has_err = false;
const volatile bool send_reset_has_reason = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AGGREGATES_MAX);
	__type(key, struct aggregate_key);
	__type(value, __u64);
} aggregates SEC(".maps");

/* Resets without a socket: a map of their own, which others fill at will. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AGGREGATES_MAX);
	__type(key, struct aggregate_key);
	__type(value, __u64);
} resets SEC(".maps");

static __always_inline __u8 segment_kind(__u8 flags, __u8 state)
{
	if (flags & TCPHDR_SYN)
		return state == WIRE_SYN_SENT ? WIRE_SEG_SYN : WIRE_SEG_SYNACK;
	return flags & TCPHDR_FIN ? WIRE_SEG_FIN : WIRE_SEG_DATA;
}

/* Why the kernel repeats a segment: include/net/inet_connection_sock.h (ICSK_TIME_*), enum tcp_ca_state. */
static __always_inline __u8 retransmit_trigger(const struct tcp_sock *tp)
{
	__u8 ca_state = BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);

	if (tp->inet_conn.icsk_pending == 5 && ca_state != 3 && ca_state != 4)
		return WIRE_TRIGGER_TLP;
	if (ca_state == 4) /* TCP_CA_Loss: all repeats in it follow from the timeout */
		return WIRE_TRIGGER_RTO;
	return ca_state == 3 ? WIRE_TRIGGER_FAST : WIRE_TRIGGER_UNKNOWN;
}

static __always_inline void fill_retransmit(struct wire_retransmit *w, const struct sk_buff *skb, const struct tcp_sock *tp)
{
	const struct tcp_skb_cb *cb = (const void *)&skb->cb[0];
	/* tcp_flags is one byte up to 6.14 and two from 6.18 on: this reads as many as there are. */
	__u64 flags = BPF_CORE_READ_BITFIELD_PROBED(cb, tcp_flags);

	w->seq = BPF_CORE_READ(cb, seq);
	w->end_seq = BPF_CORE_READ(cb, end_seq);
	w->segment = segment_kind(flags, w->hdr.old_state);
	w->trigger = retransmit_trigger(tp);
	w->segs = BPF_CORE_READ(cb, tcp_gso_segs);
	w->total = tp->total_retrans;
}

static __always_inline void emit_retransmit(const struct sock *sk, const struct sk_buff *skb, __u8 kind, const __u8 parts)
{
	const __u16 size = sizeof(struct wire_retransmit) + (parts ? sizeof(struct wire_ident) : 0);
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct wire_retransmit *w;
	struct place place;

	if (!tp)
		return;
	w = event_place(&place, BY_RETRANSMIT, size);
	if (!w)
		return;
	fill_hdr(&w->hdr, (struct shape){kind, parts, size}, bpf_ktime_get_ns(), bpf_get_socket_cookie((void *)sk),
		 sk->__sk_common.skc_state);
	fill_retransmit(w, skb, tp);
	if (parts)
		fill_ident((void *)(w + 1), sk, tp);
	event_send(&place, size);
}

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit(__u64 *ctx)
{
	const struct sock *sk = (const void *)ctx[0];
	const struct sk_buff *skb = (const void *)ctx[1];
	__u8 kind = WIRE_RETRANSMIT;

	if (!sk || !skb || !sock_is_tcp(sk)) {
		count(&my_counters()->ignored);
		return 0;
	}
	/* 6.15 on: it also fires when the attempt failed and nothing was sent. */
	if (retransmit_has_err && (int)ctx[2] != 0)
		kind = WIRE_RETRANSMIT_FAILED;
	if (sk->__sk_common.skc_state == WIRE_SYN_SENT) /* now the port is known */
		emit_retransmit(sk, skb, kind, WIRE_PART_IDENT);
	else
		emit_retransmit(sk, skb, kind, 0);
	return 0;
}

/* What has no room is counted, too, without its port. */
static __always_inline void aggregate(__u32 netns, __u16 port, const __u8 what, __u32 reason)
{
	void *map = what == WIRE_AGG_RESET_SENT ? (void *)&resets : (void *)&aggregates;
	struct aggregate_key key = {.netns = netns, .local_port = port, .what = what, .reason = reason};
	__u64 *seen = bpf_map_lookup_elem(map, &key);
	__u64 one = 1;

	if (!seen && !bpf_map_update_elem(map, &key, &one, BPF_NOEXIST))
		return;
	if (!seen) /* another CPU may have been faster */
		seen = bpf_map_lookup_elem(map, &key);
	if (seen)
		__sync_fetch_and_add(seen, 1);
	else
		count(&my_counters()->aggregate_rest[what]);
}

/* A child of Fast Open is a connection before its SYN-ACK is acknowledged: it repeats that itself. */
static __always_inline void emit_child_synack(const struct sock *sk, const struct request_sock *req)
{
	const struct tcp_request_sock *treq = (const void *)req;
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct wire_retransmit *w;
	struct place place;

	w = tp ? event_place(&place, BY_SYNACK_RTX, sizeof(*w)) : NULL;
	if (!w)
		return;
	fill_hdr(&w->hdr, (struct shape){WIRE_RETRANSMIT, 0, sizeof(*w)}, bpf_ktime_get_ns(), bpf_get_socket_cookie((void *)sk),
		 sk->__sk_common.skc_state);
	w->seq = BPF_CORE_READ(treq, snt_isn);
	w->end_seq = w->seq + 1;
	w->segment = WIRE_SEG_SYNACK;
	w->trigger = WIRE_TRIGGER_RTO;
	w->segs = 1;
	w->total = tp->total_retrans;
	event_send(&place, sizeof(*w));
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack_rtx, const struct sock *sk, const struct request_sock *req)
{
	__u32 netns = sk->__sk_common.skc_net.net->ns.inum, port = sk->__sk_common.skc_num;

	if (sk->__sk_common.skc_state != WIRE_LISTEN) {
		emit_child_synack(sk, req);
		return 0;
	}
	aggregate(netns, port, WIRE_AGG_SYNACK_RETRANSMIT, 0);
	if (!req->num_retrans) /* counted after the event: this is the first */
		aggregate(netns, port, WIRE_AGG_HALF_OPEN, 0);
	return 0;
}

struct reset {
	__u32 reason, number;
	__u8 direction, form;
};

static __always_inline const struct tcphdr *header_of(const struct sk_buff *skb)
{
	return (const void *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header));
}

/* What tcp_v4_send_reset() takes from the segment that it answers. */
static __always_inline void read_answered(struct reset *r, const struct sk_buff *skb)
{
	const struct tcphdr *th = header_of(skb);
	const struct tcp_skb_cb *cb = (const void *)&skb->cb[0];

	if (BPF_CORE_READ_BITFIELD_PROBED(th, ack)) {
		r->form = WIRE_RESET_ANSWER;
		r->number = bpf_ntohl(BPF_CORE_READ(th, ack_seq));
	} else {
		r->form = WIRE_RESET_ANSWER_ACK;
		r->number = BPF_CORE_READ(cb, end_seq);
	}
}

static __always_inline void emit_reset(const struct sock *sk, const struct reset *r, const __u8 parts, const enum writer writer)
{
	const __u16 size =
		sizeof(struct wire_reset) + (parts ? sizeof(struct wire_ident) : 0) + sizeof(struct wire_reset_number);
	struct wire_reset_number *number;
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct wire_reset *w;
	struct place place;

	if (!tp)
		return;
	w = event_place(&place, writer, size);
	if (!w)
		return;
	fill_hdr(&w->hdr, (struct shape){WIRE_RESET, parts, size}, bpf_ktime_get_ns(), bpf_get_socket_cookie((void *)sk),
		 sk->__sk_common.skc_state);
	w->hdr.shutdown = sk->sk_shutdown;
	w->reason = r->reason;
	w->direction = r->direction;
	w->form = r->form;
	__builtin_memset(w->pad, 0, sizeof(w->pad));
	if (parts)
		fill_ident((void *)(w + 1), sk, tp);
	number = (void *)(w + 1) + (parts ? sizeof(struct wire_ident) : 0);
	number->number = r->number;
	number->pad = 0;
	event_send(&place, size);
}

/* A reset that no full socket sends: the port is the answered segment's destination. */
static __always_inline void aggregate_reset(const struct sk_buff *skb, __u32 reason)
{
	const struct tcphdr *th = header_of(skb);

	aggregate(BPF_CORE_READ(skb, dev, nd_net.net, ns.inum), bpf_ntohs(BPF_CORE_READ(th, dest)), WIRE_AGG_RESET_SENT,
		  reason);
}

SEC("tp_btf/tcp_send_reset")
int on_send_reset(__u64 *ctx)
{
	const struct sock *sk = (const void *)ctx[0];
	const struct sk_buff *skb = (const void *)ctx[1];
	struct reset r = {
		.reason = send_reset_has_reason ? (__u32)ctx[2] : 0, .direction = WIRE_SENT, .form = WIRE_RESET_ACTIVE};
	__u8 state = 0;

	/* From 6.10 on sk may be NULL, a minisocket or a request; the verifier knows that from 6.12 on. */
	if (sk)
		state = sk->__sk_common.skc_state;
	switch (state) {
	case 0:
		if (skb)
			aggregate_reset(skb, r.reason);
		break;
	case WIRE_TIME_WAIT:
	case WIRE_NEW_SYN_RECV:
	case WIRE_LISTEN:
		if (sk)
			aggregate(sk->__sk_common.skc_net.net->ns.inum, sk->__sk_common.skc_num, WIRE_AGG_RESET_SENT, r.reason);
		break;
	default:
		if (!sk || !sock_is_tcp(sk))
			break;
		if (skb)
			read_answered(&r, skb);
		emit_reset(sk, &r, 0, BY_SEND_RESET);
	}
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_recv_reset, const struct sock *sk)
{
	const struct reset r = {.direction = WIRE_RECEIVED};

	if (!sock_is_tcp(sk))
		return 0;
	if (sk->__sk_common.skc_state == WIRE_SYN_SENT) /* refused: the tuple was not sent yet */
		emit_reset(sk, &r, WIRE_PART_IDENT, BY_RECV_RESET);
	else
		emit_reset(sk, &r, 0, BY_RECV_RESET);
	return 0;
}
