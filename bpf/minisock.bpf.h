/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Minisockets, which the state tracepoint does not show. When a socket enters TIME_WAIT, or is closed in FIN_WAIT2, it goes to
 * CLOSE, and a small struct inet_timewait_sock takes its place. One of two sets of programs is loaded to see it:
 *
 * fentry: inet_twsk_alloc() makes it (or fails), tcp_timewait_state_process() handles its segments, inet_twsk_kill() ends it.
 *         They run for minisockets only.
 * timer:  for kernels that refuse fentry. The three timer tracepoints run for every timer of the host, so all other timers
 *         leave at the first comparison. If the timer is set to a time in the same bucket of the timer wheel, no tracepoint
 *         fires (__mod_timer()); the due time in the next event shows that it was set.
 *
 * No argument says why it ends: the kernel's stack shows which function ended it.
 */
#pragma once

#include "bpf/emit.bpf.h"
#include "bpf/sock.bpf.h"
#include "bpf/tw.bpf.h"

#define TIMEWAIT_NS 60000000000LL /* TCP_TIMEWAIT_LEN: the same in all kernels, and no sysctl changes it */
#define STACK_FRAMES 20

/* Set before the programs are attached, and not before load: the kernel takes long to write its symbols. */
__u64 tw_timer_handler_addr;
struct caller_range callers[CALLERS_MAX];

#define DELETED 0x80 /* beside a cause: its timer will not be set again */

static __always_inline __u8 cause_of(__u32 caller, __u8 substate)
{
	switch (caller) {
	case CALLER_STATE_PROCESS:
		return WIRE_CAUSE_RESET;
	case CALLER_V4_RCV: /* for a new SYN, or, in FIN_WAIT2, for a segment that is answered by RST */
	case CALLER_V6_RCV:
		return substate == WIRE_TIME_WAIT ? WIRE_CAUSE_REUSED : WIRE_CAUSE_RESET_SENT;
	case CALLER_V4_CONNECT:
	case CALLER_V6_CONNECT:
		return WIRE_CAUSE_REUSED;
	case CALLER_INET_PURGE:
	case CALLER_TCP_PURGE:
		return WIRE_CAUSE_NETNS_GONE;
	case CALLER_ABORT:
		return WIRE_CAUSE_KILLED;
	case CALLER_TIMER:
	case CALLER_TIMER_REMOTE:
		return WIRE_CAUSE_EXPIRED;
	default:
		return WIRE_CAUSE_UNKNOWN;
	}
}

/* Only segments in TIME_WAIT set a timer again: all others that stop it end the minisocket. */
static __always_inline bool always_deletes(__u32 caller)
{
	return caller != CALLER_STATE_PROCESS && caller != CALLER_TIMER && caller != CALLER_TIMER_REMOTE;
}

/*
 * The one whose code `address` is in; CALLERS_MAX: none of them. Not static: so the verifier walks through it once, and not for
 * each frame of a stack.
 */
__u32 caller_at(__u64 address);
__noinline __u32 caller_at(__u64 address)
{
	__u32 caller;

	for (caller = 0; caller < CALLERS_MAX; caller++) {
		if (address > callers[caller].begin && address <= callers[caller].end)
			break;
	}
	return caller;
}

/* With DELETED. The innermost counts: behind a softirq's frames are those of the task that it interrupted. */
static __always_inline __u8 cause_by_stack(void *ctx, __u8 substate)
{
	__u64 frames[STACK_FRAMES] = {};
	__u32 caller;
	__u8 deleted = 0;

	if (bpf_get_stack(ctx, frames, sizeof(frames), 0) < 0)
		return WIRE_CAUSE_UNKNOWN;
	for (__u32 i = 0; i < STACK_FRAMES; i++) {
		caller = caller_at(frames[i]);
		if (caller < CALLERS_OF_TIMERS)
			return cause_of(caller, substate) | (always_deletes(caller) ? DELETED : deleted);
		if (caller < CALLERS_MAX)
			deleted = DELETED;
	}
	return deleted;
}

/* `tw` may be any pointer: it is read by probe reads. */
static __always_inline void emit_minisock(const struct inet_timewait_sock *tw, __u8 what, __u8 cause, const enum writer writer)
{
	struct wire_minisock *w;
	struct place place;

	w = event_place(&place, writer, sizeof(*w));
	if (!w)
		return;
	fill_hdr(&w->hdr, (struct shape){WIRE_MINISOCK, 0, sizeof(*w)}, bpf_ktime_get_ns(), 0, WIRE_TIME_WAIT);
	fill_tw(w, tw);
	w->what = what;
	w->cause = cause;
	event_send(&place, sizeof(*w));
}

/* fentry */

