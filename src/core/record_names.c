// SPDX-License-Identifier: GPL-2.0-only
#include "record_names.h"

#define WORD(value, ...) [value] = WORD_OR(NULL, __VA_ARGS__),
#define TABLE(name, count, ...)                                                                                                \
	const char *name##_name(unsigned int value)                                                                            \
	{                                                                                                                      \
		static const char *const words[count] = {__VA_ARGS__};                                                         \
		return value < (count) ? words[value] : NULL;                                                                  \
	}

TABLE(conn_role, CONN_ROLE_MAX, CONN_ROLES(WORD))
TABLE(conn_side, CONN_SIDE_MAX, CONN_SIDES(WORD))
TABLE(conn_by, CONN_BY_MAX, CONN_BYS(WORD))
TABLE(conn_ev, CONN_EV_MAX, CONN_EVS(WORD))
TABLE(conn_end, CONN_END_MAX, CONN_ENDS(WORD))
TABLE(conn_close_kind, CONN_CLOSE_KIND_MAX, CONN_CLOSE_KINDS(WORD))
TABLE(conn_from, CONN_FROM_MAX, CONN_FROMS(WORD))
TABLE(conn_proof, CONN_PROOF_MAX, CONN_PROOFS(WORD))
TABLE(conn_dir, CONN_DIR_MAX, CONN_DIRS(WORD))
TABLE(conn_flags, CONN_FLAGS_MAX, CONN_FLAGS(WORD))
TABLE(leak_cause, LEAK_CAUSE_MAX, LEAK_CAUSES(WORD))
TABLE(leak_resolution, LEAK_RESOLUTION_MAX, LEAK_RESOLUTIONS(WORD))
TABLE(record_kind, RECORD_MAX, RECORD_KINDS(WORD))
TABLE(record_level, LEVEL_MAX, RECORD_LEVELS(WORD))
TABLE(level_reason, LEVEL_REASONS_MAX, LEVEL_REASONS(WORD))
TABLE(finding_id, FINDING_MAX, FINDINGS(WORD))
TABLE(finding_severity, FINDING_SEVERITY_MAX, FINDING_SEVERITIES(WORD))
TABLE(finding_what, FINDING_WHAT_MAX, FINDING_WHATS(WORD))

TABLE(conn_state, WIRE_STATE_MAX, CONN_STATES(WORD))

#define LOST_STAGES(X)                                                                                                         \
	X(WIRE_LOST_HOOK, "hook")                                                                                              \
	X(WIRE_LOST_RING, "ring")                                                                                              \
	X(WIRE_LOST_TABLE, "table")                                                                                            \
	X(WIRE_LOST_QUEUE, "queue")                                                                                            \
	X(WIRE_LOST_WRITE, "write")                                                                                            \
	X(WIRE_LOST_RATELIMIT, "ratelimit")                                                                                    \
	X(WIRE_LOST_STACK_RING, "stack_ring")                                                                                  \
	X(WIRE_LOST_STACK_BUDGET, "stack_budget")                                                                              \
	X(WIRE_LOST_STACK_OPENER, "stack_opener")                                                                              \
	X(WIRE_LOST_STACK_PARSER, "stack_parser")                                                                              \
	X(WIRE_LOST_STACK_TABLE, "stack_table")
TABLE(conn_lost_stage, WIRE_LOST_MAX, LOST_STAGES(WORD))

#define SEGMENTS(X)                                                                                                            \
	X(WIRE_SEG_SYN, "syn")                                                                                                 \
	X(WIRE_SEG_SYNACK, "synack")                                                                                           \
	X(WIRE_SEG_DATA, "data")                                                                                               \
	X(WIRE_SEG_FIN, "fin")
TABLE(conn_segment, WIRE_SEG_FIN + 1, SEGMENTS(WORD))

#define TRIGGERS(X)                                                                                                            \
	X(WIRE_TRIGGER_RTO, "rto")                                                                                             \
	X(WIRE_TRIGGER_FAST, "fast")                                                                                           \
	X(WIRE_TRIGGER_TLP, "tlp")
TABLE(conn_trigger, WIRE_TRIGGER_TLP + 1, TRIGGERS(WORD))

TABLE(conn_tw_end, WIRE_CAUSE_MAX, CONN_TW_ENDS(WORD))
