/* SPDX-License-Identifier: GPL-2.0-only */
/* A step of a run from one level to another. */
#pragma once

#include "record_names.h"

/* A limit is in bytes of memory, or in microseconds of CPU time per second; 0: it was taken back. */
struct record_level_step {
	enum level_reason reason; /* of the last step down */
	enum record_level from, to;
	uint64_t measured, limit;
};
