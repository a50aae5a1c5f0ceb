/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads and attaches the BPF programs, reads their events, scans existing sockets: one stream of wire events in time order.
 * Only this wing uses libbpf.
 */
#pragma once

#include "hook_info.h"
#include "src/core/wire_read.h"

struct admin;
struct collector;

/* Events are handed over so much later than they happen: one that is still being written on another CPU is not overtaken. */
#define COLLECTOR_HOLD_NS 2000000ull

#define COLLECTOR_TIERS_ALL (1u << WIRE_TIER_FENTRY | 1u << WIRE_TIER_TIMER | 1u << WIRE_TIER_SCAN)

struct collector_config {
	uint64_t ring_bytes; /* for all CPUs together; rounded so that each gets a power of two */
	bool no_lanes;       /* all events go through the rings */
	bool verbose;        /* libbpf's own messages to stderr */
	uint32_t tiers;      /* 1 << enum wire_tw_tier: how minisockets may be seen; 0: not at all */
	bool tiers_forced;   /* fail if none of them works, instead of running without */
	struct admin *admin; /* enters network namespaces; NULL: the calling thread does, if it may */
};

/* Begins what takes long and needs no check, in a thread. NULL: no memory. */
struct collector *collector_new(const struct collector_config *config);

/* collector_check(), which leaves what it has read to collector_open(). */
enum collector_problem collector_check_first(struct collector *collector, struct collector_failure *ret_failure);

/* After one of both: loads and attaches. 0, or -errno with *ret_failure filled; then it can only be closed. */
int collector_open(struct collector *collector, struct collector_failure *ret_failure);
void collector_close(struct collector *collector); /* NULL is fine */

/* From then on nothing is missed. */
uint64_t collector_attached_ns(const struct collector *collector);

/* The kernel's types, which collector_reason_names() shows too, are not needed any more. */
void collector_forget_types(struct collector *collector);

/* Memory that is free stays with the process, for a start that uses much of it several times. */
void collector_keep_memory(bool keep);

/* Live as long as the collector. */
const struct hook_state *collector_hooks(const struct collector *collector, size_t *ret_n);

/* A row more: `admin` enters no namespace any more. It lives as long as the collector. */
const struct hook_state *collector_add_admin_end(struct collector *collector, const char *why);

/* The same rows when nothing could be loaded: `used` is false everywhere. `hooks` has room for HOOKS_MAX. */
size_t collector_probe(struct hook_state *hooks);

/* How minisockets are seen; WIRE_TIER_OFF: not at all. */
enum wire_tw_tier collector_tier(const struct collector *collector);

/* Becomes readable when a ring fills; clear with collector_acknowledge(). */
int collector_fd(const struct collector *collector);
void collector_acknowledge(struct collector *collector);

/* All events older than `until_ns`, in time order; their number. */
uint64_t collector_drain(struct collector *collector, uint64_t until_ns, event_fn fn, void *ctx);

/* Of rings_take_peak(), and in *ret_size what a ring has room for. */
uint64_t collector_ring_peak(struct collector *collector, uint64_t *ret_size);

struct collector_ring {
	uint64_t used, highest, size; /* bytes, of the fullest: at the last drain, and at its fullest since the start */
};
void collector_ring(const struct collector *collector, struct collector_ring *ret);

/* Shows events that still wait, each once and in no order, so that a process can be read before it ends. */
void collector_peek(struct collector *collector, event_fn fn, void *ctx);

/*
 * Finds every socket that exists, merging what happens meanwhile into the stream by time: WIRE_SCAN_BEGIN, WIRE_SCAN and other
 * events, WIRE_SCAN_END. 0 or -errno (the stream is whole then, too).
 */
int collector_scan(struct collector *collector, enum wire_scan_cause cause, event_fn fn, void *ctx);

/* Of network namespaces that exist and that the last scan could not enter. */
void collector_warn_missed(const struct collector *collector, warn_fn warn);
uint64_t collector_missed(const struct collector *collector);

/* What the kernel side lost since the last call, as WIRE_LOST events (none if nothing was); returns the number lost. */
uint64_t collector_losses(struct collector *collector, uint64_t now, event_fn fn, void *ctx);

/* What was counted without a connection since the last call, as WIRE_AGGREGATE events. */
void collector_aggregates(struct collector *collector, uint64_t now, event_fn fn, void *ctx);

/* What each network namespace that can be entered has, as WIRE_PORT_RANGE, WIRE_NETNS and WIRE_LISTENER events. */
void collector_survey(struct collector *collector, uint64_t ts, bool first, event_fn fn, void *ctx);

/* The kernel's names for reset reasons, as WIRE_RST_REASON events. */
void collector_reason_names(const struct collector *collector, uint64_t now, event_fn fn, void *ctx);

/* No more events after this: what was submitted can still be drained. */
void collector_detach(struct collector *collector);

/* Hits that were no event of ours (see bpf/shared.h). */
uint64_t collector_ignored(const struct collector *collector);

/* New programs for which the reader was not woken (see bpf/emit.bpf.h). */
uint64_t collector_wakes_saved(const struct collector *collector);

/* What `wanted` bytes for all rings amount to here: a power of two for each CPU, 256 KiB at least. */
uint64_t collector_ring_bytes(uint64_t wanted);
