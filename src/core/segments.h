/* SPDX-License-Identifier: GPL-2.0-only */
/* The SYN, ACK, FIN and RST segments of a connection, told from its facts and numbers. */
#ifndef CORE_SEGMENTS_H
#define CORE_SEGMENTS_H

#include "entry.h"

/*
 * Fills *rec's segments and initial sequence numbers; what stands above them in *rec must be filled. `last`: the socket's
 * numbers as the connection closed (a WIRE_STATE) or as a scan just found it; may be NULL.
 */
void segments_fill(const struct conn *c, const struct wire_state *last, struct conn_record *rec);

/* The first of a kind, or NULL. */
const struct conn_segment *segments_find(const struct conn_record *rec, enum conn_dir dir, enum conn_flags flags);

#endif
