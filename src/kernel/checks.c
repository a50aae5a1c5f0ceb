// SPDX-License-Identifier: GPL-2.0-only
#include "checks.h"

#include "hook_table.h"
#include "kernel_btf.h"
#include "privileges.h"
#include "src/host/cgroup.h"
#include "src/host/self.h"

#include <stdio.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* The kernel's bpf_get_socket_cookie() for tracing programs. */
#define COOKIE_FUNCTION "bpf_get_socket_ptr_cookie"

static enum collector_problem refuse(struct collector_failure *failure, enum collector_problem problem, const char *text)
{
	failure->problem = problem;
	snprintf(failure->text, sizeof(failure->text), "%s", text);
	return problem;
}

static void feature(struct hook_state *state, bool available, const char *why)
{
	state->available = state->used = available;
	if (!available)
		hook_set_why(state, "%s", why);
}

static bool has_cookies(const struct kernel_btf *btf)
{
	return kernel_btf_find(btf, COOKIE_FUNCTION, BTF_KIND_FUNC) >= 0;
}

size_t collector_features(struct hook_state *features)
{
	struct kernel_btf *btf = NULL;
	bool usable = !kernel_btf_open(&btf);
	const char *no_descriptor = self_no_descriptor(self_try_descriptor());
	struct collector_failure failure = {0};
	size_t mount_len, n = hooks_probe(NULL, HOOKS_FEATURES, features);
	int root = cgroup_open_root(&mount_len);

	feature(&features[0], !privileges_check(&failure), failure.text);
	feature(&features[1], !self_foreign_pids(), FOREIGN_PIDS_CURE);
	feature(&features[2], usable, no_descriptor ?: "/sys/kernel/btf/vmlinux is missing");
	feature(&features[3], usable && has_cookies(btf), "tracing programs have it since Linux 5.12");
	feature(&features[4], root >= 0, (root < 0 ? self_no_descriptor(root) : NULL) ?: "no cgroup2 is mounted");
	privileges_examine(features, n);
	kernel_btf_close(btf);
	if (root >= 0)
		close(root);
	return n;
}

static enum collector_problem check_kernel(struct kernel_btf **ret_types, struct collector_failure *failure)
{
	bool usable = !kernel_btf_open(ret_types);
	const char *no_descriptor = self_no_descriptor(self_try_descriptor()); /* libbpf does not say */

	if (!usable && no_descriptor)
		return refuse(failure, COLLECTOR_FAILED, no_descriptor);
	if (!usable)
		return refuse(
			failure, COLLECTOR_NO_KERNEL,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux): Linux 5.12 with CONFIG_DEBUG_INFO_BTF is needed");
	if (hook_tracepoint_args(*ret_types, "inet_sock_set_state") != 3)
		return refuse(failure, COLLECTOR_NO_KERNEL,
			      "this kernel's BTF has no tracepoint sock:inet_sock_set_state as known since Linux 4.16");
	if (!has_cookies(*ret_types))
		return refuse(failure, COLLECTOR_NO_KERNEL,
			      "this kernel gives no socket cookies to tracing programs (bpf_get_socket_cookie): Linux "
			      "5.12 or later is needed");
	return COLLECTOR_OK;
}

enum collector_problem collector_check_types(struct kernel_btf **ret_types, struct collector_failure *ret_failure)
{
	enum collector_problem problem = privileges_check(ret_failure);

	*ret_types = NULL;
	if (!problem)
		problem = check_kernel(ret_types, ret_failure);
	if (problem) {
		kernel_btf_close(*ret_types);
		*ret_types = NULL;
	}
	return problem;
}

enum collector_problem collector_check(struct collector_failure *ret_failure)
{
	struct kernel_btf *types;
	enum collector_problem problem = collector_check_types(&types, ret_failure);

	kernel_btf_close(types);
	return problem;
}

const char *collector_libbpf_version(void)
{
#ifdef LIBBPF_MAJOR_VERSION
	return libbpf_version_string();
#else
	return "v0.5"; /* 0.6 made its version known */
#endif
}
