// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this kernel offers, from its BTF and not from its version, since distributions backport. A tracepoint is usable if BTF
 * has it with a known number of arguments.
 */
#include "hook_table.h"

#include "kernel_btf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define SET_STATE "inet_sock_set_state"
#define SEGMENT "tcp_timewait_state_process"
#define TW_FALLBACK "the timer tracepoints show it"
#define TIMER_FALLBACK "scans every few seconds show it, inferred"
#define LEAKS_FALLBACK "none: `leaks` cannot run, and no alert is raised"
#define NEEDED "none: the tool cannot run without it"

/*
 * Misses that are no losses: the timer's programs run with interrupts off and are never interrupted; on_read, on_destroy
 * and on_exit show no state; on_set_state_missed sends what on_set_state missed.
 */
static const struct hook hook_table[] = {
	{HOOKS_TRACE, "on_set_state", SET_STATE, "tp_btf", 3, 3, WIRE_TIER_OFF, true, "state changes", NEEDED},
	{HOOKS_TRACE, "on_set_state_missed", SET_STATE " (2)", "tp_btf", 3, 3, WIRE_TIER_OFF, false,
	 "state changes, second chance", "a few are lost, and counted"},
	{HOOKS_TRACE, "on_retransmit", "tcp_retransmit_skb", "tp_btf", 2, 3 /* 6.15 added err */, WIRE_TIER_OFF, true,
	 "retransmissions", "counts of SYN and SYN-ACK only, at the handshake"},
	{HOOKS_TRACE, "on_synack_rtx", "tcp_retransmit_synack", "tp_btf", 2, 2, WIRE_TIER_OFF, true, "half-open connections",
	 "counts of accepted connections only"},
	{HOOKS_TRACE, "on_send_reset", "tcp_send_reset", "tp_btf", 2, 3 /* 6.10 added the reason */, WIRE_TIER_OFF, true,
	 "resets sent, and why", "a local abort shows as aborted"},
	{HOOKS_TRACE, "on_recv_reset", "tcp_receive_reset", "tp_btf", 1, 1, WIRE_TIER_OFF, true, "resets received",
	 "the socket's error"},
	{HOOKS_TRACE, "on_destroy", "tcp_destroy_sock", "tp_btf", 1, 1, WIRE_TIER_OFF, false, "ends that were lost",
	 "found at the next scan"},
	{HOOKS_TRACE, "on_read", "tcp_rcv_space_adjust", "tp_btf", 1, 1, WIRE_TIER_OFF, false,
	 "who serves an accepted connection", "who closes it, or who listens"},
	{HOOKS_TRACE, "on_send", "sock_send_length", "tp_btf", 3, 3, WIRE_TIER_OFF, false, "who only writes to it",
	 "fentry of tcp_sendmsg, or nobody"},
	{HOOKS_TRACE, "on_recv", "sock_recv_length", "tp_btf", 3, 3, WIRE_TIER_OFF, false, "who reads an MPTCP connection",
	 "nobody"},
	{HOOKS_TRACE, "on_sendmsg", "tcp_sendmsg", "fentry", 3, 3, WIRE_TIER_OFF, false, "who only writes to it", "nobody"},
	{HOOKS_TRACE, "on_accepted", "inet_csk_accept", "fexit", 2, 4, WIRE_TIER_OFF, false, "who accepts a connection",
	 "who reads or writes"},
	{HOOKS_TRACE, "on_exit", "sched_process_exit", "tp_btf", 1, 2 /* 6.16 added group_dead */, WIRE_TIER_OFF, false,
	 "the end of who listens", "a listener's process may have ended"},
	{HOOKS_TRACE, "on_tw_alloc", "inet_twsk_alloc", "fexit", 3, 3, WIRE_TIER_FENTRY, true, "TIME_WAIT: begin, or overflow",
	 TW_FALLBACK},
	{HOOKS_TRACE, "on_tw_segment", SEGMENT, "fentry", 3, 6, WIRE_TIER_FENTRY, false, "TIME_WAIT: a segment comes",
	 TW_FALLBACK},
	{HOOKS_TRACE, "on_tw_segment_done", SEGMENT " (2)", "fexit", 3, 6, WIRE_TIER_FENTRY, true, "TIME_WAIT: restarts",
	 TW_FALLBACK},
	{HOOKS_TRACE, "on_tw_kill", "inet_twsk_kill", "fentry", 1, 1, WIRE_TIER_FENTRY, true, "TIME_WAIT: end, and why",
	 TW_FALLBACK},
	/* 6.11 replaced two arguments by one; only the first counts */
	{HOOKS_TRACE, "on_tw_timer_start", "timer_start", "tp_btf", 2, 3, WIRE_TIER_TIMER, false,
	 "TIME_WAIT: begin and restarts", TIMER_FALLBACK},
	{HOOKS_TRACE, "on_tw_timer_cancel", "timer_cancel", "tp_btf", 1, 1, WIRE_TIER_TIMER, false, "TIME_WAIT: end, and why",
	 TIMER_FALLBACK},
	{HOOKS_TRACE, "on_tw_timer_expire", "timer_expire_entry", "tp_btf", 2, 2, WIRE_TIER_TIMER, false, "TIME_WAIT: expiry",
	 TIMER_FALLBACK},
	{HOOKS_SCAN, "scan_files", "task_file", "iter", 0, 0, WIRE_TIER_OFF, false, "existing sockets and their holders",
	 "connections appear with their next event"},
	{HOOKS_SCAN, "scan_tcp", "tcp", "iter", 0, 0, WIRE_TIER_OFF, false, "existing sockets that no process holds",
	 "they appear with their next event"},
	{HOOKS_LEAKS, "leak_files", "task_file (leaks)", "iter", 0, 0, WIRE_TIER_OFF, false, "who holds a socket in CLOSE_WAIT",
	 LEAKS_FALLBACK},
	{HOOKS_LEAKS, "leak_tcp", "tcp (leaks)", "iter", 0, 0, WIRE_TIER_OFF, false, "those that were never accepted",
	 LEAKS_FALLBACK},
	{HOOKS_STACKS, "on_connect", SET_STATE " (stacks)", "tp_btf", 3, 3, WIRE_TIER_OFF, false, "--stacks: connect()",
	 "no --stacks"},
	{HOOKS_STACKS, "on_accept", "inet_csk_accept", "fexit", 2, 4, WIRE_TIER_OFF, false, "--stacks: accept()",
	 "its system calls show it"},
	{HOOKS_STACKS, "on_accept_return", "sys_exit (accept, accept4)", "tp", 2, 2, WIRE_TIER_OFF, false, "--stacks: accept()",
	 "no stacks of accept()"},
	{HOOKS_FEATURES, NULL, "privileges", "feature", 0, 0, WIRE_TIER_OFF, false, "may load and attach", NEEDED},
	{HOOKS_FEATURES, NULL, "host's pids", "feature", 0, 0, WIRE_TIER_OFF, false, "processes, and where they live",
	 "those outside of this container are not seen"},
	{HOOKS_FEATURES, NULL, "BTF", "feature", 0, 0, WIRE_TIER_OFF, false, "the layout of this kernel's structs", NEEDED},
	{HOOKS_FEATURES, NULL, "socket cookie", "feature", 0, 0, WIRE_TIER_OFF, false, "the identity of a connection", NEEDED},
	{HOOKS_FEATURES, NULL, "cgroup2", "feature", 0, 0, WIRE_TIER_OFF, false, "cgroup and container of a socket",
	 "both are null"},
	{HOOKS_FEATURES, NULL, "CAP_BPF", "cap", 0, 0, WIRE_TIER_OFF, false, "loads the programs", NEEDED},
	{HOOKS_FEATURES, NULL, "CAP_PERFMON", "cap", 0, 0, WIRE_TIER_OFF, false, "attaches them", NEEDED},
	{HOOKS_FEATURES, NULL, "CAP_SYS_ADMIN", "cap", 0, 0, WIRE_TIER_OFF, false, "scans of other network namespaces",
	 "sockets there that no process holds appear with their next event"},
	{HOOKS_FEATURES, NULL, "CAP_SYS_PTRACE", "cap", 0, 0, WIRE_TIER_OFF, false, "other users' programs and namespaces",
	 "exe is null, their namespaces are not scanned"},
	{HOOKS_FEATURES, NULL, "CAP_DAC_READ_SEARCH", "cap", 0, 0, WIRE_TIER_OFF, false, "cgroup and container of a socket",
	 "cgroup, container and unit are null"},
	{HOOKS_FEATURES, NULL, "CAP_SYSLOG", "cap", 0, 0, WIRE_TIER_OFF, false, "addresses of the kernel's functions",
	 "where fentry is refused, scans show TIME_WAIT, inferred"},
	{HOOKS_FEATURES, NULL, "CAP_CHECKPOINT_RESTORE", "cap", 0, 0, WIRE_TIER_OFF, false, "--stacks: files that are mapped",
	 "stacks without names of functions"},
	{HOOKS_FEATURES, NULL, "CAP_NET_ADMIN", "cap", 0, 0, WIRE_TIER_OFF, false, "namespaces that only a socket keeps",
	 "they are not scanned"},
};

