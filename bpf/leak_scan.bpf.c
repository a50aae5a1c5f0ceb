// SPDX-License-Identifier: GPL-2.0-only
/* The iterators of the leak scan: sockets that wait for a process, with every descriptor that holds them, and no others. */
#include "bpf/holder.bpf.h"
#include "bpf/listening.bpf.h"
#include "bpf/namespaces.bpf.h"
#include "bpf/sock.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define SK_USER_DATA_PSOCK 4UL /* 6.0 on; no other user sets this bit */
#define ECONNABORTED 103       /* asm-generic/errno.h */
#define STRANGER_NS 1000000000ull
#define IN_USE_NS 60000000000ull /* who has used none of its sockets for longer is idle itself */
#define QUEUE_MAX 65536          /* a backlog is longer only if net.core.somaxconn is */

struct stuck {
	struct wire_leak wire;
	struct wire_task task;
	struct wire_ident ident;
	struct exec_parts exec;
	struct wire_leak_queue queue;
	struct wire_queue at; /* of a listener: else all zero */
	struct wire_leak_use use;
};

bool wide; /* see leak_scan_widen() */

static __always_inline bool is_leak(const struct sock *sk)
{
	switch (sk->__sk_common.skc_state) {
	case WIRE_CLOSE_WAIT:
	case WIRE_FIN_WAIT2:
	case WIRE_LISTEN: /* whose accept queue it is */
		return true;
	case WIRE_ESTABLISHED:
		return !sk->sk_socket;
	case WIRE_FIN_WAIT1:
	case WIRE_CLOSING:
	case WIRE_LAST_ACK:
		return wide;
	case WIRE_CLOSE: /* ended by `ss -K` or its like, which the process has not noticed */
		return sk->sk_err == ECONNABORTED;
	default:
		return false;
	}
}

static __always_inline bool may_show(const struct sock *sk)
{
	return sk->__sk_common.skc_state == WIRE_ESTABLISHED || is_leak(sk);
}

/* The stamp has 32 bits of jiffies: right for 198 days at 250 per second. */
static __always_inline __u64 since_ns(__u32 stamp)
{
	__s32 ticks = (__u32)bpf_jiffies64() - stamp;

	return ticks > 0 ? ticks * tick_ns : 0;
}

/*
 * Of the bytes that were acknowledged, the kernel counts the SYN of who connects, and that of nobody else, as facts_role()
 * knows, too. What TCP_REPAIR restored counts from 0 again, and shows nothing.
 */
static __always_inline __u16 side_of(const struct wire_state *s, const struct tcp_sock *tp)
{
	__u64 payload = tp->bytes_sent - tp->bytes_retrans;
	bool fin_waits =
		s->hdr.old_state == WIRE_FIN_WAIT1 || s->hdr.old_state == WIRE_CLOSING || s->hdr.old_state == WIRE_LAST_ACK;
	bool fin_sent = s->hdr.old_state == WIRE_FIN_WAIT2 || (fin_waits && s->snd_nxt == s->write_seq);
	__u64 counted = tp->bytes_acked + (__u32)(s->snd_nxt - s->snd_una) - fin_sent;

	if ((s->hdr.sk_flags & (WIRE_SK_REPAIR | WIRE_SK_RESTORED)) || !s->segs_in)
		return 0;
	if (counted == payload)
		return WIRE_LEAK_ACCEPTED;
	return counted == payload + 1 ? WIRE_LEAK_OPENED : 0;
}

static __always_inline void fill_leak(struct stuck *f, const struct sock *sk, const struct tcp_sock *tp, __u64 cookie)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;
	struct wire_leak *w = &f->wire;

	fill_socket(&w->s, (struct shape){WIRE_LEAK, WIRE_PART_TASK | WIRE_PART_IDENT | PARTS_EXEC, sizeof(*f)}, sk, tp,
		    cookie);
	w->fd = -1;
	/* Read as numbers: a loaded pointer must not be counted with. */
	w->flags = (__u64)BPF_CORE_READ(sk, sk_user_data) & SK_USER_DATA_PSOCK ? WIRE_LEAK_PSOCK : 0;
	if (BPF_CORE_READ(icsk, icsk_ulp_ops))
		w->flags |= WIRE_LEAK_ULP;
	w->flags |= side_of(&w->s, tp);
	f->use.since_sent_ns = since_ns(tp->lsndtime);
	w->since_ack_ns = since_ns(tp->rcv_tstamp);
	w->since_data_ns = since_ns(icsk->icsk_ack.lrcvtime);
	w->delack_known = icsk->icsk_delack_timer.expires != 0;
	w->since_delack_ns = w->delack_known ? since_ns(icsk->icsk_delack_timer.expires) : 0;
	fill_no_task(&f->task);
	fill_no_exec(&f->exec);
	fill_ident(&f->ident, sk, tp);
	f->queue.listener = 0;
	__builtin_memset(&f->at, 0, sizeof(f->at));
}

static __always_inline __u64 used_since_ns(const struct tcp_sock *tp)
{
	__u64 sent = since_ns(tp->lsndtime), received = since_ns(tp->inet_conn.icsk_ack.lrcvtime);

	return sent < received ? sent : received;
}

/* What was shown of one process last: a socket that does not leak, and was used so long ago. */
__u32 in_use_tgid;
__u64 in_use_since_ns;

