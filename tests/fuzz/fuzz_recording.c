// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording of any header and any events, whose checksums are right, to all that can be made of it: JSON lines, the tables
 * and ladders. Whatever it says: each JSON line is one object and has no control character, and nothing else moves the cursor
 * of a terminal, turns the direction of writing or is not UTF-8.
 */
#include "src/core/record_clock.h"
#include "src/format/format.h"
#include "src/format/ladder.h"
#include "src/format/utf8.h"
#include "src/io/recording.h"
#include "src/pipeline/lines.h"
#include "src/pipeline/pipeline.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK_BYTES (64 * 1024)
#define LIMIT 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Characters that a terminal shows, and newlines. */
static void check_harmless(const char *text, size_t len)
{
	uint32_t code;

	for (size_t i = 0, used; i < len; i += used) {
		used = utf8_decode(text + i, len - i, &code);
		check(used && (code == '\n' || !utf8_is_control(code)));
	}
}

/* A line_fn. */
static bool put_text(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	check(len && text[len - 1] == '\n');
	check_harmless(text, len);
	return true;
}

/* A line_fn. */
static bool put_json(void *ctx, const char *line, size_t len)
{
	json_error_t error;
	json_t *object;

	put_text(ctx, line, len);
	check(!memchr(line, '\n', len - 1));
	object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	check(json_is_object(object));
	json_decref(object);
	return true;
}

/* As `show` does. */
static void draw(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	static char text[LADDER_MAX];
	struct ladder_end end = {.ts = rec->ts, .rec = *rec->conn};
	struct ladder ladder = {.left = &end};
	const char *reason = context->reason_name(context->ctx, rec->conn->resets.reason);

	(void)ctx;
	(void)owner;
	end.start_us = record_wall_ns(context, rec->conn->start_ns) / 1000;
	memcpy(end.boot, context->boot_id, strnlen(context->boot_id, LADDER_BOOT_LEN));
	if (reason)
		snprintf(end.reset_reason, sizeof(end.reset_reason), "%s", reason);
	put_text(NULL, text, ladder_draw(&ladder, text, sizeof(text)));
	ladder.ascii = true;
	put_text(NULL, text, ladder_draw(&ladder, text, sizeof(text)));
}

static void put_block(int fd, const uint8_t *data, size_t len)
{
	const uint32_t head[4] = {0x4b4c4250, (uint32_t)len, (uint32_t)crc32(0, data, (unsigned int)len)};

	check(write(fd, head, sizeof(head)) == sizeof(head));
	check(write(fd, data, len) == (ssize_t)len);
}

/* A file with this header and these events, whose magic, version and checksums are right. */
static int make_recording(struct recording_header *header, const uint8_t *events, size_t size)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	size_t len;

	memcpy(header->magic, RECORDING_MAGIC, sizeof(header->magic));
	header->version = WIRE_VERSION;
	header->crc = 0;
	header->crc = (uint32_t)crc32(0, (const void *)header, sizeof(*header));
	check(fd >= 0 && write(fd, header, sizeof(*header)) == sizeof(*header));
	for (size_t at = 0, end; at < size; at = end) { /* no event may be split */
		for (end = at; end < size && end - at + WIRE_MAX_LEN <= BLOCK_BYTES; end += len) {
			const struct wire_hdr *ev = (const void *)(events + end);

			len = wire_whole(ev, size - end) ? ev->len : size - end < 8 ? size - end : 8;
		}
		put_block(fd, events + at, end - at);
	}
	put_block(fd, events, 0);
	return fd;
}

static void replay(struct recording *recording)
{
	static struct lines json, narrow, wide;
	const struct record_consumer consumers[] = {
		{.events = (1u << RECORD_MAX) - 1, .ctx = &json, .take = lines_take},
		{.events = (1u << RECORD_MAX) - 1, .ctx = &narrow, .take = lines_take},
		{.events = (1u << RECORD_MAX) - 1, .ctx = &wide, .take = lines_take},
		{.events = 1u << RECORD_CONNECTION | 1u << RECORD_PROGRESS, .take = draw},
	};
	const struct pipeline_config config = {
		.header = recording_header(recording),
		.conn = {.progress_ns = 1000000,
			 .summary_ns = 1000000,
			 .time_wait = CONN_TW_SPLIT,
			 .leak_threshold_ns = 1000000},
		.consumers = consumers,
		.consumers_len = sizeof(consumers) / sizeof(consumers[0]),
	};
	char why[RECORDING_WHY_LEN] = "";
	struct pipeline *pipeline;

	json = (struct lines){.config = {.format = &format_json, .put = put_json}};
	narrow = (struct lines){.config = {.format = &format_text, .put = put_text}};
	wide = (struct lines){
		.config = {.format = &format_text, .options = {.wide = true, .full_time = true}, .put = put_text}};
	check(!pipeline_new(&pipeline, &config));
	recording_read(recording, pipeline_feed, pipeline, why);
	check_harmless(why, strlen(why));
	pipeline_stop(pipeline, UINT64_MAX);
	pipeline_free(pipeline);
}

/* False: the header is refused. */
static bool run(struct recording_header *header, const uint8_t *events, size_t size)
{
	int fd = make_recording(header, events, size);
	char path[32], why[RECORDING_WHY_LEN] = "";
	struct recording *recording;
	bool sound;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	sound = !recording_open(&recording, path, why);
	check(sound || why[0]);
	check_harmless(why, strlen(why));
	if (sound) {
		replay(recording);
		recording_close(recording);
	}
	close(fd);
	return sound;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_header header = {.max_connections = LIMIT}, given = {.max_connections = LIMIT};
	size_t head = size < sizeof(given) ? size : sizeof(given);
	uint8_t *events = malloc(size - head + 1); /* aligned */

	check(events);
	memcpy(&given, data, head);
	memcpy(events, data + head, size - head);
	memcpy(header.hostname, given.hostname, sizeof(header.hostname) - 1);
	if (!run(&given, events, size - head)) /* its events are worth a better header */
		check(run(&header, events, size - head));
	free(events);
	return 0;
}
