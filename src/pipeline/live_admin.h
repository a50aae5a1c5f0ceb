/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that keeps CAP_SYS_ADMIN for a live run, and what the run says when it has ended: once, in a tick. */
#pragma once

#include "src/host/admin.h"
#include "src/kernel/hook_info.h"

struct collector;
struct loop;
struct pipeline;

struct live_admin {
	struct admin *admin; /* NULL: this process may not enter namespaces, or it could not be started */
	char end[ADMIN_WHY]; /* why it enters none any more; "": it does */
	bool said;
};

/* Returns its `admin`. */
struct admin *live_admin_start(struct live_admin *live_admin);

/* Of this process and of that one: what scans cost. */
uint64_t live_admin_cpu_ns(const struct live_admin *live_admin);
uint64_t live_admin_cpu_since(const struct live_admin *live_admin, uint64_t before_ns);

int live_admin_watch(struct live_admin *live_admin, struct loop *loop);

void live_admin_tick(struct live_admin *live_admin, struct collector *collector, struct pipeline *pipeline, uint64_t ts,
		     warn_fn warn);
