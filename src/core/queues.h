/* SPDX-License-Identifier: GPL-2.0-only */
/* Listeners whose accept queue is full, or that drop segments, into the summary. */
#pragma once

#include "listener.h"
#include "state.h"

/* A listener as a survey or its begin or end shows it. */
void queues_listener(struct conn_table *t, const struct wire_listener *ev);

/* Those that a row is worth, of a namespace's survey since `since_ns` and of those that ended. Begins the next interval. */
void queues_take(struct conn_table *t, uint64_t since_ns, struct conn_summary_record *sum);

/* Those of a leak scan that are full and wanted: NULL is all. */
typedef bool (*queues_wanted_fn)(void *ctx, const struct conn_listener_row *row);
void queues_full(const struct listeners *ls, queues_wanted_fn wanted, void *ctx, struct conn_summary_record *sum);
