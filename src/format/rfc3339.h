/* SPDX-License-Identifier: GPL-2.0-only */
/* Times of day as the JSON lines have them: 2026-01-02T03:04:05.123456Z, exactly. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Since 1970, which is the first year; the last moment is that of int64_t nanoseconds. False: no such time. */
bool rfc3339_read(const char *text, int64_t *ret_us);
