// SPDX-License-Identifier: GPL-2.0-only
/* A linear buffer whose rest is moved to its begin where it ends: what waits is small beside it. */
#include "scan_queue.h"

#include "ringbuf.h"
#include "bpf/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_BYTES (2 << 20) /* iterators find about 1 MB in the 2 ms for which it is kept */

int scan_queue_open(struct scan_queue *queue)
{
	*queue = (struct scan_queue){.bytes = malloc(QUEUE_BYTES)};
	return queue->bytes ? 0 : -ENOMEM;
}

void scan_queue_close(struct scan_queue *queue)
{
	free(queue->bytes);
	*queue = (struct scan_queue){0};
}

bool scan_queue_put(struct scan_queue *queue, const struct wire_hdr *ev)
{
	if (queue->tail + ev->len > QUEUE_BYTES) {
		memmove(queue->bytes, queue->bytes + queue->head, queue->tail - queue->head);
		queue->tail -= queue->head;
		queue->head = 0;
	}
	if (queue->tail + ev->len > QUEUE_BYTES)
		return false;
	memcpy(queue->bytes + queue->tail, ev, ev->len);
	queue->tail += ev->len;
	return true;
}

const struct wire_hdr *scan_queue_head(const struct scan_queue *queue)
{
	return queue->head == queue->tail ? NULL : (const void *)(queue->bytes + queue->head);
}

void scan_queue_take(struct scan_queue *queue)
{
	queue->head += scan_queue_head(queue)->len;
	if (queue->head == queue->tail)
		queue->head = queue->tail = 0;
}

uint64_t scan_queue_merge(struct scan_queue *queue, struct rings *rings, uint64_t until_ns, event_fn fn, void *ctx)
{
	const struct wire_hdr *ev;
	uint64_t n = 0, next = 0; /* in the rings */

	while ((ev = scan_queue_head(queue)) && ev->ts < until_ns) {
		if (ev->ts > next) {
			n += rings_drain(rings, ev->ts, fn, ctx);
			next = rings_next(rings);
		}
		fn(ctx, ev);
		scan_queue_take(queue);
	}
	return n + rings_drain(rings, until_ns, fn, ctx);
}
