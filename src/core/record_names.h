/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of the output contract. Each enum is a list of its values with their words; a value that the contract prints as
 * null has NO_WORD.
 */
#pragma once

#include "bpf/wire.h"

#include <stddef.h>
#include <stdint.h>

#define ENUM_VALUE(value, ...) value,
#define NO_WORD

/* WORD_OR(none, text) is the text, and `none` for NO_WORD. */
#define WORD_OR(none, ...) FIRST_OF(__VA_OPT__(__VA_ARGS__, ) none, )
#define FIRST_OF(first, ...) first

/* Who opened the connection. */
#define CONN_ROLES(X)                                                                                                          \
	X(CONN_ROLE_UNKNOWN, NO_WORD)                                                                                          \
	X(CONN_CLIENT, "client")                                                                                               \
	X(CONN_SERVER, "server")                                                                                               \
	X(CONN_SIMULTANEOUS, "simultaneous")
enum conn_role { CONN_ROLES(ENUM_VALUE) CONN_ROLE_MAX };

/* Who closed first. */
#define CONN_SIDES(X)                                                                                                          \
	X(CONN_SIDE_UNKNOWN, NO_WORD)                                                                                          \
	X(CONN_LOCAL, "local")                                                                                                 \
	X(CONN_PEER, "peer")                                                                                                   \
	X(CONN_BOTH, "both")
enum conn_side { CONN_SIDES(ENUM_VALUE) CONN_SIDE_MAX };

/* Who caused a change of state. */
#define CONN_BYS(X)                                                                                                            \
	X(CONN_BY_UNKNOWN, NO_WORD)                                                                                            \
	X(CONN_BY_LOCAL, "local")                                                                                              \
	X(CONN_BY_PEER, "peer")                                                                                                \
	X(CONN_BY_TIMER, "timer")
enum conn_by { CONN_BYS(ENUM_VALUE) CONN_BY_MAX };

/* How a state is known. */
#define CONN_EVS(X)                                                                                                            \
	X(CONN_EV_EVENT, "event")                                                                                              \
	X(CONN_EV_SCAN, "scan")                                                                                                \
	X(CONN_EV_INFERRED, "inferred")
enum conn_ev { CONN_EVS(ENUM_VALUE) CONN_EV_MAX };

#define CONN_ENDS(X)                                                                                                           \
	X(CONN_END_UNKNOWN, "unknown")                                                                                         \
	X(CONN_END_FIN, "fin")                                                                                                 \
	X(CONN_END_RST_SENT, "rst_sent")                                                                                       \
	X(CONN_END_RST_RECEIVED, "rst_received")                                                                               \
	X(CONN_END_REFUSED, "refused")                                                                                         \
	X(CONN_END_TIMEOUT, "timeout")                                                                                         \
	X(CONN_END_UNREACHABLE, "unreachable")                                                                                 \
	X(CONN_END_ABORTED, "aborted")                                                                                         \
	X(CONN_END_NETNS_GONE, "netns_gone")                                                                                   \
	X(CONN_END_DAEMON_STOP, "daemon_stop")                                                                                 \
	X(CONN_END_NO_PORT, "no_port")
enum conn_end { CONN_ENDS(ENUM_VALUE) CONN_END_MAX };

/* How the FINs crossed. */
#define CONN_CLOSE_KINDS(X)                                                                                                    \
	X(CONN_CLOSE_NONE, NO_WORD) /* no FIN, or not known */                                                                 \
	X(CONN_CLOSE_FOUR_WAY, "four_way")                                                                                     \
	X(CONN_CLOSE_THREE_SEGMENT, "three_segment")                                                                           \
	X(CONN_CLOSE_SIMULTANEOUS, "simultaneous")                                                                             \
	X(CONN_CLOSE_HALF, "half_close")
enum conn_close_kind { CONN_CLOSE_KINDS(ENUM_VALUE) CONN_CLOSE_KIND_MAX };

/* Which evidence named the process. LISTENER: nobody touched the connection, so it is who listens. */
#define CONN_FROMS(X)                                                                                                          \
	X(CONN_FROM_NONE, NO_WORD)                                                                                             \
	X(CONN_FROM_CONNECT, "connect")                                                                                        \
	X(CONN_FROM_ACCEPT, "accept")                                                                                          \
	X(CONN_FROM_IO, "io")                                                                                                  \
	X(CONN_FROM_CLOSE, "close")                                                                                            \
	X(CONN_FROM_SCAN, "scan")                                                                                              \
	X(CONN_FROM_LISTENER, "listener")
enum conn_from { CONN_FROMS(ENUM_VALUE) CONN_FROM_MAX };

/* How a segment is known: a hook saw it; a transition and the socket's numbers prove it; the transition alone implies it. */
#define CONN_PROOFS(X)                                                                                                         \
	X(CONN_PROOF_EVENT, "event")                                                                                           \
	X(CONN_PROOF_NUMBERS, "numbers")                                                                                       \
	X(CONN_PROOF_INFERRED, "inferred")
enum conn_proof { CONN_PROOFS(ENUM_VALUE) CONN_PROOF_MAX };

