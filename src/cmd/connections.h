/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections with what each of their ends knows. The records come from a live run, from a recording or from JSON lines; the
 * two of a connection with both ends on this host are brought together. A selection that one end matches selects both: -D 443
 * selects the client, and brings the server along.
 */
#pragma once

#include "run.h"
#include "src/format/ladder_steps.h"

struct connections_taker {
	/* A connection: who opened it is the left one, if that end was seen. `right` may be NULL. */
	void (*take)(void *ctx, const struct ladder_end *left, const struct ladder_end *right);
	void (*end)(void *ctx); /* there is no more; the output is still open. May be NULL */
	void *ctx;
	line_fn put; /* where it writes: filled in before the first call */
	void *put_ctx;
};

/* The exit code. What `options` select, from options->from or live. */
int connections_take(const struct options *options, struct connections_taker *taker);
