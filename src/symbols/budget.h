/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of the CPU --stacks may use: all of it within any second, and a process's and a control group's share of that. Pure:
 * `now` and the time used are arguments.
 */
#pragma once

#include "helper_pages.h"

#include <stdbool.h>

#define BUDGET_NS 100000000ull /* a tenth of a CPU, in any second */
#define BUDGET_WINDOW_NS 1000000000ull
#define BUDGET_SLOTS 100u
#define BUDGET_RESERVE_NS 20000000ull /* for what runs on until the next look, and in the opener */

/* What was used within the last second. All zero is empty. */
struct budget {
	uint64_t slot;                  /* the newest, counted since boot */
	uint64_t used_ns[BUDGET_SLOTS]; /* by slot % BUDGET_SLOTS */
};

void budget_add(struct budget *budget, uint64_t now, uint64_t used_ns);
uint64_t budget_used(const struct budget *budget, uint64_t now);

/* Whether it may run: what was stopped starts again a little later than it would be stopped. */
bool budget_allows(const struct budget *budget, uint64_t now, bool running);

/* When to look next, if it runs: two processes use at most twice as much as the time that passes. */
uint64_t budget_wait_ns(const struct budget *budget, uint64_t now, bool running);

/* Shares, in windows of 30 seconds, in which all together have 3 seconds: a first stack with debug information takes half a
 * one. */
#define SHARE_WINDOW_NS 30000000000ull
#define SHARE_PROCESS_NS 1500000000ull /* a half */
#define SHARE_CGROUP_NS 2250000000ull  /* three quarters: a flood of processes leaves a quarter to the others */

/* Never 0. */
uint64_t share_key_process(uint32_t tgid, uint64_t start_ns);
uint64_t share_key_cgroup(uint64_t cgroup_id);

void share_add(struct share_table *table, uint64_t now, uint64_t key, uint64_t used_ns);
bool share_allows(const struct share_table *table, uint64_t now, uint64_t key, uint64_t limit_ns);

/* Until `until_ns`; in place of the one that ends first. */
void ban_add(struct ban *bans, uint64_t now, uint64_t key, uint64_t until_ns);
bool ban_holds(const struct ban *bans, uint64_t now, uint64_t key);
