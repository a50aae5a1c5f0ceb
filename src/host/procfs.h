/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a pid still is the same process, and the same program: pids are used again, and exec() replaces a program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct procfs_stat {
	uint64_t start_ticks; /* since boot */
	uint64_t exec_id;     /* where its arguments stand; 0 without the privilege to know */
};

/* Reads /proc/PID/stat; false: there is no such process. */
bool procfs_stat(uint32_t pid, struct procfs_stat *ret_stat);

/* True if the process that started then is known to have ended; `pid` is of this pid namespace. */
bool procfs_ended(uint32_t pid, uint64_t start_ns);

/*
 * The path of its executable; "" where it cannot be known, or if it has not less than `size` bytes. `is_it` says, after each
 * reading, whether the thread runs the program that is meant: first whose it is, then what it is, would not be safe from
 * exec(). Once a process's first thread has ended, only its other threads show a path.
 */
typedef bool (*procfs_is_fn)(const void *ctx, uint32_t tid);
void procfs_exe(uint32_t pid, procfs_is_fn is_it, const void *ctx, char *buf, size_t size);

/* True if it started then; false for one whose number is of another pid namespace, too. */
bool procfs_started_at(const struct procfs_stat *stat, uint64_t start_ns);
