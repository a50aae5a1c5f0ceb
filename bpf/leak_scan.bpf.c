// SPDX-License-Identifier: GPL-2.0-only
/* The iterators of the leak scan: sockets that wait for a process, with every descriptor that holds them, and no others. */
#include "bpf/holder.bpf.h"
#include "bpf/namespaces.bpf.h"
#include "bpf/sock.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define SK_USER_DATA_PSOCK 4UL /* 6.0 on; no other user sets this bit */
#define QUEUE_MAX 65536        /* a backlog is longer only if net.core.somaxconn is */

struct stuck {
	struct wire_leak wire;
	struct wire_task task;
	struct wire_ident ident;
	struct wire_exec exec;
};

static __always_inline bool is_leak(const struct sock *sk)
{
	switch (sk->__sk_common.skc_state) {
	case WIRE_CLOSE_WAIT:
	case WIRE_FIN_WAIT2:
	case WIRE_LISTEN: /* whose accept queue it is */
		return true;
	case WIRE_ESTABLISHED:
		return !sk->sk_socket;
	default:
		return false;
	}
}

/* The stamp has 32 bits of jiffies: right for 198 days at 250 per second. */
static __always_inline __u64 since_ns(__u32 stamp)
{
	__s32 ticks = (__u32)bpf_jiffies64() - stamp;

	return ticks > 0 ? ticks * tick_ns : 0;
}

static __always_inline void fill_leak(struct stuck *f, const struct sock *sk, const struct tcp_sock *tp, __u64 cookie)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;
	struct wire_leak *w = &f->wire;

	fill_socket(&w->s, (struct shape){WIRE_LEAK, WIRE_PART_TASK | WIRE_PART_IDENT | WIRE_PART_EXEC, sizeof(*f)}, sk, tp,
		    cookie);
	w->fd = -1;
	/* Read as numbers: a loaded pointer must not be counted with. */
	w->flags = (__u64)BPF_CORE_READ(sk, sk_user_data) & SK_USER_DATA_PSOCK ? WIRE_LEAK_PSOCK : 0;
	if (BPF_CORE_READ(icsk, icsk_ulp_ops))
		w->flags |= WIRE_LEAK_ULP;
	w->since_ack_ns = since_ns(tp->rcv_tstamp);
	w->since_data_ns = since_ns(icsk->icsk_ack.lrcvtime);
	w->delack_known = icsk->icsk_delack_timer.expires != 0;
	w->since_delack_ns = w->delack_known ? since_ns(icsk->icsk_delack_timer.expires) : 0;
	fill_no_task(&f->task);
	fill_no_exec(&f->exec);
	fill_ident(&f->ident, sk, tp);
}

SEC("iter/task_file")
int leak_files(struct bpf_iter__task_file *ctx)
{
	const struct task_struct *task = ctx->task;
	struct sock *sk = iter_sock(ctx);
	const struct tcp_sock *tp = sk && is_leak(sk) ? bpf_skc_to_tcp_sock(sk) : NULL;
	struct stuck f;

	note_namespace(ctx);
	if (!tp || !task)
		return 0;
	fill_leak(&f, sk, tp, bpf_get_socket_cookie(sk));
	f.wire.fd = ctx->fd;
	fill_holder(&f.task, &f.exec, task);
	bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
	return 0;
}

/*
 * Whose accept queue a socket is in: its cookie, the listener's cookie. iter/tcp shows the listeners of a namespace before its
 * other sockets.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, __u64);
} queued SEC(".maps");

struct walk {
	struct request_sock *req;
	__u64 listener;
};

/* One place of the queue; 1: it was the last. */
static long note_queued(__u32 i, struct walk *walk)
{
	struct request_sock *req = walk->req;
	struct sock *sk;
	__u64 cookie;

	if (!req)
		return 1;
	walk->req = req->dl_next;
	sk = req->sk;
	if (!sk || !is_leak(sk))
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	bpf_map_update_elem(&queued, &cookie, &walk->listener, BPF_ANY);
	return 0;
}

/* The iterator holds the listener's lock (bpf_iter_tcp_seq_show()): a segment may add to the queue, but none leaves it. */
static __always_inline void note_queue(const struct tcp_sock *tp, __u64 cookie)
{
	struct walk walk = {tp->inet_conn.icsk_accept_queue.rskq_accept_head, cookie};

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop))
		bpf_loop(QUEUE_MAX, note_queued, &walk, 0);
}

struct unheld {
	struct stuck stuck;
	struct wire_leak_queue queue;
};

/* Those that no process holds: not accepted yet, or in an unread message of a Unix socket. */
SEC("iter/tcp")
int leak_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	const struct tcp_sock *tp;
	const struct sock *sk;
	struct unheld f;
	__u64 cookie, *listener;

	if (!skc || skc->skc_state == WIRE_TIME_WAIT || skc->skc_state == WIRE_NEW_SYN_RECV)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return 0;
	sk = &tp->inet_conn.icsk_inet.sk;
	if (!is_leak(sk))
		return 0;
	cookie = bpf_get_socket_cookie(skc);
	if (skc->skc_state == WIRE_LISTEN)
		note_queue(tp, cookie);
	listener = bpf_map_lookup_elem(&queued, &cookie);
	fill_leak(&f.stuck, sk, tp, cookie);
	f.stuck.wire.s.hdr.len = sizeof(f);
	f.queue.listener = listener ? *listener : 0;
	bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
	return 0;
}
