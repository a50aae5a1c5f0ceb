/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events leave through a lane and one ring buffer per CPU; user space merges them by time. An event that does not fit is
 * counted as lost.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/shared.h"
#include "bpf/wire.h"

#ifndef BPF_F_MMAPABLE
#define BPF_F_MMAPABLE (1U << 10) /* include/uapi/linux/bpf.h */
#endif

/* Wake the reader when this many bytes wait in a ring; below it, the reader polls. */
const volatile __u64 wake_bytes = 256 * 1024;

struct counters counters[TRACE_MAX_CPUS] __attribute__((aligned(sizeof(struct counters))));

/* The programs seen last, by pid: start times of processes, mixed with their exec count. In sets of two, the newer first: one
 * that was replaced is new again. */
#define PROCESSES 4096
__u64 processes[PROCESSES][2];

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* set to the number of CPUs before load */
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline struct counters *my_counters(void)
{
	return &counters[bpf_get_smp_processor_id() & (TRACE_MAX_CPUS - 1)];
}

/*
 * A lane per CPU, which the programs write themselves: an event there costs half of one in a ring. When it is full, events go
 * into the ring buffer behind it. User space maps all lanes, one behind the other.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* this and the size are set before load */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, LANE_DATA + LANE_BYTES_MIN + LANE_BEHIND);
} lanes SEC(".maps");

const volatile __u64 lane_mask = LANE_BYTES_MIN - 1;
const volatile __u64 lane_limit = LANE_UNUSED; /* full with so many bytes: less than the lane has by LANE_MARGIN */
const volatile __u64 lane_key = 0;             /* random: no remote host can send bytes that look like the tag of an event */

/*
 * From 6.1 on the kernel runs no program on a CPU where it already runs (__bpf_trace_run()), so each can have a place of its
 * own for an event. Before, a softirq may run one that it has interrupted: `turn` shows it.
 */
enum writer {
	BY_SET_STATE,
	BY_SET_STATE_MISSED,
	BY_DESTROY,
	BY_READ,
	BY_SEND,
	BY_RECV,
	BY_SENDMSG,
	BY_ACCEPTED,
	BY_EXIT,
	BY_RETRANSMIT,
	BY_SYNACK_RTX,
	BY_SEND_RESET,
	BY_RECV_RESET,
	BY_TW_ALLOC,
	BY_TW_SEGMENT,
	BY_TW_KILL,
	BY_TIMER_START,
	BY_TIMER_CANCEL,
	BY_TIMER_EXPIRE,
	BY_LISTENING, /* of the two that show state changes, in this order, beside the change itself */
	BY_LISTENING_MISSED,
	WRITERS
};
_Static_assert(WRITERS <= LANE_WRITERS, "a place for each");

/* Where an event is written: its head and what that will be. */
struct place {
	__u64 *head;
	__u64 tag;
	__u64 turn;   /* at *head until it is submitted, unless the program has run again meanwhile */
	__u64 inside; /* the lane; 0: that is full */
};

/*
 * The event is written where it is to be read, or where it is copied from. Both are places in one map, without a branch between
 * them: one more would double the verifier's paths.
 */
static __always_inline void *event_place(struct place *ret, const enum writer writer, __u64 size)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct lane *lane = bpf_map_lookup_elem(&lanes, &cpu);
	const __u64 own = writer * LANE_EVENT_MAX;
	__u64 pos, inside;

	if (!lane)
		return NULL;
	pos = *(volatile __u64 *)&lane->head;
	inside = (((__u64)lane_limit - (pos - *(volatile __u64 *)&lane->tail)) >> 63) - 1; /* all bits, or none */
	barrier_var(inside);
	pos = __sync_fetch_and_add(&lane->head, (size + LANE_HEAD) & inside);
	ret->head = (void *)lane + LANE_WRITER + own + ((LANE_DATA - LANE_WRITER - own) & inside) + (pos & lane_mask & inside);
	ret->tag = pos ^ lane_key;
	ret->turn = *(volatile __u64 *)ret->head + 1; /* no tag: those of a place differ in the bits above the lane's size */
	*(volatile __u64 *)ret->head = ret->turn;
	ret->inside = inside;
	return ret->head + 1;
}

