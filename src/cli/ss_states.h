/* SPDX-License-Identifier: GPL-2.0-only */
/* The states that ss(8) knows, and its names for several of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

struct nearest;

#define SS_STATES_ALL ((1u << WIRE_NEW_SYN_RECV) - (1u << WIRE_ESTABLISHED))

/* 1 << enum wire_tcp_state of each, in any spelling that --state takes; 0: no such name. */
uint32_t ss_states_find(const char *word);

/* The n-th name, for completion; NULL behind the last. */
const char *ss_states_word(size_t n);

void ss_states_suggest(struct nearest *nearest);
