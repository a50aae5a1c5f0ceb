/* SPDX-License-Identifier: GPL-2.0-only */
/* What the build puts into the binary. Files are not NUL-terminated. */
#pragma once

#include <stddef.h>

extern const char version_string[]; /* from git describe */
extern const char outputs_string[]; /* the kinds of outputs that are in */
extern const char metrics_string[]; /* how metrics are read */
extern const char linked_string[];  /* which libraries are in, and which are the host's */
extern const char schema_json[];    /* docs/schema.json */
extern const size_t schema_json_len;
extern const char report_css[]; /* src/format/report/page.css */
extern const size_t report_css_len;
extern const char report_js[]; /* src/format/report/page.js */
extern const size_t report_js_len;
extern const char live_js[]; /* src/format/report/live.js */
extern const size_t live_js_len;
extern const char report_css_sha256[], report_js_sha256[], live_js_sha256[]; /* in base64, for a Content-Security-Policy */
extern const char explain_text[];                                            /* docs/explain.txt */
extern const size_t explain_text_len;