/* The tag is written last, and what the reader sees before is not a tag of this place: nothing has to be zeroed. */
static __always_inline void lane_submit(const struct place *place)
{
#ifdef __TARGET_ARCH_x86 /* it keeps stores in order */
	barrier();
	*(volatile __u64 *)place->head = place->tag;
#else
	__sync_lock_test_and_set(place->head, place->tag);
#endif
}

/*
 * The reader polls. It is woken when a ring fills past the mark, once per crossing, since a wakeup costs more than an event.
 * Every 32nd event checks, since the check has a cost, too. What is rare is a function, so that the rest stays in the
 * processor's cache.
 */
static __noinline bool ring_submit(const void *event, __u64 size)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rings, &cpu);
	struct counters *c = my_counters();
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (!ring || size > LANE_EVENT_MAX)
		return false;
	if (!(++c->submitted & 31)) {
		bool full = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > wake_bytes;

		if (full && !c->woken)
			flags = BPF_RB_FORCE_WAKEUP;
		c->woken = full;
	}
	return !bpf_ringbuf_output(ring, (void *)event, size, flags);
}

static __always_inline bool is_whole(const struct place *place)
{
	return *(volatile __u64 *)place->head == place->turn;
}

static __noinline bool ring_send(const void *event, __u64 size, bool whole)
{
	struct counters *c = my_counters();

	if (whole && ring_submit(event, size))
		return true;
	if (!c->full_since_ns)
		c->full_since_ns = bpf_ktime_get_ns();
	count(&c->ring_full);
	return false;
}

/* False: counted as lost. */
static __always_inline bool event_send(const struct place *place, __u64 size)
{
	if (!place->inside)
		return ring_send(place->head + 1, size, is_whole(place));
	lane_submit(place);
	return true;
}

/* An event beside another one, which is counted if there is no room. */
static __always_inline void event_try(const struct place *place, __u64 size)
{
	if (place->inside)
		lane_submit(place);
	else if (is_whole(place))
		ring_submit(place->head + 1, size);
}

/*
 * Programs can be new at each event: pids that share a set of processes[], a process that calls exec() again and again. So
 * wakeups have a budget, here as the time at which all that was spent is earned again.
 */
#define WAKE_EARNED_NS 2000000ULL /* one in this time, on each CPU, */
#define WAKE_BURST 64             /* and so many at once */

static __always_inline bool may_wake(__u64 now)
{
	struct counters *c = my_counters();
	__u64 earned = c->wakes_earned_ns > now ? c->wakes_earned_ns : now;

	if (earned - now > (WAKE_BURST - 1) * WAKE_EARNED_NS) {
		count(&c->wakes_saved);
		return false;
	}
	c->wakes_earned_ns = earned + WAKE_EARNED_NS;
	return true;
}

/* An event that nobody reads, in the ring. */
static __always_inline void wake_for_new(__u64 *seen, __u64 program, __u64 now)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rings, &cpu), *nothing;

	if (!ring || !may_wake(now))
		return;
	seen[1] = seen[0];
	seen[0] = program;
	nothing = bpf_ringbuf_reserve(ring, 8, 0);
	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/*
 * A program that is seen for the first time may not run for long: after its event the reader is woken to read its name. Where
 * the budget does not allow it the program stays new: its next event tries again, and the reader comes by itself in 20 ms.
 */
static __always_inline void see_program(__u32 tgid, __u64 program, __u64 now)
{
	__u64 *seen = processes[tgid & (PROCESSES - 1)];

	if (tgid && seen[0] != program && seen[1] != program)
		wake_for_new(seen, program, now);
}
