/* SPDX-License-Identifier: GPL-2.0-only */
/* Which stack opened which connection, as the stream says. */
#ifndef SYMBOLS_STACK_TABLE_H
#define SYMBOLS_STACK_TABLE_H

#include <stdint.h>

struct openings;
struct sink_stack;
struct wire_hdr;

int openings_new(struct openings **out);       /* 0 or -errno */
void openings_free(struct openings *openings); /* NULL is fine */

/* Takes in a WIRE_STACK or WIRE_OPENED event. `ev` must be wire_valid(). */
void openings_feed(struct openings *openings, const struct wire_hdr *ev);

/* Where the socket was opened; NULL: the stream has no stacks at all. Lives as long as the openings. */
const struct sink_stack *openings_find(const struct openings *openings, uint64_t cookie);

#endif
