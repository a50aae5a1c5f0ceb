// SPDX-License-Identifier: GPL-2.0-only
/*
 * One short program per hook: it takes the time, reads the socket and sends an event. User space decides what the facts mean.
 */
#include "bpf/emit.bpf.h"
#include "bpf/minisock.bpf.h"
#include "bpf/segments.bpf.h"
#include "bpf/sock.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* True while a scan runs: it may meet a socket after its CLOSE, so each socket's death is sent, too. */
volatile bool report_deaths = false;

/*
 * What was sent of the sockets seen last: (cookie << MARK_SHIFT) + flags + the last state sent. Direct-mapped, without locks or
 * deletion: if another socket takes a slot over, something is sent twice.
 */
#define MARKS 65536
#define MARK_SHIFT 8
#define MARK_STATE 0x0fULL
#define MARK_OWNER 0x10ULL    /* the process that connected, or that reads it, was sent */
#define MARK_CLOSED 0x20ULL   /* its CLOSE was sent */
#define MARK_ACCEPTED 0x40ULL /* the process that accepted it was sent, */
#define MARK_WRITTEN 0x80ULL  /* or the one that writes: the last of them is in touched_by[] */
#define MARK_FLAGS (MARK_OWNER | MARK_CLOSED | MARK_ACCEPTED | MARK_WRITTEN)
__u64 marks[MARKS];
__u32 touched_by[MARKS];

static __always_inline __u64 marks_of(__u64 cookie)
{
	__u64 slot = marks[cookie & (MARKS - 1)];

	return slot >> MARK_SHIFT == cookie ? slot : cookie << MARK_SHIFT;
}

static __always_inline void set_marks(__u64 cookie, __u64 slot)
{
	marks[cookie & (MARKS - 1)] = slot;
}

#define ALL_OTHERS (WIRE_PART_TASK | WIRE_PART_IDENT | WIRE_PART_STATS)

/* Who may have a listener, by the last bits of its pid: the end of such a process is sent. */
__u8 listens[LISTENS];

struct change {
	const struct sock *sk;
	const struct tcp_sock *tp;
	__u64 cookie;
	__u8 old_state, new_state, sk_flags;
};

/* Into FIN_WAIT2's ->CLOSE tcp_fin() leads, too (tcp_time_wait()). */
static __always_inline bool takes_fin(const struct change *ch)
{
	return ch->new_state == WIRE_CLOSE_WAIT || ch->new_state == WIRE_CLOSING ||
	       (ch->old_state == WIRE_FIN_WAIT2 && (ch->sk_flags & WIRE_SK_DONE));
}

/*
 * `parts` must be a constant, here and below: bpf_ringbuf_reserve() takes a constant size. The proof is in each event, behind
 * them, and the exec behind it beside a task.
 */
static __always_inline bool emit_state(const struct change *ch, const __u8 parts, bool task)
{
	const __u16 size = sizeof(struct wire_state) + (parts & WIRE_PART_TASK ? sizeof(struct wire_task) : 0) +
			   (parts & WIRE_PART_IDENT ? sizeof(struct wire_ident) : 0) +
			   (parts & WIRE_PART_STATS ? sizeof(struct wire_stats) : 0) + sizeof(struct wire_proof) +
			   (parts & WIRE_PART_TASK ? sizeof(struct wire_exec) : 0);
	const __u8 behind = WIRE_PART_PROOF | (parts & WIRE_PART_TASK ? WIRE_PART_EXEC : 0);
	__u64 ts = bpf_ktime_get_ns();
	struct wire_state *w;
	struct wire_task *t;
	void *ring, *part;

	w = event_reserve(&ring, size);
	if (!w)
		return false;
	fill_hdr(&w->hdr, (struct shape){WIRE_STATE, parts | behind, size}, ts, ch->cookie, ch->old_state);
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
	if (parts & WIRE_PART_STATS) {
		fill_stats(part, ch->tp);
		part += sizeof(struct wire_stats);
	}
	fill_proof(part, ch->sk, ch->tp, takes_fin(ch));
	part += sizeof(struct wire_proof);
	if (parts & WIRE_PART_TASK) {
		if (task)
			fill_exec(part, bpf_get_current_task_btf());
		else
			fill_no_exec(part);
		event_submit_task(ring, w, t, part);
	} else {
		event_submit(ring, w);
	}
	return true;
}

