/* SPDX-License-Identifier: GPL-2.0-only */
/* Which records pass the user's selection. Applied to finished records, so that it never disturbs tracking. */
#ifndef PIPELINE_SELECT_H
#define PIPELINE_SELECT_H

#include <stdbool.h>

struct record;
struct selection;
struct record_owner;

/* Records without a connection (summary, lost, meta, snapshot, aggregates) always pass. `owner` may be NULL. */
bool selection_matches(const struct selection *select, const struct record *rec, const struct record_owner *owner);

/* The part of it that a tuple can tell. */
struct conn_tuple;
bool selection_matches_tuple(const struct selection *select, const struct conn_tuple *tuple, const struct record_owner *owner);

#endif
