// SPDX-License-Identifier: GPL-2.0-only
#include "record_names.h"

#define WORD(value, name) [value] = name,

/* A function that gives each value its word; NULL for a number that is no value. */
#define NAMES(function, ...)                                                                                                   \
	const char *function(unsigned int value)                                                                               \
	{                                                                                                                      \
		static const char *const words[] = {__VA_ARGS__};                                                              \
		return value < sizeof(words) / sizeof(words[0]) ? words[value] : NULL;                                         \
	}

NAMES(conn_role_name, CONN_ROLES(WORD))
NAMES(conn_side_name, CONN_SIDES(WORD))
NAMES(conn_by_name, CONN_BYS(WORD))
NAMES(conn_ev_name, CONN_EVS(WORD))
NAMES(conn_end_name, CONN_ENDS(WORD))
NAMES(conn_close_kind_name, CONN_CLOSE_KINDS(WORD))
NAMES(conn_from_name, CONN_FROMS(WORD))
NAMES(conn_proof_name, CONN_PROOFS(WORD))
NAMES(conn_dir_name, CONN_DIRS(WORD))
NAMES(conn_flags_name, CONN_FLAGS(WORD))
NAMES(leak_cause_name, LEAK_CAUSES(WORD))
NAMES(leak_resolution_name, LEAK_RESOLUTIONS(WORD))
NAMES(record_kind_name, RECORD_KINDS(WORD))

/* To the user a request socket is a connection in SYN_RECV. */
NAMES(conn_state_name, [WIRE_ESTABLISHED] = "ESTABLISHED", [WIRE_SYN_SENT] = "SYN_SENT", [WIRE_SYN_RECV] = "SYN_RECV",
      [WIRE_FIN_WAIT1] = "FIN_WAIT1", [WIRE_FIN_WAIT2] = "FIN_WAIT2", [WIRE_TIME_WAIT] = "TIME_WAIT", [WIRE_CLOSE] = "CLOSE",
      [WIRE_CLOSE_WAIT] = "CLOSE_WAIT", [WIRE_LAST_ACK] = "LAST_ACK", [WIRE_LISTEN] = "LISTEN", [WIRE_CLOSING] = "CLOSING",
      [WIRE_NEW_SYN_RECV] = "SYN_RECV")

NAMES(conn_lost_stage_name, [WIRE_LOST_HOOK] = "hook", [WIRE_LOST_RING] = "ring", [WIRE_LOST_TABLE] = "table",
      [WIRE_LOST_QUEUE] = "queue", [WIRE_LOST_WRITE] = "write", [WIRE_LOST_RATELIMIT] = "ratelimit")

NAMES(conn_segment_name, [WIRE_SEG_SYN] = "syn", [WIRE_SEG_SYNACK] = "synack", [WIRE_SEG_DATA] = "data", [WIRE_SEG_FIN] = "fin")

NAMES(conn_trigger_name, [WIRE_TRIGGER_RTO] = "rto", [WIRE_TRIGGER_FAST] = "fast", [WIRE_TRIGGER_TLP] = "tlp")

NAMES(conn_tw_end_name, [WIRE_CAUSE_EXPIRED] = "expired", [WIRE_CAUSE_REUSED] = "reused", [WIRE_CAUSE_RESET] = "reset",
      [WIRE_CAUSE_KILLED] = "killed", [WIRE_CAUSE_OVERFLOW] = "overflow", [WIRE_CAUSE_NETNS_GONE] = "netns_gone",
      [WIRE_CAUSE_RESET_SENT] = "reset")
