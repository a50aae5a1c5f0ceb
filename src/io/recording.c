// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events are written in blocks: hundreds of them share a message and a checksum. The reader checks a block's length and
 * checksum, and then that each event is valid.
 */
#include "recording.h"

#include "crc.h"
#include "queue.h"
#include "src/core/wire_make.h"
#include "src/host/self.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES (64 * 1024)

struct block_head {
	uint32_t magic;
	uint32_t len; /* of the events behind it, at most BLOCK_BYTES; 0 ends the recording */
	uint32_t crc; /* of these */
	uint32_t pad;
};
#define BLOCK_MAGIC 0x4b4c4250u /* "PBLK" */

struct recorder {
	struct queue *queue;
	uint32_t events;                      /* of the kernel, in the block */
	uint64_t first_ts, last_ts;           /* of these */
	uint64_t lost, lost_from, lost_until; /* not in the recording yet */
	uint64_t lost_total;
	struct {
		struct block_head head;
		uint8_t data[BLOCK_BYTES];
	} block;
};

struct recording {
	FILE *file;
	const char *path;
	uint64_t offset; /* of the block being read */
	uint64_t skipped;
	struct recording_header header;
	_Alignas(8) uint8_t data[BLOCK_BYTES];
};

static uint32_t header_crc(const struct recording_header *header)
{
	struct recording_header copy = *header;

	copy.crc = 0;
	return crc_add(0, &copy, sizeof(copy));
}

int recorder_new(struct recorder **out, struct queue *queue, const struct recording_header *header)
{
	struct recorder *r = calloc(1, sizeof(*r));
	struct recording_header h = *header;

	if (!r)
		return -ENOMEM;
	r->queue = queue;
	memcpy(h.magic, RECORDING_MAGIC, sizeof(h.magic));
	h.version = WIRE_VERSION;
	h.crc = header_crc(&h);
	if (!queue_put(queue, &h, sizeof(h), false)) {
		free(r);
		return -ENOBUFS;
	}
	*out = r;
	return 0;
}

static void block_write(struct recorder *r)
{
	r->block.head.magic = BLOCK_MAGIC;
	r->block.head.crc = crc_add(0, r->block.data, r->block.head.len);
	if (queue_put(r->queue, &r->block, sizeof(r->block.head) + r->block.head.len, false)) {
		r->lost = 0; /* the block began with the loss */
	} else if (r->events) {
		if (!r->lost)
			r->lost_from = r->first_ts;
		r->lost_until = r->last_ts;
		r->lost += r->events;
		r->lost_total += r->events;
	}
	r->block.head.len = 0;
	r->events = 0;
}

static void block_append(struct recorder *r, const struct wire_hdr *ev)
{
	memcpy(r->block.data + r->block.head.len, ev, ev->len);
	r->block.head.len += ev->len;
}

/* In a replay, an event that could not be recorded is as one that found the ring full. */
static void append_loss(struct recorder *r)
{
	const struct wire_lost lost = wire_make_lost(WIRE_LOST_RING, r->lost, r->lost_from, r->lost_until);

	block_append(r, &lost.hdr);
}

void recorder_flush(struct recorder *r)
{
	if (r->block.head.len)
		block_write(r);
}

void recorder_put(struct recorder *r, const struct wire_hdr *ev)
{
	if (r->block.head.len + ev->len > BLOCK_BYTES)
		block_write(r);
	if (r->lost && !r->block.head.len)
		append_loss(r);
	block_append(r, ev);
	if (!wire_from_kernel(ev->kind))
		return;
	if (!r->events++)
		r->first_ts = ev->ts;
	r->last_ts = ev->ts;
}

void recorder_free(struct recorder *r, bool whole)
{
	if (!r)
		return;
	if (r->lost && !r->block.head.len)
		append_loss(r);
	recorder_flush(r);
	if (whole)
		block_write(r);
	free(r);
}

uint64_t recorder_lost(const struct recorder *r)
{
	return r->lost_total;
}

uint64_t recorder_events(const void *message, size_t len)
{
	const char *data = message;
	struct block_head head;
	struct wire_hdr ev;
	uint64_t events = 0;

	memcpy(&head, data, sizeof(head)); /* no message is shorter */
	for (size_t pos = sizeof(head); head.magic == BLOCK_MAGIC && pos < len; pos += ev.len) {
		memcpy(&ev, data + pos, sizeof(ev));
		events += wire_from_kernel(ev.kind);
	}
	return events;
}

static int bad(const struct recording *r, char *why, const char *what)
{
	snprintf(why, RECORDING_WHY_LEN, "%.200s: %s at offset %llu", r->path, what, (unsigned long long)r->offset);
	return -EBADMSG;
}

