/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events leave through one ring buffer per CPU, at half the cost of a shared one; user space merges them by time. An event that
 * does not fit is counted as lost.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/shared.h"
#include "bpf/wire.h"

/* Wake the reader when this many bytes wait in a ring; below it, the reader polls. */
const volatile __u64 wake_bytes = 256 * 1024;

struct counters counters[TRACE_MAX_CPUS];

/* The programs seen last, by pid: start times of processes, mixed with their exec. Direct-mapped: one that was replaced is new
 * again. */
#define PROCESSES 4096
__u64 processes[PROCESSES];

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

/* NULL: counted as lost. */
static __always_inline void *event_reserve(void **ring, __u64 size)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct counters *c;
	void *event;

	*ring = bpf_map_lookup_elem(&rings, &cpu);
	event = *ring ? bpf_ringbuf_reserve(*ring, size, 0) : NULL;
	if (!event) {
		c = my_counters();
		if (!c->full_since_ns)
			c->full_since_ns = bpf_ktime_get_ns();
		count(&c->ring_full);
	}
	return event;
}

/*
 * The reader polls. It is woken when a ring fills past the mark, once per crossing, since a wakeup costs more than an event.
 * Every 32nd event checks, since the check has a cost, too.
 */
static __always_inline void event_submit(void *ring, void *event)
{
	struct counters *c = my_counters();
	bool full;

	if (++c->submitted & 31) {
		bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
		return;
	}
	full = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > wake_bytes;
	bpf_ringbuf_submit(event, full && !c->woken ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	c->woken = full;
}

/* A program that is seen for the first time may not run for long: the reader is woken to read its name. */
static __always_inline void event_submit_task(void *ring, void *event, const struct wire_task *task,
					      const struct wire_exec *exec)
{
	__u64 *seen = &processes[task->tgid & (PROCESSES - 1)], program = task->start_ns ^ exec->arg_start;

	if (!task->tgid || *seen == program) {
		event_submit(ring, event);
		return;
	}
	*seen = program;
	bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}
