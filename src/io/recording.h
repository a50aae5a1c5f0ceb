/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording: the wire stream of a run in a file, with all that its output needs. Layout, all little-endian:
 *
 *	struct recording_header                        once
 *	struct block_head, then `len` bytes of events  as often as needed; a block is checksummed, an event never split
 *
 * A recording of a run that ended in order ends with a block of length 0.
 */
#pragma once

#include "recording_header.h"
#include "src/core/wire_read.h"

#include <stdint.h>

struct queue;
struct recorder;

/* Writes through `queue`, which stays the caller's; fills magic, version and crc. 0 or -errno. */
int recorder_new(struct recorder **out, struct queue *queue, const struct recording_header *header);
void recorder_put(struct recorder *recorder, const struct wire_hdr *ev);
void recorder_flush(struct recorder *recorder);
/* Flushes, and with `whole` writes the mark of an orderly end. NULL is fine. */
void recorder_free(struct recorder *recorder, bool whole);
/* Events of the kernel that the queue refused. The recording says where they are missing. */
uint64_t recorder_lost(const struct recorder *recorder);
/* Events of the kernel in a message that the queue took in. */
uint64_t recorder_events(const void *message, size_t len);

struct recording;

/*
 * Reads the header. On failure returns -errno with one sentence in `ret_why` (RECORDING_WHY_LEN bytes) that names the file and,
 * for a file that is not a whole recording, the offset in bytes.
 */
#define RECORDING_WHY_LEN 320
int recording_open(struct recording **out, const char *path, char *ret_why);
const struct recording_header *recording_header(const struct recording *recording);

/*
 * Hands over every event up to the end, or up to the first damage: then -EBADMSG with the sentence as above. An event that this
 * version cannot read is skipped and counted; if its kind is known, a loss stands in its place.
 */
int recording_read(struct recording *recording, event_fn fn, void *ctx, char *ret_why);
uint64_t recording_skipped(const struct recording *recording);
/* How far it has been read, and how long it is, in bytes; 0: not known. */
uint64_t recording_done(const struct recording *recording);
uint64_t recording_size(const struct recording *recording);
void recording_close(struct recording *recording); /* NULL is fine */
