/* SPDX-License-Identifier: GPL-2.0-only */
/* What a file of JSON lines says of the run that wrote to it before. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/format/format.h"

/* `fd` is open on the file, for writing perhaps; `wall_ns` is now. False: it is no file, or its last line is none of ours. */
bool run_before(int fd, int64_t wall_ns, struct format_before *ret);
