// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this kernel offers and what this process may do, found by looking, never by version number: distributions backport.
 * A tracepoint is usable if the kernel's BTF knows it with a number of arguments that we understand.
 */
#include "collector.h"
#include "internal.h"
#include "src/core/wire_text.h"
#include "src/host/cgroup.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* The kernel's bpf_get_socket_cookie() for tracing programs. */
#define COOKIE_FUNCTION "bpf_get_socket_ptr_cookie"

#define TW_FALLBACK "the timer tracepoints tell it"
#define TIMER_FALLBACK "scans every few seconds tell it, inferred"
#define LEAKS_FALLBACK "none: `leaks` cannot run, and no alert is raised"

struct hook_fact {
	const char *name, *type, *fact, *fallback;
	int min_args, max_args; /* of a tracepoint or function */
};

static const struct hook_fact hook_facts[HOOK_ROWS] = {
	[HOOK_SET_STATE] = {"inet_sock_set_state", "tp_btf", "state changes", "none: the tool cannot run without it", 3, 3},
	/* the same tracepoint: what the first program missed because it was interrupted */
	[HOOK_SET_STATE_MISSED] = {"inet_sock_set_state (2)", "tp_btf", "state changes, second chance",
				   "a few are lost, and counted", 3, 3},
	/* 6.15 added err */
	[HOOK_RETRANSMIT] = {"tcp_retransmit_skb", "tp_btf", "retransmissions",
			     "counts of SYN and SYN-ACK only, at the handshake", 2, 3},
	[HOOK_SYNACK_RTX] = {"tcp_retransmit_synack", "tp_btf", "half-open connections", "counts of accepted connections only",
			     2, 2},
	/* 6.10 added the reason */
	[HOOK_SEND_RESET] = {"tcp_send_reset", "tp_btf", "resets sent, and why", "a local abort shows as aborted", 2, 3},
	[HOOK_RECV_RESET] = {"tcp_receive_reset", "tp_btf", "resets received", "the socket's error", 1, 1},
	[HOOK_DESTROY] = {"tcp_destroy_sock", "tp_btf", "ends that were lost", "found at the next scan", 1, 1},
	[HOOK_READ] = {"tcp_rcv_space_adjust", "tp_btf", "who serves an accepted connection", "who closes it, or who listens",
		       1, 1},
	[HOOK_TW_ALLOC] = {"inet_twsk_alloc", "fexit", "TIME_WAIT: begin, or overflow", TW_FALLBACK, 3, 3},
	[HOOK_TW_SEGMENT] = {"tcp_timewait_state_process", "fentry", "TIME_WAIT: a segment comes", TW_FALLBACK, 3, 6},
	[HOOK_TW_SEGMENT_DONE] = {"tcp_timewait_state_process (2)", "fexit", "TIME_WAIT: restarts", TW_FALLBACK, 3, 6},
	[HOOK_TW_KILL] = {"inet_twsk_kill", "fentry", "TIME_WAIT: end, and why", TW_FALLBACK, 1, 1},
	/* 6.11 replaced two arguments by one; only the first counts */
	[HOOK_TIMER_START] = {"timer_start", "tp_btf", "TIME_WAIT: begin and restarts", TIMER_FALLBACK, 2, 3},
	[HOOK_TIMER_CANCEL] = {"timer_cancel", "tp_btf", "TIME_WAIT: end, and why", TIMER_FALLBACK, 1, 1},
	[HOOK_TIMER_EXPIRE] = {"timer_expire_entry", "tp_btf", "TIME_WAIT: expiry", TIMER_FALLBACK, 2, 2},
	[HOOK_SCAN_FILES] = {"task_file", "iter", "existing sockets and their holders",
			     "connections appear with their next event", 0, 0},
	[HOOK_SCAN_TCP] = {"tcp", "iter", "existing sockets that no process holds", "they appear with their next event", 0, 0},
};

/* Not loaded by a collector, but by who looks for leaks. */
static const struct hook_fact leak_facts[LEAK_ROWS] = {
	{"task_file (leaks)", "iter", "who holds a socket in CLOSE_WAIT", LEAKS_FALLBACK, 0, 0},
	{"tcp (leaks)", "iter", "those that were never accepted", LEAKS_FALLBACK, 0, 0},
};

/* By who unwinds stacks: connect(), and accept() in two ways. */
static const struct hook_fact stack_facts[STACK_ROWS] = {
	{"inet_sock_set_state (stacks)", "tp_btf", "--stacks: connect()", "no --stacks", 3, 3},
	{"inet_csk_accept", "fexit", "--stacks: accept()", "its system calls tell it", 2, 4},
	{"sys_exit (accept, accept4)", "tp", "--stacks: accept()", "no stacks of accept()", 2, 2},
};