/* At most: in FIN_WAIT2 as long as TIME_WAIT, or 3.5 times the retransmission timeout (tcp_time_wait()). */
static __always_inline __s64 longest_ns(const struct tcp_sock *tp, int state)
{
	__u64 ns = tp->inet_conn.icsk_rto * tick_ns * 7 / 2;

	return state == WIRE_FIN_WAIT2 && ns > TIMEWAIT_NS ? ns : TIMEWAIT_NS;
}

/* On return: the minisocket exists, its timer does not run yet. */
SEC("fexit/inet_twsk_alloc")
int BPF_PROG(on_tw_alloc, const struct sock *sk, void *death_row, int state, const struct inet_timewait_sock *tw)
{
	const struct tcp_sock *tp = sock_is_tcp(sk) ? bpf_skc_to_tcp_sock((void *)sk) : NULL;
	struct wire_minisock *w;
	struct place place;

	if (!tp)
		return 0;
	w = event_place(&place, BY_TW_ALLOC, sizeof(*w));
	if (!w)
		return 0;
	fill_hdr(&w->hdr, (struct shape){WIRE_MINISOCK, 0, sizeof(*w)}, bpf_ktime_get_ns(), bpf_get_socket_cookie((void *)sk),
		 WIRE_TIME_WAIT);
	w->hdr.new_state = state;
	w->remaining_ns = tw ? longest_ns(tp, state) : 0;
	w->snd_nxt = tp->snd_nxt;
	w->rcv_nxt = tp->rcv_nxt;
	w->what = tw ? WIRE_MINI_STARTED : WIRE_MINI_REFUSED;
	w->cause = 0;
	w->local_port = sk->__sk_common.skc_num;
	w->entered_ms = 0;
	w->expires = 0;
	event_send(&place, sizeof(*w));
	return 0;
}

struct tw_before tw_before[TRACE_MAX_CPUS] __attribute__((aligned(sizeof(struct tw_before))));

static __always_inline struct tw_before *my_tw_before(void)
{
	return &tw_before[bpf_get_smp_processor_id() & (TRACE_MAX_CPUS - 1)];
}

SEC("fentry/tcp_timewait_state_process")
int BPF_PROG(on_tw_segment, const struct inet_timewait_sock *tw)
{
	struct tw_before *before = my_tw_before();

	before->tw = (__u64)tw;
	before->expires = tw->tw_timer.expires;
	before->substate = tw->tw_substate;
	return 0;
}

SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(on_tw_segment_done, const struct inet_timewait_sock *tw)
{
	struct tw_before *before = my_tw_before();

	if (before->tw != (__u64)tw) /* it was ended, and its memory may be another's now */
		return 0;
	before->tw = 0;
	if (tw->tw_timer.expires != before->expires || tw->tw_substate != before->substate)
		emit_minisock(tw, WIRE_MINI_STARTED, 0, BY_TW_SEGMENT);
	return 0;
}

SEC("fentry/inet_twsk_kill")
int BPF_PROG(on_tw_kill, const struct inet_timewait_sock *tw)
{
	my_tw_before()->tw = 0;
	emit_minisock(tw, WIRE_MINI_ENDED, cause_by_stack(ctx, tw->tw_substate) & ~DELETED, BY_TW_KILL);
	return 0;
}

/* timer */

static __always_inline bool is_tw_timer(const struct timer_list *timer)
{
	return (__u64)timer->function == tw_timer_handler_addr;
}

static __always_inline const struct inet_timewait_sock *timer_tw(const struct timer_list *timer)
{
	return (const void *)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer);
}

SEC("tp_btf/timer_start") /* its other arguments changed in 6.11 */
int BPF_PROG(on_tw_timer_start, const struct timer_list *timer)
{
	if (is_tw_timer(timer))
		emit_minisock(timer_tw(timer), WIRE_MINI_STARTED, 0, BY_TIMER_START);
	return 0;
}

/*
 * Stopped because it is set again, expires, or is deleted. If it is due it nearly always expires within microseconds: then the
 * stack is not read. If the stack shows that it is deleted, that is its end.
 */
SEC("tp_btf/timer_cancel")
int BPF_PROG(on_tw_timer_cancel, const struct timer_list *timer)
{
	const struct inet_timewait_sock *tw;
	__u8 cause = WIRE_CAUSE_UNKNOWN;

	if (!is_tw_timer(timer))
		return 0;
	tw = timer_tw(timer);
	if (remaining_ns(timer->expires) > 0)
		cause = cause_by_stack(ctx, BPF_CORE_READ(tw, tw_substate));
	emit_minisock(tw, cause & DELETED ? WIRE_MINI_ENDED : WIRE_MINI_STOPPED, cause & ~DELETED, BY_TIMER_CANCEL);
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(on_tw_timer_expire, const struct timer_list *timer)
{
	if (is_tw_timer(timer))
		emit_minisock(timer_tw(timer), WIRE_MINI_ENDED, WIRE_CAUSE_EXPIRED, BY_TIMER_EXPIRE);
	return 0;
}
