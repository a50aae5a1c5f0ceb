// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads and attaches the programs, each only if this kernel has its hook in a form that we know, and reads their rings and
 * counters. Only the state hook is indispensable: if the full set does not load, the rest is given up before the tool is.
 */
#include "collector.h"
#include "internal.h"

#include "src/host/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/scan.skel.h"
#include "bpf/trace.skel.h"

#define RING_BYTES_MIN (256 * 1024)

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

void collector_set_verbose(bool verbose)
{
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL); /* what 1.0 does anyway */
	libbpf_set_print(verbose ? print_libbpf : print_nothing);
}

/* In the order of enum hook_row. */
static void trace_programs(struct trace_bpf *trace, struct bpf_program *programs[HOOKS_TRACE])
{
	programs[HOOK_SET_STATE] = trace->progs.on_set_state;
	programs[HOOK_SET_STATE_MISSED] = trace->progs.on_set_state_missed;
	programs[HOOK_RETRANSMIT] = trace->progs.on_retransmit;
	programs[HOOK_SYNACK_RTX] = trace->progs.on_synack_rtx;
	programs[HOOK_SEND_RESET] = trace->progs.on_send_reset;
	programs[HOOK_RECV_RESET] = trace->progs.on_recv_reset;
	programs[HOOK_DESTROY] = trace->progs.on_destroy;
	programs[HOOK_READ] = trace->progs.on_read;
	programs[HOOK_TW_ALLOC] = trace->progs.on_tw_alloc;
	programs[HOOK_TW_SEGMENT] = trace->progs.on_tw_segment;
	programs[HOOK_TW_SEGMENT_DONE] = trace->progs.on_tw_segment_done;
	programs[HOOK_TW_KILL] = trace->progs.on_tw_kill;
	programs[HOOK_TIMER_START] = trace->progs.on_tw_timer_start;
	programs[HOOK_TIMER_CANCEL] = trace->progs.on_tw_timer_cancel;
	programs[HOOK_TIMER_EXPIRE] = trace->progs.on_tw_timer_expire;
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

/* Opens and loads the trace programs that `hooks` calls available, or only the state hook. */
static int trace_load(struct collector *c, const struct btf *btf, bool all)
{
	struct bpf_program *programs[HOOKS_TRACE];
	unsigned int i;
	int err;

	c->trace = trace_bpf__open();
	if (!c->trace)
		return -errno;
	trace_programs(c->trace, programs);
	for (i = 0; i < HOOKS_TRACE; i++)
		bpf_program__set_autoload(programs[i],
					  c->hooks[i].available && tier_has_row(c, i) && (all || i == HOOK_SET_STATE));
	c->trace->rodata->retransmit_has_err = probe_tracepoint_args(btf, "tcp_retransmit_skb") == 3;
	c->trace->rodata->send_reset_has_reason = probe_tracepoint_args(btf, "tcp_send_reset") == 3;
	c->trace->rodata->wake_bytes = c->ring_bytes / 8;
	tier_configure(c, c->trace);
	bpf_map__set_max_entries(c->trace->maps.rings, c->cpus);
	err = trace_bpf__load(c->trace);
	if (err) {
		trace_bpf__destroy(c->trace);
		c->trace = NULL;
		return err;
	}
	for (i = 0; i < HOOKS_TRACE; i++) {
		c->hooks[i].used = bpf_program__fd(programs[i]) >= 0;
		if (!c->hooks[i].used && !c->hooks[i].not_needed && !c->hooks[i].why[0])
			snprintf(c->hooks[i].why, sizeof(c->hooks[i].why),
				 "the kernel refused the programs; run with -v for its reasons");
	}
	return 0;
}

/* libbpf has bpf_map_create() since 0.7; Ubuntu 22.04 ships 0.5. */
static int ring_create(uint32_t bytes)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_RINGBUF;
	attr.max_entries = bytes;
	strcpy(attr.map_name, "ring");
	return syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int rings_create(struct collector *c)
{
	unsigned int cpu;

	c->ring_fds = malloc(c->cpus * sizeof(*c->ring_fds));
	if (!c->ring_fds)
		return -ENOMEM;
	memset(c->ring_fds, -1, c->cpus * sizeof(*c->ring_fds));
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll_fd < 0)
		return -errno;
	for (cpu = 0; cpu < c->cpus; cpu++) {
		/* Edge-triggered: a ring is rarely empty, and only the programs' wakeups should count. */
		struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
		int fd = ring_create(c->ring_bytes);

		if (fd < 0)
			return -errno;
		c->ring_fds[cpu] = fd;
		if (bpf_map_update_elem(bpf_map__fd(c->trace->maps.rings), &cpu, &fd, BPF_ANY))
			return -errno;
		if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
			return -errno;
	}
	return rings_open(&c->rings, c->ring_fds, c->cpus, c->ring_bytes);
}

