// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads and attaches the programs whose hooks this kernel has in a known form, and reads their rings and counters. If they do
 * not load together, only the state hook is used, which the tool cannot do without.
 */
#include "collector.h"

#include "btf_excerpt.h"
#include "checks.h"
#include "internal.h"
#include "kernel_btf.h"
#include "privileges.h"
#include "ringbuf.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"
#include "src/host/self.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/scan.skel.h"
#include "bpf/trace.skel.h"
#include "src/io/message.h"

#define RING_BYTES_MIN (256 * 1024)
#define LANE_BYTES (1024 * 1024)
#define REFUSED "the kernel refused the programs; run with -v for its reasons"

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_DEBUG)
		message_print("", format, args, true);
	return 0;
}

void libbpf_set_verbose(bool verbose)
{
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL); /* what 1.0 does anyway */
	libbpf_set_print(verbose ? print_libbpf : NULL);
}

static uint64_t ring_size(uint64_t total, unsigned int cpus)
{
	uint64_t size = RING_BYTES_MIN;

	while (size * 2 * cpus <= total)
		size *= 2;
	return size;
}

uint64_t collector_ring_bytes(uint64_t wanted)
{
	unsigned int cpus = libbpf_num_possible_cpus();

	return ring_size(wanted, cpus) * cpus;
}

/* Large enough for what comes between two readings, or most events would be copied into the ring. Together no larger than the
 * rings. */
static uint64_t lane_size(const struct collector_config *config, unsigned int cpus)
{
	uint64_t size = LANE_BYTES;

	while (size > LANE_BYTES_MIN && size * cpus > config->ring_bytes)
		size /= 2;
	return config->no_lanes ? 0 : size;
}

static void lanes_configure(const struct collector *c)
{
	uint64_t bytes = c->lane_bytes ?: LANE_BYTES_MIN; /* a program has its own place there, too */

	bpf_map__set_max_entries(c->trace->maps.lanes, c->cpus);
	bpf_map__set_value_size(c->trace->maps.lanes, LANE_DATA + bytes + LANE_BEHIND);
	c->trace->rodata->lane_mask = bytes - 1;
	c->trace->rodata->lane_limit = c->lane_bytes ? bytes - LANE_MARGIN : LANE_UNUSED;
	c->trace->rodata->lane_key = c->lane_key;
}

static int trace_open(struct collector *c, const struct btf_excerpt *types)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = types->path);

	c->trace = trace_bpf__open_opts(&opts);
	return c->trace ? btf_excerpt_fill(types, bpf_object__btf(c->trace->obj)) : -errno;
}

static void trace_configure(struct collector *c, bool all)
{
	for (size_t i = 0; i < c->trace_n; i++)
		bpf_program__set_autoload(hook_program(c->trace->obj, c->hooks[i].hook),
					  c->hooks[i].available && tier_has(c, i) && (all || !i));
	c->trace->rodata->retransmit_has_err = c->retransmit_args == 3;
	c->trace->rodata->send_reset_has_reason = c->send_reset_args == 3;
	c->trace->rodata->wake_bytes = c->ring_bytes / 8;
	lanes_configure(c);
	c->trace->rodata->tick_ns = clock_tick_ns();
}

/* Loads the trace programs that are available, or only the first, which is the state hook. */
static int trace_load(struct collector *c, bool all)
{
	struct btf_excerpt types;
	int err;

	btf_excerpt_open(&types, c->types);
	err = trace_open(c, &types);
	if (!err) {
		trace_configure(c, all);
		err = bpf_map__reuse_fd(c->trace->maps.rings, c->ring_maps.map_fd) ?: trace_bpf__load(c->trace);
	}
	if (self_try_descriptor()) /* what failed for lack of one, was not refused */
		err = self_try_descriptor();
	btf_excerpt_close(&types);
	if (err) {
		trace_bpf__destroy(c->trace);
		c->trace = NULL;
		return err;
	}
	for (size_t i = 0; i < c->trace_n; i++) {
		c->hooks[i].used = bpf_program__fd(hook_program(c->trace->obj, c->hooks[i].hook)) >= 0;
		if (!c->hooks[i].used && !c->hooks[i].not_needed)
			hook_refused(&c->hooks[i], REFUSED);
	}
	return 0;
}

