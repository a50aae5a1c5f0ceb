// SPDX-License-Identifier: GPL-2.0-only
#include "metrics_page.h"

#include "wait.h"

#include <string.h>

#define TRIES 10 /* while the tracer writes the next */

size_t metrics_text_copy(const struct metrics_published *published, uint32_t *last, char *copy, size_t size)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t turn = atomic_load_explicit(&published->turn, memory_order_acquire);
		const struct metrics_slot *slot = &published->slots[turn % 2];
		size_t len = slot->len;

		if (!turn || turn == *last || len > size || wait_now() > slot->made_ns + METRICS_STALE_NS)
			return 0;
		memcpy(copy, slot->text, len);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&published->turn, memory_order_relaxed) != turn)
			continue;
		*last = turn;
		return len;
	}
	return 0;
}