static int trace_attach(struct collector *c)
{
	struct bpf_program *programs[HOOKS_TRACE];
	unsigned int i;
	int err;

	trace_programs(c->trace, programs);
	for (i = 0; i < HOOKS_TRACE; i++) {
		if (!c->hooks[i].used)
			continue;
		c->links[i] = bpf_program__attach(programs[i]);
		err = libbpf_get_error(c->links[i]);
		if (!err)
			continue;
		c->links[i] = NULL;
		if (i == HOOK_SET_STATE)
			return err;
		c->hooks[i].used = false;
		snprintf(c->hooks[i].why, sizeof(c->hooks[i].why), "attaching failed: %s", strerror(-err));
	}
	return 0;
}

static int load_all(struct collector *c, uint32_t tiers)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int err = libbpf_get_error(btf);

	if (err)
		return err;
	c->hooks_n = probe_hooks(btf, c->hooks);
	tier_choose(c, btf, tiers);
	while ((err = trace_load(c, btf, true)) && c->tier != WIRE_TIER_OFF)
		tier_next(c, tiers, "the kernel refused the programs; run with -v for its reasons");
	if (err)
		err = trace_load(c, btf, false);
	btf__free(btf);
	if (!err)
		err = rings_create(c);
	if (!err)
		err = trace_attach(c);
	if (!err && !tier_attached(c)) {
		tier_detach(c);
		tier_next(c, tiers & 1u << WIRE_TIER_SCAN, "attaching failed");
	}
	if (!err)
		err = scan_open(c);
	return err;
}

static const char *tier_why(const struct collector *c)
{
	for (enum hook_row row = HOOK_TW_ALLOC; row < HOOKS_TRACE; row++) {
		if (!c->hooks[row].not_needed && c->hooks[row].why[0])
			return c->hooks[row].why;
	}
	return "";
}

int collector_open(struct collector **out, const struct collector_config *config, struct collector_failure *ret_failure)
{
	struct collector *c;
	int err;

	collector_set_verbose(config->verbose);
	if (collector_check(ret_failure))
		return ret_failure->problem == COLLECTOR_NO_PRIVILEGE ? -EPERM : -EOPNOTSUPP;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->epoll_fd = -1;
	c->aggregates_read_ns = clock_now_ns(); /* nothing is counted before */
	c->cpus = libbpf_num_possible_cpus();
	c->ring_bytes = ring_size(config->ring_bytes, c->cpus);
	err = load_all(c, config->tiers);
	if (!err && config->tiers_forced && c->tier == WIRE_TIER_OFF) {
		ret_failure->problem = COLLECTOR_NO_KERNEL;
		snprintf(ret_failure->text, sizeof(ret_failure->text), "none of --hooks can show TIME_WAIT here: %s",
			 tier_why(c));
		collector_close(c);
		return -EOPNOTSUPP;
	}
	if (err) {
		ret_failure->problem = COLLECTOR_FAILED;
		snprintf(ret_failure->text, sizeof(ret_failure->text),
			 "the kernel did not accept the BPF programs (%s): run with -v for its own words", strerror(-err));
		collector_close(c);
		return err;
	}
	c->aggregates_fd = bpf_map__fd(c->trace->maps.aggregates);
	*out = c;
	return 0;
}

void collector_detach(struct collector *collector)
{
	unsigned int i;

	for (i = 0; i < HOOKS_TRACE; i++) {
		bpf_link__destroy(collector->links[i]);
		collector->links[i] = NULL;
	}
}

void collector_close(struct collector *collector)
{
	unsigned int i;

	if (!collector)
		return;
	for (i = 0; i < COLLECTOR_HOOKS_MAX; i++)
		bpf_link__destroy(collector->links[i]);
	rings_close(collector->rings);
	for (i = 0; collector->ring_fds && i < collector->cpus; i++) {
		if (collector->ring_fds[i] >= 0)
			close(collector->ring_fds[i]);
	}
	free(collector->ring_fds);
	if (collector->epoll_fd >= 0)
		close(collector->epoll_fd);
	scan_bpf__destroy(collector->scan);
	trace_bpf__destroy(collector->trace);
	free(collector);
}

const struct collector_hook *collector_hooks(const struct collector *collector, size_t *ret_n)
{
	*ret_n = collector->hooks_n;
	return collector->hooks;
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

void collector_peek(struct collector *collector, event_fn fn, void *ctx)
{
	rings_peek(collector->rings, fn, ctx);
}

static uint64_t sum_counters(const struct collector *c, size_t offset)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < c->cpus && i < TRACE_MAX_CPUS; i++)
		sum += *(volatile const uint64_t *)((const char *)&c->trace->bss->counters[i] + offset);
	return sum;
}