/* The next one of the process was used at most half as long ago: few are shown, however many it has. */
static __always_inline bool is_news(const struct task_struct *task, __u64 since)
{
	return since < ((__u32)task->tgid == in_use_tgid ? in_use_since_ns / 2 : IN_USE_NS);
}

/* Accepted and handed to a child at once is nothing strange: it must have started later. Both clocks stop in a suspend. */
static __always_inline __u16 is_stranger(const struct task_struct *task, __u64 since_sent_ns)
{
	__u64 age = bpf_ktime_get_ns() - task->group_leader->start_time;

	return age + STRANGER_NS < since_sent_ns ? WIRE_LEAK_STRANGER : 0;
}

/*
 * Open connections that a stranger holds, and the scan that met one first. A later scan shows all who hold them: the first one
 * has passed some of them already when it meets the stranger.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, __u64);
} strange SEC(".maps");

/* Who takes data out of the socket is no stranger to it, though it may send none. */
static __always_inline bool is_quiet_stranger(const struct task_struct *task, const struct tcp_sock *tp)
{
	return is_stranger(task, since_ns(tp->lsndtime)) &&
	       (is_stranger(task, since_ns(tp->inet_conn.icsk_ack.lrcvtime)) || tp->rcv_nxt != tp->copied_seq);
}

/* An open connection, accepted or opened here: is it to be shown? */
static __always_inline bool shows_open(const struct bpf_iter__task_file *ctx, const struct task_struct *task,
				       const struct tcp_sock *tp, __u64 cookie)
{
	__u64 session = ctx->meta->session_id, *first = bpf_map_lookup_elem(&strange, &cookie);

	if (!first && is_quiet_stranger(task, tp))
		bpf_map_update_elem(&strange, &cookie, &session, BPF_ANY);
	return first && *first != session;
}

/* A leak; or an open connection that shows its process's use, or (wide) who holds it. */
static __always_inline int leak_file(struct bpf_iter__task_file *ctx, bool cast)
{
	const struct task_struct *task = ctx->task;
	struct sock *sk = iter_sock(ctx);
	const struct tcp_sock *tp = sk && may_show(sk) ? tcp_of(sk, cast) : NULL;
	bool open, for_holders;
	struct stuck f;
	__u64 used, cookie;

	note_namespace(ctx);
	if (!tp || !task)
		return 0;
	used = used_since_ns(tp);
	cookie = shown_cookie(sk);
	if (!cookie)
		return 0;
	open = sk->__sk_common.skc_state == WIRE_ESTABLISHED;
	for_holders = open && wide && shows_open(ctx, task, tp, cookie);
	if (open && !for_holders && !is_news(task, used))
		return 0;
	fill_leak(&f, sk, tp, cookie);
	if (f.wire.s.hdr.old_state == WIRE_CLOSE && sk->sk_err != ECONNABORTED) /* a moment ago it was another state */
		return 0;
	f.wire.fd = ctx->fd;
	fill_holder(&f.task, &f.exec, task);
	if (for_holders)
		f.wire.flags |= WIRE_LEAK_HELD;
	if (!open || is_quiet_stranger(task, tp))
		f.wire.flags |= is_stranger(task, f.use.since_sent_ns);
	/* What did not fit is shown again. */
	if (bpf_seq_write(ctx->meta->seq, &f, sizeof(f)) || !open || for_holders)
		return 0;
	in_use_tgid = task->tgid;
	in_use_since_ns = used;
	return 0;
}

SEC("iter/task_file")
int leak_files(struct bpf_iter__task_file *ctx)
{
	return leak_file(ctx, false);
}

#ifdef HAS_CAST
SEC("?iter/task_file")
int leak_files_cast(struct bpf_iter__task_file *ctx)
{
	return leak_file(ctx, true);
}
#endif

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
	cookie = cookie_of(sk);
	if (!cookie)
		return 0;
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

/*
 * It had no cookie when leak_files met it, if it did: who holds it is not known. The next scan will, which gives it one. Few
 * are concerned: what came in the moment since the cookies were given.
 */
static __always_inline bool came_late(const struct sock_common *skc)
{
	if (!casts || skc->skc_cookie.counter)
		return false;
	nameless++;
	return true;
}

/* Those that no process holds: not accepted yet, or in an unread message of a Unix socket. */
SEC("iter/tcp")
int leak_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	const struct tcp_sock *tp;
	const struct sock *sk;
	struct stuck f;
	__u64 cookie, *listener;

	if (!skc || skc->skc_state == WIRE_TIME_WAIT || skc->skc_state == WIRE_NEW_SYN_RECV)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return 0;
	sk = &tp->inet_conn.icsk_inet.sk;
	if (cookies_only) {
		bpf_get_socket_cookie(skc);
		return 0;
	}
	if (!is_leak(sk) || came_late(skc))
		return 0;
	cookie = bpf_get_socket_cookie(skc);
	if (skc->skc_state == WIRE_LISTEN)
		note_queue(tp, cookie);
	listener = bpf_map_lookup_elem(&queued, &cookie);
	fill_leak(&f, sk, tp, cookie);
	if (listener)
		f.queue.listener = *listener;
	if (skc->skc_state == WIRE_LISTEN)
		fill_queue(&f.at, sk, tp);
	bpf_seq_write(ctx->meta->seq, &f, sizeof(f));
	return 0;
}
