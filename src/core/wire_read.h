/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading wire events that may come from a hostile file: every access goes through these. */
#pragma once

#include "bpf/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process; /* record_types.h */

/* Takes an event, which is valid during the call only. */
typedef void (*event_fn)(void *ctx, const struct wire_hdr *ev);

/* True if the event at `ev`, of which `avail` bytes are readable, is whole. `ev` must be 8-byte aligned. */
static inline bool wire_whole(const struct wire_hdr *ev, size_t avail)
{
	return avail >= sizeof(*ev) && ev->len >= sizeof(*ev) && ev->len <= avail && ev->len <= WIRE_MAX_LEN &&
	       ev->len % 8 == 0;
}

/*
 * True if this version can read a whole event: a known kind, long enough for its known parts, states and enums in range, texts
 * terminated. Unknown parts and a tail are fine.
 */
bool wire_known(const struct wire_hdr *ev);
bool wire_valid(const struct wire_hdr *ev, size_t avail); /* whole and known */

extern const uint8_t wire_base_sizes[UINT8_MAX + 1];        /* by kind, 0: there is none; of texts without the text */
extern const uint16_t wire_parts_sizes[WIRE_PARTS_ALL + 1]; /* by parts, of all of them */

/* Where the known parts end. */
static inline size_t wire_parts_end(const struct wire_hdr *ev)
{
	return wire_base_sizes[ev->kind] + wire_parts_sizes[ev->parts & WIRE_PARTS_ALL];
}

/* Behind the base and all parts with a lower bit. */
static inline const void *wire_part(const struct wire_hdr *ev, unsigned int which)
{
	if (!(ev->parts & which))
		return NULL;
	return (const char *)ev + wire_base_sizes[ev->kind] + wire_parts_sizes[ev->parts & (which - 1)];
}

/* The parts of a valid event, NULL where it has none. They live as long as the event. */
#define WIRE_PART_GETTER(name, bit)                                                                                            \
	static inline const struct wire_##name *wire_##name(const struct wire_hdr *ev)                                         \
	{                                                                                                                      \
		return wire_part(ev, bit);                                                                                     \
	}
WIRE_PART_GETTER(task, WIRE_PART_TASK)
WIRE_PART_GETTER(ident, WIRE_PART_IDENT)
WIRE_PART_GETTER(stats, WIRE_PART_STATS)
WIRE_PART_GETTER(proof, WIRE_PART_PROOF)
WIRE_PART_GETTER(exec, WIRE_PART_EXEC)
WIRE_PART_GETTER(program, WIRE_PART_PROGRAM)

/* The process that a valid event names, with its program; nobody, if it names none. */
struct process wire_process(const struct wire_hdr *ev);

/* The first `size` bytes behind the parts; NULL where an older version wrote none, or a later one parts that are not known. */
const void *wire_tail(const struct wire_hdr *ev, size_t size);

/* The same behind a text. */
const void *wire_text_tail(const struct wire_text *text, size_t size);

/* Sent by a BPF program, and not by the daemon. */
static inline bool wire_from_kernel(unsigned int kind)
{
	return kind <= WIRE_SCAN || kind == WIRE_MINISOCK || kind == WIRE_LEAK || kind == WIRE_RETRANSMIT_FAILED ||
	       kind == WIRE_EXIT;
}

/* Size of a kind's base struct in bytes; 0 for a number that is no kind. */
size_t wire_base_size(unsigned int kind);
