/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who takes records: lines of a table or of JSON, ladders, and whatever comes. Any number of consumers run side by side on one
 * stream, each with its own choice of records.
 */
#pragma once

#include "src/core/record_types.h"

struct selection;

struct record_consumer {
	uint32_t events;                /* 1 << enum record_kind: the kinds that it wants */
	const struct selection *select; /* of these, NULL: all */
	void *ctx;

	/* A record, valid during the call. `owner` is NULL for a record without a connection. */
	void (*take)(void *ctx, const struct record_context *context, const struct record *rec,
		     const struct record_owner *owner);

	/* Time passes, for what a consumer keeps back; UINT64_MAX: the stream is over. NULL: it keeps nothing. */
	void (*tick)(void *ctx, const struct record_context *context, uint64_t now);
};

/* The connection of a record; NULL: it has none. */
const struct conn_tuple *record_tuple(const struct record *rec);
