/* SPDX-License-Identifier: GPL-2.0-only */
/* --state-file: what the run before knew goes into the stream, and what this one knows is written for the next. */
#pragma once

#include "src/core/wire_read.h"
#include "src/format/format.h"
#include "src/pipeline/consumer.h"

struct live;
struct options;
struct recording_header;
struct trace_state;

/* Reads the file; NULL in *out without --state-file. An exit code. A file that is of no use is named and ignored. */
int trace_state_open(struct trace_state **out, const struct options *options, const struct recording_header *header);

/* All of the following may be called with NULL: nothing. */

/* How the run ended that wrote to an output before, or if the output does not show it, to the state. False: not known. */
struct destination;
bool trace_state_before(const struct trace_state *state, const struct destination *destination, struct format_before *ret);

/* Hands over what it knew, at `now`. */
void trace_state_feed(struct trace_state *state, uint64_t now, event_fn fn, void *ctx);

/* With each tick it writes what has changed, every few seconds at the most. `live` is the run's. */
struct record_consumer trace_state_consumer(struct trace_state *state, const struct live *live);

/* The run is about to stop: what it knows is written for the last time. */
void trace_state_stop(struct trace_state *state);

/* Waits until it is written. */
void trace_state_close(struct trace_state *state);
