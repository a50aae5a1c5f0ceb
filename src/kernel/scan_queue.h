/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a scan has found, in order of time, until the stream cannot have an older event any more. Its size is fixed: a reader
 * that finds it full hands over first.
 */
#pragma once

#include "src/core/wire_read.h"

#include <stdbool.h>

struct rings;

struct scan_queue {
	uint8_t *bytes; /* NULL: no scan runs */
	size_t head, tail;
};

int scan_queue_open(struct scan_queue *queue); /* 0 or -ENOMEM */
void scan_queue_close(struct scan_queue *queue);

/* False if it is full. Events are copied. */
bool scan_queue_put(struct scan_queue *queue, const struct wire_hdr *ev);

/* The oldest, valid until the next scan_queue_put(); NULL if there is none. */
const struct wire_hdr *scan_queue_head(const struct scan_queue *queue);
void scan_queue_take(struct scan_queue *queue);

/* Hands over what is older than `until_ns`, of the queue and of the rings, in order of time. How much of it was in the rings.
 */
uint64_t scan_queue_merge(struct scan_queue *queue, struct rings *rings, uint64_t until_ns, event_fn fn, void *ctx);
