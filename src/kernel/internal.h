/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of this wing share; nobody else includes it. */
#pragma once

#include "hook_table.h"
#include "symbols.h"
#include "src/core/wire_read.h"

#include "bpf/shared.h" /* the skeletons need it */

struct bpf_link;
struct bpf_program;
struct scan_bpf;
struct trace_bpf;

struct collector {
	uint32_t tiers; /* of struct collector_config */
	bool tiers_forced;
	struct trace_bpf *trace;
	struct scan_bpf *scan;
	struct hook_state hooks[HOOKS_MAX]; /* HOOKS_TRACE, then HOOKS_SCAN */
	struct bpf_link *links[HOOKS_MAX];  /* by hook; NULL: not attached */
	size_t trace_n, hooks_n;            /* scan's are hooks[trace_n] and the one behind it */
	struct rings *rings;
	int *ring_fds; /* one per possible CPU, -1 where not created */
	unsigned int cpus;
	uint64_t ring_bytes; /* of one ring */
	int epoll_fd;
	int aggregates_fd;
	uint64_t namespaces_missed; /* by the last scan */
	enum wire_tw_tier tier;
	struct symbols symbols;
	int retransmit_args, send_reset_args; /* of the tracepoints */
	uint64_t attached_ns;
	uint64_t reported_ring_full, reported_aggregate_full, reported_missed; /* by collector_losses() so far */
	uint64_t losses_read_ns, aggregates_read_ns;                           /* when these were last read */
};

/* Of a trace hook. */
struct bpf_program *collector_program(const struct collector *c, size_t hook);

/* How libbpf behaves, for the whole process. */
void libbpf_set_verbose(bool verbose);

/* Loads and attaches the iterators that scan. 0 or -errno. */
int scan_open(struct collector *c);
int scan_held(const struct collector *c); /* iterate_visit.held */

/* Reads an iterator to its end; 0 or -errno. A NULL link has nothing to show. */
int iterate(const struct bpf_link *link, event_fn fn, void *ctx);

/* 0 or -errno, with NULL in *ret_link. */
int attach(const struct bpf_program *program, struct bpf_link **ret_link);
int attach_iterator(const struct bpf_program *program, struct bpf_link **ret_link);

/*
 * The same in each network namespace, for iterators that show one at a time. `enter`, if not NULL, is called first in each, by
 * the thread that stands in it.
 */
typedef void (*iterate_enter_fn)(void *ctx, uint32_t netns);
struct iterate_visit {
	const struct bpf_link *link;
	int held; /* the map of namespaces.bpf.h, as the last scan of descriptors filled it */
	iterate_enter_fn enter;
	event_fn fn;
	void *ctx;
};
struct iterate_reach {
	uint64_t entered, missed; /* missed: a descriptor shows that they exist, and they could not be entered */
};
int iterate_namespaces(const struct iterate_visit *visit, struct iterate_reach *ret_reach);

/* netns.c: before a scan of descriptors fills it. */
void netns_forget_held(int held);

/*
 * The namespace that this descriptor keeps alive, opened; or -errno: ENOENT if it does not do so any more, or if it is a file
 * of nsfs that is no network namespace.
 */
int netns_open_held(uint32_t netns, const struct namespace_holder *holder);

/* Gives cookies to the minisockets of the namespace that this thread stands in. */
void netns_name_minisocks(void);

/*
 * tw_tier.c: how minisockets are seen. `allowed` is 1 << enum wire_tw_tier, 0: not at all. tier_choose() takes the best of the
 * allowed that works, and none if none does; tier_next() gives that up for the next, and says why.
 */
void tier_choose(struct collector *c, const struct btf *btf, uint32_t allowed);
void tier_next(struct collector *c, uint32_t allowed, const char *why);
bool tier_has(const struct collector *c, size_t hook); /* false: a hook of a tier that is not in use */
void tier_configure(const struct collector *c, struct trace_bpf *trace);
/* Loads and attaches, for a moment, a program that does nothing. 0 or -errno. */
int try_fexit(const struct btf *btf, const char *function);

/* owner_hooks.c: of the hooks that show whose a connection is, those that work and are needed. */
void owner_hooks_choose(struct collector *c, const struct btf *btf);

bool tier_attached(const struct collector *c);
void tier_detach(struct collector *c);