struct bpf_program *hook_program(const struct bpf_object *object, const struct hook *hook)
{
	return bpf_object__find_program_by_name(object, hook->program);
}

void hook_set_why(struct hook_state *state, const char *format, ...)
{
	va_list args;

	if (state->why[0])
		return;
	va_start(args, format);
	vsnprintf(state->why, sizeof(state->why), format, args);
	va_end(args);
}

void hook_refused(struct hook_state *state, const char *why)
{
	state->available = state->used = false;
	hook_set_why(state, "%s", why);
}

/* The BTF type of this kind whose name begins with `prefix` and ends with `name` up to a space; NULL: none. */
static const struct btf_type *find_type(const struct kernel_btf *btf, const char *prefix, const char *name, unsigned int kind)
{
	char full[80];

	snprintf(full, sizeof(full), "%s%.*s", prefix, (int)strcspn(name, " "), name);
	return kernel_btf_type(btf, kernel_btf_find(btf, full, kind));
}

static int prototype_args(const struct btf_type *t)
{
	return t && btf_is_func_proto(t) ? btf_vlen(t) : -1;
}

int hook_tracepoint_args(const struct kernel_btf *btf, const char *name)
{
	const struct btf_type *t = find_type(btf, "btf_trace_", name, BTF_KIND_TYPEDEF);

	t = t ? kernel_btf_type(btf, t->type) : NULL; /* typedef -> pointer -> prototype */
	t = t && btf_is_ptr(t) ? kernel_btf_type(btf, t->type) : NULL;
	return t ? prototype_args(t) - 1 : -1; /* the first is the tracepoint's own void * */
}

