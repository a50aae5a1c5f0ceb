// SPDX-License-Identifier: GPL-2.0-only
/*
 * One short program per hook: take the time, read the socket, hand over an event. Facts only; user space decides what they
 * mean. What a stranger can cause without a connection (SYN-ACK repeats, resets to nobody) is counted per namespace and port
 * here.
 */
#include "bpf/emit.bpf.h"
#include "bpf/minisock.bpf.h"
#include "bpf/sock.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* Set before load, from the kernel's BTF: which arguments a tracepoint has (6.15+: err, 6.10+: reason). */
const volatile bool retransmit_has_err = false;
const volatile bool send_reset_has_reason = false;
/* True while a scan runs: a socket that dies then may have been scanned after its CLOSE, so its death is told too. */
volatile bool report_deaths = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AGGREGATES_MAX);
	__type(key, struct aggregate_key);
	__type(value, __u64);
} aggregates SEC(".maps");

/*
 * What was told of the sockets seen last: (cookie << MARK_SHIFT) + flags + the state told last. A lossy table without locks or
 * deletion, direct-mapped: a slot that another socket took over only means that something is told twice.
 */
#define MARKS 65536
#define MARK_SHIFT 8
#define MARK_STATE 0x0fULL
#define MARK_OWNER 0x10ULL  /* who reads it was told */
#define MARK_CLOSED 0x20ULL /* its CLOSE was told */
__u64 marks[MARKS];

static __always_inline __u64 marks_of(__u64 cookie)
{
	__u64 slot = marks[cookie & (MARKS - 1)];

	return slot >> MARK_SHIFT == cookie ? slot : cookie << MARK_SHIFT;
}

static __always_inline void set_marks(__u64 cookie, __u64 slot)
{
	marks[cookie & (MARKS - 1)] = slot;
}

struct change {
	const struct sock *sk;
	const struct tcp_sock *tp;
	__u64 cookie;
	__u8 old_state, new_state, sk_flags;
};

/* `parts` must be a constant, here and below: the ring wants a constant size. */
static __always_inline bool tell_state(const struct change *ch, const __u8 parts, bool task)
{
	const __u16 size = sizeof(struct wire_state) + (parts & WIRE_PART_TASK ? sizeof(struct wire_task) : 0) +
			   (parts & WIRE_PART_IDENT ? sizeof(struct wire_ident) : 0) +
			   (parts & WIRE_PART_STATS ? sizeof(struct wire_stats) : 0);
	__u64 ts = bpf_ktime_get_ns();
	struct wire_state *w;
	struct wire_task *t;
	void *ring, *part;

	w = event_reserve(&ring, size);
	if (!w)
		return false;
	fill_hdr(&w->hdr, (struct shape){WIRE_STATE, parts, size}, ts, ch->cookie, ch->old_state);
	w->hdr.new_state = ch->new_state;
	w->hdr.sk_flags = ch->sk_flags;
	w->hdr.shutdown = ch->sk->sk_shutdown;
	fill_numbers(w, ch->sk, ch->tp);
	part = t = (void *)(w + 1);
	if (parts & WIRE_PART_TASK) {
		if (task)
			fill_current(t);
		else
			fill_no_task(t);
		part = t + 1;
	}
	if (parts & WIRE_PART_IDENT) {
		fill_ident(part, ch->sk, ch->tp);
		part += sizeof(struct wire_ident);
	}
	if (parts & WIRE_PART_STATS)
		fill_stats(part, ch->tp);
	if (parts & WIRE_PART_TASK)
		event_submit_task(ring, w, t);
	else
		event_submit(ring, w);
	return true;
}

/*
 * ->CLOSE by the owner's own system call, not by a segment or a timer. The kernel's paths (5.10 to 7.2): a reset or a timeout
 * has set sk_err, ss -K too (and there `current` is ss); tcp_done() from softirq finds an orphan (SOCK_DEAD); the ACK of our
 * last FIN closes LAST_ACK and CLOSING, the peer's FIN (SOCK_DONE) FIN_WAIT2. The rest is close() with unread data or SO_LINGER
 * 0, connect(AF_UNSPEC), close() of a listener, and close() while connecting.
 */
