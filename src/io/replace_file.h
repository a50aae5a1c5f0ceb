/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include <stddef.h>

struct replace_data {
	const char *text;
	size_t len;
};

/*
 * Writes a whole file beside `path` and then gives it that name: who opens `path` finds the old one or the new one, never a
 * part. It is found by the rules of output_open.h, and keeps its mode. 0, -errno or -output_refusal; then `path` is as it was.
 */
int replace_file(const char *path, const struct replace_data *data);

/* Whether replace_file() may do so, without a trace: for who has long to work before. 0, or as there. */
int replace_try(const char *path);