int probe_tracepoint_args(const struct btf *btf, const char *name)
{
	const struct btf_type *t;
	char type_name[80];
	int id;

	snprintf(type_name, sizeof(type_name), "btf_trace_%.*s", (int)strcspn(name, " "), name);
	id = btf__find_by_name_kind(btf, type_name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	t = btf__type_by_id(btf, btf__type_by_id(btf, id)->type); /* typedef -> pointer */
	if (!t || !btf_is_ptr(t))
		return -1;
	t = btf__type_by_id(btf, t->type);
	if (!t || !btf_is_func_proto(t))
		return -1;
	return btf_vlen(t) - 1; /* the first is the tracepoint's own void * */
}

/* The same of a function. */
static int function_args(const struct btf *btf, const char *name)
{
	const struct btf_type *t;
	char function[80];
	int id;

	snprintf(function, sizeof(function), "%.*s", (int)strcspn(name, " "), name);
	id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	t = id < 0 ? NULL : btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	return t && btf_is_func_proto(t) ? btf_vlen(t) : -1;
}

static void probe_hook(const struct btf *btf, const struct hook_fact *fact, struct collector_hook *hook)
{
	bool function = fact->type[0] == 'f'; /* fentry, fexit */
	char iter_type[80];
	int args;

	if (!btf) {
		snprintf(hook->why, sizeof(hook->why), "the kernel has no BTF");
	} else if (!fact->max_args) {
		snprintf(iter_type, sizeof(iter_type), "bpf_iter__%.*s", (int)strcspn(fact->name, " "), fact->name);
		hook->available = btf__find_by_name_kind(btf, iter_type, BTF_KIND_STRUCT) >= 0;
		if (!hook->available)
			snprintf(hook->why, sizeof(hook->why), "this kernel has no such iterator");
	} else {
		args = function ? function_args(btf, fact->name) : probe_tracepoint_args(btf, fact->name);
		hook->available = args >= fact->min_args && args <= fact->max_args;
		if (args < 0)
			snprintf(hook->why, sizeof(hook->why), "this kernel has no such %s",
				 function ? "function" : "tracepoint");
		else if (!hook->available)
			snprintf(hook->why, sizeof(hook->why), "it has %d arguments here; this version knows %d to %d", args,
				 fact->min_args, fact->max_args);
	}
}

static size_t probe(const struct btf *btf, const struct hook_fact *facts, size_t n, struct collector_hook *hooks)
{
	memset(hooks, 0, n * sizeof(*hooks));
	for (size_t i = 0; i < n; i++) {
		hooks[i].name = facts[i].name;
		hooks[i].type = facts[i].type;
		hooks[i].fact = facts[i].fact;
		hooks[i].fallback = facts[i].fallback;
		probe_hook(btf, &facts[i], &hooks[i]);
	}
	return n;
}

size_t probe_hooks(const struct btf *btf, struct collector_hook *hooks)
{
	_Static_assert(HOOK_ROWS <= COLLECTOR_HOOKS_MAX, "room for every row");
	return probe(btf, hook_facts, HOOK_ROWS, hooks);
}

static size_t probe_here(const struct hook_fact *facts, size_t n, struct collector_hook *hooks)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (libbpf_get_error(btf))
		btf = NULL;
	probe(btf, facts, n, hooks);
	btf__free(btf);
	return n;
}

size_t collector_probe(struct collector_hook *hooks)
{
	return probe_here(hook_facts, HOOK_ROWS, hooks);
}

size_t probe_leaks(struct collector_hook *hooks)
{
	return probe_here(leak_facts, LEAK_ROWS, hooks);
}

size_t probe_stacks(struct collector_hook *hooks)
{
	return probe_here(stack_facts, STACK_ROWS, hooks);
}

static enum collector_problem fail(struct collector_failure *failure, enum collector_problem problem, const char *text)
{
	failure->problem = problem;
	snprintf(failure->text, sizeof(failure->text), "%s", text);
	return problem;
}

/* CAP_SYS_ADMIN holds all of them; since 5.8 the first two suffice to load, the others let us see every process. */
static const struct {
	int cap;
	const char *name, *what;
} needed_caps[] = {
	{CAP_BPF, "CAP_BPF", "load BPF programs"},
	{CAP_PERFMON, "CAP_PERFMON", "attach to kernel tracepoints"},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "name the processes behind sockets"},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "read the cgroup of a socket"},
};

static enum collector_problem check_privileges(struct collector_failure *failure)
{
	size_t i;