static __always_inline bool closed_by_task(const struct change *ch)
{
	if (ch->sk->sk_err || (ch->sk_flags & WIRE_SK_DEAD))
		return false;
	switch (ch->old_state) {
	case WIRE_SYN_RECV:
	case WIRE_CLOSING:
	case WIRE_LAST_ACK:
		return false;
	case WIRE_FIN_WAIT2:
		return !(ch->sk_flags & WIRE_SK_DONE);
	default:
		return true;
	}
}

static __always_inline bool acts_in_task(const struct change *ch)
{
	switch (ch->new_state) {
	case WIRE_SYN_SENT:
	case WIRE_LISTEN:
	case WIRE_FIN_WAIT1:
	case WIRE_LAST_ACK:
		return true;
	case WIRE_CLOSE:
		return closed_by_task(ch);
	default:
		return false;
	}
}

/*
 * Tells a change with the parts that are new at it; returns the flags that it earns in marks[]. The tuple is complete once
 * SYN_SENT or SYN_RECV is left (at ->SYN_SENT the port may still be 0); `known` is false for a socket of which nothing was
 * told before, so that one that is older than the tool is told by name too.
 */
static __always_inline __u64 emit_change(const struct change *ch, bool known)
{
	bool ident = !known || ch->old_state == WIRE_SYN_SENT || ch->old_state == WIRE_SYN_RECV;
	bool task = acts_in_task(ch);

	if (ch->new_state == WIRE_SYN_SENT)
		return tell_state(ch, WIRE_PART_TASK, true) ? MARK_OWNER : 0;
	if (ch->new_state == WIRE_CLOSE && !task && !ident)
		return tell_state(ch, WIRE_PART_STATS, false) ? MARK_CLOSED : 0;
	if (ch->new_state == WIRE_CLOSE)
		return tell_state(ch, WIRE_PARTS_ALL, task) ? MARK_CLOSED : 0;
	if (ident && task)
		tell_state(ch, WIRE_PARTS_ALL, true);
	else if (ident)
		tell_state(ch, WIRE_PART_IDENT, false);
	else if (task)
		tell_state(ch, WIRE_PART_TASK, true);
	else
		tell_state(ch, 0, false);
	return 0;
}

static __always_inline void set_state(const struct sock *sk, int old, int new)
{
	struct change ch = {.sk = sk, .old_state = old, .new_state = new};
	__u64 slot;

	ch.tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!ch.tp)
		return;
	ch.cookie = bpf_get_socket_cookie((void *)sk);
	ch.sk_flags = sock_flags(sk, ch.tp);
	/* No branch: one more would double the verifier's paths. */
	ch.sk_flags |= (bpf_get_current_task_btf()->flags & PF_EXITING) * (WIRE_SK_EXITING / PF_EXITING);
	slot = new == WIRE_SYN_SENT ? ch.cookie << MARK_SHIFT : marks_of(ch.cookie); /* a reconnect starts anew */
	slot |= emit_change(&ch, slot & MARK_STATE);
	set_marks(ch.cookie, (slot & ~MARK_STATE) | new);
}

/*
 * LISTEN->SYN_RECV tells nothing that SYN_RECV->ESTABLISHED does not tell better, and up to 6.14 the child still wears the
 * listener's cookie and addresses there. close() after shutdown() "changes" FIN_WAIT1 to FIN_WAIT1 (tcp_close_state()).
 */
static __always_inline bool worth_telling(const struct sock *sk, int old, int new)
{
	return old != new && !(old == WIRE_LISTEN && new == WIRE_SYN_RECV) && sock_is_tcp(sk);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, const struct sock *sk, int old, int new)
{
	if (worth_telling(sk, old, new))
		set_state(sk, old, new);
	else
		count(&my_counters()->ignored);
	return 0;
}

