/* SPDX-License-Identifier: GPL-2.0-only */
/* A ladder as a sequence diagram of Mermaid, in the fence that Markdown of tickets draws it from. */
#pragma once

#include "ladder_steps.h"

/* Returns the number of bytes written, the last one a newline. `size` is at least LADDER_MAX. */
size_t mermaid_ladder(const struct ladder *ladder, char *buf, size_t size);
