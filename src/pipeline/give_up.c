// SPDX-License-Identifier: GPL-2.0-only
#include "give_up.h"

#include "src/kernel/exec_probe.h"

#include <string.h>

void give_up_privileges(struct leak_watch *watch, struct exec_probe *probe, enum privileges_helpers helpers)
{
	const struct privileges_kept kept = {.works = exec_probe_works, .ctx = probe, .helpers = helpers};
	int err;

	leak_watch_prepare(watch);
	err = privileges_reduce(&kept);
	if (err)
		watch->warn(PRIVILEGES_STAY, strerror(-err));
}
