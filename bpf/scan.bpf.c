// SPDX-License-Identifier: GPL-2.0-only
/*
 * The iterators: every TCP socket that exists. task_file walks the descriptors of all processes in all namespaces and so names
 * the holders; tcp walks one namespace's tables and so finds what no process holds (orphans, the accept queue, minisockets).
 * Asking for a socket's cookie here also makes the kernel give it one, so that it can be recognised from now on.
 */
#include "bpf/sock.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct found {
	struct wire_scan scan;
	struct wire_task task;
	struct wire_ident ident;
	struct wire_stats stats;
};

static __always_inline void fill_found(struct found *f, const struct sock *sk, const struct tcp_sock *tp, __u64 cookie)
{
	struct wire_state *w = &f->scan.s;

	fill_hdr(&w->hdr, bpf_ktime_get_ns(), cookie, WIRE_SCAN, WIRE_PARTS_ALL, sizeof(*f), sk->__sk_common.skc_state);
	w->hdr.sk_flags = sock_flags(sk, tp);
	w->hdr.shutdown = sk->sk_shutdown;
	fill_numbers(w, sk, tp);
	f->scan.fd = -1;
	fill_no_task(&f->task);
	fill_ident(&f->ident, sk, tp);
	fill_stats(&f->stats, tp);
	f->scan.torn = tp->snd_una != w->snd_una || tp->snd_nxt != w->snd_nxt || tp->bytes_acked != f->stats.bytes_acked ||
		       tp->bytes_sent != f->stats.bytes_sent;
}

SEC("iter/task_file")
int scan_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	const struct tcp_sock *tp;
	struct socket *socket;
	struct found f;
	struct sock *sk;

	if (!task || !file || task->tgid != task->pid)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || !sock_is_tcp(sk) || sk->__sk_common.skc_state == WIRE_CLOSE)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	fill_found(&f, sk, tp, bpf_get_socket_cookie(sk));
	f.scan.fd = ctx->fd;
	fill_task(&f.task, task, BPF_CORE_READ(task, cred, uid.val));
	bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
	return 0;
}

struct found_mini {
	struct wire_scan scan;
	struct wire_ident ident;
};

/* Request sockets and minisockets: a tuple and a state, no numbers that all kernels keep in one place. */
static __always_inline void fill_mini(struct found_mini *f, const struct sock_common *skc, __u8 state, __u8 substate)
{
	__builtin_memset(f, 0, sizeof(*f));
	fill_hdr(&f->scan.s.hdr, bpf_ktime_get_ns(), skc->skc_cookie.counter, WIRE_SCAN, WIRE_PART_IDENT, sizeof(*f), state);
	f->scan.s.hdr.new_state = substate;
	f->scan.fd = -1;
	fill_common_ident(&f->ident, skc);
	f->ident.local_port = skc->skc_num;
}

SEC("iter/tcp")
int scan_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	const struct tcp_timewait_sock *tw;
	const struct tcp_request_sock *req;
	const struct tcp_sock *tp;

	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (tp) {
		const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
		struct found f;

		if (skc->skc_state == WIRE_CLOSE)
			return 0;
		fill_found(&f, sk, tp, bpf_get_socket_cookie(skc));
		bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
		return 0;
	}
	tw = bpf_skc_to_tcp_timewait_sock(skc);
	req = bpf_skc_to_tcp_request_sock(skc);
	if (tw || req) {
		struct found_mini f;

		if (tw)
			fill_mini(&f, skc, WIRE_TIME_WAIT, tw->tw_sk.tw_substate);
		else
			fill_mini(&f, skc, WIRE_NEW_SYN_RECV, WIRE_NEW_SYN_RECV);
		bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
	}
	return 0;
}
