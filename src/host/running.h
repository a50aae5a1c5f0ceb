/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc shows of processes: command line, age, descriptors. A command line is memory of a stranger's process, which may
 * make each reader wait as long as it likes: a thread reads, and nobody waits long for it.
 */
#pragma once

#include "src/core/record_types.h"

struct running;

int running_new(struct running **out, bool redact); /* 0 or -ENOMEM. `redact`: of a command line the program's name alone */
void running_free(struct running *running);         /* NULL is fine */

/* What was read is read again when it is asked for. */
void running_forget(struct running *running);

/* NULL: it has ended. Valid until the next call. */
const struct record_running *running_find(struct running *running, const struct wire_task *task);
