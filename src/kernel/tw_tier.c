// SPDX-License-Identifier: GPL-2.0-only
/*
 * How minisockets are seen here: by fentry programs, by the timer tracepoints, or by scans alone. fentry is tried, since a
 * kernel that has it may refuse it (lockdown, a hypervisor's policy).
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/trace.skel.h"
#include "src/host/clock.h"

/* In the order of enum caller; then what is needed by itself. */
static const char *const symbol_names[] = {
	[CALLER_STATE_PROCESS] = "tcp_timewait_state_process",
	[CALLER_V4_CONNECT] = "tcp_v4_connect",
	[CALLER_V6_CONNECT] = "tcp_v6_connect",
	[CALLER_V4_RCV] = "tcp_v4_rcv",
	[CALLER_V6_RCV] = "tcp_v6_rcv",
	[CALLER_INET_PURGE] = "inet_twsk_purge",
	[CALLER_TCP_PURGE] = "tcp_twsk_purge", /* 6.1.192 and 6.10 on */
	[CALLER_ABORT] = "tcp_abort",
	[CALLER_TIMER] = "run_timer_softirq",
	[CALLER_TIMER_REMOTE] = "tmigr_handle_remote", /* for an idle processor, 6.9 on; the last call of the one before */
	[CALLER_SHUTDOWN] = "timer_shutdown_sync",
	[CALLER_DELETE] = "timer_delete_sync",
	[CALLER_DEL] = "del_timer_sync", /* the same, up to 6.14 */
	[CALLERS_MAX] = "tw_timer_handler",
};
#define SYMBOLS (CALLERS_MAX + 1)

struct symbols {
	struct caller_range range[SYMBOLS];
};

/* A function ends where the next one begins; kallsyms is not sorted throughout, so all addresses are compared. */
static void find_ends(struct symbols *symbols, const uint64_t *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t s = 0; s < SYMBOLS; s++) {
			struct caller_range *r = &symbols->range[s];

			if (r->begin && addrs[i] > r->begin && (!r->end || addrs[i] < r->end))
				r->end = addrs[i];
		}
	}
}

static void read_symbols(struct symbols *symbols)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long addr;
	char line[512], type, name[256];
	uint64_t *addrs = NULL;
	size_t n = 0, room = 0;

	memset(symbols, 0, sizeof(*symbols));
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %c %255s", &addr, &type, name) != 3 || !addr || (type != 't' && type != 'T'))
			continue;
		if (n == room) {
			uint64_t *more = realloc(addrs, (room + 65536) * sizeof(*addrs));

			if (!more)
				break;
			addrs = more;
			room += 65536;
		}
		addrs[n++] = addr;
		for (size_t s = 0; s < SYMBOLS; s++) {
			if (!strcmp(name, symbol_names[s]))
				symbols->range[s].begin = addr;
		}
	}
	find_ends(symbols, addrs, n);
	free(addrs);
	if (file)
		fclose(file);
}

int try_fexit(const struct btf *btf, const char *function)
{
	const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K}, /* r0 = 0 */
		{.code = BPF_JMP | BPF_EXIT},
	};
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC), program, link, err = 0;
	union bpf_attr attr;

	if (id < 0)
		return -ENOENT;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = BPF_TRACE_FEXIT;
	attr.attach_btf_id = id;
	attr.insns = (uintptr_t)nothing;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "GPL";
	program = syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.prog_fd = program;
	link = syscall(__NR_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
	if (link < 0)
		err = -errno;
	else
		close(link);
	close(program);
	return err;
}

static bool is_of(const struct collector *c, size_t hook, enum wire_tw_tier tier)
{
	return hook < c->trace_n && c->hooks[hook].hook->tier == tier;
}

/* A tier needs all of its hooks. */
static bool all_available(const struct collector *c, enum wire_tw_tier tier)
{
	for (size_t i = 0; i < c->trace_n; i++) {
		if (is_of(c, i, tier) && !c->hooks[i].available)
			return false;
	}
	return true;
}

