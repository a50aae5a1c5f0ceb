/* SPDX-License-Identifier: GPL-2.0-only */
/* Making wire events in user space. */
#pragma once

#include "bpf/wire.h"

#include <stddef.h>

static inline struct wire_mark wire_make_mark(enum wire_kind kind, __u64 ts, __s64 value)
{
	return (struct wire_mark){.hdr = {.ts = ts, .len = sizeof(struct wire_mark), .kind = kind}, .value = value};
}

static inline struct wire_lost wire_make_lost(enum wire_lost_stage stage, __u64 count, __u64 from_ns, __u64 until_ns)
{
	return (struct wire_lost){.hdr = {.ts = from_ns, .len = sizeof(struct wire_lost), .kind = WIRE_LOST},
				  .count = count,
				  .until_ns = until_ns,
				  .stage = stage};
}

union wire_text_space {
	struct wire_text event;
	char bytes[WIRE_MAX_LEN];
};

/*
 * Fills `space` with an event: `head` has its kind, time and keys; `len` bytes of text are copied, NULs inside too, and cut
 * where an event has no more room. Returns the event.
 */
const struct wire_hdr *wire_make_text(union wire_text_space *space, const struct wire_text *head, const char *text, size_t len);

/*
 * The same with a path, which is not cut: one of more than WIRE_PATH_MAX bytes becomes an empty text, "not known". `tail`, if
 * not NULL, is eight bytes that stand behind it, the last of which must be 0.
 */
#define WIRE_PATH_MAX (WIRE_MAX_LEN - sizeof(struct wire_text) - 2 * sizeof(__u64))
const struct wire_hdr *wire_make_path(union wire_text_space *space, const struct wire_text *head, const char *path,
				      const void *tail);