#define CONN_DIRS(X)                                                                                                           \
	X(CONN_OUT, "out")                                                                                                     \
	X(CONN_IN, "in")
enum conn_dir { CONN_DIRS(ENUM_VALUE) CONN_DIR_MAX };

#define CONN_FLAGS(X)                                                                                                          \
	X(CONN_FLAGS_SYN, "SYN")                                                                                               \
	X(CONN_FLAGS_SYN_ACK, "SYN,ACK")                                                                                       \
	X(CONN_FLAGS_ACK, "ACK")                                                                                               \
	X(CONN_FLAGS_FIN_ACK, "FIN,ACK")                                                                                       \
	X(CONN_FLAGS_RST, "RST") /* with or without ACK */                                                                     \
	X(CONN_FLAGS_RST_ACK, "RST,ACK")
enum conn_flags { CONN_FLAGS(ENUM_VALUE) CONN_FLAGS_MAX };

/* Why a socket stays in CLOSE_WAIT. Its numbers, and those of roles and of who was seen, are in recordings: append. */
#define LEAK_CAUSES(X)                                                                                                         \
	X(LEAK_NEVER_ACCEPTED, "never_accepted") /* it is still in the accept queue */                                         \
	X(LEAK_DATA_UNREAD, "data_unread")       /* payload is unread, and the peer's FIN behind it */                         \
	X(LEAK_EOF_UNREAD, "eof_unread")         /* all payload was read, the FIN was not */                                   \
	X(LEAK_EOF_READ_NOT_CLOSED,                                                                                            \
	  "eof_read_not_closed") /* the FIN was read too, or came in one piece with the last payload */                        \
	X(LEAK_IDLE_POOLED,                                                                                                    \
	  "idle_pooled")               /* as LEAK_DATA_UNREAD: but a few last words, after a time in which it sent nothing */  \
	X(LEAK_INHERITED, "inherited") /* who holds it did not open it, and did not use it */                                  \
	X(LEAK_UNSEEN, NO_WORD)        /* no scan met the socket: nothing is known */
enum leak_cause { LEAK_CAUSES(ENUM_VALUE) LEAK_CAUSE_MAX };

#define LEAK_RESOLUTIONS(X)                                                                                                    \
	X(LEAK_CLOSED, "closed")                                                                                               \
	X(LEAK_PROCESS_EXIT, "process_exit")                                                                                   \
	X(LEAK_RESET, "reset")                                                                                                 \
	X(LEAK_TIMEOUT, "timeout")                                                                                             \
	X(LEAK_UNKNOWN, "unknown")                                                                                             \
	X(LEAK_DAEMON_STOP, "daemon_stop")                                                                                     \
	X(LEAK_WHILE_DOWN, "while_down")     /* while this tool did not run */                                                 \
	X(LEAK_HOST_RESTART, "host_restart") /* the same, and the host went down */
enum leak_resolution { LEAK_RESOLUTIONS(ENUM_VALUE) LEAK_RESOLUTION_MAX };

/* What is wrong on a host: the stable names of findings, as findings.h explains them. Their numbers are in recordings. */
#define FINDINGS(X)                                                                                                            \
	X(FINDING_ACCEPT_QUEUE_FULL, "accept_queue_full")                                                                      \
	X(FINDING_PORTS_USED_UP, "ports_used_up")                                                                              \
	X(FINDING_CLOSE_WAIT_LEAK, "close_wait_leak")                                                                          \
	X(FINDING_HELD_BY_CHILD, "held_by_child")                                                                              \
	X(FINDING_ACCEPT_STALLED, "accept_stalled")                                                                            \
	X(FINDING_FIN_WAIT2_PILE, "fin_wait2_pile")                                                                            \
	X(FINDING_FIN_UNANSWERED, "fin_unanswered")                                                                            \
	X(FINDING_FIN_BLOCKED, "fin_blocked")                                                                                  \
	X(FINDING_SYN_UNANSWERED, "syn_unanswered")                                                                            \
	X(FINDING_HALF_OPEN_PILE, "half_open_pile")                                                                            \
	X(FINDING_CONNECT_REFUSED, "connect_refused")                                                                          \
	X(FINDING_RESETS, "resets")                                                                                            \
	X(FINDING_RETRANSMITS, "retransmits")
enum finding_id { FINDINGS(ENUM_VALUE) FINDING_MAX };

#define FINDING_SEVERITIES(X)                                                                                                  \
	X(FINDING_WARNING, "warning")   /* it wastes something, or will get worse */                                           \
	X(FINDING_CRITICAL, "critical") /* connections fail now, or are about to */
enum finding_severity { FINDING_SEVERITIES(ENUM_VALUE) FINDING_SEVERITY_MAX };

#define FINDING_WHATS(X)                                                                                                       \
	X(FINDING_UP, "up")                                                                                                    \
	X(FINDING_DOWN, "down")                                                                                                \
	X(FINDING_STANDS, "stands") /* the run ends before it does */
enum finding_what { FINDING_WHATS(ENUM_VALUE) FINDING_WHAT_MAX };

