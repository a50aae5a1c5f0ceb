/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts leak scans into a live run's stream: when a socket has aged, and no more often than their cost allows. */
#pragma once

#include "pipeline.h"
#include "src/kernel/leak_scan.h"

struct collector;

struct leak_watch {
	bool verbose;
	warn_fn warn;
	struct leak_scan *scan; /* opened when it is first needed; leak_scan_close() */
	bool failed;
	uint64_t next_ns;
	struct collector *collector; /* during a scan */
	struct pipeline *pipeline;   /* likewise */
};

/* True if it scanned. */
bool leak_watch_run(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline);
