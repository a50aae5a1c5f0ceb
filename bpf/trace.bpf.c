// SPDX-License-Identifier: GPL-2.0-only
/*
 * One short program per hook: it takes the time, reads the socket and sends an event. User space decides what the facts mean.
 */
#include "bpf/emit.bpf.h"
#include "bpf/listening.bpf.h"
#include "bpf/minisock.bpf.h"
#include "bpf/proof.bpf.h"
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

/* Processes that may have a listener: the end of each is sent, and takes it out. If there is no room, each end is sent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LISTENS);
	__type(key, __u32);
	__type(value, __u8);
} listens SEC(".maps");
volatile bool listens_full = false;

static __always_inline void note_listener(void)
{
	__u32 tgid = bpf_get_current_task_btf()->tgid;
	__u8 one = 1;

	if (bpf_map_update_elem(&listens, &tgid, &one, BPF_ANY))
		listens_full = true;
}

/*
 * The kernel gives a socket its cookie when somebody asks for it. Most are asked for at the first transition, and of the others
 * one is a child of Fast Open, which may be read before that.
 */
static __always_inline __u64 cookie_of(const struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;

	return cookie ? cookie : bpf_get_socket_cookie((void *)sk);
}

#define ACTS 0x80 /* beside parts: a task acts */

/*
 * Sends a change with these of the parts ALL_OTHERS. The proof is in each event, behind them, and the exec behind it beside a
 * task. False: counted as lost.
 */
