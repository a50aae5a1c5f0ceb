// SPDX-License-Identifier: GPL-2.0-only
#include "live_admin.h"

#include "live_say.h"
#include "src/host/clock.h"
#include "src/io/loop.h"
#include "src/kernel/collector.h"

#include <errno.h>
#include <stdio.h>

struct admin *live_admin_start(struct live_admin *a)
{
	int err = admin_start(&a->admin);

	if (err && err != -EPERM)
		admin_start_why(err, a->end);
	return a->admin;
}

uint64_t live_admin_cpu_ns(const struct live_admin *a)
{
	return clock_process_ns() + admin_cpu_ns(a->admin);
}

/* What that process had is gone when it has ended. */
uint64_t live_admin_cpu_since(const struct live_admin *a, uint64_t before_ns)
{
	uint64_t now_ns = live_admin_cpu_ns(a);

	return now_ns > before_ns ? now_ns - before_ns : 0;
}

/* A loop_fn. */
static void on_end(void *live_admin)
{
	struct live_admin *a = live_admin;

	if (admin_has_ended(a->admin))
		admin_take_end(a->admin, a->end);
}

int live_admin_watch(struct live_admin *a, struct loop *loop)
{
	return a->admin ? loop_add(loop, admin_fd(a->admin), on_end, a) : 0;
}

void live_admin_tick(struct live_admin *a, struct collector *collector, struct pipeline *pipeline, uint64_t ts, warn_fn warn)
{
	if (!*a->end && admin_late_ns(a->admin))
		on_end(a);
	if (a->said || !*a->end)
		return;
	a->said = true;
	warn(ADMIN_ENDED, a->end);
	live_say_hook(pipeline, collector_add_admin_end(collector, a->end), ts);
	live_say_meta(pipeline, ts, "degraded");
}