/*
 * True if the owner's own system call closes the socket, and no segment or timer does. In the kernel (5.10 to 7.2) a reset, a
 * timeout and ss -K (there `current` is ss) set sk_err; tcp_done() from softirq finds an orphan (SOCK_DEAD); the ACK of our
 * FIN closes LAST_ACK and CLOSING, and the peer's FIN (SOCK_DONE) closes FIN_WAIT2. What remains is close() with unread data or
 * SO_LINGER 0, connect(AF_UNSPEC), close() of a listener, and close() while connecting.
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
 * Sends a change with the parts that are new, and returns its flags for marks[]. The tuple is complete when SYN_SENT or
 * SYN_RECV ends: at ->SYN_SENT the port may still be 0. `known` is false if nothing was sent of the socket before: then the
 * tuple is sent in any case, for sockets that are older than the tool.
 */
static __always_inline __u64 emit_change(const struct change *ch, bool known)
{
	bool ident = !known || ch->old_state == WIRE_SYN_SENT || ch->old_state == WIRE_SYN_RECV;
	bool task = acts_in_task(ch);

	bool close = ch->new_state == WIRE_CLOSE, sent;

	if (ch->new_state == WIRE_SYN_SENT)
		ident = false;
	if (ident ? close || task : close && task)
		sent = emit_state(ch, ALL_OTHERS, task);
	else if (close)
		sent = emit_state(ch, WIRE_PART_STATS, false);
	else if (ident)
		sent = emit_state(ch, WIRE_PART_IDENT, false);
	else if (task)
		sent = emit_state(ch, WIRE_PART_TASK, true);
	else
		sent = emit_state(ch, 0, false);
	if (!sent)
		return 0;
	return ch->new_state == WIRE_SYN_SENT ? MARK_OWNER : close ? MARK_CLOSED : 0;
}

static __always_inline void set_state(const struct sock *sk, int old, int new)
{
	struct change ch = {.old_state = old, .new_state = new};
	__u64 slot;

	ch.tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!ch.tp)
		return;
	ch.sk = untrusted(ch.tp);
	ch.cookie = bpf_get_socket_cookie((void *)sk);
	ch.sk_flags = sock_flags(ch.sk, ch.tp);
	/* No branch: one more would double the verifier's paths. */
	ch.sk_flags |= (bpf_get_current_task_btf()->flags & PF_EXITING) * (WIRE_SK_EXITING / PF_EXITING);
	slot = new == WIRE_SYN_SENT ? ch.cookie << MARK_SHIFT : marks_of(ch.cookie); /* a reconnect is a new connection */
	slot |= emit_change(&ch, slot & MARK_STATE);
	set_marks(ch.cookie, (slot & ~MARK_STATE) | new);
	if (new == WIRE_LISTEN)
		listens[bpf_get_current_task_btf()->tgid & (LISTENS - 1)] = 1;
}

/*
 * LISTEN->SYN_RECV is left out: SYN_RECV->ESTABLISHED follows, and up to 6.14 the child has the listener's cookie and addresses
 * until then. close() after shutdown() "changes" FIN_WAIT1 to FIN_WAIT1 (tcp_close_state()).
 */
static __always_inline bool is_change(const struct sock *sk, int old, int new)
{
	return old != new && !(old == WIRE_LISTEN && new == WIRE_SYN_RECV) && sock_is_tcp(sk);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, const struct sock *sk, int old, int new)
{
	if (is_change(sk, old, new))
		set_state(sk, old, new);
	else
		count(&my_counters()->ignored);
	return 0;
}

/*
 * The same hook again. When a softirq interrupts on_set_state in a system call, the kernel does not run it a second time on
 * this CPU (bpf_prog_inc_misses_counter()): that loses one event in some ten thousand. This program is attached behind the
 * first and sends the change if the first did not.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state_missed, const struct sock *sk, int old, int new)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;

	if ((marks[cookie & (MARKS - 1)] & ~MARK_FLAGS) == (cookie << MARK_SHIFT | new) || !is_change(sk, old, new))
		return 0;
	set_state(sk, old, new);
	count(&my_counters()->rescued);
	return 0;
}

/*
 * Fires for every TCP socket, always after its CLOSE: it is sent only if the CLOSE was not. Of a socket without a cookie
 * nothing was sent before.
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
 * A process has to do with a connection. Each of the three ways is sent once, and not if the same process was sent for another
 * way before: one event is enough for nearly all servers.
 */