static __always_inline bool emit_state(const struct change *ch, __u64 parts)
{
	__u64 shown = parts & ALL_OTHERS, has_task = shown & WIRE_PART_TASK;
	__u64 ident = sizeof(struct wire_state) + has_task / WIRE_PART_TASK * sizeof(struct wire_task);
	__u64 stats = ident + (shown & WIRE_PART_IDENT) / WIRE_PART_IDENT * sizeof(struct wire_ident);
	__u64 proof = stats + (shown & WIRE_PART_STATS) / WIRE_PART_STATS * sizeof(struct wire_stats);
	__u64 exec = proof + sizeof(struct wire_proof), size = exec + has_task / WIRE_PART_TASK * sizeof(struct exec_parts);
	__u64 ts = bpf_ktime_get_ns(), program = 0;
	struct exec_parts *e;
	struct wire_state *w;
	struct wire_task *t;
	struct place place;
	__u32 tgid = 0;

	w = event_place(&place, ch->writer, size);
	if (!w)
		return false;
	fill_hdr(&w->hdr, (struct shape){WIRE_STATE, shown | WIRE_PART_PROOF | has_task * PARTS_EXEC, size}, ts, ch->cookie,
		 ch->old_state);
	w->hdr.new_state = ch->new_state;
	w->hdr.sk_flags = ch->sk_flags;
	w->hdr.shutdown = ch->trusted->sk_shutdown;
	fill_numbers(w, ch->trusted, ch->tp);
	if (shown & WIRE_PART_IDENT)
		fill_ident((void *)w + ident, ch->trusted, ch->tp);
	if (shown & WIRE_PART_STATS)
		fill_stats((void *)w + stats, ch->tp);
	fill_proof((void *)w + proof, ch, ts);
	if (has_task) {
		t = (void *)(w + 1);
		e = (void *)w + exec;
		fill_no_task(t);
		fill_no_exec(e);
		if (parts & ACTS) {
			fill_current(t);
			fill_exec(e, bpf_get_current_task_btf(), current_cgroup());
		}
		tgid = t->tgid;
		program = t->start_ns ^ e->program.exec_count;
	}
	if (!event_send(&place, size))
		return false;
	see_program(tgid, program, ts);
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
	if (ch->trusted->sk_err || (ch->sk_flags & WIRE_SK_DEAD))
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
 * The parts that are new. The tuple is complete when SYN_SENT or SYN_RECV ends: at ->SYN_SENT the port may still be 0. `known`
 * is false if nothing was sent of the socket before: then the tuple is sent in any case, for sockets that are older than the
 * tool.
 */
static __always_inline __u64 parts_of(const struct change *ch, bool known)
{
	bool ident = !known || ch->old_state == WIRE_SYN_SENT || ch->old_state == WIRE_SYN_RECV;
	bool close = ch->new_state == WIRE_CLOSE, task = acts_in_task(ch);
	__u64 parts = 0;

	if (ch->new_state == WIRE_SYN_SENT)
		ident = false;
	if (ident ? close || task : close && task)
		parts = ALL_OTHERS;
	else
		parts = ident * WIRE_PART_IDENT | task * WIRE_PART_TASK | close * WIRE_PART_STATS;
	return parts | task * ACTS;
}

/*
 * Before a listener ends, and after one begins: what it counted in between. It stands beside the change that is sent, which is
 * counted if the ring has no room.
 */
static __always_inline void emit_listening(const struct change *ch)
{
	struct place place;
	const enum writer writer = ch->writer == BY_SET_STATE ? BY_LISTENING : BY_LISTENING_MISSED;
	struct listening *l = event_place(&place, writer, sizeof(*l));

	if (!l)
		return;
	fill_listening(l, ch->sk, ch->tp, ch->cookie);
	l->wire.hdr.old_state = ch->old_state;
	l->wire.hdr.new_state = ch->new_state;
	event_try(&place, sizeof(*l));
}

static __always_inline void set_state(const struct sock *sk, int old, int new, const enum writer writer)
{
	struct change ch = {.old_state = old, .new_state = new, .writer = writer};
	__u64 slot, parts, sent;
	__u8 exiting;

	ch.tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!ch.tp)
		return;
	ch.trusted = sk;
	ch.sk = untrusted(ch.tp);
	ch.cookie = cookie_of(sk);
	exiting = (bpf_get_current_task_btf()->flags & PF_EXITING) * (WIRE_SK_EXITING / PF_EXITING);
	ch.sk_flags = hidden(sock_flags(sk, ch.tp) | exiting);
	slot = new == WIRE_SYN_SENT ? ch.cookie << MARK_SHIFT : marks_of(ch.cookie); /* a reconnect is a new connection */
	if (old == WIRE_LISTEN)
		emit_listening(&ch);
	sent = new == WIRE_SYN_SENT ? MARK_OWNER : new == WIRE_CLOSE ? MARK_CLOSED : 0;
	parts = hidden(parts_of(&ch, slot & MARK_STATE));
	ch.old_state = hidden(old);
	ch.new_state = hidden(new);
	ch.sk_flags = hidden(ch.sk_flags);
	if (emit_state(&ch, parts))
		slot |= sent;
	set_marks(ch.cookie, (slot & ~MARK_STATE) | ch.new_state);
	if (ch.new_state == WIRE_LISTEN) {
		emit_listening(&ch);
		note_listener();
	}
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
		set_state(sk, old, new, BY_SET_STATE);
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
	set_state(sk, old, new, BY_SET_STATE_MISSED);
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
	struct place place;
	struct wire_hdr *w;

	if (!cookie || ((marks_of(cookie) & MARK_CLOSED) && !report_deaths))
		return 0;
	w = event_place(&place, BY_DESTROY, sizeof(*w));
	if (!w)
		return 0;
	fill_hdr(w, (struct shape){WIRE_DESTROY, 0, sizeof(*w)}, bpf_ktime_get_ns(), cookie, sk->__sk_common.skc_state);
	event_send(&place, sizeof(*w));
	return 0;
}

/*
 * A process has to do with a connection. Each of the three ways is sent once, and not if the same process was sent for another
 * way before: one event is enough for nearly all servers.
 */
