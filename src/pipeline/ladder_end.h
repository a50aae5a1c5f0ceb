/* SPDX-License-Identifier: GPL-2.0-only */
/* From a connection's record to one end of a ladder. */
#pragma once

#include "src/format/ladder_steps.h"

/* All but `selected` and the age. */
void ladder_end_fill(const struct record_context *context, const struct record *rec, struct ladder_end *ret);
