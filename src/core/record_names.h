/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of the output contract. Each enum is a list of its values with their words; a value that the contract prints as
 * null has the word NULL.
 */
#pragma once

#include "bpf/wire.h"

#include <stddef.h>

#define ENUM_VALUE(value, name) value,

/* Who opened the connection. */
#define CONN_ROLES(X)                                                                                                          \
	X(CONN_ROLE_UNKNOWN, NULL)                                                                                             \
	X(CONN_CLIENT, "client")                                                                                               \
	X(CONN_SERVER, "server")                                                                                               \
	X(CONN_SIMULTANEOUS, "simultaneous")
enum conn_role { CONN_ROLES(ENUM_VALUE) CONN_ROLE_MAX };

/* Who closed first. */
#define CONN_SIDES(X)                                                                                                          \
	X(CONN_SIDE_UNKNOWN, NULL)                                                                                             \
	X(CONN_LOCAL, "local")                                                                                                 \
	X(CONN_PEER, "peer")                                                                                                   \
	X(CONN_BOTH, "both")
enum conn_side { CONN_SIDES(ENUM_VALUE) CONN_SIDE_MAX };

/* Who caused a change of state. */
#define CONN_BYS(X)                                                                                                            \
	X(CONN_BY_UNKNOWN, NULL)                                                                                               \
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
	X(CONN_CLOSE_NONE, NULL) /* no FIN, or not known */                                                                    \
	X(CONN_CLOSE_FOUR_WAY, "four_way")                                                                                     \
	X(CONN_CLOSE_THREE_SEGMENT, "three_segment")                                                                           \
	X(CONN_CLOSE_SIMULTANEOUS, "simultaneous")                                                                             \
	X(CONN_CLOSE_HALF, "half_close")
enum conn_close_kind { CONN_CLOSE_KINDS(ENUM_VALUE) CONN_CLOSE_KIND_MAX };

/* Which evidence named the process. LISTENER: nobody touched the connection, so it is who listens. */
#define CONN_FROMS(X)                                                                                                          \
	X(CONN_FROM_NONE, NULL)                                                                                                \
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

/* Why a socket stays in CLOSE_WAIT. */
#define LEAK_CAUSES(X)                                                                                                         \
	X(LEAK_NEVER_ACCEPTED, "never_accepted") /* it is still in the accept queue */                                         \
	X(LEAK_DATA_UNREAD, "data_unread")       /* payload is unread, and the peer's FIN behind it */                         \
	X(LEAK_EOF_UNREAD, "eof_unread")         /* all payload was read, the FIN was not */                                   \
	X(LEAK_EOF_READ_NOT_CLOSED,                                                                                            \
	  "eof_read_not_closed") /* the FIN was read too, or came in one piece with the last payload */                        \
	X(LEAK_UNSEEN, NULL)     /* no scan met the socket: nothing is known */
enum leak_cause { LEAK_CAUSES(ENUM_VALUE) LEAK_CAUSE_MAX };

#define LEAK_RESOLUTIONS(X)                                                                                                    \
	X(LEAK_CLOSED, "closed")                                                                                               \
	X(LEAK_PROCESS_EXIT, "process_exit")                                                                                   \
	X(LEAK_RESET, "reset")                                                                                                 \
	X(LEAK_TIMEOUT, "timeout")                                                                                             \
	X(LEAK_UNKNOWN, "unknown")                                                                                             \
	X(LEAK_DAEMON_STOP, "daemon_stop")
enum leak_resolution { LEAK_RESOLUTIONS(ENUM_VALUE) LEAK_RESOLUTION_MAX };

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
	X(RECORD_CLOSE_WAIT_RESOLVED, "close_wait_resolved")
enum record_kind { RECORD_KINDS(ENUM_VALUE) RECORD_MAX };

const char *conn_role_name(unsigned int role);
const char *conn_side_name(unsigned int side);
const char *conn_by_name(unsigned int by);
const char *conn_ev_name(unsigned int ev);
const char *conn_end_name(unsigned int end);
const char *conn_close_kind_name(unsigned int kind);
const char *conn_from_name(unsigned int from);
const char *conn_proof_name(unsigned int proof);
const char *conn_dir_name(unsigned int dir);
const char *conn_flags_name(unsigned int flags);
const char *leak_cause_name(unsigned int cause);
const char *leak_resolution_name(unsigned int resolution);
const char *record_kind_name(unsigned int kind);

/* The same for the wire's enums that reach the output. */
const char *conn_state_name(unsigned int tcp_state);
const char *conn_tw_end_name(unsigned int cause);
const char *conn_lost_stage_name(unsigned int stage);
const char *conn_segment_name(unsigned int kind);
const char *conn_trigger_name(unsigned int trigger);
