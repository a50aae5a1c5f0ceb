/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that one process at a time may write by replacing it, so that it cannot be locked itself. */
#pragma once

#include <sys/types.h>

/*
 * Locks `path`.lock for this process until the descriptor that it returns is closed, or the process ends; its children have no
 * share in it. The file stays. -errno; -EBUSY: the process *ret_pid has it, 0: one of another pid namespace.
 */
int lock_file(const char *path, pid_t *ret_pid);
