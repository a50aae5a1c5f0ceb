/* SPDX-License-Identifier: GPL-2.0-only */
/* What is missing to run here, found without loading anything. */
#pragma once

#include "hook_info.h"

struct kernel_btf;

/* Privileges and kernel features. COLLECTOR_OK if nothing is missing. */
enum collector_problem collector_check(struct collector_failure *ret_failure);

/* The same, and in *ret_types what it has read, for kernel_btf_close(); NULL if something is missing. */
enum collector_problem collector_check_types(struct kernel_btf **ret_types, struct collector_failure *ret_failure);

/* What a run needs or likes besides hooks, one by one; `features` has room for HOOKS_MAX. Their number. */
size_t collector_features(struct hook_state *features);

/* In a container without the host's pids, self_foreign_pids(). */
#define FOREIGN_PIDS_CURE "run it with the host's pids: hostPID: true, docker run --pid=host"

const char *collector_libbpf_version(void);
