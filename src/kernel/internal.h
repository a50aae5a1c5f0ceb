/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of this wing share; nobody else includes it. */
#pragma once

#include "hook_table.h"
#include "ring_maps.h"
#include "scan_queue.h"
#include "symbols.h"
#include "src/core/wire_read.h"
#include "src/host/netns_files.h"

#include "bpf/shared.h" /* the skeletons need it */

struct admin;
struct bpf_link;
struct bpf_program;
struct btf_excerpt;
struct kernel_btf;
struct scan_bpf;
struct trace_bpf;

/* A closed port that had a row: it stays in the kernel's map. */
#define RESET_PORTS 32
struct reset_port {
	struct aggregate_key key;
	uint64_t since_ns, seen_ns; /* since_ns 0: free */
	uint64_t reported;          /* of the count in the map */
};

/* How far a walk over the network namespaces came. */
struct iterate_reach {
	uint64_t entered, missed; /* missed: they exist, and could not be entered */
	bool hidden;              /* there may be more: where some processes live was not shown */
	uint64_t nameless;        /* sockets that processes hold and that were not shown, since they had no cookie */
};
bool iterate_met_all(const struct iterate_reach *reach);
void iterate_warn(const struct iterate_reach *reach, warn_fn warn); /* of what was not met */

/* cookies.c: cookies for sockets that have none, before a scan reads them: see holder.bpf.h. Of the programs of one scan: */
struct cookies {
	bool *cookies_only;           /* their variables of these names */
	unsigned long long *nameless; /* likewise */
	bool complete;                /* the last scan met no socket without one, or each one gets it as it is met */
};

struct collector {
	uint32_t tiers; /* of struct collector_config */
	bool tiers_forced;
	struct trace_bpf *trace;
	struct scan_bpf *scan;
	struct hook_state hooks[HOOKS_MAX]; /* HOOKS_TRACE, then HOOKS_SCAN */
	struct bpf_link *links[HOOKS_MAX];  /* by hook; NULL: not attached */
	size_t trace_n, hooks_n;            /* scan's are hooks[trace_n] and the one behind it */
	struct rings *rings;
	struct ring_maps ring_maps;
	unsigned int cpus;   /* possible ones */
	uint64_t ring_bytes; /* of one ring */
	uint64_t lane_bytes; /* of one lane; 0: none */
	uint64_t lane_key;
	int epoll_fd;
	int aggregates_fd, resets_fd;
	struct scan_queue found;    /* by the scan that runs */
	struct cookies cookies;     /* of the scan's programs */
	uint64_t lost_in_scan;      /* not yet returned by collector_losses() */
	struct iterate_reach reach; /* of the last scan of all sockets */
	enum wire_tw_tier tier;
	struct symbols symbols;
	struct kernel_btf *types;             /* NULL: not read yet, or not needed any more */
	int retransmit_args, send_reset_args; /* of the tracepoints */
	uint64_t attached_ns;
	struct reset_port reset_ports[RESET_PORTS]; /* aggregates.c */
	uint64_t reported_rest[WIRE_AGG_MAX];
	uint64_t reported_ring_full, reported_missed; /* by collector_losses() so far */
	uint64_t losses_read_ns, aggregates_read_ns;  /* when these were last read */
	struct admin *admin;                          /* NULL: this process enters namespaces itself */
};

/* losses.c: of all CPUs, by the offset in struct counters. */
uint64_t sum_counters(const struct collector *c, size_t offset);

/* How libbpf behaves, for the whole process. */
void libbpf_set_verbose(bool verbose);

/* losses.c: of collector_losses(), for a scan. */
uint64_t losses_read(struct collector *c, uint64_t now, event_fn fn, void *ctx);

/* Loads and attaches the iterators that scan. 0 or -errno. */
int scan_open(struct collector *c);
int scan_held(const struct collector *c); /* iterate_visit.held */

/* Called between two pieces of work, so that none of them keeps the rings from being read. */
typedef void (*iterate_pause_fn)(void *ctx);

/* Reads an iterator to its end; 0 or -errno. A NULL link has nothing to show. `pause` may be NULL. */
int iterate(const struct bpf_link *link, event_fn fn, iterate_pause_fn pause, void *ctx);

/* 0 or -errno, with NULL in *ret_link. */
int attach(const struct bpf_program *program, struct bpf_link **ret_link);
int attach_iterator(const struct bpf_program *program, struct bpf_link **ret_link);

