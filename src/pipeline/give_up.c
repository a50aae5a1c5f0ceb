// SPDX-License-Identifier: GPL-2.0-only
#include "give_up.h"

#include "bpf/shared.h"
#include "src/kernel/exec_probe.h"

#include <string.h>
#include <unistd.h>

/* A privileges_reduce() callback: iterators can be made and read. */
static bool probe_works(void *probe)
{
	struct exec_shown shown;

	return probe && exec_probe_read(probe, (uint32_t)gettid(), &shown);
}

void give_up_privileges(struct leak_watch *watch, struct exec_probe *probe, enum privileges_helpers helpers)
{
	int err;

	leak_watch_prepare(watch);
	err = privileges_reduce(probe_works, probe, helpers);
	if (err)
		watch->warn("the run keeps system calls or capabilities that it does not need: %s", strerror(-err));
}