static int rings_begin(struct collector *c)
{
	struct rings_config rings = {.n = c->cpus,
				     .ring_fds = c->ring_maps.fds,
				     .ring_bytes = c->ring_bytes,
				     .lanes_fd = bpf_map__fd(c->trace->maps.lanes),
				     .lane_bytes = c->lane_bytes,
				     .lane_key = c->lane_key};
	int err = ring_maps_end(&c->ring_maps);

	if (err)
		return err;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll_fd < 0)
		return -errno;
	for (unsigned int cpu = 0; cpu < c->cpus; cpu++) {
		/* Edge-triggered: a ring is rarely empty, and only the programs' wakeups should count. */
		struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

		if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, rings.ring_fds[cpu], &ev))
			return -errno;
	}
	return rings_open(&c->rings, &rings);
}

int attach(const struct bpf_program *program, struct bpf_link **ret_link)
{
	struct bpf_link *link = bpf_program__attach(program);
	int err = libbpf_get_error(link);

	*ret_link = err ? NULL : link;
	return err;
}

static int trace_attach(struct collector *c)
{
	char why[160];
	int err;

	for (size_t i = 0; i < c->trace_n; i++) {
		if (!c->hooks[i].used)
			continue;
		err = attach(hook_program(c->trace->obj, c->hooks[i].hook), &c->links[i]);
		if (!err)
			continue;
		if (!i)
			return err;
		snprintf(why, sizeof(why), "attaching failed: %s", self_error(err));
		hook_refused(&c->hooks[i], why);
	}
	return 0;
}

/* What this kernel has. */
static int probe_all(struct collector *c)
{
	int err = c->types ? 0 : kernel_btf_open(&c->types);

	if (err)
		return err;
	c->trace_n = hooks_probe(c->types, HOOKS_TRACE, c->hooks);
	c->hooks_n = c->trace_n + hooks_probe(c->types, HOOKS_SCAN, c->hooks + c->trace_n);
	c->retransmit_args = hook_tracepoint_args(c->types, "tcp_retransmit_skb");
	c->send_reset_args = hook_tracepoint_args(c->types, "tcp_send_reset");
	owner_hooks_choose(c);
	tier_choose(c, c->tiers);
	return 0;
}

static int load_all(struct collector *c)
{
	uint32_t tiers = c->tiers;
	int err = ring_maps_begin(&c->ring_maps, c->cpus, c->ring_bytes) ?: probe_all(c);

	if (err)
		return err;
	while ((err = trace_load(c, true)) && !self_no_descriptor(err) && c->tier != WIRE_TIER_OFF)
		tier_next(c, tiers, REFUSED);
	if (err && !self_no_descriptor(err))
		err = trace_load(c, false);
	err = err ?: rings_begin(c);
	if (err)
		return err;
	tier_locate(c);
	err = trace_attach(c);
	if (!err && !tier_attached(c)) {
		tier_detach(c);
		tier_next(c, tiers & 1u << WIRE_TIER_SCAN, "attaching failed");
	}
	c->attached_ns = clock_now_ns();
	return err ?: scan_open(c);
}

static const char *tier_why(const struct collector *c)
{
	for (size_t i = 0; i < c->trace_n; i++) {
		if (c->hooks[i].hook->tier != WIRE_TIER_OFF && !c->hooks[i].not_needed && c->hooks[i].why[0])
			return c->hooks[i].why;
	}
	return "";
}

struct collector *collector_new(const struct collector_config *config)
{
	struct collector *c = calloc(1, sizeof(*c));

	libbpf_set_verbose(config->verbose);
	if (!c)
		return NULL;
	c->tiers = config->tiers;
	c->tiers_forced = config->tiers_forced;
	c->admin = config->admin;
	c->epoll_fd = c->ring_maps.map_fd = -1;
	c->cpus = libbpf_num_possible_cpus();
	c->ring_bytes = ring_size(config->ring_bytes, c->cpus);
	c->lane_bytes = lane_size(config, c->cpus);
	if (getrandom(&c->lane_key, sizeof(c->lane_key), 0) != sizeof(c->lane_key))
		c->lane_bytes = 0;
	if (config->tiers)
		symbols_begin(&c->symbols);
	return c;
}

int collector_open(struct collector *c, struct collector_failure *ret_failure)
{
	char reason[160];
	int err;

	c->aggregates_read_ns = clock_now_ns(); /* nothing is counted before */
	err = load_all(c);
	*ret_failure = (struct collector_failure){.problem = COLLECTOR_FAILED};
	if (!err && c->tiers_forced && c->tier == WIRE_TIER_OFF) {
		err = -EOPNOTSUPP;
		ret_failure->problem = COLLECTOR_NO_KERNEL;
		snprintf(ret_failure->text, sizeof(ret_failure->text), "none of --hooks can show TIME_WAIT here: %s",
			 tier_why(c));
	} else if (err && self_few_descriptors(err)) {
		snprintf(ret_failure->text, sizeof(ret_failure->text), "%s", self_few_descriptors(err));
	} else if (err) {
		snprintf(ret_failure->text, sizeof(ret_failure->text),
			 "the kernel refused the BPF programs: %s%s; run with -v to see its messages", strerror(-err),
			 privileges_reason(err, reason, sizeof(reason)));
	}
	if (err)
		return err;
	*ret_failure = (struct collector_failure){.problem = COLLECTOR_OK};
	c->aggregates_fd = bpf_map__fd(c->trace->maps.aggregates);
	c->resets_fd = bpf_map__fd(c->trace->maps.resets);
	return 0;
}

