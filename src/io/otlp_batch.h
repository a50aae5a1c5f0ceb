/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines become batches: log records of one source are gathered as text, and then compressed into the body of one request. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "src/format/buf.h"
#include "src/format/otlp.h"

#define OTLP_BATCH_LINES 512
#define OTLP_BATCH_BYTES (1 << 20) /* before it is compressed */

struct otlp_batch {
	struct otlp_batch *next;
	uint64_t begun_ms; /* when its first line came */
	size_t lines, size;
	uint8_t body[]; /* gzip */
};

struct otlp_gather {
	struct otlp_source source;
	uint64_t begun_ms;
	size_t lines; /* 0: the text is empty */
	struct buf text;
	z_stream deflate;
	char *space, *record; /* OTLP_BATCH_BYTES; OTLP_RECORD_MAX */
	char why[OTLP_WHY_LEN];
};

int otlp_gather_open(struct otlp_gather *gather); /* 0 or -ENOMEM */
void otlp_gather_close(struct otlp_gather *gather);

/* 0; -EAGAIN: it goes into the next batch, otlp_gather_take() is due; -EINVAL: it is no line of this tool, as `why` says. */
int otlp_gather_add(struct otlp_gather *gather, const char *line, size_t len, uint64_t now_ms);

/* What was gathered; the gather is empty then. NULL: there is no memory for it, and it is gone. */
struct otlp_batch *otlp_gather_take(struct otlp_gather *gather);
