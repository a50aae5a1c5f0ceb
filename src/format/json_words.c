// SPDX-License-Identifier: GPL-2.0-only
#include "json_words.h"

#define WORD(value, text) [value] = {"\"" text "\",", sizeof(text) > 1 ? sizeof("\"" text "\",") - 1 : 0},
#define TABLE(name, count, ...) const struct json_word name##_words[count] = {__VA_ARGS__};

const struct json_word json_no_word;

TABLE(conn_role, CONN_ROLE_MAX, CONN_ROLES(WORD))
TABLE(conn_side, CONN_SIDE_MAX, CONN_SIDES(WORD))
TABLE(conn_by, CONN_BY_MAX, CONN_BYS(WORD))
TABLE(conn_ev, CONN_EV_MAX, CONN_EVS(WORD))
TABLE(conn_end, CONN_END_MAX, CONN_ENDS(WORD))
TABLE(conn_close_kind, CONN_CLOSE_KIND_MAX, CONN_CLOSE_KINDS(WORD))
TABLE(conn_proof, CONN_PROOF_MAX, CONN_PROOFS(WORD))
TABLE(conn_dir, CONN_DIR_MAX, CONN_DIRS(WORD))
TABLE(conn_flags, CONN_FLAGS_MAX, CONN_FLAGS(WORD))
TABLE(conn_state, WIRE_STATE_MAX, CONN_STATES(WORD))
TABLE(conn_tw_end, WIRE_CAUSE_MAX, CONN_TW_ENDS(WORD))
TABLE(record_kind, RECORD_MAX, RECORD_KINDS(WORD))