/* The hooks of a tier that does not work here, or that is not used. */
static void set_aside(struct collector *c, enum wire_tw_tier tier, bool works, const char *why)
{
	for (size_t i = 0; i < c->trace_n; i++) {
		if (!is_of(c, i, tier))
			continue;
		c->hooks[i].available &= works;
		c->hooks[i].not_needed |= works;
		hook_set_why(&c->hooks[i], "%s", why);
	}
}

/* Nothing is missing without the other tiers, unless scans are used, which show less. */
static void settle(struct collector *c, uint32_t allowed)
{
	const char *why = !allowed                      ? "switched off by --time-wait=off"
			  : c->tier == WIRE_TIER_FENTRY ? "not needed: fentry shows it"
			  : c->tier == WIRE_TIER_TIMER  ? "not used: the timer tracepoints show it"
							: "not among --hooks";
	bool all_shown = !allowed || c->tier == WIRE_TIER_FENTRY || c->tier == WIRE_TIER_TIMER;

	for (enum wire_tw_tier tier = WIRE_TIER_FENTRY; tier <= WIRE_TIER_TIMER; tier++) {
		if (c->tier != tier && (all_shown || !(allowed & 1u << tier)))
			set_aside(c, tier, true, why);
	}
}

static void take_best(struct collector *c, uint32_t allowed)
{
	c->tier = WIRE_TIER_OFF;
	for (enum wire_tw_tier tier = WIRE_TIER_FENTRY; tier < WIRE_TIER_MAX && !c->tier; tier++) {
		bool works = tier == WIRE_TIER_SCAN ? c->hooks[c->trace_n + 1].available : all_available(c, tier);

		if ((allowed & 1u << tier) && works)
			c->tier = tier;
	}
	settle(c, allowed);
}

void tier_choose(struct collector *c, const struct btf *btf, uint32_t allowed)
{
	struct symbols symbols;
	char why[160];
	int err;

	if (allowed) {
		read_symbols(&symbols);
		memcpy(c->callers, symbols.range, sizeof(c->callers));
		c->tw_timer_handler = symbols.range[CALLERS_MAX].begin;
		err = all_available(c, WIRE_TIER_FENTRY) ? try_fexit(btf, "inet_twsk_alloc") : 0;
		snprintf(why, sizeof(why), "this kernel refuses fentry programs (%s)", strerror(-err));
		if (err)
			set_aside(c, WIRE_TIER_FENTRY, false, why);
		if (!c->tw_timer_handler)
			set_aside(c, WIRE_TIER_TIMER, false, "/proc/kallsyms does not show tw_timer_handler");
	}
	take_best(c, allowed);
}

void tier_next(struct collector *c, uint32_t allowed, const char *why)
{
	set_aside(c, c->tier, false, why);
	take_best(c, allowed & ~(1u << c->tier));
}

bool tier_has(const struct collector *c, size_t hook)
{
	enum wire_tw_tier tier = c->hooks[hook].hook->tier;

	return tier == WIRE_TIER_OFF || tier == c->tier;
}

void tier_configure(const struct collector *c, struct trace_bpf *trace)
{
	trace->rodata->tick_ns = clock_tick_ns();
	trace->rodata->tw_timer_handler_addr = c->tw_timer_handler;
	memcpy(trace->rodata->callers, c->callers, sizeof(c->callers));
}

/* All of its hooks, or it shows half the truth. */
bool tier_attached(const struct collector *c)
{
	for (size_t i = 0; i < c->trace_n; i++) {
		if (is_of(c, i, c->tier) && c->tier != WIRE_TIER_OFF && !c->hooks[i].used)
			return false;
	}
	return true;
}

void tier_detach(struct collector *c)
{
	for (size_t i = 0; i < c->trace_n; i++) {
		if (c->hooks[i].hook->tier == WIRE_TIER_OFF)
			continue;
		bpf_link__destroy(c->links[i]);
		c->links[i] = NULL;
		c->hooks[i].used = false;
	}
}
