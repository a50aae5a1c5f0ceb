/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection as a ladder: two lifelines, the segments between them as arrows, the states of each end beside it. Pure, and no
 * wider than it should be for whatever a record holds.
 */
#pragma once

#include "ladder_steps.h"

#define LADDER_MAX 262144 /* bytes of one ladder, in any form */

/* Returns the number of bytes written, the last one a newline. `size` is at least LADDER_MAX. */
size_t ladder_draw(const struct ladder *ladder, char *buf, size_t size);
