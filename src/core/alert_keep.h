/* SPDX-License-Identifier: GPL-2.0-only */
/* What the next run should know of sockets in CLOSE_WAIT, as events that alert_resume.h takes. */
#pragma once

#include "alert_set.h"
#include "wire_read.h"

/*
 * A WIRE_KNOWN of each, and a WIRE_ENDED of those whose end waits for a record. `at_stop`: all records of alerts are written
 * before the run ends.
 */
void alerts_keep(const struct conn_table *t, bool at_stop, event_fn fn, void *ctx);

/* Another number than before: alerts were raised or resolved meanwhile. */
uint64_t alerts_changes(const struct alerts *alerts);