/*
 * The same in each network namespace, for iterators that show one at a time. `enter`, if not NULL, is called first in each,
 * with what `files` wants. It returns false if the iterator would find nothing there: iter/tcp reads the tables of all
 * namespaces to show the sockets of one, so that each one costs as much as all sockets of the host.
 */
typedef bool (*iterate_enter_fn)(void *ctx, uint32_t netns, struct netns_files *files);
struct iterate_visit {
	const struct bpf_link *link;
	bool first_part;     /* the program ends the reading before the last object */
	int held;            /* the map of namespaces.bpf.h, as the last scan of descriptors filled it */
	struct admin *admin; /* who enters them; NULL: this thread */
	uint32_t files;      /* bits of enum netns_file */
	iterate_enter_fn enter;
	event_fn fn;
	iterate_pause_fn pause;
	void *ctx;
};
int iterate_namespaces(const struct iterate_visit *visit, struct iterate_reach *ret_reach);

/*
 * cookies.c: walks through the descriptors (`files`), which shows namespaces that nothing else keeps alive, and through all
 * namespaces, as the scan does by `visit`, whose `enter` and `fn` are not called. Nothing is done if all had one at the last
 * scan. 0 or -errno.
 */
int cookies_give(struct cookies *cookies, const struct bpf_link *files, const struct iterate_visit *visit);
void cookies_check(struct cookies *cookies, struct iterate_reach *reach); /* after the scan */

/*
 * Before load: the one that reads descriptors, of two. `plain` lets the kernel give cookies, its twin of the name with "_cast"
 * casts. The other one is not loaded. NULL: this build has none that casts.
 */
struct bpf_program *cookies_choose(const struct bpf_object *object, struct bpf_program *plain, bool casts);

/*
 * Loads them in the one form or, where the kernel refuses that, in the other: `load` makes the object anew, with these types.
 * `kernel` may be NULL. 0 or -errno.
 */
typedef int (*cookies_load_fn)(void *ctx, const struct btf_excerpt *types, bool casts);
int cookies_load(const struct kernel_btf *kernel, cookies_load_fn load, void *ctx);

/* Their variable tcp_sock_type: the number of struct tcp_sock among the kernel's types; 0: not known. `types` may be NULL. */
uint32_t cookies_cast_type(const struct kernel_btf *types);

/* netns.c: before a scan of descriptors fills it. */
void netns_forget_held(int held);

/* A descriptor of the network namespace at `path`; -ENOENT: it is none, or is one no more; else -errno. Opens no other file. */
int netns_open(const char *path);

/*
 * The namespace that this descriptor keeps alive, opened; or -errno: ENOENT if it does not do so any more, or if it is a file
 * of nsfs that is no network namespace. A socket's is opened by `admin`, or by this process if that is NULL.
 */
int netns_open_held(struct admin *admin, uint32_t netns, const struct namespace_holder *holder);

/* What the tables of a namespace have; true where that is not known. */
struct netns_sockets {
	bool any, minisocks;
};
#define NETNS_SOCKETS_FILES (1u << NETNS_SOCKSTAT | 1u << NETNS_SOCKSTAT6)
struct netns_sockets netns_sockets(struct netns_files *files);
unsigned long netns_all_sockets(void); /* TCP sockets of all namespaces; 0 if that is not known */

/* Gives cookies to the minisockets of a namespace, by its NETNS_DIAG. */
void netns_name_minisocks(const struct netns_files *files, iterate_pause_fn pause, void *ctx);

/*
 * tw_tier.c: how minisockets are seen. `allowed` is 1 << enum wire_tw_tier, 0: not at all. tier_choose() takes the best of the
 * allowed that works, and none if none does; tier_next() gives that up for the next, and says why.
 */
void tier_choose(struct collector *c, uint32_t allowed);
void tier_next(struct collector *c, uint32_t allowed, const char *why);
bool tier_has(const struct collector *c, size_t hook); /* false: a hook of a tier that is not in use */
void tier_locate(struct collector *c);                 /* waits for symbols; after load, before the programs are attached */
/* Loads and attaches, for a moment, a program that does nothing. 0 or -errno. */
int try_fexit(const struct kernel_btf *btf, const char *function);

/* owner_hooks.c: of the hooks that show whose a connection is, those that work and are needed. */
void owner_hooks_choose(struct collector *c);

bool tier_attached(const struct collector *c);
void tier_detach(struct collector *c);
