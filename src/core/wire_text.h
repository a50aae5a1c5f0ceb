/* SPDX-License-Identifier: GPL-2.0-only */
/* Making wire events that carry a text. */
#ifndef CORE_WIRE_TEXT_H
#define CORE_WIRE_TEXT_H

#include "bpf/wire.h"

#include <stddef.h>
#include <stdint.h>

union wire_text_buf {
	struct wire_text event;
	char space[WIRE_MAX_LEN];
};

/*
 * Fills `buf` with an event of `kind`; `len` bytes of text are copied, NULs inside too, and cut where an event has no more
 * room. Returns the event.
 */
const struct wire_hdr *wire_text_fill(union wire_text_buf *buf, enum wire_kind kind, uint64_t ts, uint64_t key, uint64_t key2,
				      const char *text, size_t len);

#endif
