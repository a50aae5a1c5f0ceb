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

/*
 * The path of its executable, cut to `size`; "" where it cannot be known, or if it runs another program than `exec_id`. Once a
 * process's first thread has ended, only its other threads show both.
 */
void procfs_exe(uint32_t pid, uint64_t exec_id, char *buf, size_t size);

/* True if it started then; false for one whose number is of another pid namespace, too. */
bool procfs_started_at(const struct procfs_stat *stat, uint64_t start_ns);
