/* SPDX-License-Identifier: GPL-2.0-only */
/* How often each way of the state diagram was travelled, from the records of connections. */
#pragma once

#include "record_types.h"

struct travelled { /* all zero is empty; WIRE_CLOSE: CLOSED, before and after */
	uint64_t edges[WIRE_STATE_MAX][WIRE_STATE_MAX];
	uint64_t forced[WIRE_STATE_MAX][CONN_END_MAX]; /* out of a state, by end_reason */
	uint64_t forced_time_wait[WIRE_STATE_MAX][WIRE_CAUSE_MAX];
	uint64_t left_open[WIRE_STATE_MAX]; /* the last state of connections that had not ended */
};

/* An end that nobody asked for, or an attempt that failed. */
bool travelled_failed(enum conn_end end);

/* A connection. True: it was in TIME_WAIT, and its timeline does not say so. */
bool travelled_add(struct travelled *travelled, const struct conn_record *conn);

/* The end of a TIME_WAIT whose connection was added before. */
void travelled_add_time_wait(struct travelled *travelled, const struct conn_time_wait *time_wait);

/* All that were forced out of a state. */
uint64_t travelled_forced(const struct travelled *travelled, unsigned int state);