/*
 * The kernel skips a program on a CPU where it is already running, interrupted: nobody else counts that. Missed state changes
 * are told by the second program. What on_read and on_destroy miss is no event of a connection's life.
 */
static uint64_t missed_runs(const struct collector *c)
{
	/* The timer's programs run with interrupts off, so that none is interrupted. */
	static const uint8_t rows[] = {HOOK_SET_STATE,  HOOK_RETRANSMIT, HOOK_SYNACK_RTX,      HOOK_SEND_RESET,
				       HOOK_RECV_RESET, HOOK_TW_ALLOC,   HOOK_TW_SEGMENT_DONE, HOOK_TW_KILL};
	uint64_t sum = 0, rescued = sum_counters(c, offsetof(struct counters, rescued));
	struct bpf_program *programs[HOOKS_TRACE];
	unsigned int i;

	trace_programs(c->trace, programs);
	for (i = 0; i < sizeof(rows); i++) {
		struct bpf_prog_info info = {0};
		__u32 len = sizeof(info);

		if (c->hooks[rows[i]].used && !bpf_obj_get_info_by_fd(bpf_program__fd(programs[rows[i]]), &info, &len))
			sum += info.recursion_misses;
	}
	return sum > rescued ? sum - rescued : 0;
}

struct loss {
	enum wire_lost_stage stage;
	uint64_t from, until;
	uint64_t total;
	uint64_t *told;
};

static uint64_t emit_lost(const struct loss *loss, event_fn fn, void *ctx)
{
	struct wire_lost event = {
		.hdr = {.ts = loss->from, .len = sizeof(event), .kind = WIRE_LOST},
		.count = loss->total - *loss->told,
		.until_ns = loss->until,
		.stage = loss->stage,
	};

	if (loss->total <= *loss->told)
		return 0;
	*loss->told = loss->total;
	fn(ctx, &event.hdr);
	return event.count;
}

/* When the first unknown loss happened; reading makes it known. */
static uint64_t full_since(struct collector *c, uint64_t now)
{
	uint64_t since = now;
	unsigned int i;

	for (i = 0; i < c->cpus && i < TRACE_MAX_CPUS; i++) {
		volatile uint64_t *mine = (volatile uint64_t *)&c->trace->bss->counters[i].full_since_ns;

		if (*mine && *mine < since)
			since = *mine;
		*mine = 0;
	}
	return since;
}

uint64_t collector_losses(struct collector *c, uint64_t now, event_fn fn, void *ctx)
{
	uint64_t last = c->losses_read_ns ? c->losses_read_ns : now, lost = 0;
	struct loss ring = {WIRE_LOST_RING, now, now, sum_counters(c, offsetof(struct counters, ring_full)),
			    &c->emitted_ring_full};
	struct loss hook = {WIRE_LOST_HOOK, last, now, missed_runs(c), &c->emitted_missed};
	struct loss rate = {WIRE_LOST_RATELIMIT, last, now, sum_counters(c, offsetof(struct counters, aggregate_full)),
			    &c->emitted_aggregate_full};

	c->losses_read_ns = now;
	if (ring.total > c->emitted_ring_full) {
		ring.from = full_since(c, now);
		collector_drain(c, ring.from, fn, ctx); /* what was before the loss */
	}
	lost += emit_lost(&hook, fn, ctx);
	lost += emit_lost(&ring, fn, ctx);
	emit_lost(&rate, fn, ctx); /* counts, not events of a connection: nothing to rescan for */
	return lost;
}

/* Hash maps have the one step since 5.14; in two, what is counted between them is lost. */
static int take_element(int fd, const struct aggregate_key *key, uint64_t *ret_count)
{
	if (!bpf_map_lookup_and_delete_elem(fd, key, ret_count))
		return 0;
	return bpf_map_lookup_elem(fd, key, ret_count) || bpf_map_delete_elem(fd, key) ? -1 : 0;
}

void collector_aggregates(struct collector *c, uint64_t now, event_fn fn, void *ctx)
{
	uint64_t interval = now - c->aggregates_read_ns;
	struct aggregate_key key, next;
	uint64_t count;
	unsigned int n;

	c->aggregates_read_ns = now;
	for (n = 0; n < AGGREGATES_MAX && !bpf_map_get_next_key(c->aggregates_fd, NULL, &next); n++) {
		key = next;
		if (take_element(c->aggregates_fd, &key, &count))
			continue;
		struct wire_aggregate event = {
			.hdr = {.ts = now, .len = sizeof(event), .kind = WIRE_AGGREGATE},
			.netns = key.netns,
			.local_port = key.local_port,
			.what = key.what,
			.reason = key.reason,
			.count = count,
			.interval_ns = interval,
		};
		fn(ctx, &event.hdr);
	}
}

uint64_t collector_ignored(const struct collector *c)
{
	return sum_counters(c, offsetof(struct counters, ignored));
}
