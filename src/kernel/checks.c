// SPDX-License-Identifier: GPL-2.0-only
#include "checks.h"

#include "hook_table.h"
#include "src/host/cgroup.h"
#include "src/host/self.h"

#include <cap-ng.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* The kernel's bpf_get_socket_cookie() for tracing programs. */
#define COOKIE_FUNCTION "bpf_get_socket_ptr_cookie"

#define USER_NS_FIRST                                                                                                          \
	0xeffffffdu /* PROC_USER_INIT_INO (include/linux/proc_ns.h): the inode number of the first user namespace */

static enum collector_problem refuse(struct collector_failure *failure, enum collector_problem problem, const char *text)
{
	failure->problem = problem;
	snprintf(failure->text, sizeof(failure->text), "%s", text);
	return problem;
}

/* CAP_SYS_ADMIN holds all of them. Since 5.8 the first two suffice to load; the others are to see every process. */
static const struct {
	int cap;
	const char *name, *what;
} needed_caps[] = {
	{CAP_BPF, "CAP_BPF", "load BPF programs"},
	{CAP_PERFMON, "CAP_PERFMON", "attach to kernel tracepoints"},
	{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "name the processes behind sockets"},
	{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "read the cgroup of a socket"},
};

/* Capabilities in another user namespace are none for bpf(), which asks the first (bpf_capable()). */
static bool in_user_namespace(void)
{
	struct stat ns;

	return !stat("/proc/self/ns/user", &ns) && ns.st_ino != USER_NS_FIRST;
}

static enum collector_problem check_privileges(struct collector_failure *failure)
{
	if (in_user_namespace())
		return refuse(failure, COLLECTOR_NO_PRIVILEGE,
			      "this is a user namespace, whose root may not load BPF programs: run as the host's root (sudo)");
	for (size_t i = 0; i < sizeof(needed_caps) / sizeof(needed_caps[0]); i++) {
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
		return refuse(
			failure, COLLECTOR_NO_PRIVILEGE,
			"CAP_SYS_ADMIN is missing, which is needed to enter other network namespaces: run as root (sudo)");
	return COLLECTOR_OK;
}

static void feature(struct hook_state *state, bool available, const char *why)
{
	state->available = state->used = available;
	if (!available)
		hook_set_why(state, "%s", why);
}

/* What is found out here is said in our own words: libbpf's are for -v, which collector_open() obeys. */
static struct btf *load_btf(void)
{
	libbpf_set_print(NULL);
	return btf__load_vmlinux_btf();
}

size_t collector_features(struct hook_state *features)
{
	struct btf *btf = load_btf();
	bool usable = !libbpf_get_error(btf);
	struct collector_failure failure = {0};
	size_t mount_len, n = hooks_probe(NULL, HOOKS_FEATURES, features);
	int root = cgroup_open_root(&mount_len);

	feature(&features[0], !check_privileges(&failure), failure.text);
	feature(&features[1], !self_foreign_pids(), FOREIGN_PIDS_CURE);
	feature(&features[2], usable, "/sys/kernel/btf/vmlinux is missing");
	feature(&features[3], usable && btf__find_by_name_kind(btf, COOKIE_FUNCTION, BTF_KIND_FUNC) >= 0,
		"tracing programs have it since Linux 5.12");
	feature(&features[4], root >= 0, "no cgroup2 is mounted");
	if (usable)
		btf__free(btf);
	if (root >= 0)
		close(root);
	return n;
}

static enum collector_problem check_kernel(struct collector_failure *failure)
{
	struct btf *btf = load_btf();
	enum collector_problem problem = COLLECTOR_OK;

	if (libbpf_get_error(btf))
		return refuse(
			failure, COLLECTOR_NO_KERNEL,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux): Linux 5.12 with CONFIG_DEBUG_INFO_BTF is needed");
	if (hook_tracepoint_args(btf, "inet_sock_set_state") != 3)
		problem = refuse(failure, COLLECTOR_NO_KERNEL,
				 "this kernel's BTF has no tracepoint sock:inet_sock_set_state as known since Linux 4.16");
	else if (btf__find_by_name_kind(btf, COOKIE_FUNCTION, BTF_KIND_FUNC) < 0)
		problem = refuse(failure, COLLECTOR_NO_KERNEL,
				 "this kernel gives no socket cookies to tracing programs (bpf_get_socket_cookie): Linux "
				 "5.12 or later is needed");
	btf__free(btf);
	return problem;
}

enum collector_problem collector_check(struct collector_failure *ret_failure)
{
	enum collector_problem problem = check_privileges(ret_failure);

	return problem ? problem : check_kernel(ret_failure);
}

const char *collector_libbpf_version(void)
{
#ifdef LIBBPF_MAJOR_VERSION
	return libbpf_version_string();
#else
	return "v0.5"; /* 0.6 made its version known */
#endif
}
