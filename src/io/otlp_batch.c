// SPDX-License-Identifier: GPL-2.0-only
#include "otlp_batch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GZIP (15 + 16) /* zlib's word for: the largest window, with gzip's head and tail */
#define LEVEL 4        /* log records are alike: 6 takes twice the time and saves a tenth */

int otlp_gather_open(struct otlp_gather *gather)
{
	memset(gather, 0, sizeof(*gather));
	gather->space = malloc(OTLP_BATCH_BYTES);
	gather->record = malloc(OTLP_RECORD_MAX);
	if (gather->space && gather->record &&
	    deflateInit2(&gather->deflate, LEVEL, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK)
		return 0;
	free(gather->space);
	free(gather->record);
	gather->space = gather->record = NULL;
	return -ENOMEM;
}

void otlp_gather_close(struct otlp_gather *gather)
{
	if (!gather->space)
		return;
	deflateEnd(&gather->deflate);
	free(gather->space);
	free(gather->record);
	gather->space = gather->record = NULL;
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool same_source(const struct otlp_source *a, const struct otlp_source *b)
{
	return !strcmp(a->instance, b->instance) && !strcmp(a->host, b->host) && !strcmp(a->version, b->version);
}

int otlp_gather_add(struct otlp_gather *gather, const char *line, size_t len, uint64_t now_ms)
{
	const struct otlp_line in = {.text = line, .len = len, .observed_ns = wall_ns()};
	struct otlp_source source = gather->source;
	struct buf record;
	size_t size;

	buf_init(&record, gather->record, OTLP_RECORD_MAX);
	if (otlp_record(&in, &source, &record, gather->why))
		return -EINVAL;
	size = (size_t)(record.p - record.start);
	if (gather->lines && (gather->lines == OTLP_BATCH_LINES || !same_source(&source, &gather->source) ||
			      (size_t)(gather->text.end - gather->text.p) < size + OTLP_SOURCE_MAX))
		return -EAGAIN;
	if (!gather->lines) {
		gather->source = source;
		gather->begun_ms = now_ms;
		buf_init(&gather->text, gather->space, OTLP_BATCH_BYTES);
		otlp_begin(&source, &gather->text);
	}
	buf_put(&gather->text, record.start, size);
	gather->lines++;
	return 0;
}

struct otlp_batch *otlp_gather_take(struct otlp_gather *gather)
{
	struct otlp_batch *batch, *smaller;
	uLong room;

	otlp_end(&gather->text);
	gather->deflate.next_in = (Bytef *)gather->text.start;
	gather->deflate.avail_in = (uInt)(gather->text.p - gather->text.start);
	room = deflateBound(&gather->deflate, gather->deflate.avail_in);
	batch = malloc(sizeof(*batch) + room);
	if (batch) {
		gather->deflate.next_out = batch->body;
		gather->deflate.avail_out = (uInt)room;
		deflate(&gather->deflate, Z_FINISH); /* it has the room that deflateBound() asked for */
		*batch = (struct otlp_batch){
			.begun_ms = gather->begun_ms, .lines = gather->lines, .size = room - gather->deflate.avail_out};
		smaller = realloc(batch, sizeof(*batch) + batch->size);
		batch = smaller ? smaller : batch;
	}
	deflateReset(&gather->deflate);
	gather->lines = 0;
	return batch;
}
