/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a run's start: what needs privileges has been loaded and attached, and the rest of the run has fewer. */
#pragma once

#include "leak_watch.h"
#include "src/kernel/privileges.h"

#include <stdbool.h>

struct exec_probe;

/* `probe` NULL: nothing shows whether iterators would work without CAP_BPF and CAP_PERFMON, so these stay. */
void give_up_privileges(struct leak_watch *watch, struct exec_probe *probe, enum privileges_helpers helpers);
