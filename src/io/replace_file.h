/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include <stddef.h>

/*
 * Writes a whole file beside `path` and then gives it that name: who opens `path` finds the old one or the new one, never a
 * part. A file that is replaced keeps its mode. 0 or -errno, and then `path` is as it was.
 */
int replace_file(const char *path, const char *data, size_t len);
