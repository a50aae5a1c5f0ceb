// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of the output contract for every enum of conn.h and for the wire's enums that reach the output.
 *
 * A table has one row per value and the compiler checks that; a value that the contract prints as null has no word.
 */
#include "conn.h"

#define NAME_TABLE(table, max) _Static_assert(sizeof(table) / sizeof((table)[0]) == (max), #table " is not complete")
#define NAME(table, value) ((unsigned int)(value) < sizeof(table) / sizeof((table)[0]) ? (table)[value] : NULL)

static const char *const state_names[] = {
	[WIRE_ESTABLISHED] = "ESTABLISHED",
	[WIRE_SYN_SENT] = "SYN_SENT",
	[WIRE_SYN_RECV] = "SYN_RECV",
	[WIRE_FIN_WAIT1] = "FIN_WAIT1",
	[WIRE_FIN_WAIT2] = "FIN_WAIT2",
	[WIRE_TIME_WAIT] = "TIME_WAIT",
	[WIRE_CLOSE] = "CLOSE",
	[WIRE_CLOSE_WAIT] = "CLOSE_WAIT",
	[WIRE_LAST_ACK] = "LAST_ACK",
	[WIRE_LISTEN] = "LISTEN",
	[WIRE_CLOSING] = "CLOSING",
	[WIRE_NEW_SYN_RECV] = "SYN_RECV", /* to the user a request socket is a connection in SYN_RECV */
};
NAME_TABLE(state_names, WIRE_STATE_MAX);

static const char *const role_names[] = {
	[CONN_ROLE_UNKNOWN] = NULL,
	[CONN_CLIENT] = "client",
	[CONN_SERVER] = "server",
	[CONN_SIMULTANEOUS] = "simultaneous",
};
NAME_TABLE(role_names, CONN_ROLE_MAX);

static const char *const side_names[] = {
	[CONN_SIDE_UNKNOWN] = NULL,
	[CONN_LOCAL] = "local",
	[CONN_PEER] = "peer",
	[CONN_BOTH] = "both",
};
NAME_TABLE(side_names, CONN_SIDE_MAX);

static const char *const by_names[] = {
	[CONN_BY_UNKNOWN] = NULL,
	[CONN_BY_LOCAL] = "local",
	[CONN_BY_PEER] = "peer",
	[CONN_BY_TIMER] = "timer",
};
NAME_TABLE(by_names, CONN_BY_MAX);

static const char *const ev_names[] = {
	[CONN_EV_EVENT] = "event",
	[CONN_EV_SCAN] = "scan",
	[CONN_EV_INFERRED] = "inferred",
};
NAME_TABLE(ev_names, CONN_EV_MAX);

static const char *const end_names[] = {
	[CONN_END_UNKNOWN] = "unknown",           [CONN_END_FIN] = "fin",         [CONN_END_RST_SENT] = "rst_sent",
	[CONN_END_RST_RECEIVED] = "rst_received", [CONN_END_REFUSED] = "refused", [CONN_END_TIMEOUT] = "timeout",
	[CONN_END_UNREACHABLE] = "unreachable",   [CONN_END_ABORTED] = "aborted", [CONN_END_NETNS_GONE] = "netns_gone",
	[CONN_END_DAEMON_STOP] = "daemon_stop",
};
NAME_TABLE(end_names, CONN_END_MAX);

static const char *const close_kind_names[] = {
	[CONN_CLOSE_NONE] = NULL,
	[CONN_CLOSE_FOUR_WAY] = "four_way",
	[CONN_CLOSE_THREE_SEGMENT] = "three_segment",
	[CONN_CLOSE_SIMULTANEOUS] = "simultaneous",
	[CONN_CLOSE_HALF] = "half_close",
};
NAME_TABLE(close_kind_names, CONN_CLOSE_KIND_MAX);

static const char *const from_names[] = {
	[CONN_FROM_NONE] = NULL,     [CONN_FROM_CONNECT] = "connect", [CONN_FROM_ACCEPT] = "accept",     [CONN_FROM_IO] = "io",
	[CONN_FROM_CLOSE] = "close", [CONN_FROM_SCAN] = "scan",       [CONN_FROM_LISTENER] = "listener",
};
NAME_TABLE(from_names, CONN_FROM_MAX);

static const char *const proof_names[] = {
	[CONN_PROOF_EVENT] = "event",
	[CONN_PROOF_NUMBERS] = "numbers",
	[CONN_PROOF_INFERRED] = "inferred",
};
NAME_TABLE(proof_names, CONN_PROOF_MAX);

static const char *const dir_names[] = {
	[CONN_OUT] = "out",
	[CONN_IN] = "in",
};
NAME_TABLE(dir_names, CONN_DIR_MAX);

