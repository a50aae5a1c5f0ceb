// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transitions that inet_sock_set_state shows, which are not quite those of RFC 9293's diagram.
 *
 * - A passive opener's SYN_RECV is a request socket, which the tracepoint never shows; the child appears as SYN_RECV for the
 *   microseconds before ESTABLISHED, except with Fast Open, where it is a full socket from the SYN on and may close as one.
 * - TIME_WAIT is a minisocket: the full socket goes FIN_WAIT2 -> CLOSE or CLOSING -> CLOSE. A FIN that carries the ACK of ours
 *   gives FIN_WAIT1 -> FIN_WAIT2 -> CLOSE within microseconds, never FIN_WAIT1 -> TIME_WAIT.
 * - Every state may end in CLOSE: a reset, a timeout, ss -K, SO_LINGER 0, unread data. The error number shows which.
 *
 * A cell that is not listed is impossible: seeing it means that an event was lost.
 */
#include "fsm.h"

/* clang-format off */
#define LOCAL {FSM_LEGAL, CONN_BY_LOCAL}
#define PEER {FSM_LEGAL, CONN_BY_PEER}
#define EITHER {FSM_LEGAL, CONN_BY_UNKNOWN}
#define SAME {FSM_SAME, CONN_BY_UNKNOWN}

static const struct fsm_cell cells[WIRE_STATE_MAX][WIRE_STATE_MAX] = {
	[WIRE_CLOSE] = {
		[WIRE_SYN_SENT] = LOCAL, /* connect(), before the SYN leaves */
		[WIRE_LISTEN] = LOCAL,   /* listen() */
		[WIRE_CLOSE] = SAME,     /* tcp_done() on a socket that a reset has closed already */
	},
	[WIRE_LISTEN] = {
		[WIRE_SYN_RECV] = PEER, /* the child's clone; the kernel side keeps it to itself */
		[WIRE_CLOSE] = LOCAL,
		[WIRE_LISTEN] = SAME,
	},
	[WIRE_SYN_SENT] = {
		[WIRE_ESTABLISHED] = PEER, /* SYN,ACK; in TCP_REPAIR connect() itself, without a segment */
		[WIRE_SYN_RECV] = PEER,    /* a SYN crossed ours */
		[WIRE_CLOSE] = EITHER,
		[WIRE_SYN_SENT] = SAME,
	},
	[WIRE_SYN_RECV] = {
		[WIRE_ESTABLISHED] = PEER, /* the handshake's last ACK */
		[WIRE_FIN_WAIT1] = LOCAL,  /* Fast Open: accepted and closed before the last ACK */
		[WIRE_CLOSE_WAIT] = PEER,  /* Fast Open: a FIN with or before the last ACK */
		[WIRE_CLOSE] = EITHER,     /* also a child that lost a race after its clone */
		[WIRE_SYN_RECV] = SAME,
	},
	[WIRE_ESTABLISHED] = {
		[WIRE_FIN_WAIT1] = LOCAL, /* close() or shutdown(), before the FIN is queued */
		[WIRE_CLOSE_WAIT] = PEER, /* FIN */
		[WIRE_CLOSE] = EITHER,
		[WIRE_ESTABLISHED] = SAME,
	},
	[WIRE_FIN_WAIT1] = {
		[WIRE_FIN_WAIT2] = PEER, /* ACK of our FIN */
		[WIRE_CLOSING] = PEER,   /* FIN that does not acknowledge ours */
		[WIRE_CLOSE] = EITHER,
		[WIRE_FIN_WAIT1] = SAME,
	},
	[WIRE_FIN_WAIT2] = {
		[WIRE_CLOSE] = EITHER, /* the peer's FIN and TIME_WAIT, a FIN_WAIT2 minisocket, or an abort */
		[WIRE_FIN_WAIT2] = SAME,
	},
	[WIRE_CLOSING] = {
		[WIRE_CLOSE] = EITHER, /* ACK of our FIN and TIME_WAIT, or an abort */
		[WIRE_CLOSING] = SAME, /* close() after shutdown() */
	},
	[WIRE_CLOSE_WAIT] = {
		[WIRE_LAST_ACK] = LOCAL,
		[WIRE_CLOSE] = EITHER,
		[WIRE_CLOSE_WAIT] = SAME,
	},
	[WIRE_LAST_ACK] = {
		[WIRE_CLOSE] = EITHER, /* ACK of our FIN, or an abort */
		[WIRE_LAST_ACK] = SAME,
	},
	/* WIRE_TIME_WAIT and WIRE_NEW_SYN_RECV are minisockets: the tracepoint shows neither of them. */
};
/* clang-format on */

const struct fsm_cell *fsm_step(unsigned int old_state, unsigned int new_state)
{
	return &cells[old_state][new_state];
}

bool fsm_reachable(unsigned int from, unsigned int to)
{
	if (from == WIRE_CLOSE) /* what follows is another life */
		return false;
	for (unsigned int next = 1; next < WIRE_STATE_MAX; next++) {
		if (cells[from][next].verdict == FSM_LEGAL && (next == to || fsm_reachable(next, to)))
			return true;
	}
	return false;
}
