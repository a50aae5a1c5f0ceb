/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of connections that go on. */
#pragma once

#include "table.h"

void progress_tick(struct conn_table *t, uint64_t now);

/* A scan for progress met `c` for the first time. */
void progress_found(struct conn_table *t, struct conn *c, const struct wire_state *found);
void progress_scanned(struct conn_table *t);

/* The stream ends at `now`: the open connections that no last scan has met. */
void progress_stop(struct conn_table *t, const struct conn *c, uint64_t now);
