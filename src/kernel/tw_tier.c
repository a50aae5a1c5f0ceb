// SPDX-License-Identifier: GPL-2.0-only
/*
 * How minisockets are seen here: by fentry programs, by the timer tracepoints, or by scans alone. fentry is tried, since a
 * kernel that has it may refuse it (lockdown, a hypervisor's policy).
 */
#include "internal.h"
#include "kernel_btf.h"
#include "privileges.h"
#include "src/host/self.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/trace.skel.h"

int try_fexit(const struct kernel_btf *btf, const char *function)
{
	const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K}, /* r0 = 0 */
		{.code = BPF_JMP | BPF_EXIT},
	};
	int id = kernel_btf_find(btf, function, BTF_KIND_FUNC), program, link, err = 0;
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

void tier_choose(struct collector *c, uint32_t allowed)
{
	char why[160];
	int err;

	if (allowed) {
		err = all_available(c, WIRE_TIER_FENTRY) ? try_fexit(c->types, "inet_twsk_alloc") : 0;
		snprintf(why, sizeof(why), "%s (%s)",
			 self_no_descriptor(err) ? "not tried" : "this kernel refuses fentry programs", self_error(err));
		if (err)
			set_aside(c, WIRE_TIER_FENTRY, false, why);
		if (symbols_try())
			set_aside(c, WIRE_TIER_TIMER, false,
				  privileges_missing(CAP_SYSLOG) ? SYMBOLS_HIDDEN "CAP_SYSLOG is missing" : SYMBOLS_KPTR);
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

void tier_locate(struct collector *c)
{
	struct trace_bpf__bss *bss = c->trace->bss;

	if (c->tier != WIRE_TIER_FENTRY && c->tier != WIRE_TIER_TIMER)
		return;
	symbols_end(&c->symbols);
	bss->tw_timer_handler_addr = c->symbols.range[SYMBOL_TIMER].begin;
	memcpy(bss->callers, c->symbols.range, sizeof(bss->callers));
	for (size_t i = 0; i < c->trace_n && !bss->tw_timer_handler_addr; i++) {
		if (is_of(c, i, WIRE_TIER_TIMER))
			hook_refused(&c->hooks[i], "/proc/kallsyms does not show tw_timer_handler");
	}
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