/* Not a recording: `n` bytes of it were read. */
static int refuse(const struct recording *r, char *why, size_t n)
{
	if (ferror(r->file)) { /* a folder, for example */
		snprintf(why, RECORDING_WHY_LEN, "cannot read %.200s: %s", r->path, self_error(errno));
		return -EBADMSG;
	}
	return bad(r, why,
		   !n                          ? "an empty file: there is no recording"
		   : r->header.magic[0] == '{' ? "not a recording but JSON lines (show --from draws them)"
					       : "not a recording of tcplife-fsm: its first bytes are wrong");
}

static int read_header(struct recording *r, char *why)
{
	size_t n = fread(&r->header, 1, sizeof(r->header), r->file), offset;
	const char *fault;

	if (n < sizeof(r->header.magic) || memcmp(r->header.magic, RECORDING_MAGIC, sizeof(r->header.magic)))
		return refuse(r, why, n);
	if (n < sizeof(r->header)) {
		r->offset = n;
		return bad(r, why, "the recording is cut off in its header");
	}
	if (r->header.version != WIRE_VERSION) {
		snprintf(why, RECORDING_WHY_LEN,
			 "%.200s: the recording is of version %u, this program reads version %u (offset 8)", r->path,
			 r->header.version, WIRE_VERSION);
		return -EBADMSG;
	}
	if (r->header.crc != header_crc(&r->header))
		return bad(r, why, "the recording's header is damaged");
	fault = recording_header_fault(&r->header, &offset);
	if (fault) {
		r->offset = offset;
		return bad(r, why, fault);
	}
	r->offset = sizeof(r->header);
	return 0;
}

int recording_open(struct recording **out, const char *path, char *ret_why)
{
	struct recording *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->path = path;
	r->file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	if (!r->file) {
		err = -errno;
		snprintf(ret_why, RECORDING_WHY_LEN, "cannot read %.200s: %s", path, self_error(err));
	} else if (isatty(fileno(r->file))) {
		err = -EBADMSG;
		snprintf(ret_why, RECORDING_WHY_LEN, "%.200s: a terminal has no recording: give a file's name, or a pipe",
			 path);
	} else {
		err = read_header(r, ret_why);
	}
	if (err) {
		recording_close(r);
		return err;
	}
	*out = r;
	return 0;
}

const struct recording_header *recording_header(const struct recording *recording)
{
	return &recording->header;
}

uint64_t recording_skipped(const struct recording *recording)
{
	return recording->skipped;
}

static int read_events(struct recording *r, size_t len, event_fn fn, void *ctx, char *why)
{
	uint64_t start = r->offset;

	for (size_t pos = 0; pos < len;) {
		const struct wire_hdr *ev = (const void *)(r->data + pos);
		struct wire_lost lost;

		if (!wire_whole(ev, len - pos)) {
			r->offset = start + pos;
			return bad(r, why, "the recording is damaged");
		}
		pos += ev->len;
		if (wire_known(ev)) {
			fn(ctx, ev);
			continue;
		}
		r->skipped++;
		lost = wire_make_lost(WIRE_LOST_RING, 1, ev->ts, ev->ts);
		if (wire_base_size(ev->kind))
			fn(ctx, &lost.hdr);
	}
	r->offset = start + len;
	return 0;
}

int recording_read(struct recording *r, event_fn fn, void *ctx, char *ret_why)
{
	struct block_head head;
	size_t n;
	int err;

	for (;;) {
		n = fread(&head, 1, sizeof(head), r->file);
		if (n < sizeof(head))
			return bad(r, ret_why, "the recording is cut off");
		if (head.magic != BLOCK_MAGIC || head.len > sizeof(r->data) || head.pad)
			return bad(r, ret_why, "the recording is damaged");
		if (!head.len)
			return 0;
		if (fread(r->data, 1, head.len, r->file) < head.len)
			return bad(r, ret_why, "the recording is cut off");
		if (crc_add(0, r->data, head.len) != head.crc)
			return bad(r, ret_why, "the recording is damaged");
		r->offset += sizeof(head);
		err = read_events(r, head.len, fn, ctx, ret_why);
		if (err)
			return err;
	}
}

uint64_t recording_done(const struct recording *r)
{
	return r->offset;
}

uint64_t recording_size(const struct recording *r)
{
	struct stat st;

	return fstat(fileno(r->file), &st) || !S_ISREG(st.st_mode) ? 0 : (uint64_t)st.st_size;
}

void recording_close(struct recording *r)
{
	if (!r)
		return;
	if (r->file && r->file != stdin)
		fclose(r->file);
	free(r);
}
