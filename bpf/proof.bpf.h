/* SPDX-License-Identifier: GPL-2.0-only */
/* A change of state, and what proves single segments as it happens. */
#pragma once

#include "bpf/emit.bpf.h"
#include "bpf/sock.bpf.h"

volatile __u64 zero = 0;

/*
 * The same number, of which the verifier knows nothing: it does not know what is in a map. It walks through the code behind a
 * branch once for each value that it knows apart, so this ends a decision.
 */
static __always_inline __u64 hidden(__u64 number)
{
	return number ^ zero;
}

struct change {
	const struct sock *trusted; /* for numbers, which are loaded without a check of the address */
	const struct sock *sk;      /* the same, for pointers: see untrusted() */
	const struct tcp_sock *tp;
	__u64 cookie;
	enum writer writer; /* a constant */
	__u8 old_state, new_state, sk_flags;
};

/* Into FIN_WAIT2's ->CLOSE tcp_fin() leads, too (tcp_time_wait()). */
static __always_inline bool takes_fin(const struct change *ch)
{
	return ch->new_state == WIRE_CLOSE_WAIT || ch->new_state == WIRE_CLOSING ||
	       (ch->old_state == WIRE_FIN_WAIT2 && (ch->sk_flags & WIRE_SK_DONE));
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
 * when data comes (tcp_ofo_queue()), and that sets lrcvtime. The clock may tick between the two, and a host that waits for a
 * processor loses some ticks there.
 */
#define SAME_SEGMENT_TICKS 2

static __always_inline __u16 fill_fin(struct wire_proof *p, const struct sock *sk, const struct tcp_sock *tp)
{
	const struct sk_buff *skb = sk->sk_receive_queue.prev;
	const struct tcp_skb_cb *cb = (const void *)&skb->cb[0];

	if (!sk->sk_receive_queue.qlen || BPF_CORE_READ(cb, end_seq) != tp->rcv_nxt ||
	    !(BPF_CORE_READ_BITFIELD_PROBED(cb, tcp_flags) & TCPHDR_FIN))
		return 0;
	p->fin_ack = BPF_CORE_READ(cb, ack_seq);
	if (tp->rcv_ooopack && (__u32)bpf_jiffies64() - tp->inet_conn.icsk_ack.lrcvtime <= SAME_SEGMENT_TICKS)
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

static __always_inline __u16 close_proofs(struct wire_proof *p, const struct change *ch)
{
	const struct sock *sk = ch->trusted;
	const struct tcp_sock *tp = ch->tp;
	__u16 flags = 0;

	p->err_soft = sk->sk_err_soft;
	if (sk->sk_error_queue.qlen) {
		p->err_icmp = queued_icmp(ch->sk);
		flags |= WIRE_PROOF_ERRORS;
	}
	flags |= (tp->rx_opt.num_sacks != 0) * WIRE_PROOF_SACKS;
	flags |= hidden(tp->out_of_order_queue.rb_node != NULL) * WIRE_PROOF_WAITS;
	flags |= (tp->inet_conn.icsk_pending == 0) * WIRE_PROOF_IDLE;
	return flags;
}

/* Each flag is read in the transitions that it can prove something in, and only there. */
static __always_inline void fill_proof(struct wire_proof *p, const struct change *ch, __u64 now)
{
	const struct tcp_sock *tp = ch->tp;
	__u16 flags = 0;

	p->sent_ns = tp->tcp_wstamp_ns;
	p->snd_wl1 = tp->snd_wl1;
	p->rcv_wup = tp->rcv_wup;
	p->fin_ack = 0;
	p->bytes_acked = tp->bytes_acked;
	p->bytes_received = tp->bytes_received;
	p->data_segs_out = tp->data_segs_out;
	p->data_segs_in = tp->data_segs_in;
	p->err_soft = 0;
	p->err_icmp = 0;
	__builtin_memset(p->pad, 0, sizeof(p->pad));
	if (ch->trusted->sk_pacing_status)
		flags |= WIRE_PROOF_PACED;
	if (ch->new_state == WIRE_CLOSE)
		flags |= close_proofs(p, ch);
	if (ch->old_state == WIRE_SYN_SENT)
		flags |= BPF_CORE_READ_BITFIELD(tp, fastopen_connect) * WIRE_PROOF_DEFERS;
	if (ch->old_state == WIRE_CLOSE_WAIT)
		flags |= was_delayed(tp, now) * WIRE_PROOF_DELAYED;
	if (ch->new_state == WIRE_FIN_WAIT1 || ch->new_state == WIRE_LAST_ACK)
		flags |= has_room(ch->trusted, tp, now) * WIRE_PROOF_ROOM;
	if (takes_fin(ch))
		flags |= fill_fin(p, ch->sk, tp);
	p->flags = flags;
}
