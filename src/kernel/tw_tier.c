// SPDX-License-Identifier: GPL-2.0-only
/*
 * How minisockets are seen here: by fentry programs, by the timer tracepoints, or by scans alone. Found by trying: a kernel may
 * know fentry and refuse it all the same (lockdown, a hypervisor's policy), and no version number tells.
 */
#include "collector.h"
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

static const enum hook_row fentry_rows[] = {HOOK_TW_ALLOC, HOOK_TW_SEGMENT, HOOK_TW_SEGMENT_DONE, HOOK_TW_KILL};
static const enum hook_row timer_rows[] = {HOOK_TIMER_START, HOOK_TIMER_CANCEL, HOOK_TIMER_EXPIRE};

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
	[CALLERS_MAX] = "tw_timer_handler",
};
#define SYMBOLS (CALLERS_MAX + 1)

struct symbols {
	struct caller_range range[SYMBOLS];
};

/* A function ends where the next one begins; kallsyms is sorted except for modules, so all addresses are looked at. */
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

static void take_symbol(struct symbols *symbols, uint64_t addr, const char *name)
{
	for (size_t s = 0; s < SYMBOLS; s++) {
		if (!strcmp(name, symbol_names[s]))
			symbols->range[s].begin = addr;
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
		take_symbol(symbols, addr, name);
	}
	find_ends(symbols, addrs, n);
	free(addrs);
	if (file)
		fclose(file);
}

/* Loads and attaches, for a moment, a program that does nothing. 0 or -errno. */
static int try_fexit(const struct btf *btf, const char *function)
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

static const char *first_why(const struct collector *c, const enum hook_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!c->hooks[rows[i]].available)
			return c->hooks[rows[i]].why;
	}
	return NULL;
}

static void refuse(struct collector *c, const enum hook_row *rows, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++) {
		struct collector_hook *hook = &c->hooks[rows[i]];

		hook->available = false;
		if (!hook->why[0])
			snprintf(hook->why, sizeof(hook->why), "%s", why);
	}
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

static void examine_fentry(struct collector *c, const struct btf *btf)
{
	char why[160];
	int err;

	if (first_why(c, ROWS(fentry_rows)))
		return;
	err = try_fexit(btf, c->hooks[HOOK_TW_ALLOC].name);
	if (!err)
		return;
	snprintf(why, sizeof(why), "this kernel refuses fentry programs (%s)", strerror(-err));
	refuse(c, ROWS(fentry_rows), why);
}

static void examine_timer(struct collector *c, const struct symbols *symbols)
{
	if (!symbols->range[CALLERS_MAX].begin)
		refuse(c, ROWS(timer_rows), "/proc/kallsyms does not show tw_timer_handler");
}

static bool tier_works(const struct collector *c, enum wire_tw_tier tier)
{
	switch (tier) {
	case WIRE_TIER_FENTRY:
		return !first_why(c, ROWS(fentry_rows));
	case WIRE_TIER_TIMER:
		return !first_why(c, ROWS(timer_rows));
	case WIRE_TIER_SCAN:
		return c->hooks[HOOK_SCAN_TCP].available;
	default:
		return false;
	}
}

static void not_needed(struct collector *c, const enum hook_row *rows, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++) {
		struct collector_hook *hook = &c->hooks[rows[i]];

		hook->not_needed = true;
		if (!hook->why[0])
			snprintf(hook->why, sizeof(hook->why), "%s", why);
	}
}

/* What the tier in use leaves unused is no loss; for scans, which tell less, it is one. */
static void settle(struct collector *c, uint32_t allowed)
{
	const char *why = !allowed                      ? "switched off by --time-wait=off"
			  : c->tier == WIRE_TIER_FENTRY ? "not needed: fentry shows it"
			  : c->tier == WIRE_TIER_TIMER  ? "not used: the timer tracepoints show it"
							: "not among --hooks";
	bool all_covered = !allowed || c->tier == WIRE_TIER_FENTRY || c->tier == WIRE_TIER_TIMER;

	if (c->tier != WIRE_TIER_FENTRY && (all_covered || !(allowed & 1u << WIRE_TIER_FENTRY)))
		not_needed(c, ROWS(fentry_rows), why);
	if (c->tier != WIRE_TIER_TIMER && (all_covered || !(allowed & 1u << WIRE_TIER_TIMER)))
		not_needed(c, ROWS(timer_rows), why);
}

static void take_best(struct collector *c, uint32_t allowed)
{
	c->tier = WIRE_TIER_OFF;
	for (enum wire_tw_tier tier = WIRE_TIER_FENTRY; tier < WIRE_TIER_MAX && !c->tier; tier++) {
		if ((allowed & 1u << tier) && tier_works(c, tier))
			c->tier = tier;
	}
	settle(c, allowed);
}

void tier_choose(struct collector *c, const struct btf *btf, uint32_t allowed)
{
	struct symbols symbols;

	if (allowed) {
		read_symbols(&symbols);
		memcpy(c->callers, symbols.range, sizeof(c->callers));
		c->tw_timer_handler = symbols.range[CALLERS_MAX].begin;
		examine_fentry(c, btf);
		examine_timer(c, &symbols);
	}
	take_best(c, allowed);
}

void tier_next(struct collector *c, uint32_t allowed, const char *why)
{
	if (c->tier == WIRE_TIER_FENTRY)
		refuse(c, ROWS(fentry_rows), why);
	else if (c->tier == WIRE_TIER_TIMER)
		refuse(c, ROWS(timer_rows), why);
	take_best(c, allowed & ~(1u << c->tier));
}

bool tier_has_row(const struct collector *c, enum hook_row row)
{
	switch (row) {
	case HOOK_TW_ALLOC:
	case HOOK_TW_SEGMENT:
	case HOOK_TW_SEGMENT_DONE:
	case HOOK_TW_KILL:
		return c->tier == WIRE_TIER_FENTRY;
	case HOOK_TIMER_START:
	case HOOK_TIMER_CANCEL:
	case HOOK_TIMER_EXPIRE:
		return c->tier == WIRE_TIER_TIMER;
	default:
		return true;
	}
}

void tier_configure(const struct collector *c, struct trace_bpf *trace)
{
	trace->rodata->tick_ns = clock_tick_ns();
	trace->rodata->tw_timer_handler_addr = c->tw_timer_handler;
	memcpy(trace->rodata->callers, c->callers, sizeof(c->callers));
}

/* All of its hooks, or it tells half the truth. */
bool tier_attached(const struct collector *c)
{
	for (enum hook_row row = 0; row < HOOKS_TRACE; row++) {
		if (tier_has_row(c, row) && (row >= HOOK_TW_ALLOC && row <= HOOK_TIMER_EXPIRE) && !c->hooks[row].used)
			return false;
	}
	return true;
}

void tier_detach(struct collector *c)
{
	for (enum hook_row row = HOOK_TW_ALLOC; row <= HOOK_TIMER_EXPIRE; row++) {
		bpf_link__destroy(c->links[row]);
		c->links[row] = NULL;
		c->hooks[row].used = false;
	}
}
