/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls that no process of ours makes once it runs: those that change the machine, or look into other processes. */
#pragma once

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>

/* Adds them to a filter: they fail with EPERM. 0 or -errno. */
int syscalls_refuse_foreign(scmp_filter_ctx filter);
int syscalls_refuse(scmp_filter_ctx filter, const int *calls, size_t n);

/*
 * For the tracer, when all is loaded and attached: all of its threads, and what they start, make none of these calls, and load
 * no BPF program and no map. `helpers`: it still starts processes of its own. 0 or -errno: nothing is refused then.
 */
int syscalls_confine_tracer(bool helpers);
