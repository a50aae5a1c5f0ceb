/* SPDX-License-Identifier: GPL-2.0-only */
/* What a log record says to people: the line that back-ends show of it. */
#pragma once

#include <jansson.h>

struct buf;

void otlp_body(const char *event, const json_t *line, struct buf *b);
