/* SPDX-License-Identifier: GPL-2.0-only */
/* A run as a service: its manager hears when it is ready, reloads, stops, and that it is alive. */
#pragma once

#include "src/host/service.h"
#include "src/pipeline/consumer.h"

struct live;
struct outputs;
struct queue;

struct notify {
	struct service service;
	struct live *live;
	const struct outputs *outputs;
	struct queue *record; /* NULL: no recording */
	uint64_t fed_ns, status_ns;
	uint64_t reloading_ns; /* since when; 0: it does not */
	bool ready;
};

/* All others are without effect if there is no service manager. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* It sees the records `ready` and `stop`, and each tick of the loop. */
struct record_consumer notify_consumer(struct notify *notify);

/* SIGHUP. The end of the reload follows when the outputs have opened their files again. */
void notify_reloading(struct notify *notify);
