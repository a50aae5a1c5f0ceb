/* SPDX-License-Identifier: GPL-2.0-only */
/* Scans of what exists: at the start, and again when events were lost. */
#pragma once

#include "table.h"

void scan_begin(struct conn_table *t, const struct wire_mark *ev);
void scan_found(struct conn_table *t, const struct wire_scan *ev);
void scan_end(struct conn_table *t, const struct wire_mark *ev);

/* Some listener's process is not known for sure any more: a scan of listeners is due. */
bool scan_listeners_due(const struct conn_table *t, uint64_t now);
