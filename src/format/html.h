/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A report as one page that needs nothing else: no network, no other file. Tables and pictures are in it as they are, so that
 * it shows all without its script, which sorts, filters and zooms. Pure.
 */
#pragma once

#include <stddef.h>

struct report;

#define HTML_MAX ((size_t)2 << 20) /* bytes of a page, however much it was made of */

/* What does not change. The hashes are base64 of SHA-256: no other style and no other script runs in the page. */
struct html_parts {
	const char *style, *script, *style_sha256, *script_sha256, *version;
	size_t style_len, script_len;
};

/* Returns the number of bytes written, at most `size`, which is HTML_MAX at the least. */
size_t html_report(const struct report *report, const struct html_parts *parts, char *buf, size_t size);
