/* SPDX-License-Identifier: GPL-2.0-only */
/* What the build puts into the binary. Files are not NUL-terminated. */
#pragma once

#include "src/format/html.h"

#include <stddef.h>

extern const char version_string[]; /* from git describe */
extern const char outputs_string[]; /* the kinds of outputs that are in */
extern const char metrics_string[]; /* how metrics are read */
extern const char linked_string[];  /* which libraries are in, and which are the host's */
extern const char schema_json[];    /* docs/schema.json */
extern const size_t schema_json_len;
extern const char explain_text[]; /* docs/explain.txt */
extern const size_t explain_text_len;

/* Of src/format/report/: what the page of report is made of, and the live page. */
struct html_parts embedded_report_parts(void);
struct html_parts embedded_live_parts(void);
