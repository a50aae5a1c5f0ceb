// SPDX-License-Identifier: GPL-2.0-only
#include "json_words.h"

#define ROW(number, line) [number] = {line, sizeof(line) - 1}
#define WORD(key, value, ...) ROW(value, key ":" WORD_OR("null", __VA_OPT__("\"" __VA_ARGS__ "\"")) ","),
#define NO_MORE(key, count) ROW(count, key ":null,")
#define LAST_WORD(key, value, ...) ROW(value, key ":" WORD_OR("null", __VA_OPT__("\"" __VA_ARGS__ "\"")) "},"),
#define NO_MORE_LAST(key, count) ROW(count, key ":null},")

#define ROLE(value, ...) WORD("\"role\"", value, __VA_ARGS__)
const struct json_word conn_role_words[] = {CONN_ROLES(ROLE) NO_MORE("\"role\"", CONN_ROLE_MAX)};

#define CLOSED_BY(value, ...) WORD("\"closed_by\"", value, __VA_ARGS__)
const struct json_word conn_side_words[] = {CONN_SIDES(CLOSED_BY) NO_MORE("\"closed_by\"", CONN_SIDE_MAX)};

#define END_REASON(value, ...) WORD("\"end_reason\"", value, __VA_ARGS__)
const struct json_word conn_end_words[] = {CONN_ENDS(END_REASON) NO_MORE("\"end_reason\"", CONN_END_MAX)};

#define CLOSE_KIND(value, ...) WORD("\"close_kind\"", value, __VA_ARGS__)
const struct json_word conn_close_kind_words[] = {CONN_CLOSE_KINDS(CLOSE_KIND) NO_MORE("\"close_kind\"", CONN_CLOSE_KIND_MAX)};

#define STATE(value, ...) WORD("{\"state\"", value, __VA_ARGS__)
const struct json_word conn_state_words[] = {CONN_STATES(STATE) NO_MORE("{\"state\"", WIRE_STATE_MAX)};

#define BY(value, ...) WORD("\"by\"", value, __VA_ARGS__)
const struct json_word conn_by_words[] = {CONN_BYS(BY) NO_MORE("\"by\"", CONN_BY_MAX)};

#define EV(value, ...) LAST_WORD("\"ev\"", value, __VA_ARGS__)
const struct json_word conn_ev_words[] = {CONN_EVS(EV) NO_MORE_LAST("\"ev\"", CONN_EV_MAX)};

#define SENT(value, ...) WORD("\"dir\":\"out\",\"flags\"", value, __VA_ARGS__)
const struct json_word conn_sent_words[] = {CONN_FLAGS(SENT) NO_MORE("\"dir\":\"out\",\"flags\"", CONN_FLAGS_MAX)};

#define CAME(value, ...) WORD("\"dir\":\"in\",\"flags\"", value, __VA_ARGS__)
const struct json_word conn_came_words[] = {CONN_FLAGS(CAME) NO_MORE("\"dir\":\"in\",\"flags\"", CONN_FLAGS_MAX)};

#define PROOF(value, ...) LAST_WORD("\"ev\"", value, __VA_ARGS__)
const struct json_word conn_proof_words[] = {CONN_PROOFS(PROOF) NO_MORE_LAST("\"ev\"", CONN_PROOF_MAX)};

#define TW_END(value, ...) WORD("\"end\"", value, __VA_ARGS__)
const struct json_word conn_tw_end_words[] = {CONN_TW_ENDS(TW_END) NO_MORE("\"end\"", WIRE_CAUSE_MAX)};

#define EVENT(value, ...) WORD("\"event\"", value, __VA_ARGS__)
const struct json_word record_kind_words[] = {RECORD_KINDS(EVENT) NO_MORE("\"event\"", RECORD_MAX)};
