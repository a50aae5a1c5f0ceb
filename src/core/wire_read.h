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
bool wire_whole(const struct wire_hdr *ev, size_t avail);

/*
 * True if it is whole and this version can read it: a known kind, long enough for its known parts, states and enums in range,
 * texts terminated. Unknown parts and a tail are fine.
 */
bool wire_valid(const struct wire_hdr *ev, size_t avail);

/* The parts of a valid event, NULL where it has none. They live as long as the event. */
const struct wire_task *wire_task(const struct wire_hdr *ev);
const struct wire_ident *wire_ident(const struct wire_hdr *ev);
const struct wire_stats *wire_stats(const struct wire_hdr *ev);
const struct wire_proof *wire_proof(const struct wire_hdr *ev);
const struct wire_exec *wire_exec(const struct wire_hdr *ev);

/* The process that a valid event names, with its program; nobody, if it names none. */
struct process wire_process(const struct wire_hdr *ev);

/* The first `size` bytes behind the parts; NULL where an older version wrote none, or a later one parts that are not known. */
const void *wire_tail(const struct wire_hdr *ev, size_t size);

/* Sent by a BPF program, and not by the daemon. */
bool wire_from_kernel(unsigned int kind);

/* Size of a kind's base struct in bytes; 0 for a number that is no kind. Texts: the size without the text. */
size_t wire_base_size(unsigned int kind);