/* How much a run writes: its governor steps down and up again. Up to LEVEL_SHORT as enum format_detail. */
#define RECORD_LEVELS(X)                                                                                                       \
	X(LEVEL_FULL, "full")                                                                                                  \
	X(LEVEL_STANDARD, "standard")                                                                                          \
	X(LEVEL_SHORT, "short")                                                                                                \
	X(LEVEL_COUNTS, "counts") /* no records of single connections */
enum record_level { RECORD_LEVELS(ENUM_VALUE) LEVEL_MAX };

/* What a limit is of. */
#define LEVEL_REASONS(X)                                                                                                       \
	X(LEVEL_BY_CPU, "cpu")                                                                                                 \
	X(LEVEL_BY_MEMORY, "memory")
enum level_reason { LEVEL_REASONS(ENUM_VALUE) LEVEL_REASONS_MAX };

/* The contract's `event`. */
#define RECORD_KINDS(X)                                                                                                        \
	X(RECORD_CONNECTION, "connection")                                                                                     \
	X(RECORD_PROGRESS, "progress")                                                                                         \
	X(RECORD_STATE, "state")                                                                                               \
	X(RECORD_RETRANSMIT, "retransmit")                                                                                     \
	X(RECORD_RESET, "reset")                                                                                               \
	X(RECORD_SNAPSHOT, "snapshot")                                                                                         \
	X(RECORD_SUMMARY, "summary")                                                                                           \
	X(RECORD_LOST, "lost")                                                                                                 \
	X(RECORD_META, "meta") /* made outside the core */                                                                     \
	X(RECORD_TIME_WAIT, "time_wait")                                                                                       \
	X(RECORD_CLOSE_WAIT_LEAK, "close_wait_leak")                                                                           \
	X(RECORD_CLOSE_WAIT_RESOLVED, "close_wait_resolved")                                                                   \
	X(RECORD_FINDING, "finding")
enum record_kind { RECORD_KINDS(ENUM_VALUE) RECORD_MAX };

/* To the user a request socket is a connection in SYN_RECV. */
#define CONN_STATES(X)                                                                                                         \
	X(0, NO_WORD) /* no state */                                                                                           \
	X(WIRE_ESTABLISHED, "ESTABLISHED")                                                                                     \
	X(WIRE_SYN_SENT, "SYN_SENT")                                                                                           \
	X(WIRE_SYN_RECV, "SYN_RECV")                                                                                           \
	X(WIRE_FIN_WAIT1, "FIN_WAIT1")                                                                                         \
	X(WIRE_FIN_WAIT2, "FIN_WAIT2")                                                                                         \
	X(WIRE_TIME_WAIT, "TIME_WAIT")                                                                                         \
	X(WIRE_CLOSE, "CLOSE")                                                                                                 \
	X(WIRE_CLOSE_WAIT, "CLOSE_WAIT")                                                                                       \
	X(WIRE_LAST_ACK, "LAST_ACK")                                                                                           \
	X(WIRE_LISTEN, "LISTEN")                                                                                               \
	X(WIRE_CLOSING, "CLOSING")                                                                                             \
	X(WIRE_NEW_SYN_RECV, "SYN_RECV")

#define CONN_TW_ENDS(X)                                                                                                        \
	X(WIRE_CAUSE_UNKNOWN, NO_WORD)                                                                                         \
	X(WIRE_CAUSE_EXPIRED, "expired")                                                                                       \
	X(WIRE_CAUSE_REUSED, "reused")                                                                                         \
	X(WIRE_CAUSE_RESET, "reset")                                                                                           \
	X(WIRE_CAUSE_KILLED, "killed")                                                                                         \
	X(WIRE_CAUSE_OVERFLOW, "overflow")                                                                                     \
	X(WIRE_CAUSE_NETNS_GONE, "netns_gone")                                                                                 \
	X(WIRE_CAUSE_RESET_SENT, "reset")

/* What a value is called; NULL for one without a word, and for a number that is no value. */
const char *conn_role_name(unsigned int value);
const char *conn_side_name(unsigned int value);
const char *conn_by_name(unsigned int value);
const char *conn_ev_name(unsigned int value);
const char *conn_end_name(unsigned int value);
const char *conn_close_kind_name(unsigned int value);
const char *conn_from_name(unsigned int value);
const char *conn_proof_name(unsigned int value);
const char *conn_dir_name(unsigned int value);
const char *conn_flags_name(unsigned int value);
const char *leak_cause_name(unsigned int value);
const char *leak_resolution_name(unsigned int value);
const char *record_kind_name(unsigned int value);
const char *record_level_name(unsigned int value);
const char *level_reason_name(unsigned int value);
const char *finding_id_name(unsigned int value);
const char *finding_severity_name(unsigned int value);
const char *finding_what_name(unsigned int value);
const char *conn_state_name(unsigned int value);
const char *conn_tw_end_name(unsigned int value);
const char *conn_lost_stage_name(unsigned int value);
const char *conn_segment_name(unsigned int value);
const char *conn_trigger_name(unsigned int value);
