/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include "src/pipeline/output_spec.h"

#include <stddef.h>

/* Whether the address can be one of this kind: what is wrong with the words is the user's to mend, and no failure of an output.
 * 0, or -EINVAL and one sentence. */
int output_address_check(enum output_kind kind, const char *address, char *why, size_t size);