uint64_t collector_attached_ns(const struct collector *collector)
{
	return collector->attached_ns;
}

enum collector_problem collector_check_first(struct collector *collector, struct collector_failure *ret_failure)
{
	return collector_check_types(&collector->types, ret_failure);
}

void collector_forget_types(struct collector *collector)
{
	kernel_btf_close(collector->types);
	collector->types = NULL;
}

void collector_detach(struct collector *collector)
{
	for (size_t i = 0; i < collector->trace_n; i++) {
		bpf_link__destroy(collector->links[i]);
		collector->links[i] = NULL;
	}
}

void collector_close(struct collector *collector)
{
	if (!collector)
		return;
	symbols_end(&collector->symbols);
	kernel_btf_close(collector->types);
	for (unsigned int i = 0; i < HOOKS_MAX; i++)
		bpf_link__destroy(collector->links[i]);
	rings_close(collector->rings);
	ring_maps_close(&collector->ring_maps);
	if (collector->epoll_fd >= 0)
		close(collector->epoll_fd);
	scan_bpf__destroy(collector->scan);
	trace_bpf__destroy(collector->trace);
	free(collector);
}

const struct hook_state *collector_hooks(const struct collector *collector, size_t *ret_n)
{
	*ret_n = collector->hooks_n;
	return collector->hooks;
}

const struct hook_state *collector_add_admin_end(struct collector *c, const char *why)
{
	static const struct hook entering = {.set = HOOKS_SCAN,
					     .name = "other network namespaces",
					     .type = "process",
					     .fact = "their existing sockets that no process holds, and their counters",
					     .fallback = "they appear with their next event"};
	struct hook_state *state = &c->hooks[c->hooks_n++];

	*state = (struct hook_state){.hook = &entering, .available = true};
	hook_set_why(state, "%s", why);
	return state;
}

size_t collector_probe(struct hook_state *hooks)
{
	size_t n = hooks_probe_here(HOOKS_TRACE, hooks);

	return n + hooks_probe_here(HOOKS_SCAN, hooks + n);
}

enum wire_tw_tier collector_tier(const struct collector *collector)
{
	return collector->tier;
}

int collector_fd(const struct collector *collector)
{
	return collector->epoll_fd;
}

void collector_acknowledge(struct collector *collector)
{
	struct epoll_event events[16];

	while (epoll_wait(collector->epoll_fd, events, 16, 0) == 16)
		;
}

uint64_t collector_drain(struct collector *collector, uint64_t until_ns, event_fn fn, void *ctx)
{
	return rings_drain(collector->rings, until_ns, fn, ctx);
}

uint64_t collector_ring_peak(struct collector *collector, uint64_t *ret_size)
{
	*ret_size = collector->ring_bytes;
	return rings_take_peak(collector->rings);
}

void collector_ring(const struct collector *collector, struct collector_ring *ret)
{
	ret->size = collector->ring_bytes;
	ret->used = rings_fill(collector->rings, &ret->highest);
}

void collector_peek(struct collector *collector, event_fn fn, void *ctx)
{
	rings_peek(collector->rings, fn, ctx);
}

void collector_reason_names(const struct collector *collector, uint64_t now, event_fn fn, void *ctx)
{
	struct wire_text head = {.hdr = {.ts = now, .kind = WIRE_RST_REASON}};
	union wire_text_space buf;
	const struct btf_type *t;
	const struct btf_enum *e;
	const char *name;
	int i;

	/* 6.10 on; its numbers shift between versions */
	t = kernel_btf_type(collector->types, kernel_btf_find(collector->types, "sk_rst_reason", BTF_KIND_ENUM));
	for (i = 0; t && i < btf_vlen(t); i++) {
		e = &btf_enum(t)[i];
		name = btf__name_by_offset(kernel_btf_types(collector->types), e->name_off);
		if (strncmp(name, "SK_RST_REASON_", 14) != 0 || !strcmp(name, "SK_RST_REASON_MAX"))
			continue;
		head.key = (uint32_t)e->val;
		fn(ctx, wire_make_text(&buf, &head, name + 14, strlen(name + 14)));
	}
}
