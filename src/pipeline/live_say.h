/* SPDX-License-Identifier: GPL-2.0-only */
/* What a live run itself finds out and says, as events of its stream. */
#pragma once

#include "pipeline.h"

struct collector;
struct hook_state;

void live_say_meta(struct pipeline *pipeline, uint64_t now, const char *what);
void live_say_mark(struct pipeline *pipeline, uint64_t ts, enum wire_kind kind, int64_t value);

/* If the clocks were set: *offset_ns, of the wall clock to the monotonic one, is brought up to date. */
void live_say_clock(struct pipeline *pipeline, uint64_t ts, int64_t *offset_ns);

/* True if something is missing without it. */
bool live_say_hook(struct pipeline *pipeline, const struct hook_state *state, uint64_t now);

/* Each hook; true if something is missing without one of them. */
bool live_say_hooks(struct pipeline *pipeline, const struct collector *collector, uint64_t now);