/*
 * The same hook again. A softirq that interrupts on_set_state in a system call finds it busy on this CPU, and the kernel then
 * skips it (bpf_prog_inc_misses_counter()): one event in some ten thousand. This second program, attached behind it, tells the
 * change if the first did not.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state_missed, const struct sock *sk, int old, int new)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;

	if ((marks[cookie & (MARKS - 1)] & ~(MARK_OWNER | MARK_CLOSED)) == (cookie << MARK_SHIFT | new) ||
	    !worth_telling(sk, old, new))
		return 0;
	set_state(sk, old, new);
	count(&my_counters()->rescued);
	return 0;
}

static __always_inline __u8 segment_kind(__u8 flags, __u8 state)
{
	if (flags & 0x02)
		return state == WIRE_SYN_SENT ? WIRE_SEG_SYN : WIRE_SEG_SYNACK;
	return flags & 0x01 ? WIRE_SEG_FIN : WIRE_SEG_DATA;
}

/* What made the kernel repeat a segment: include/net/inet_connection_sock.h (ICSK_TIME_*), enum tcp_ca_state. */
static __always_inline __u8 retransmit_trigger(const struct tcp_sock *tp)
{
	__u8 ca_state = BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);

	if (tp->inet_conn.icsk_pending == 5 && ca_state != 3 && ca_state != 4)
		return WIRE_TRIGGER_TLP;
	if (ca_state == 4) /* TCP_CA_Loss, entered by the timer; what is repeated in it follows from the timeout */
		return WIRE_TRIGGER_RTO;
	return ca_state == 3 ? WIRE_TRIGGER_FAST : WIRE_TRIGGER_UNKNOWN;
}

static __always_inline void fill_retransmit(struct wire_retransmit *w, const struct sk_buff *skb, const struct tcp_sock *tp)
{
	const struct tcp_skb_cb *cb = (const void *)&skb->cb[0];
	/* tcp_flags is a byte up to 6.14 and two from 6.18 on; read by its real width or it swallows its neighbour. */
	__u64 flags = BPF_CORE_READ_BITFIELD_PROBED(cb, tcp_flags);

	w->seq = BPF_CORE_READ(cb, seq);
	w->end_seq = BPF_CORE_READ(cb, end_seq);
	w->segment = segment_kind(flags, w->hdr.old_state);
	w->trigger = retransmit_trigger(tp);
	__builtin_memset(w->pad, 0, sizeof(w->pad));
}

static __always_inline void emit_retransmit(const struct sock *sk, const struct sk_buff *skb, const struct tcp_sock *tp,
					    const __u8 parts)
{
	const __u16 size = sizeof(struct wire_retransmit) + (parts ? sizeof(struct wire_ident) : 0);
	struct wire_retransmit *w;
	void *ring;

	w = event_reserve(&ring, size);
	if (!w)
		return;
	fill_hdr(&w->hdr, (struct shape){WIRE_RETRANSMIT, parts, size}, bpf_ktime_get_ns(), bpf_get_socket_cookie((void *)sk),
		 sk->__sk_common.skc_state);
	fill_retransmit(w, skb, tp);
	if (parts)
		fill_ident((void *)(w + 1), sk, tp);
	event_submit(ring, w);
}

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit(__u64 *ctx)
{
	const struct sock *sk = (const void *)ctx[0];
	const struct sk_buff *skb = (const void *)ctx[1];
	const struct tcp_sock *tp;

	/* 6.15 on: fired for failed attempts too, which put nothing on the wire. */
	if ((retransmit_has_err && (int)ctx[2] != 0) || !sk || !skb) {
		count(&my_counters()->ignored);
		return 0;
	}
	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp || !sock_is_tcp(sk)) {
		count(&my_counters()->ignored);
		return 0;
	}
	if (sk->__sk_common.skc_state == WIRE_SYN_SENT) /* by now the port is chosen */
		emit_retransmit(sk, skb, tp, WIRE_PART_IDENT);
	else
		emit_retransmit(sk, skb, tp, 0);
	return 0;
}

static __always_inline void aggregate(__u32 netns, __u16 port, __u8 what, __u32 reason)
{
	struct aggregate_key key = {.netns = netns, .local_port = port, .what = what, .reason = reason};
	__u64 *seen = bpf_map_lookup_elem(&aggregates, &key);
	__u64 one = 1;

	if (seen)
		__sync_fetch_and_add(seen, 1);
	else if (bpf_map_update_elem(&aggregates, &key, &one, BPF_NOEXIST))
		count(&my_counters()->aggregate_full);
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack_rtx, const struct sock *sk, const struct request_sock *req)
{
	/* skc_num: of the listener, or of a Fast Open child; both are the local port. */
	__u32 netns = sk->__sk_common.skc_net.net->ns.inum, port = sk->__sk_common.skc_num;

	aggregate(netns, port, WIRE_AGG_SYNACK_RETRANSMIT, 0);
	if (!req->num_retrans) /* counted after the event: this is the first */
		aggregate(netns, port, WIRE_AGG_HALF_OPEN, 0);
	return 0;
}

