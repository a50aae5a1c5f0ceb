/* SPDX-License-Identifier: GPL-2.0-only */
/* What the collector's files share; nobody else includes it. */
#ifndef COLLECTOR_IMPL_H
#define COLLECTOR_IMPL_H

#include "collector.h"

#include "../bpf/shared.h" /* the skeletons need it */

#define HOOKS_TRACE 8 /* the first rows; the iterators follow */

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
	uint64_t told_ring_full, told_aggregate_full, told_missed; /* what collector_losses() told so far */
	uint64_t losses_read_ns, aggregates_read_ns;               /* when these were last read */
};

enum hook_row {
	HOOK_SET_STATE,
	HOOK_SET_STATE_MISSED,
	HOOK_RETRANSMIT,
	HOOK_SYNACK_RTX,
	HOOK_SEND_RESET,
	HOOK_RECV_RESET,
	HOOK_DESTROY,
	HOOK_READ,
	HOOK_SCAN_FILES,
	HOOK_SCAN_TCP,
	HOOK_ROWS,
};

/* The arguments that a tracepoint has in this kernel's BTF; -1 if it has no such tracepoint. */
int probe_tracepoint_args(const struct btf *btf, const char *name);

/* Fills the rows: what is available here, nothing used yet. `btf` may be NULL: nothing is available. */
size_t probe_hooks(const struct btf *btf, struct collector_hook *hooks);

/* How libbpf behaves, for the whole process. */
void collector_set_verbose(bool verbose);

int scan_open(struct collector *c);

/* Reads an iterator to its end; 0 or -errno. A NULL link has nothing to show. */
int iterate(const struct bpf_link *link, event_fn fn, void *ctx);

/* The same in each network namespace, for iterators that show one at a time. */
int iterate_namespaces(const struct bpf_link *link, event_fn fn, void *ctx, uint64_t *ret_namespaces);

#endif
