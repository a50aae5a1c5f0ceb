/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of record_names.h with their keys, as a line has them, and with the comma behind: "by":"peer", is one. A line has
 * some forty. A value without a word, and a number that is no value, has null.
 */
#pragma once

#include "src/core/record_names.h"

struct json_word {
	char text[31];
	uint8_t len;
};

#define JSON_WORDS(name, count)                                                                                                \
	extern const struct json_word name##_words[(count) + 1];                                                               \
	static inline const struct json_word *name##_word(unsigned int value)                                                  \
	{                                                                                                                      \
		return &name##_words[value < (count) ? value : (count)];                                                       \
	}

JSON_WORDS(conn_role, CONN_ROLE_MAX)
JSON_WORDS(conn_side, CONN_SIDE_MAX)
JSON_WORDS(conn_end, CONN_END_MAX)
JSON_WORDS(conn_close_kind, CONN_CLOSE_KIND_MAX)
JSON_WORDS(conn_state, WIRE_STATE_MAX) /* of an object in an array, which begins with it */
JSON_WORDS(conn_by, CONN_BY_MAX)
JSON_WORDS(conn_ev, CONN_EV_MAX)       /* of an object, which ends with it */
JSON_WORDS(conn_sent, CONN_FLAGS_MAX)  /* "dir":"out", and flags */
JSON_WORDS(conn_came, CONN_FLAGS_MAX)  /* "dir":"in", and flags */
JSON_WORDS(conn_proof, CONN_PROOF_MAX) /* likewise */
JSON_WORDS(conn_tw_end, WIRE_CAUSE_MAX)
JSON_WORDS(record_kind, RECORD_MAX)
