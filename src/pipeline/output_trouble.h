/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of an output that does not take its records, or does not deliver them: sentences, `meta` and `lost` records. */
#pragma once

#include "src/core/record_types.h"

#include <stdbool.h>
#include <stdint.h>

struct output;
struct outputs;

/* A `meta` in each output that has them; its limits are filled in. */
void outputs_emit_meta(struct outputs *outputs, const struct record_context *context, const struct record_meta *meta,
		       uint64_t now);

/* Refreshes what is known of its queue and its destination. */
void output_look(struct output *output);

/* Of its queue and its destination, as last looked at. */
uint64_t output_waiting(const struct output *output);

/* Why it does not take its records now; NULL: it does. */
const char *output_trouble(const struct output *output);

/* At each tick. `last`: the run ends, so what is left to say is said now. */
void output_look_after(struct output *output, const struct record_context *context, uint64_t now, bool last);
