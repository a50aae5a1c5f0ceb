/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened to a connection, in sentences: who opened it, what went over it, who closed, what that means. */
#pragma once

#include "ladder_steps.h"

/* Each sentence begins a line. Returns the number of bytes written, the last one a newline. `size` is at least LADDER_MAX. */
size_t sentences_ladder(const struct ladder *ladder, char *buf, size_t size);
