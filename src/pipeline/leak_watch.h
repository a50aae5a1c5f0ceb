/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts leak scans into a live run's stream: when a socket has aged, and no more often than their cost allows. */
#pragma once

#include "pipeline.h"
#include "src/kernel/leak_scan.h"

struct collector;

struct leak_watch {
	bool verbose;
	warn_fn warn;
	bool wide;                        /* leak_scan_widen() */
	bool foreign_pids;                /* self_foreign_pids() */
	struct admin *admin;              /* enters namespaces */
	struct leak_scan *scan;           /* NULL: there are no alerts; leak_scan_close() */
	struct collector_failure failure; /* why the last one that failed did; no text: none has */
	bool failing;                     /* the last one did */
	uint64_t ended_ns, next_ns;       /* the last one; the next one, at the earliest */
	struct collector *collector;      /* during a scan */
	struct pipeline *pipeline;        /* likewise */
	uint64_t drain_ns;                /* CPU time for events of the rings, likewise */
};

/* Loads what scans. A failure is a warning, and kept. */
void leak_watch_prepare(struct leak_watch *watch);

/* True if it scanned. */
bool leak_watch_run(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline);
/* At the end of a run that was to find what there is, whatever it costs: unless it scanned just now. */
void leak_watch_run_last(struct leak_watch *watch, struct collector *collector, struct pipeline *pipeline);