	for (i = 0; i < sizeof(needed_caps) / sizeof(needed_caps[0]); i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, needed_caps[i].cap))
			continue;
		if (needed_caps[i].cap != CAP_DAC_READ_SEARCH && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
			continue;
		failure->problem = COLLECTOR_NO_PRIVILEGE;
		snprintf(failure->text, sizeof(failure->text), "%s is missing, which is needed to %s: run as root (sudo)",
			 needed_caps[i].name, needed_caps[i].what);
		return failure->problem;
	}
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
		return fail(
			failure, COLLECTOR_NO_PRIVILEGE,
			"CAP_SYS_ADMIN is missing, which is needed to look into other network namespaces: run as root (sudo)");
	return COLLECTOR_OK;
}

static void feature(struct collector_hook *row, const char *name, const char *fact, const char *fallback, const char *why)
{
	*row = (struct collector_hook){.name = name, .type = "feature", .fact = fact, .fallback = fallback};
	row->available = row->used = !why;
	if (why)
		snprintf(row->why, sizeof(row->why), "%s", why);
}

size_t collector_features(struct collector_hook *f)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct collector_failure failure = {0};
	bool cookies, usable = !libbpf_get_error(btf);
	size_t mount_len;
	int root = cgroup_open_root(&mount_len);

	cookies = usable && btf__find_by_name_kind(btf, COOKIE_FUNCTION, BTF_KIND_FUNC) >= 0;
	feature(&f[0], "privileges", "may load, attach and look everywhere", "none: the tool cannot run without them",
		check_privileges(&failure) ? failure.text : NULL);
	feature(&f[1], "BTF", "the layout of this kernel's structs", "none: the tool cannot run without it",
		usable ? NULL : "/sys/kernel/btf/vmlinux is missing");
	feature(&f[2], "socket cookie", "the identity of a connection", "none: the tool cannot run without it",
		cookies ? NULL : "tracing programs have it since Linux 5.12");
	feature(&f[3], "cgroup2", "cgroup and container of a socket", "both are null",
		root >= 0 ? NULL : "no cgroup2 is mounted");
	if (usable)
		btf__free(btf);
	if (root >= 0)
		close(root);
	return 4;
}

static enum collector_problem check_kernel(struct collector_failure *failure)
{
	struct btf *btf = btf__load_vmlinux_btf();
	enum collector_problem problem = COLLECTOR_OK;

	if (libbpf_get_error(btf))
		return fail(
			failure, COLLECTOR_NO_KERNEL,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF, Linux 5.4 or later");
	if (probe_tracepoint_args(btf, "inet_sock_set_state") != 3)
		problem = fail(failure, COLLECTOR_NO_KERNEL,
			       "this kernel's BTF has no tracepoint sock:inet_sock_set_state as known since Linux 4.16");
	else if (btf__find_by_name_kind(btf, COOKIE_FUNCTION, BTF_KIND_FUNC) < 0)
		problem = fail(failure, COLLECTOR_NO_KERNEL,
			       "this kernel cannot give socket cookies to tracing programs (bpf_get_socket_cookie), which "
			       "Linux has since 5.12");
	btf__free(btf);
	return problem;
}

enum collector_problem collector_check(struct collector_failure *ret_failure)
{
	enum collector_problem problem = check_privileges(ret_failure);

	return problem ? problem : check_kernel(ret_failure);
}

void collector_reason_names(uint64_t now, event_fn fn, void *ctx)
{
	struct btf *btf = btf__load_vmlinux_btf();
	union wire_text_buf buf;
	const struct btf_type *t;
	const struct btf_enum *e;
	const char *name;
	int id, i;

	if (libbpf_get_error(btf))
		return;
	id = btf__find_by_name_kind(btf, "sk_rst_reason", BTF_KIND_ENUM); /* 6.10 on; its numbers shift between versions */
	t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	for (i = 0; t && i < btf_vlen(t); i++) {
		e = &btf_enum(t)[i];
		name = btf__name_by_offset(btf, e->name_off);
		if (strncmp(name, "SK_RST_REASON_", 14) != 0 || !strcmp(name, "SK_RST_REASON_MAX"))
			continue;
		fn(ctx, wire_text_fill(&buf, WIRE_RST_REASON, now, (uint32_t)e->val, 0, name + 14, strlen(name + 14)));
	}
	btf__free(btf);
}

const char *collector_libbpf_version(void)
{
#ifdef LIBBPF_MAJOR_VERSION
	return libbpf_version_string();
#else
	return "v0.5"; /* 0.6 made its version known */
#endif
}