static __always_inline void touch(__u64 cookie, __u8 state, __u64 mark, const enum writer writer)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	__u64 slot = marks_of(cookie);
	__u32 *last = &touched_by[cookie & (MARKS - 1)];
	struct touch {
		struct wire_hdr hdr;
		struct wire_task task;
		struct exec_parts exec;
	} * w;
	struct place place;
	__u64 ts, program;

	if (!cookie || (slot & (MARK_OWNER | mark)) || (task->flags & PF_KTHREAD))
		return;
	if ((slot & (MARK_ACCEPTED | MARK_WRITTEN)) && *last == (__u32)task->tgid) {
		set_marks(cookie, slot | mark);
		return;
	}
	w = event_place(&place, writer, sizeof(*w));
	if (!w)
		return;
	ts = bpf_ktime_get_ns();
	fill_hdr(&w->hdr, (struct shape){WIRE_TOUCH, WIRE_PART_TASK | PARTS_EXEC, sizeof(*w)}, ts, cookie, state);
	w->hdr.sk_flags = mark == MARK_ACCEPTED ? WIRE_SK_ACCEPT : 0;
	fill_current(&w->task);
	fill_exec(&w->exec, task, current_cgroup());
	program = w->task.start_ns ^ w->exec.program.exec_count;
	if (!event_send(&place, sizeof(*w)))
		return;
	see_program(task->tgid, program, ts);
	*last = task->tgid;
	set_marks(cookie, slot | mark);
}

/*
 * Runs in recv(): the first reader is the process behind an accepted connection. The marks make all later reads cheap. A reader
 * in softirq (strparser, kTLS) does not own the socket's lock.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, const struct sock *sk)
{
	if (sk->sk_lock.owned)
		touch(cookie_of(sk), sk->__sk_common.skc_state, MARK_OWNER, BY_READ);
	return 0;
}

struct touched {
	__u64 cookie; /* 0: none */
	__u8 state;
};

/* An MPTCP socket is not the connection that is traced: that is its first subflow, which nobody reads or writes itself. */
static __always_inline struct touched first_subflow(const struct sock *sk)
{
	const struct mptcp_sock *msk = (const void *)sk;
	const struct sock *first;

	if (sk->sk_protocol != IPPROTO_MPTCP || !bpf_core_field_exists(msk->first))
		return (struct touched){0};
	first = BPF_CORE_READ(msk, first);
	if (!first)
		return (struct touched){0};
	return (struct touched){BPF_CORE_READ(first, __sk_common.skc_cookie.counter),
				BPF_CORE_READ(first, __sk_common.skc_state)};
}

/* These two fire for sockets of all families, 6.3 on. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, const struct sock *sk, int ret)
{
	struct touched conn;

	if (ret <= 0)
		return 0;
	if (sock_is_tcp(sk))
		conn = (struct touched){cookie_of(sk), sk->__sk_common.skc_state};
	else
		conn = first_subflow(sk);
	touch(conn.cookie, conn.state, MARK_WRITTEN, BY_SEND);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv, const struct sock *sk, int ret)
{
	struct touched conn;

	if (ret <= 0)
		return 0;
	conn = first_subflow(sk);
	touch(conn.cookie, conn.state, MARK_OWNER, BY_RECV);
	return 0;
}

/* The same as on_send, before 6.3. */
SEC("fentry/tcp_sendmsg")
int BPF_PROG(on_sendmsg, const struct sock *sk)
{
	if (sock_is_tcp(sk))
		touch(cookie_of(sk), sk->__sk_common.skc_state, MARK_WRITTEN, BY_SENDMSG);
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
		touch(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), WIRE_ESTABLISHED, MARK_ACCEPTED, BY_ACCEPTED);
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
	__u32 tgid = task->tgid;
	struct wire_exit *w;
	struct place place;

	if (task->signal->live.counter || (bpf_map_delete_elem(&listens, &tgid) && !report_deaths && !listens_full))
		return 0;
	w = event_place(&place, BY_EXIT, sizeof(*w));
	if (!w)
		return 0;
	fill_hdr(&w->hdr, (struct shape){WIRE_EXIT, 0, sizeof(*w)}, bpf_ktime_get_ns(), 0, 0);
	w->tgid = tgid;
	w->pad = 0;
	w->start_ns = task->group_leader->start_boottime;
	event_send(&place, sizeof(*w));
	return 0;
}
