/* SPDX-License-Identifier: GPL-2.0-only */
/* What the collector's files share; nobody else includes it. */
#ifndef KERNEL_INTERNAL_H
#define KERNEL_INTERNAL_H

#include "collector.h"

#include "bpf/shared.h" /* the skeletons need it */

enum hook_row {
	HOOK_SET_STATE,
	HOOK_SET_STATE_MISSED,
	HOOK_RETRANSMIT,
	HOOK_SYNACK_RTX,
	HOOK_SEND_RESET,
	HOOK_RECV_RESET,
	HOOK_DESTROY,
	HOOK_READ,
	HOOK_TW_ALLOC, /* tier fentry */
	HOOK_TW_SEGMENT,
	HOOK_TW_SEGMENT_DONE,
	HOOK_TW_KILL,
	HOOK_TIMER_START, /* tier timer */
	HOOK_TIMER_CANCEL,
	HOOK_TIMER_EXPIRE,
	HOOKS_TRACE, /* so far, rows of trace.bpf.c; the iterators follow */
	HOOK_SCAN_FILES = HOOKS_TRACE,
	HOOK_SCAN_TCP,
	HOOK_ROWS,
};

struct scan_bpf;
struct trace_bpf;
struct bpf_link;
struct btf;

struct collector {
	struct trace_bpf *trace;
	struct scan_bpf *scan;
	struct bpf_link *links[COLLECTOR_HOOKS_MAX]; /* by hook row */
	struct collector_hook hooks[COLLECTOR_HOOKS_MAX];
	size_t hooks_n;
	struct rings *rings;
	int *ring_fds; /* one per possible CPU, -1 where not created */
	unsigned int cpus;
	uint64_t ring_bytes; /* of one ring */
	int epoll_fd;
	int aggregates_fd;
	enum wire_tw_tier tier;
	struct caller_range callers[CALLERS_MAX];
	uint64_t tw_timer_handler;                                          /* its address, 0: not known */
	uint64_t emitted_ring_full, emitted_aggregate_full, emitted_missed; /* what collector_losses() told so far */
	uint64_t losses_read_ns, aggregates_read_ns;                        /* when these were last read */
};

/* The arguments that a tracepoint has in this kernel's BTF; -1 if it has no such tracepoint. */
int probe_tracepoint_args(const struct btf *btf, const char *name);

/* Fills the rows: what is available here, nothing used yet. `btf` may be NULL: nothing is available. */
size_t probe_hooks(const struct btf *btf, struct collector_hook *hooks);

/* The same of the leak scan's iterators. */
#define LEAK_ROWS 2
size_t probe_leaks(struct collector_hook *hooks);
#define STACK_ROWS 3
size_t probe_stacks(struct collector_hook *hooks);

/* How libbpf behaves, for the whole process. */
void collector_set_verbose(bool verbose);

int scan_open(struct collector *c);

/* Reads an iterator to its end; 0 or -errno. A NULL link has nothing to show. */
int iterate(const struct bpf_link *link, event_fn fn, void *ctx);

/*
 * The same in each network namespace, for iterators that show one at a time. `enter`, if not NULL, is called first in each, by
 * the thread that stands in it.
 */
typedef void (*iterate_enter_fn)(void *ctx, uint32_t netns);
int iterate_namespaces(const struct bpf_link *link, iterate_enter_fn enter, event_fn fn, void *ctx, uint64_t *ret_namespaces);

/* collector_netns.c: of the namespace that this thread stands in. */
void netns_name_minisocks(void);

/*
 * collector_tier.c: how minisockets are seen. `allowed` is 1 << enum wire_tw_tier, 0: not at all. tier_choose() takes the best
 * of the allowed that works, and none if none does; tier_next() gives that up for the next, and says why.
 */
void tier_choose(struct collector *c, const struct btf *btf, uint32_t allowed);
void tier_next(struct collector *c, uint32_t allowed, const char *why);
bool tier_has_row(const struct collector *c, enum hook_row row); /* false: a hook of a tier that is not in use */
void tier_configure(const struct collector *c, struct trace_bpf *trace);
bool tier_attached(const struct collector *c);
void tier_detach(struct collector *c);

#endif