static const char *const flags_names[] = {
	[CONN_FLAGS_SYN] = "SYN",         [CONN_FLAGS_SYN_ACK] = "SYN,ACK", [CONN_FLAGS_ACK] = "ACK",
	[CONN_FLAGS_FIN_ACK] = "FIN,ACK", [CONN_FLAGS_RST] = "RST",         [CONN_FLAGS_RST_ACK] = "RST,ACK",
};
NAME_TABLE(flags_names, CONN_FLAGS_MAX);

static const char *const lost_stage_names[] = {
	[WIRE_LOST_HOOK] = "hook",   [WIRE_LOST_RING] = "ring",   [WIRE_LOST_TABLE] = "table",
	[WIRE_LOST_QUEUE] = "queue", [WIRE_LOST_WRITE] = "write", [WIRE_LOST_RATELIMIT] = "ratelimit",
};
NAME_TABLE(lost_stage_names, WIRE_LOST_MAX);

static const char *const segment_names[] = {
	[WIRE_SEG_SYN] = "syn",
	[WIRE_SEG_SYNACK] = "synack",
	[WIRE_SEG_DATA] = "data",
	[WIRE_SEG_FIN] = "fin",
};
NAME_TABLE(segment_names, WIRE_SEG_FIN + 1);

static const char *const trigger_names[] = {
	[WIRE_TRIGGER_UNKNOWN] = NULL,
	[WIRE_TRIGGER_RTO] = "rto",
	[WIRE_TRIGGER_FAST] = "fast",
	[WIRE_TRIGGER_TLP] = "tlp",
};
NAME_TABLE(trigger_names, WIRE_TRIGGER_TLP + 1);

static const char *const tw_end_names[] = {
	[WIRE_CAUSE_UNKNOWN] = NULL,
	[WIRE_CAUSE_EXPIRED] = "expired",
	[WIRE_CAUSE_REUSED] = "reused",
	[WIRE_CAUSE_RESET] = "reset",
	[WIRE_CAUSE_KILLED] = "killed",
	[WIRE_CAUSE_OVERFLOW] = "overflow",
	[WIRE_CAUSE_NETNS_GONE] = "netns_gone",
	[WIRE_CAUSE_RESET_SENT] = "reset",
};
NAME_TABLE(tw_end_names, WIRE_CAUSE_MAX);

static const char *const record_kind_names[] = {
	[RECORD_CONNECTION] = "connection",
	[RECORD_PROGRESS] = "progress",
	[RECORD_STATE] = "state",
	[RECORD_RETRANSMIT] = "retransmit",
	[RECORD_RESET] = "reset",
	[RECORD_SNAPSHOT] = "snapshot",
	[RECORD_SUMMARY] = "summary",
	[RECORD_LOST] = "lost",
	[RECORD_META] = "meta",
	[RECORD_TIME_WAIT] = "time_wait",
	[RECORD_CLOSE_WAIT_LEAK] = "close_wait_leak",
	[RECORD_CLOSE_WAIT_RESOLVED] = "close_wait_resolved",
};
NAME_TABLE(record_kind_names, RECORD_MAX);

const char *conn_state_name(unsigned int tcp_state)
{
	return NAME(state_names, tcp_state);
}

const char *conn_role_name(enum conn_role role)
{
	return NAME(role_names, role);
}

const char *conn_side_name(enum conn_side side)
{
	return NAME(side_names, side);
}

const char *conn_by_name(enum conn_by by)
{
	return NAME(by_names, by);
}

const char *conn_ev_name(enum conn_ev ev)
{
	return NAME(ev_names, ev);
}

const char *conn_end_name(enum conn_end end)
{
	return NAME(end_names, end);
}

const char *conn_close_kind_name(enum conn_close_kind kind)
{
	return NAME(close_kind_names, kind);
}

const char *conn_from_name(enum conn_from from)
{
	return NAME(from_names, from);
}

const char *conn_proof_name(enum conn_proof proof)
{
	return NAME(proof_names, proof);
}

const char *conn_dir_name(enum conn_dir dir)
{
	return NAME(dir_names, dir);
}

const char *conn_flags_name(enum conn_flags flags)
{
	return NAME(flags_names, flags);
}

const char *conn_tw_end_name(enum wire_minisock_cause cause)
{
	return NAME(tw_end_names, cause);
}

const char *conn_lost_stage_name(enum wire_lost_stage stage)
{
	return NAME(lost_stage_names, stage);
}

const char *conn_segment_name(enum wire_segment_kind kind)
{
	return NAME(segment_names, kind);
}

const char *conn_trigger_name(enum wire_trigger trigger)
{
	return NAME(trigger_names, trigger);
}

const char *record_kind_name(enum record_kind kind)
{
	return NAME(record_kind_names, kind);
}
