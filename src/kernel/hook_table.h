/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of all hooks, and what this kernel has of them. */
#pragma once

#include "hook_info.h"

struct bpf_object;
struct bpf_program;
struct kernel_btf;

/* Fills a row for each hook of a set, nothing used yet; their number. `btf` NULL: the kernel has none, so nothing is available.
 */
size_t hooks_probe(const struct kernel_btf *btf, enum hook_set set, struct hook_state *ret_states);

/* The same with the running kernel's BTF. */
size_t hooks_probe_here(enum hook_set set, struct hook_state *ret_states);

/* The program of a hook that has one of its own. */
struct bpf_program *hook_program(const struct bpf_object *object, const struct hook *hook);

/* Unless something better is known. */
void hook_set_why(struct hook_state *state, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The kernel has it, and does not let us use it: for the user it is not there. */
void hook_refused(struct hook_state *state, const char *why);

/* The arguments that a tracepoint has in this kernel; -1 if it has no such tracepoint. */
int hook_tracepoint_args(const struct kernel_btf *btf, const char *name);
