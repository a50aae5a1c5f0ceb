/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON lines of this tool as OpenTelemetry logs, in OTLP/JSON: one ExportLogsServiceRequest is what otlp_begin() writes, the
 * records of one source, and what otlp_end() writes. docs/output.md says which key becomes which attribute. Any bytes may come.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;

#define OTLP_WHY_LEN 160
#define OTLP_RECORD_MAX (128 << 10) /* a line that takes more is refused: none of this tool takes more than 45,000 bytes */
#define OTLP_SOURCE_MAX (6 << 10)   /* bytes that otlp_begin() and otlp_end() write, at most */

/* Who wrote lines: what all records of a request have in common. "": not known. */
struct otlp_source {
	char instance[64], host[260], version[64];
};

/*
 * Appends the LogRecord of a line and a comma. The source becomes that of the line; its version is known only from `meta`, and
 * stays for the lines of the same instance. 0; -EINVAL: `ret_why` says what is wrong with the line, and what was appended is to
 * be thrown away.
 */
struct otlp_line {
	const char *text;
	size_t len;
	uint64_t observed_ns; /* when the line came, since 1970 */
};
int otlp_record(const struct otlp_line *line, struct otlp_source *source, struct buf *b, char ret_why[OTLP_WHY_LEN]);

void otlp_begin(const struct otlp_source *source, struct buf *b);
void otlp_end(struct buf *b);
