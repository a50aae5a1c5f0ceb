/* SPDX-License-Identifier: GPL-2.0-only */
/* The SYN, ACK, FIN and RST segments of a connection, found from its facts and numbers. */
#pragma once

#include "state.h"

/*
 * Fills *rec's segments and initial sequence numbers; what stands above them in *rec must be filled. `last`: the socket's
 * numbers at its close or as a scan just met it; may be NULL.
 */
void segments_fill(const struct conn *c, const struct conn_numbers *last, struct conn_record *rec);