static __always_inline void emit_reset(const struct sock *sk, __u8 direction, __u32 reason, const __u8 parts)
{
	const __u16 size = sizeof(struct wire_reset) + (parts ? sizeof(struct wire_ident) : 0);
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct wire_reset *w;
	void *ring;

	if (!tp)
		return;
	w = event_reserve(&ring, size);
	if (!w)
		return;
	fill_hdr(&w->hdr, (struct shape){WIRE_RESET, parts, size}, bpf_ktime_get_ns(), bpf_get_socket_cookie((void *)sk),
		 sk->__sk_common.skc_state);
	w->hdr.shutdown = sk->sk_shutdown;
	w->reason = reason;
	w->direction = direction;
	__builtin_memset(w->pad, 0, sizeof(w->pad));
	if (parts)
		fill_ident((void *)(w + 1), sk, tp);
	event_submit(ring, w);
}

/* A reset that no full socket sends: the port is the answered segment's destination. */
static __always_inline void aggregate_reset(const struct sk_buff *skb, __u32 reason)
{
	const struct tcphdr *th = (const void *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header));

	aggregate(BPF_CORE_READ(skb, dev, nd_net.net, ns.inum), bpf_ntohs(BPF_CORE_READ(th, dest)), WIRE_AGG_RESET_SENT,
		  reason);
}

SEC("tp_btf/tcp_send_reset")
int on_send_reset(__u64 *ctx)
{
	const struct sock *sk = (const void *)ctx[0];
	const struct sk_buff *skb = (const void *)ctx[1];
	__u32 reason = send_reset_has_reason ? (__u32)ctx[2] : 0;
	__u8 state = 0;

	/* 6.10 on, sk may be NULL, a minisocket or a request; up to 6.11 the verifier does not know, and a NULL read gives 0.
	 */
	if (sk)
		state = sk->__sk_common.skc_state;
	switch (state) {
	case 0:
		if (skb)
			aggregate_reset(skb, reason);
		break;
	case WIRE_TIME_WAIT:
	case WIRE_NEW_SYN_RECV:
	case WIRE_LISTEN:
		if (sk)
			aggregate(sk->__sk_common.skc_net.net->ns.inum, sk->__sk_common.skc_num, WIRE_AGG_RESET_SENT, reason);
		break;
	default:
		if (sk && sock_is_tcp(sk))
			emit_reset(sk, WIRE_SENT, reason, 0);
	}
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_recv_reset, const struct sock *sk)
{
	if (!sock_is_tcp(sk))
		return 0;
	if (sk->__sk_common.skc_state == WIRE_SYN_SENT) /* refused: the tuple was not told yet */
		emit_reset(sk, WIRE_RECEIVED, 0, WIRE_PART_IDENT);
	else
		emit_reset(sk, WIRE_RECEIVED, 0, 0);
	return 0;
}

/*
 * Fires for every TCP socket, always after CLOSE, so it is news only where the CLOSE was not told. A socket without a cookie
 * was never told of at all.
 */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, const struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct wire_hdr *w;
	void *ring;

	if (!cookie || ((marks_of(cookie) & MARK_CLOSED) && !report_deaths))
		return 0;
	w = event_reserve(&ring, sizeof(*w));
	if (!w)
		return 0;
	fill_hdr(w, (struct shape){WIRE_DESTROY, 0, sizeof(*w)}, bpf_ktime_get_ns(), cookie, sk->__sk_common.skc_state);
	event_submit(ring, w);
	return 0;
}

/*
 * Runs in recv() of whoever reads: the first reader names the process behind an accepted connection. Every later read must cost
 * next to nothing, hence the marks. A reader in softirq (strparser, kTLS) does not own the socket's lock.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, const struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;
	const __u16 size = sizeof(struct wire_hdr) + sizeof(struct wire_task);
	__u64 slot = marks_of(cookie);
	struct wire_hdr *w;
	void *ring;

	if (!cookie || (slot & MARK_OWNER) || !sk->sk_lock.owned || (bpf_get_current_task_btf()->flags & PF_KTHREAD))
		return 0;
	w = event_reserve(&ring, size);
	if (!w)
		return 0;
	fill_hdr(w, (struct shape){WIRE_TOUCH, WIRE_PART_TASK, size}, bpf_ktime_get_ns(), cookie, sk->__sk_common.skc_state);
	fill_current((void *)(w + 1));
	event_submit_task(ring, w, (void *)(w + 1));
	set_marks(cookie, slot | MARK_OWNER);
	return 0;
}
