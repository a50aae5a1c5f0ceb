/* SPDX-License-Identifier: GPL-2.0-only */
/* What the build puts into the binary. */
#pragma once

#include <stddef.h>

extern const char version_string[]; /* from git describe */
extern const char schema_json[];    /* docs/schema.json, not NUL-terminated */
extern const size_t schema_json_len;
