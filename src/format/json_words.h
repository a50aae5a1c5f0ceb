/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of record_names.h as JSON values, quoted and with the comma behind: a line has some forty of them. One that a value
 * does not have, and that of a number that is no value, has the length 0.
 */
#pragma once

#include "src/core/record_names.h"

struct json_word {
	char text[23];
	uint8_t len;
};
extern const struct json_word json_no_word;

#define JSON_WORDS(name, count)                                                                                                \
	extern const struct json_word name##_words[count];                                                                     \
	static inline const struct json_word *name##_word(unsigned int value)                                                  \
	{                                                                                                                      \
		return value < (count) ? &name##_words[value] : &json_no_word;                                                 \
	}

JSON_WORDS(conn_role, CONN_ROLE_MAX)
JSON_WORDS(conn_side, CONN_SIDE_MAX)
JSON_WORDS(conn_by, CONN_BY_MAX)
JSON_WORDS(conn_ev, CONN_EV_MAX)
JSON_WORDS(conn_end, CONN_END_MAX)
JSON_WORDS(conn_close_kind, CONN_CLOSE_KIND_MAX)
JSON_WORDS(conn_proof, CONN_PROOF_MAX)
JSON_WORDS(conn_dir, CONN_DIR_MAX)
JSON_WORDS(conn_flags, CONN_FLAGS_MAX)
JSON_WORDS(conn_state, WIRE_STATE_MAX)
JSON_WORDS(conn_tw_end, WIRE_CAUSE_MAX)
JSON_WORDS(record_kind, RECORD_MAX)
