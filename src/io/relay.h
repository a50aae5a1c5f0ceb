/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A destination over the network. Protocols, TLS and names are a process of their own without capabilities, the relay: this
 * program executed again, which reads lines from a pipe. If it ends it is started again.
 */
#pragma once

#include "relay_types.h"

#include <stddef.h>

struct destination;

/* 0, or -errno with a sentence for the user. It waits until the relay is ready, which does not depend on the peer. */
int relay_open(struct destination **out, const struct relay_config *config, char *why, size_t why_size);

/* On any thread, while the destination is open. */
void relay_counts(const struct destination *destination, struct relay_counts *ret_counts);
