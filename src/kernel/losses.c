// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel side counted of losses, by cause. */
#include "collector.h"
#include "internal.h"
#include "src/core/wire_make.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/trace.skel.h"

uint64_t sum_counters(const struct collector *c, size_t offset)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < c->cpus && i < TRACE_MAX_CPUS; i++)
		sum += *(volatile const uint64_t *)((const char *)&c->trace->bss->counters[i] + offset);
	return sum;
}

/*
 * The kernel does not run a program on a CPU where it was interrupted, and counts that. Missed state changes are sent by the
 * second program. Some system calls for each reading of the rings: a connection must not be complete when it is emitted, if an
 * event of it was missed.
 */
static uint64_t missed_runs(const struct collector *c)
{
	uint64_t sum = 0, rescued = sum_counters(c, offsetof(struct counters, rescued));

	for (size_t i = 0; i < c->trace_n; i++) {
		struct bpf_prog_info info = {0};
		__u32 len = sizeof(info);

		if (c->hooks[i].hook->misses_are_losses && c->hooks[i].used &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(hook_program(c->trace->obj, c->hooks[i].hook)), &info, &len))
			sum += info.recursion_misses;
	}
	return sum > rescued ? sum - rescued : 0;
}

/* What a total has more than was reported, which is reported then. */
static uint64_t not_reported(uint64_t total, uint64_t *reported)
{
	uint64_t more = total > *reported ? total - *reported : 0;

	*reported += more;
	return more;
}

static uint64_t emit_lost(struct wire_lost lost, event_fn fn, void *ctx)
{
	if (lost.count)
		fn(ctx, &lost.hdr);
	return lost.count;
}

/* When the first loss since the last reading happened. */
static uint64_t full_since(struct collector *c, uint64_t now)
{
	uint64_t since = now;

	for (unsigned int i = 0; i < c->cpus && i < TRACE_MAX_CPUS; i++) {
		volatile uint64_t *mine = (volatile uint64_t *)&c->trace->bss->counters[i].full_since_ns;

		if (*mine && *mine < since)
			since = *mine;
		*mine = 0;
	}
	return since;
}

uint64_t losses_read(struct collector *c, uint64_t now, event_fn fn, void *ctx)
{
	uint64_t last = c->losses_read_ns ? c->losses_read_ns : now, since = now, lost;
	uint64_t full = not_reported(sum_counters(c, offsetof(struct counters, ring_full)), &c->reported_ring_full);
	uint64_t missed = not_reported(missed_runs(c), &c->reported_missed);

	c->losses_read_ns = now;
	if (full) {
		since = full_since(c, now);
		scan_queue_merge(&c->found, c->rings, since, fn, ctx); /* what was before the loss */
	}
	lost = emit_lost(wire_make_lost(WIRE_LOST_HOOK, missed, last, now), fn, ctx);
	lost += emit_lost(wire_make_lost(WIRE_LOST_RING, full, since, now), fn, ctx);
	return lost;
}

uint64_t collector_losses(struct collector *c, uint64_t now, event_fn fn, void *ctx)
{
	uint64_t lost = losses_read(c, now, fn, ctx) + c->lost_in_scan;

	c->lost_in_scan = 0;
	return lost;
}

uint64_t collector_ignored(const struct collector *c)
{
	return sum_counters(c, offsetof(struct counters, ignored));
}

uint64_t collector_wakes_saved(const struct collector *c)
{
	return sum_counters(c, offsetof(struct counters, wakes_saved));
}
