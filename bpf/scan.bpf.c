// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every TCP socket that exists. iter/task_file reads the descriptors of all processes in all namespaces and shows the holders;
 * iter/tcp reads one namespace's tables and shows what no process holds: orphans, the accept queue, minisockets. Asking for a
 * socket's cookie also makes the kernel give it one.
 */
#include "bpf/holder.bpf.h"
#include "bpf/listening.bpf.h"
#include "bpf/namespaces.bpf.h"
#include "bpf/seen.bpf.h"
#include "bpf/sock.bpf.h"
#include "bpf/tw.bpf.h"

char LICENSE[] SEC("license") = "GPL";

volatile bool minisocks_only = false; /* of scan_tcp */
volatile bool listeners_only = false; /* of scan_files */
volatile bool queues_only = false;    /* of scan_tcp: what waits at listeners */

struct found {
	struct wire_scan scan;
	struct wire_task task;
	struct wire_ident ident;
	struct wire_stats stats;
	struct exec_parts exec;
};

#define PARTS (WIRE_PART_TASK | WIRE_PART_IDENT | WIRE_PART_STATS | PARTS_EXEC)

static __always_inline void fill_found(struct found *f, const struct sock *sk, const struct tcp_sock *tp, __u64 cookie)
{
	struct wire_state *w = &f->scan.s;

	fill_socket(w, (struct shape){WIRE_SCAN, PARTS, sizeof(*f)}, sk, tp, cookie);
	f->scan.fd = -1;
	fill_no_task(&f->task);
	fill_ident(&f->ident, sk, tp);
	fill_stats(&f->stats, tp);
	fill_no_exec(&f->exec);
	f->scan.torn = tp->snd_una != w->snd_una || tp->snd_nxt != w->snd_nxt || tp->bytes_acked != f->stats.bytes_acked ||
		       tp->bytes_sent != f->stats.bytes_sent;
}

static __always_inline bool is_wanted(const struct sock *sk)
{
	return listeners_only ? sk->__sk_common.skc_state == WIRE_LISTEN : sk->__sk_common.skc_state != WIRE_CLOSE;
}

static __always_inline int scan_file(struct bpf_iter__task_file *ctx, bool cast)
{
	const struct task_struct *task = ctx->task;
	struct sock *sk = iter_sock(ctx);
	const struct tcp_sock *tp = sk && is_wanted(sk) ? tcp_of(sk, cast) : NULL;
	struct found f;
	__u64 cookie;

	note_namespace(ctx);
	if (!tp || !task)
		return 0;
	cookie = shown_cookie(sk);
	if (!cookie)
		return 0;
	fill_found(&f, sk, tp, cookie);
	f.scan.fd = ctx->fd;
	fill_holder(&f.task, &f.exec, task);
	bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
	/* A second sight shows numbers that are not torn, and the port that connect() has chosen meanwhile. */
	if (!f.scan.torn && f.scan.s.hdr.old_state != WIRE_SYN_SENT)
		seen_note(f.scan.s.hdr.cookie);
	return 0;
}

SEC("iter/task_file")
int scan_files(struct bpf_iter__task_file *ctx)
{
	return scan_file(ctx, false);
}

#ifdef HAS_CAST
SEC("?iter/task_file")
int scan_files_cast(struct bpf_iter__task_file *ctx)
{
	return scan_file(ctx, true);
}
#endif

/* Request sockets: the tuple and the state. Their numbers lie in other places in other kernels. */
struct found_request {
	struct wire_scan scan;
	struct wire_ident ident;
};

static __always_inline void fill_request(struct found_request *f, const struct sock_common *skc)
{
	__builtin_memset(f, 0, sizeof(*f));
	fill_hdr(&f->scan.s.hdr, (struct shape){WIRE_SCAN, WIRE_PART_IDENT, sizeof(*f)}, bpf_ktime_get_ns(),
		 skc->skc_cookie.counter, WIRE_NEW_SYN_RECV);
	f->scan.fd = -1;
	fill_common_ident(&f->ident, skc);
	f->ident.netns = skc->skc_net.net->ns.inum;
	f->ident.local_port = skc->skc_num;
}

struct found_minisock {
	struct wire_minisock mini;
	struct wire_ident ident;
};

static __always_inline void fill_minisock(struct found_minisock *f, const struct inet_timewait_sock *tw)
{
	const struct sock_common *skc = &tw->__tw_common;

	__builtin_memset(f, 0, sizeof(*f));
	fill_hdr(&f->mini.hdr, (struct shape){WIRE_MINISOCK, WIRE_PART_IDENT, sizeof(*f)}, bpf_ktime_get_ns(),
		 skc->skc_cookie.counter, WIRE_TIME_WAIT);
	fill_tw(&f->mini, tw);
	f->mini.what = WIRE_MINI_FOUND;
	fill_common_ident(&f->ident, skc);
	f->ident.netns = skc->skc_net.net->ns.inum;
	f->ident.local_port = skc->skc_num;
}

static __always_inline int scan_mini(struct seq_file *seq, struct sock_common *skc)
{
	const struct tcp_timewait_sock *tw = bpf_skc_to_tcp_timewait_sock(skc);
	struct found_minisock mini;
	struct found_request request;

	if (tw) {
		fill_minisock(&mini, &tw->tw_sk);
		bpf_seq_write(seq, &mini, sizeof(mini));
	} else if (!minisocks_only && bpf_skc_to_tcp_request_sock(skc)) {
		fill_request(&request, skc);
		bpf_seq_write(seq, &request, sizeof(request));
	}
	return 0;
}

/*
 * iter/tcp shows the listeners of a namespace before its other sockets, so that 1, which ends the reading
 * (bpf_iter_run_prog()), spares those.
 */
static __always_inline int scan_queue(struct seq_file *seq, struct sock_common *skc)
{
	const struct tcp_sock *tp;
	struct listening f;

	if (skc->skc_state != WIRE_LISTEN)
		return 1;
	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return 0;
	fill_listening(&f, untrusted(tp), tp, bpf_get_socket_cookie(skc));
	bpf_seq_write(seq, &f, sizeof(f));
	return 0;
}

SEC("iter/tcp")
int scan_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	const struct tcp_sock *tp;
	const struct sock *sk;
	struct found f;
	__u64 cookie;

	if (!skc)
		return 0;
	if (queues_only)
		return scan_queue(ctx->meta->seq, skc);
	if (skc->skc_state == WIRE_TIME_WAIT || skc->skc_state == WIRE_NEW_SYN_RECV)
		return cookies_only ? 0 : scan_mini(ctx->meta->seq, skc);
	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp || minisocks_only || skc->skc_state == WIRE_CLOSE)
		return 0;
	sk = &tp->inet_conn.icsk_inet.sk;
	cookie = bpf_get_socket_cookie(skc);
	if (cookies_only || seen_has(cookie))
		return 0;
	fill_found(&f, sk, tp, cookie);
	bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
	return 0;
}