static void probe_hook(const struct kernel_btf *btf, struct hook_state *state)
{
	const struct hook *hook = state->hook;
	bool function = hook->type[0] == 'f'; /* fentry, fexit */
	const struct btf_type *t;
	int args;

	if (!btf) {
		hook_set_why(state, "the kernel has no BTF");
	} else if (!hook->max_args) {
		state->available = find_type(btf, "bpf_iter__", hook->name, BTF_KIND_STRUCT);
		if (!state->available)
			hook_set_why(state, "this kernel has no such iterator");
	} else {
		t = function ? find_type(btf, "", hook->name, BTF_KIND_FUNC) : NULL;
		args = function ? prototype_args(t ? kernel_btf_type(btf, t->type) : NULL)
				: hook_tracepoint_args(btf, hook->name);
		state->available = args >= hook->min_args && args <= hook->max_args;
		if (args < 0)
			hook_set_why(state, "this kernel has no such %s", function ? "function" : "tracepoint");
		else if (!state->available)
			hook_set_why(state, "it has %d arguments here; this version knows %d to %d", args, hook->min_args,
				     hook->max_args);
	}
}

size_t hooks_probe(const struct kernel_btf *btf, enum hook_set set, struct hook_state *ret_states)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(hook_table) / sizeof(hook_table[0]); i++) {
		if (hook_table[i].set != set)
			continue;
		ret_states[n] = (struct hook_state){.hook = &hook_table[i]};
		if (set != HOOKS_FEATURES)
			probe_hook(btf, &ret_states[n]);
		n++;
	}
	return n;
}

size_t hooks_probe_here(enum hook_set set, struct hook_state *ret_states)
{
	struct kernel_btf *btf = NULL;
	size_t n;

	kernel_btf_open(&btf); /* else there are none */
	n = hooks_probe(btf, set, ret_states);
	kernel_btf_close(btf);
	return n;
}