static __always_inline void touch(__u64 cookie, __u8 state, __u64 mark)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	__u64 slot = marks_of(cookie);
	__u32 *last = &touched_by[cookie & (MARKS - 1)];
	struct touch {
		struct wire_hdr hdr;
		struct wire_task task;
		struct wire_exec exec;
	} * w;
	void *ring;

	if (!cookie || (slot & (MARK_OWNER | mark)) || (task->flags & PF_KTHREAD))
		return;
	if ((slot & (MARK_ACCEPTED | MARK_WRITTEN)) && *last == (__u32)task->tgid) {
		set_marks(cookie, slot | mark);
		return;
	}
	w = event_reserve(&ring, sizeof(*w));
	if (!w)
		return;
	fill_hdr(&w->hdr, (struct shape){WIRE_TOUCH, WIRE_PART_TASK | WIRE_PART_EXEC, sizeof(*w)}, bpf_ktime_get_ns(), cookie,
		 state);
	w->hdr.sk_flags = mark == MARK_ACCEPTED ? WIRE_SK_ACCEPT : 0;
	fill_current(&w->task);
	fill_exec(&w->exec, task);
	event_submit_task(ring, w, &w->task, &w->exec);
	*last = task->tgid;
	set_marks(cookie, slot | mark);
}

/* A child of Fast Open may be read before its first transition, which gives the others their cookie. */
static __always_inline __u64 cookie_of(const struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;

	return cookie ? cookie : bpf_get_socket_cookie((void *)sk);
}

/*
 * Runs in recv(): the first reader is the process behind an accepted connection. The marks make all later reads cheap. A reader
 * in softirq (strparser, kTLS) does not own the socket's lock.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, const struct sock *sk)
{
	if (sk->sk_lock.owned)
		touch(cookie_of(sk), sk->__sk_common.skc_state, MARK_OWNER);
	return 0;
}

/* An MPTCP socket is not the connection that is traced: that is its first subflow, which nobody reads or writes itself. */
static __always_inline void touch_mptcp(const struct sock *sk, __u64 mark)
{
	const struct mptcp_sock *msk = (const void *)sk;
	const struct sock *first;

	if (sk->sk_protocol != IPPROTO_MPTCP || !bpf_core_field_exists(msk->first))
		return;
	first = BPF_CORE_READ(msk, first);
	if (first)
		touch(BPF_CORE_READ(first, __sk_common.skc_cookie.counter), BPF_CORE_READ(first, __sk_common.skc_state), mark);
}

/* These two fire for sockets of all families, 6.3 on. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, const struct sock *sk, int ret)
{
	if (ret <= 0)
		return 0;
	if (sock_is_tcp(sk))
		touch(cookie_of(sk), sk->__sk_common.skc_state, MARK_WRITTEN);
	else
		touch_mptcp(sk, MARK_WRITTEN);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv, const struct sock *sk, int ret)
{
	if (ret > 0)
		touch_mptcp(sk, MARK_OWNER);
	return 0;
}

/* The same as on_send, before 6.3. */
SEC("fentry/tcp_sendmsg")
int BPF_PROG(on_sendmsg, const struct sock *sk)
{
	if (sock_is_tcp(sk))
		touch(cookie_of(sk), sk->__sk_common.skc_state, MARK_WRITTEN);
	return 0;
}

SEC("fexit/inet_csk_accept")
int on_accepted(void *ctx)
{
	const struct sock *sk;
	__u64 ret;

	if (bpf_get_func_ret(ctx, &ret) || !ret)
		return 0;
	sk = (const void *)ret;
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		touch(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), WIRE_ESTABLISHED, MARK_ACCEPTED);
	return 0;
}

/*
 * In do_exit(), before the process's descriptors are closed. Its last thread has no others beside it. While a scan runs the end
 * of each process is sent, since the scan may just have met it as a holder.
 */
SEC("tp_btf/sched_process_exit")
int on_exit(__u64 *ctx)
{
	const struct task_struct *task = (const void *)ctx[0];
	struct wire_exit *w;
	void *ring;

	if ((!listens[task->tgid & (LISTENS - 1)] && !report_deaths) || task->signal->live.counter)
		return 0;
	w = event_reserve(&ring, sizeof(*w));
	if (!w)
		return 0;
	fill_hdr(&w->hdr, (struct shape){WIRE_EXIT, 0, sizeof(*w)}, bpf_ktime_get_ns(), 0, 0);
	w->tgid = task->tgid;
	w->pad = 0;
	w->start_ns = task->group_leader->start_boottime;
	event_submit(ring, w);
	return 0;
}
