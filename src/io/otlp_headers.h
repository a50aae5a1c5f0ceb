/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that headers= names: a line "Name: value" for each HTTP header, as for an API key. Empty lines and lines that begin
 * with # are skipped. The values are secrets: no message has them.
 */
#pragma once

#include <stddef.h>

#define OTLP_HEADERS_MAX 64
#define OTLP_HEADER_MAX 8192 /* bytes of one */

/*
 * Calls `add` with each header, `Name: value` and nothing else. 0; -EINVAL with a sentence for the user in `why`, which names
 * the line; or what `add` returns if it is not 0.
 */
typedef int (*otlp_header_fn)(void *ctx, const char *header);
struct otlp_headers_user {
	otlp_header_fn add;
	void *ctx;
};
int otlp_headers_read(const char *text, const struct otlp_headers_user *user, char *why, size_t why_size);
