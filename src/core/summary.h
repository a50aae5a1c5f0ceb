/* SPDX-License-Identifier: GPL-2.0-only */
/* The records about all connections together: losses and the periodic summary. */
#pragma once

#include "table.h"

void summary_lost(struct conn_table *t, const struct wire_lost *ev);
void summary_aggregate(struct conn_table *t, const struct wire_aggregate *ev);

/* Newcomers that were refused since the last call, as one record. */
void summary_refused(struct conn_table *t, uint64_t now);

/* A tick at `now` makes a summary. */
bool summary_due(const struct conn_table *t, uint64_t now);

/* All but its memory_bytes. */
struct metrics_table;
void summary_metrics(const struct conn_table *t, uint64_t now, struct metrics_table *ret);

void summary_tick(struct conn_table *t, const struct wire_tick *ev);

/* The two halves of a summary: what there is now, and what was counted in the interval, which ends. */
void summary_look(struct conn_table *t, uint64_t now, struct conn_summary_record *ret);
void summary_emit(struct conn_table *t, uint64_t now, struct conn_summary_record *sum);
