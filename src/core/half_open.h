/* SPDX-License-Identifier: GPL-2.0-only */
/* Attempts to connect that were slow, by listener, less those that succeeded after all. */
#ifndef CORE_HALF_OPEN_H
#define CORE_HALF_OPEN_H

#include "conn.h"

struct half_open;

int half_open_new(struct half_open **out);
void half_open_free(struct half_open *ho);
uint64_t half_open_memory(const struct half_open *ho);

/* The kernel repeated a SYN-ACK of `count` attempts; or one of them has become a connection. */
void half_open_add(struct half_open *ho, uint32_t netns, uint16_t port, uint64_t count, bool connected);

/* What never became a connection, into the summary; begins anew. */
void half_open_take(struct half_open *ho, struct conn_summary_record *sum);

#endif
