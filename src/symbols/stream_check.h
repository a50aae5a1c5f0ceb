/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parser wrote, which may be anything, as events that are safe to use: whole and valid as in a recording, of the three
 * kinds that a parser has to say, and with nothing in them but what it may choose. Pure.
 */
#pragma once

#include "bpf/wire.h"

#include <stddef.h>
#include <stdint.h>

struct stream_check {
	uint64_t highest;      /* stack number */
	char bytes[64 * 1024]; /* the last event perhaps not whole */
	size_t begin, end;     /* of what was not taken yet */
};

union stream_event {
	struct wire_hdr hdr;
	struct wire_text stack;
	struct wire_opened opened;
	struct wire_lost lost;
	char bytes[WIRE_MAX_LEN];
};

/* Where more bytes can be written, and how many; then stream_check_added(). */
void *stream_check_room(struct stream_check *check, size_t *ret_len);
void stream_check_added(struct stream_check *check, size_t len);

/* Takes the next event: 1, 0 if there is none yet, or -EBADMSG: the parser must not go on. */
int stream_check_next(struct stream_check *check, union stream_event *ret_event);

/* Of another parser. */
void stream_check_reset(struct stream_check *check);
