/* SPDX-License-Identifier: GPL-2.0-only */
/* Which state changes Linux can show. States are enum wire_tcp_state below WIRE_STATE_MAX. */
#pragma once

#include "record_types.h"

enum fsm_verdict {
	FSM_IMPOSSIBLE, /* an event between was lost: take the state over and say so */
	FSM_LEGAL,
	FSM_SAME, /* no change: fired by paths that set the state again */
};

struct fsm_cell {
	uint8_t verdict; /* enum fsm_verdict */
	uint8_t by;      /* enum conn_by: who causes it; unknown where only the error number shows it */
};

const struct fsm_cell *fsm_step(unsigned int old_state, unsigned int new_state);

/* True if a connection in `from` can reach `to` later. */
bool fsm_reachable(unsigned int from, unsigned int to);
