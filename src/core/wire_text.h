/* SPDX-License-Identifier: GPL-2.0-only */
/* Making wire events that carry a text. */
#pragma once

#include "bpf/wire.h"

#include <stddef.h>

union wire_text_buf {
	struct wire_text event;
	char space[WIRE_MAX_LEN];
};

/*
 * Fills `buf` with an event: `head` has its kind, time and keys; `len` bytes of text are copied, NULs inside too, and cut where
 * an event has no more room. Returns the event.
 */
const struct wire_hdr *wire_text_fill(union wire_text_buf *buf, const struct wire_text *head, const char *text, size_t len);
