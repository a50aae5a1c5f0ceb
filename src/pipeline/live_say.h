/* SPDX-License-Identifier: GPL-2.0-only */
/* What a live run itself finds out and says, as events of its stream. */
#pragma once

#include "pipeline.h"

struct collector;

void live_say_meta(struct pipeline *pipeline, uint64_t now, const char *what);
void live_say_mark(struct pipeline *pipeline, uint64_t ts, enum wire_kind kind, int64_t value);

/* Each hook; true if something is missing without one of them. */
bool live_say_hooks(struct pipeline *pipeline, const struct collector *collector, uint64_t now);
