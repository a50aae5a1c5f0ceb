/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the live page of --metrics shows. The ways of connections that end and the alerts of leaks are kept all the time; all
 * else is looked up once a second, and only while somebody has the page open.
 */
#pragma once

#include "src/pipeline/consumer.h"

struct live;
struct live_view_run;
struct metrics_server;

struct live_view_config {
	struct live *live;
	struct metrics_server *server;
	bool findings; /* they are watched */
	int64_t start_wall_ns;
};

struct live_view_run *live_view_new(const struct live_view_config *config); /* NULL: no memory */
void live_view_free(struct live_view_run *run);                             /* NULL is fine */
struct record_consumer live_view_consumer(struct live_view_run *run);
